//! How long to wait before a server that failed is asked again.

use std::time::Duration;

use crate::base::rng::Rng;

/// Doubles from an interval to a bound, a fifth more or less, so that nodes of one server
/// do not come back together.
#[derive(Debug)]
pub struct Backoff {
    interval: Duration,
    bound: Duration,
    failures: u32,
    rng: Rng,
}

impl Backoff {
    pub fn new(interval: Duration, bound: Duration, seed: u64) -> Self {
        Self { interval, bound: bound.max(interval), failures: 0, rng: Rng::new(seed) }
    }

    /// The next failure is the first again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure.
    pub fn next_pause(&mut self) -> Duration {
        let pause = self.interval.saturating_mul(1 << self.failures.min(16)).min(self.bound);
        self.failures = self.failures.saturating_add(1);
        pause.mul_f64(0.8 + 0.4 * self.rng.unit()).min(self.bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(30);

    #[test]
    fn pauses_grow_to_the_bound_and_start_again_after_success() {
        let mut backoff = Backoff::new(Duration::from_secs(1), BOUND, 7);
        let first = backoff.next_pause();
        assert!((0.8..=1.2).contains(&first.as_secs_f64()), "{first:?}");
        let later: Vec<_> = (0..20).map(|_| backoff.next_pause()).collect();
        assert!(later.iter().all(|&pause| pause <= BOUND));
        assert!(later[19] >= BOUND.mul_f64(0.8));
        backoff.reset();
        assert!(backoff.next_pause() <= Duration::from_millis(1200));
    }
}
