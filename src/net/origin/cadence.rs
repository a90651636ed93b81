//! When a media playlist is read next. A new segment is expected once the newest one has played: the first
//! look comes a little before, then a few a second until it shows; an origin that is late for longer is
//! asked less. Knows no playlist, only what came of reading it.

use std::time::Duration;

use tokio::time::Instant;

use crate::base::rng::Rng;
use crate::net::backoff::Backoff;

/// Segments of other durations are treated as if they had the nearest of these.
const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(60);
/// Between two looks while a segment is expected: a tenth of its duration, within these.
const LOOK_MIN: Duration = Duration::from_millis(100);
const LOOK_MAX: Duration = Duration::from_millis(250);
/// Between two looks at an origin that is late: half a segment, within these.
const LATE_MIN: Duration = Duration::from_millis(500);
const LATE_MAX: Duration = Duration::from_secs(5);
/// Between two readings that others asked for.
const READ_INTERVAL_MIN: Duration = Duration::from_millis(50);
/// The pauses after errors.
const ERROR_PAUSE: Duration = Duration::from_millis(500);
const ERROR_PAUSE_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Cadence {
    next: Instant,
    /// When the last reading began.
    read_at: Option<Instant>,
    /// When the next segment is expected, and of what duration; `None` before the first.
    expected: Option<(Instant, Duration)>,
    errors: Backoff,
    rng: Rng,
}

impl Cadence {
    pub(super) fn new(now: Instant, mut rng: Rng) -> Self {
        let errors = Backoff::new(ERROR_PAUSE, ERROR_PAUSE_MAX, rng.next_u64());
        Self { next: now, read_at: None, expected: None, errors, rng }
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn began(&mut self, now: Instant) {
        self.read_at = Some(now);
    }

    /// There is a new segment of this duration.
    pub(super) fn grew(&mut self, now: Instant, duration: Duration) {
        self.errors.reset();
        let duration = duration.clamp(SHORTEST, LONGEST);
        // how long the first one seen was there before is not known: the next may come at any time
        let until = if self.expected.is_some() { duration } else { Duration::ZERO };
        self.expected = Some((now + until, duration));
        let pause = until.saturating_sub(look(duration)).max(look(duration));
        self.next = now + pause;
    }

    /// There is none.
    pub(super) fn unchanged(&mut self, now: Instant) {
        self.errors.reset();
        let (at, duration) = self.expected.unwrap_or((now, LONGEST));
        let is_late = now > at + duration;
        let pause = if is_late { (duration / 2).clamp(LATE_MIN, LATE_MAX) } else { look(duration) };
        // one that was read before its time is read again when it is due
        self.next = (now + self.jittered(pause)).max(at.checked_sub(look(duration)).unwrap_or(at));
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.next = now + self.errors.next_pause();
    }

    /// Nothing is expected before this pause is over.
    pub(super) fn rest(&mut self, now: Instant, pause: Duration) {
        self.next = now + pause;
    }

    /// Somebody says that there is something new.
    pub(super) fn hurry(&mut self, now: Instant) {
        let soonest = self.read_at.map_or(now, |at| at + READ_INTERVAL_MIN);
        self.next = self.next.min(soonest);
    }

    fn jittered(&mut self, pause: Duration) -> Duration {
        pause.mul_f64(0.8 + 0.4 * self.rng.unit())
    }
}

fn look(duration: Duration) -> Duration {
    (duration / 10).clamp(LOOK_MIN, LOOK_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn cadence() -> (Instant, Cadence) {
        let now = Instant::now();
        let mut cadence = Cadence::new(now, Rng::new(1));
        cadence.began(now);
        cadence.grew(now, 4 * SECOND);
        cadence.grew(now, 4 * SECOND);
        (now, cadence)
    }

    #[test]
    fn next_segment_is_looked_for_a_little_before_it_is_due() {
        let (now, cadence) = cadence();
        assert_eq!(cadence.next() - now, Duration::from_millis(3750));
    }

    #[test]
    fn first_playlist_says_nothing_of_the_next_segment() {
        let now = Instant::now();
        let mut cadence = Cadence::new(now, Rng::new(1));
        assert_eq!(cadence.next(), now);
        cadence.grew(now, 4 * SECOND);
        assert_eq!(cadence.next() - now, LOOK_MAX);
    }

    #[test]
    fn due_segment_is_looked_for_often_and_a_late_one_less() {
        let (start, mut cadence) = cadence();
        let mut looks = Vec::new();
        while cadence.next() < start + 20 * SECOND {
            let now = cadence.next();
            looks.push((now - start).as_secs_f64());
            cadence.unchanged(now);
        }
        let between = |from: f64, to: f64| looks.iter().filter(|&&at| at >= from && at < to).count();
        assert_eq!(between(0.0, 3.7), 0);
        assert!((14..=23).contains(&between(3.7, 8.0)), "{looks:?}");
        assert!((4..=7).contains(&between(9.0, 20.0)), "{looks:?}");
    }

    #[test]
    fn errors_are_met_with_growing_pauses() {
        let (now, mut cadence) = cadence();
        cadence.failed(now);
        assert!(cadence.next() - now <= ERROR_PAUSE.mul_f64(1.2));
        (0..20).for_each(|_| cadence.failed(now));
        assert!(cadence.next() - now >= ERROR_PAUSE_MAX.mul_f64(0.8));
    }

    #[test]
    fn hints_are_followed_at_once_but_not_too_often() {
        let (now, mut cadence) = cadence();
        let later = now + SECOND;
        cadence.hurry(later);
        assert_eq!(cadence.next(), now + READ_INTERVAL_MIN);
        cadence.began(later);
        cadence.hurry(later);
        cadence.unchanged(later);
        assert!(cadence.next() > later + 2 * SECOND, "a wrong hint changes nothing");
    }

    #[test]
    fn odd_durations_neither_storm_nor_sleep() {
        for duration in [Duration::ZERO, Duration::MAX] {
            let now = Instant::now();
            let mut cadence = Cadence::new(now, Rng::new(1));
            cadence.grew(now, duration);
            cadence.grew(now, duration);
            assert!((LOOK_MIN..=LONGEST).contains(&(cadence.next() - now)), "{duration:?}");
        }
    }
}
