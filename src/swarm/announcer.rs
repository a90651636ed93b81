//! When to announce to which tracker, and with what event.

use std::time::{Duration, Instant};

use crate::base::ids::{Infohash, PeerId};
use crate::base::rng::Rng;
use crate::wire::announce::{AnnounceEvent, AnnounceReply, AnnounceRequest};

const INTERVAL_MIN: Duration = Duration::from_secs(10);
const INTERVAL_MAX: Duration = Duration::from_secs(2 * 3600);
const RETRY_START: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(120);
/// A node without peers does not wait longer than this for a tracker that failed.
const LONELY_RETRY_MAX: Duration = Duration::from_secs(5);
/// A node without peers asks again after the least interval that the tracker allows, or this.
const LONELY_INTERVAL: Duration = Duration::from_secs(60);
const WANTED_PEERS: u32 = 50;

/// What every announce of a session says alike.
#[derive(Debug, Clone, Copy)]
pub struct Announced {
    pub infohash: Infohash,
    pub peer_id: PeerId,
    pub port: u16,
    /// A holder from the start: the source.
    pub is_seeder: bool,
}

#[derive(Debug, Clone)]
struct Tracker {
    next: Instant,
    /// The earliest that the tracker wants to hear from us again.
    not_before: Instant,
    is_waiting: bool,
    has_started: bool,
    failures: u32,
}

/// The announces of one swarm to all its trackers, each on its own schedule.
#[derive(Debug)]
pub struct Announcer {
    what: Announced,
    key: u32,
    trackers: Vec<Tracker>,
    is_stopped: bool,
    rng: Rng,
}

impl Announcer {
    pub fn new(now: Instant, what: Announced, tracker_count: usize, mut rng: Rng) -> Self {
        let tracker =
            Tracker { next: now, not_before: now, is_waiting: false, has_started: false, failures: 0 };
        let key = rng.next_u64() as u32;
        Self { what, key, trackers: vec![tracker; tracker_count], is_stopped: false, rng }
    }

    /// The next announce that is due. `moved` is (uploaded, downloaded) bytes.
    pub fn poll(
        &mut self,
        now: Instant,
        is_lonely: bool,
        moved: (u64, u64),
    ) -> Option<(usize, AnnounceRequest)> {
        let is_due = |tracker: &Tracker| !tracker.is_waiting && tracker.due(is_lonely) <= now;
        let index = self.trackers.iter().position(|tracker| !self.is_stopped && is_due(tracker))?;
        let tracker = &mut self.trackers[index];
        tracker.is_waiting = true;
        let event = if tracker.has_started { AnnounceEvent::None } else { AnnounceEvent::Started };
        Some((index, self.request(event, moved)))
    }

    /// Takes the reply of tracker `index`; `None` when it failed.
    pub fn replied(&mut self, now: Instant, index: usize, reply: Option<&AnnounceReply>) {
        let jitter = 0.9 + 0.2 * self.rng.unit();
        let Some(tracker) = self.trackers.get_mut(index) else { return };
        tracker.is_waiting = false;
        let Some(reply) = reply else {
            let backoff = RETRY_START.saturating_mul(1 << tracker.failures.min(16)).min(RETRY_MAX);
            tracker.failures += 1;
            tracker.next = now + backoff.mul_f64(jitter);
            tracker.not_before = now + backoff.min(LONELY_RETRY_MAX).mul_f64(jitter);
            return;
        };
        tracker.failures = 0;
        tracker.has_started = true;
        let interval = reply.interval.clamp(INTERVAL_MIN, INTERVAL_MAX);
        let least = reply.min_interval.unwrap_or(LONELY_INTERVAL).clamp(INTERVAL_MIN, interval);
        tracker.next = now + interval;
        tracker.not_before = now + least;
    }

    /// The farewells: one for each tracker that was told of us, or may just have been.
    pub fn stop(&mut self, moved: (u64, u64)) -> Vec<(usize, AnnounceRequest)> {
        if std::mem::replace(&mut self.is_stopped, true) {
            return Vec::new();
        }
        let request = self.request(AnnounceEvent::Stopped, moved);
        let started =
            self.trackers.iter().enumerate().filter(|(_, tracker)| tracker.has_started || tracker.is_waiting);
        started.map(|(index, _)| (index, request)).collect()
    }

