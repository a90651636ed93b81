//! What was asked of one peer and has not come yet: how much may be asked, and when an answer is late.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::base::ids::PieceId;

/// A chunk of a piece.
pub type ChunkKey = (PieceId, u16);

const TIMEOUT_MIN: Duration = Duration::from_millis(150);
const TIMEOUT_MAX: Duration = Duration::from_secs(3);
/// Before the first answer tells more.
const TIMEOUT_START: Duration = Duration::from_millis(800);
/// A late chunk is not asked of the same peer again before this.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Queueing at the peer that we are content to cause.
const QUEUE_TARGET: Duration = Duration::from_millis(100);
const DEPTH_MAX: f64 = 256.0;
/// Late chunks remembered, whose data is still welcome.
const LATE_MAX: usize = 512;

/// Requests in flight to one peer, its round trip, and the depth that its answers have earned.
#[derive(Debug)]
pub struct Pipeline {
    in_flight: BTreeMap<ChunkKey, Instant>,
    late: BTreeMap<ChunkKey, Instant>,
    depth: f64,
    depth_min: f64,
    round_trip: Option<RoundTrip>,
    timeouts_in_a_row: u32,
}

#[derive(Debug, Clone, Copy)]
struct RoundTrip {
    smoothed_s: f64,
    deviation_s: f64,
    least_s: f64,
}

impl Pipeline {
    /// `depth_min` requests may always be in flight: enough for the peer to choose a whole piece.
    pub fn new(depth_min: usize) -> Self {
        let depth_min = depth_min as f64;
        Self {
            in_flight: BTreeMap::new(),
            late: BTreeMap::new(),
            depth: depth_min,
            depth_min,
            round_trip: None,
            timeouts_in_a_row: 0,
        }
    }

    /// How many more requests may be sent now.
    pub fn room(&self) -> usize {
        let depth = match self.timeouts_in_a_row {
            0..=2 => self.depth,
            _ => self.depth_min / 2.0,
        };
        (depth.max(1.0) as usize).saturating_sub(self.in_flight.len())
    }

    /// Whether the chunk may be asked of this peer: not if it just let it wait.
    pub fn may_ask(&self, now: Instant, key: ChunkKey) -> bool {
        !self.in_flight.contains_key(&key)
            && self
                .late
                .get(&key)
                .is_none_or(|&asked| now.saturating_duration_since(asked) >= ASK_AGAIN_AFTER)
    }

    pub fn asked(&mut self, now: Instant, key: ChunkKey) {
        self.late.remove(&key);
        self.in_flight.insert(key, now);
    }

    /// An answer came; `false` when it was never asked for.
    pub fn answered(&mut self, now: Instant, key: ChunkKey) -> bool {
        if let Some(asked) = self.in_flight.remove(&key) {
            self.timeouts_in_a_row = 0;
            self.measure(now.saturating_duration_since(asked));
            return true;
        }
        self.late.remove(&key).is_some()
    }

    /// Takes a request back without blame: another peer answered it.
    pub fn withdraw(&mut self, key: ChunkKey) {
        if let Some(asked) = self.in_flight.remove(&key) {
            self.remember_late(key, asked);
        }
    }

    /// Removes and returns what is late.
    pub fn expire(&mut self, now: Instant) -> Vec<ChunkKey> {
        let timeout = self.timeout();
        let is_late = |asked: &Instant| now.saturating_duration_since(*asked) >= timeout;
        let late: Vec<_> =
            self.in_flight.iter().filter(|(_, asked)| is_late(asked)).map(|(&k, &at)| (k, at)).collect();
        for &(key, asked) in &late {
            self.in_flight.remove(&key);
            self.remember_late(key, asked);
        }
        if !late.is_empty() {
            self.timeouts_in_a_row += 1;
            self.depth = (self.depth / 2.0).max(self.depth_min);
        }
        late.into_iter().map(|(key, _)| key).collect()
    }

    /// Everything in flight, forgotten: the peer choked us or is gone.
    pub fn clear(&mut self) -> Vec<ChunkKey> {
        let keys: Vec<_> = std::mem::take(&mut self.in_flight).into_iter().collect();
        for &(key, asked) in &keys {
            self.remember_late(key, asked);
        }
        keys.into_iter().map(|(key, _)| key).collect()
    }

