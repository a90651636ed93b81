//! A rate that is kept to: tokens come at so many a second and are spent as bytes move.

use std::time::{Duration, Instant};

/// What may be saved up while nothing moves.
const SAVED_MAX: Duration = Duration::from_millis(100);
/// And at least this, so that one message of any usual size may go.
const SAVED_MIN_BYTES: f64 = 20_000.0;

/// Waiting less would only be looking again.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// Bytes are spent when they move, which may run into debt by one message; nothing more moves before that is
/// paid. So over any time longer than a moment the rate is kept exactly.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    bytes_per_second: f64,
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    /// `bytes_per_second` of at least 1.
    pub fn new(now: Instant, bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1) as f64, tokens: 0.0, at: now }
    }

    pub fn spend(&mut self, now: Instant, bytes: usize) {
        self.fill(now);
        self.tokens -= bytes as f64;
    }

    /// When something may move again; `None`: now.
    pub fn ready_at(&mut self, now: Instant) -> Option<Instant> {
        self.fill(now);
        let debt = Duration::from_secs_f64(-self.tokens.min(0.0) / self.bytes_per_second);
        (self.tokens < 0.0).then(|| now + debt.max(WAIT_MIN))
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at);
        self.at = self.at.max(now);
        let saved_max = (self.bytes_per_second * SAVED_MAX.as_secs_f64()).max(SAVED_MIN_BYTES);
        self.tokens = (self.tokens + self.bytes_per_second * elapsed.as_secs_f64()).min(saved_max);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make up a time to start from")]
mod tests {
    use super::*;

    #[test]
    fn rate_is_kept_whatever_the_size_of_messages() {
        for (rate, bytes) in [(50_000, 16_402), (1_000_000, 9), (3_000_000, 65_000)] {
            let start = Instant::now();
            let (mut now, mut moved) = (start, 0);
            let mut bucket = TokenBucket::new(start, rate);
            while now < start + Duration::from_secs(20) {
                match bucket.ready_at(now) {
                    Some(at) => now = at,
                    None => {
                        bucket.spend(now, bytes);
                        moved += bytes;
                    }
                }
            }
            let measured = moved as f64 / 20.0;
            assert!((measured / rate as f64 - 1.0).abs() < 0.03, "{measured} of {rate}");
        }
    }

    #[test]
    fn little_is_saved_up_while_nothing_moves() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(start, 1_000_000);
        let later = start + Duration::from_secs(60);
        bucket.spend(later, 300_000);
        assert!(bucket.ready_at(later).is_some_and(|at| at >= later + Duration::from_millis(199)));
    }
}
