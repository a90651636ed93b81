//! How long to wait before a source is opened again.

use std::time::Duration;

use crate::base::limits::RECONNECT_PAUSE_MAX;
use crate::base::rng::Rng;

/// Doubles from the configured interval to a bound, a fifth more or less, so that nodes of one server
/// do not come back together.
#[derive(Debug)]
pub(super) struct Backoff {
    interval: Duration,
    failures: u32,
    rng: Rng,
}

impl Backoff {
    pub(super) fn new(interval: Duration, seed: u64) -> Self {
        Self { interval, failures: 0, rng: Rng::new(seed) }
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    pub(super) fn next_pause(&mut self) -> Duration {
        let bound = RECONNECT_PAUSE_MAX.max(self.interval);
        let pause = self.interval.saturating_mul(1 << self.failures.min(16)).min(bound);
        self.failures += 1;
        pause.mul_f64(0.8 + 0.4 * self.rng.unit()).min(bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_bound_and_start_again_after_success() {
        let mut backoff = Backoff::new(Duration::from_secs(1), 7);
        let first = backoff.next_pause();
        assert!((0.8..=1.2).contains(&first.as_secs_f64()), "{first:?}");
        let later: Vec<_> = (0..20).map(|_| backoff.next_pause()).collect();
        assert!(later.iter().all(|&pause| pause <= RECONNECT_PAUSE_MAX));
        assert!(later[19] >= RECONNECT_PAUSE_MAX.mul_f64(0.8));
        backoff.reset();
        assert!(backoff.next_pause() <= Duration::from_millis(1200));
    }
}
