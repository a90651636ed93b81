//! Bytes a second over a sliding interval.

use std::time::{Duration, Instant};

/// A meter over the last [`RateMeter::SPAN`]: eight slots in a ring, so its memory is constant.
#[derive(Debug, Clone)]
pub struct RateMeter {
    slots: [u64; Self::SLOTS],
    slot_start: Option<Instant>,
    slot: usize,
    filled: usize,
    total_bytes: u64,
}

impl Default for RateMeter {
    fn default() -> Self {
        Self { slots: [0; Self::SLOTS], slot_start: None, slot: 0, filled: 0, total_bytes: 0 }
    }
}

impl RateMeter {
    const SLOTS: usize = 8;
    const SLOT: Duration = Duration::from_millis(500);
    /// How far back the rate looks.
    pub const SPAN: Duration = Duration::from_millis(500 * Self::SLOTS as u64);

    pub fn add(&mut self, now: Instant, bytes: u64) {
        self.advance(now);
        self.slots[self.slot] += bytes;
        self.total_bytes += bytes;
    }

    /// Bytes a second; 0 before the first byte.
    pub fn bytes_per_second(&mut self, now: Instant) -> u64 {
        self.advance(now);
        let Some(start) = self.slot_start else { return 0 };
        let span = Self::SLOT * self.filled as u32 + now.saturating_duration_since(start);
        let bytes: u64 = self.slots.iter().sum();
        (bytes as f64 / span.as_secs_f64().max(0.5)) as u64
    }

    /// All bytes ever added.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    fn advance(&mut self, now: Instant) {
        let start = self.slot_start.get_or_insert(now);
        let elapsed = now.saturating_duration_since(*start);
        let steps = (elapsed.as_nanos() / Self::SLOT.as_nanos()) as u32;
        *start += Self::SLOT * steps;
        for _ in 0..steps.min(Self::SLOTS as u32) {
            self.slot = (self.slot + 1) % Self::SLOTS;
            self.slots[self.slot] = 0;
            self.filled = (self.filled + 1).min(Self::SLOTS - 1);
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make up a time to start from")]
mod tests {
    use super::*;

    #[test]
    fn steady_bytes_give_their_rate_and_silence_gives_zero() {
        let start = Instant::now();
        let mut meter = RateMeter::default();
        for step in 0..100 {
            meter.add(start + Duration::from_millis(100 * step), 1_000);
        }
        let rate = meter.bytes_per_second(start + Duration::from_secs(10));
        assert!((9_000..=11_000).contains(&rate), "{rate}");
        assert_eq!(meter.bytes_per_second(start + Duration::from_secs(60)), 0);
        assert_eq!(meter.total_bytes(), 100_000);
    }
}