    /// Everything in flight, forgotten: the peer will not answer, and may be asked again when it lets us.
    pub fn refused(&mut self) -> Vec<ChunkKey> {
        let keys: Vec<_> = std::mem::take(&mut self.in_flight).into_iter().collect();
        for &(key, asked) in &keys {
            self.remember_late(key, asked.checked_sub(ASK_AGAIN_AFTER).unwrap_or(asked));
        }
        keys.into_iter().map(|(key, _)| key).collect()
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.in_flight.values().min().map(|&oldest| oldest + self.timeout())
    }

    pub fn timeout(&self) -> Duration {
        let Some(round_trip) = self.round_trip else { return TIMEOUT_START };
        let seconds = round_trip.smoothed_s + 4.0 * round_trip.deviation_s.max(0.02);
        Duration::from_secs_f64(seconds).clamp(TIMEOUT_MIN, TIMEOUT_MAX)
    }

    /// Smoothed time from request to answer.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip.map(|round_trip| Duration::from_secs_f64(round_trip.smoothed_s))
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether it let requests wait, more than once, and never answered any.
    pub fn is_mute(&self) -> bool {
        self.round_trip.is_none() && self.timeouts_in_a_row > 1
    }

    pub fn timeouts_in_a_row(&self) -> u32 {
        self.timeouts_in_a_row
    }

    fn measure(&mut self, sample: Duration) {
        let sample_s = sample.as_secs_f64();
        let round_trip = self.round_trip.get_or_insert(RoundTrip {
            smoothed_s: sample_s,
            deviation_s: sample_s / 2.0,
            least_s: sample_s,
        });
        round_trip.deviation_s += ((round_trip.smoothed_s - sample_s).abs() - round_trip.deviation_s) / 4.0;
        round_trip.smoothed_s += (sample_s - round_trip.smoothed_s) / 8.0;
        round_trip.least_s = round_trip.least_s.min(sample_s);
        let step = match sample_s < round_trip.least_s + QUEUE_TARGET.as_secs_f64() {
            true => 1.0,
            false => -1.0,
        };
        self.depth = (self.depth + step).clamp(self.depth_min, DEPTH_MAX);
    }

    fn remember_late(&mut self, key: ChunkKey, asked: Instant) {
        if self.late.len() >= LATE_MAX {
            self.late.pop_first();
        }
        self.late.insert(key, asked);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make up a time to start from")]
mod tests {
    use super::*;

    const fn id(number: u64) -> PieceId {
        PieceId { stream: 0, number }
    }

    const ROUND_TRIP: Duration = Duration::from_millis(40);

    #[test]
    fn timeout_follows_the_measured_round_trip() {
        let mut now = Instant::now();
        let mut pipeline = Pipeline::new(4);
        assert_eq!(pipeline.timeout(), TIMEOUT_START);
        for number in 0..50 {
            pipeline.asked(now, (id(number), 0));
            now += ROUND_TRIP;
            assert!(pipeline.answered(now, (id(number), 0)));
        }
        assert_eq!(pipeline.timeout(), TIMEOUT_MIN);
        assert_eq!(pipeline.room(), 54, "one more for each answer without a queue");
    }

    #[test]
    fn late_answer_is_welcome_but_not_asked_for_again_at_once() {
        let now = Instant::now();
        let mut pipeline = Pipeline::new(4);
        pipeline.asked(now, (id(1), 0));
        let late = now + TIMEOUT_START;
        assert_eq!(pipeline.deadline(), Some(late));
        assert_eq!(pipeline.expire(late), [(id(1), 0)]);
        assert!(!pipeline.may_ask(late, (id(1), 0)));
        assert!(pipeline.may_ask(now + ASK_AGAIN_AFTER, (id(1), 0)));
        assert!(pipeline.answered(late, (id(1), 0)));
        assert!(!pipeline.answered(late, (id(1), 0)), "nobody asked for it twice");
    }

    #[test]
    fn refused_chunk_may_be_asked_again_as_soon_as_the_peer_allows() {
        let now = Instant::now() + ASK_AGAIN_AFTER;
        let mut pipeline = Pipeline::new(4);
        pipeline.asked(now, (id(1), 0));
        assert_eq!(pipeline.refused(), [(id(1), 0)]);
        assert!(pipeline.may_ask(now, (id(1), 0)));
        assert_eq!(pipeline.timeouts_in_a_row(), 0);
    }
}