    pub fn deadline(&self, is_lonely: bool) -> Option<Instant> {
        let waiting = self.trackers.iter().filter(|tracker| !self.is_stopped && !tracker.is_waiting);
        waiting.map(|tracker| tracker.due(is_lonely)).min()
    }

    fn request(&self, event: AnnounceEvent, (uploaded, downloaded): (u64, u64)) -> AnnounceRequest {
        let num_want = match (event, self.what.is_seeder) {
            (AnnounceEvent::Stopped, _) | (_, true) => 0,
            _ => WANTED_PEERS,
        };
        AnnounceRequest {
            infohash: self.what.infohash,
            peer_id: self.what.peer_id,
            port: self.what.port,
            uploaded,
            downloaded,
            left: u64::from(!self.what.is_seeder),
            event,
            num_want: Some(num_want),
            key: self.key,
        }
    }
}

impl Tracker {
    fn due(&self, is_lonely: bool) -> Instant {
        if is_lonely { self.not_before.min(self.next) } else { self.next }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make up a time to start from")]
mod tests {
    use super::*;

    fn announcer(now: Instant) -> Announcer {
        let what =
            Announced { infohash: Infohash([1; 20]), peer_id: PeerId([2; 20]), port: 7, is_seeder: false };
        Announcer::new(now, what, 2, Rng::new(1))
    }

    fn reply(interval_s: u64, min_interval_s: Option<u64>) -> AnnounceReply {
        AnnounceReply {
            interval: Duration::from_secs(interval_s),
            min_interval: min_interval_s.map(Duration::from_secs),
            seeders: 0,
            leechers: 0,
            peers: Vec::new(),
        }
    }

    #[test]
    fn started_comes_first_and_stopped_goes_to_those_who_know_us() {
        let now = Instant::now();
        let mut announcer = announcer(now);
        let events: Vec<_> =
            std::iter::from_fn(|| announcer.poll(now, true, (0, 0))).map(|(t, r)| (t, r.event)).collect();
        assert_eq!(events, [(0, AnnounceEvent::Started), (1, AnnounceEvent::Started)]);
        announcer.replied(now, 0, Some(&reply(1800, None)));
        announcer.replied(now, 1, None);
        let farewells: Vec<_> = announcer.stop((0, 0)).into_iter().map(|(t, r)| (t, r.event)).collect();
        assert_eq!(farewells, [(0, AnnounceEvent::Stopped)]);
        assert_eq!(announcer.deadline(true), None);
    }

    #[test]
    fn tracker_that_has_not_answered_yet_is_told_too() {
        let now = Instant::now();
        let mut announcer = announcer(now);
        announcer.poll(now, true, (0, 0)).unwrap();
        let farewells: Vec<_> = announcer.stop((0, 0)).into_iter().map(|(t, r)| (t, r.event)).collect();
        assert_eq!(farewells, [(0, AnnounceEvent::Stopped)], "the second was never asked");
    }

    #[test]
    fn interval_is_honoured_and_the_lonely_keep_to_the_least() {
        let now = Instant::now();
        let mut announcer = announcer(now);
        while announcer.poll(now, false, (0, 0)).is_some() {}
        announcer.replied(now, 0, Some(&reply(600, Some(30))));
        announcer.replied(now, 1, Some(&reply(600, None)));
        assert_eq!(announcer.deadline(false), Some(now + Duration::from_secs(600)));
        assert_eq!(announcer.deadline(true), Some(now + Duration::from_secs(30)));
        let later = now + Duration::from_secs(600);
        assert_eq!(announcer.poll(later, false, (5, 6)).unwrap().1.event, AnnounceEvent::None);
    }

    #[test]
    fn failing_tracker_is_asked_again_ever_more_slowly() {
        let mut now = Instant::now();
        let mut announcer = announcer(now);
        let mut last = Duration::ZERO;
        for _ in 0..7 {
            announcer.poll(now, true, (0, 0)).unwrap();
            announcer.replied(now, 0, None);
            let tracker = &announcer.trackers[0];
            let wait = tracker.next - now;
            assert!(wait > last && wait <= RETRY_MAX.mul_f64(1.1));
            last = wait;
            now += wait;
            announcer.trackers[1].is_waiting = true;
        }
    }
}
