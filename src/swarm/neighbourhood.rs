//! Local discovery: when to tell the own link of a swarm, and which of what is heard there is news.
//!
//! A swarm is announced when it begins, every five minutes, and soon after a newcomer was heard. Who dials
//! newcomers leaves the answer to others if they were faster; who dials nobody must be heard. It never answers one datagram
//! with more than one, and never tells a neighbour's address to anybody but the own swarm.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::base::ids::{Infohash, PeerId};
use crate::base::limits::{LSD_DATAGRAMS_PER_SECOND_MAX, LSD_FINDS_MAX, LSD_PORTS_PER_NEIGHBOUR_MAX};
use crate::base::net::canonical;
use crate::base::rng::Rng;
use crate::wire::lsd::Search;

/// Between two announces of a swarm.
const INTERVAL: Duration = Duration::from_secs(300);
/// Least time between them, whoever comes.
const INTERVAL_MIN: Duration = Duration::from_secs(10);
/// The first announce, and an answer, wait up to so long: others may be faster.
const FIRST_WITHIN: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Announces of others that make an answer needless.
const ANSWERS_ENOUGH: u32 = 3;
/// The same find is told again after this time.
const FIND_LIFE: Duration = Duration::from_secs(60);
/// Who was not heard for so long is a newcomer.
const NEIGHBOUR_LIFE: Duration = Duration::from_secs(660);
/// Where existing engines listen unless told otherwise: the short form does not say.
const USUAL_PORT: u16 = 8621;
/// A source port in here may be where the sender listens; higher ones are given out by the system.
const CHOSEN_PORTS: std::ops::RangeInclusive<u16> = 1024..=32_767;
/// The port that discovery itself uses.
pub const LSD_PORT: u16 = 6771;

/// What to tell the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    pub infohash: Infohash,
    pub peer_id: PeerId,
    /// Where this node listens.
    pub port: u16,
}

#[derive(Debug)]
struct Presence {
    announcement: Announcement,
    dials: bool,
    last_at: Option<Instant>,
    next_at: Instant,
    /// Announces of others since the answer that is due was decided on; `None` when none is.
    answers: Option<u32>,
}

/// What one neighbour said of one swarm.
#[derive(Debug)]
struct Neighbour {
    heard_at: Instant,
    ports: Vec<(u16, Instant)>,
    /// It told its port itself.
    tells_port: bool,
}

/// The swarms of this node, and the neighbours heard, bounded.
#[derive(Debug)]
pub struct Neighbourhood {
    cookie: String,
    rng: Rng,
    own: BTreeMap<Infohash, Presence>,
    neighbours: BTreeMap<(IpAddr, Infohash), Neighbour>,
    /// Datagrams in the second that began then.
    datagrams: (Instant, u32),
}

impl Neighbourhood {
    pub fn new(now: Instant, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            cookie: format!("{:016x}", rng.next_u64()),
            rng,
            own: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            datagrams: (now, 0),
        }
    }

    /// By which this node's own datagrams are known.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Gives the peers of the swarm that are known already.
    pub fn join(&mut self, now: Instant, announcement: Announcement, dials: bool) -> Vec<SocketAddr> {
        let next_at = now + FIRST_WITHIN.mul_f64(self.rng.unit());
        let presence = Presence { announcement, dials, last_at: None, next_at, answers: None };
        self.own.insert(announcement.infohash, presence);
        let of_swarm = self.neighbours.iter().filter(|((_, of), _)| *of == announcement.infohash);
        let known = of_swarm.flat_map(|(&(ip, _), neighbour)| {
            neighbour.ports.iter().map(move |(port, _)| SocketAddr::new(ip, *port))
        });
        known.collect()
    }

    pub fn leave(&mut self, infohash: Infohash) {
        self.own.remove(&infohash);
        self.neighbours.retain(|(_, of), _| *of != infohash);
    }

    /// The next announcement that is due.
    pub fn poll(&mut self, now: Instant) -> Option<Announcement> {
        loop {
            let presence = self.own.values_mut().find(|presence| presence.next_at <= now)?;
            let answers = presence.answers.take().filter(|_| presence.dials);
            let is_answered = answers.is_some_and(|answers| answers >= ANSWERS_ENOUGH);
            let jitter = 0.9 + 0.2 * self.rng.unit();
            let last_at = if is_answered { presence.last_at.unwrap_or(now) } else { now };
            presence.next_at = (last_at + INTERVAL.mul_f64(jitter)).max(now + INTERVAL_MIN);
            if !is_answered {
                presence.last_at = Some(now);
                return Some(presence.announcement);
            }
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.own.values().map(|presence| presence.next_at).min()
    }

    /// A datagram from a neighbour; gives the peers that are news.
    pub fn heard(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Vec<(Infohash, SocketAddr)> {
        if self.is_flooded(now) {
            return Vec::new();
        }
        let from = SocketAddr::new(canonical(from.ip()), from.port());
        match Search::decode(datagram) {
            Some(Search::Long(search)) if search.cookie.as_deref() != Some(&self.cookie) => {
                let infohashes =
                    search.infohashes.into_iter().filter(|infohash| self.own.contains_key(infohash));
                let infohashes: Vec<_> = infohashes.collect();
                let found = infohashes
                    .into_iter()
                    .flat_map(|infohash| self.found(now, (from.ip(), infohash), &[search.port], true));
                found.collect()
            }
            Some(Search::Short { infohash, peer_id }) => {
                let own = self.own.get(&infohash).map(|presence| presence.announcement.peer_id);
                let is_another = own.is_some_and(|own| own != peer_id);
                let chosen = CHOSEN_PORTS.contains(&from.port()) && from.port() != LSD_PORT;
                let chosen = Some(from.port()).filter(|port| chosen && *port != USUAL_PORT);
                let ports: Vec<_> = chosen.into_iter().chain([USUAL_PORT]).collect();
                let key = (from.ip(), infohash);
                if is_another { self.found(now, key, &ports, false) } else { Vec::new() }
            }
            _ => Vec::new(),
        }
    }

    fn found(
        &mut self,
        now: Instant,
        (ip, infohash): (IpAddr, Infohash),
        ports: &[u16],
        tells_port: bool,
    ) -> Vec<(Infohash, SocketAddr)> {
        self.make_room(now);
        let is_newcomer = !self.neighbours.contains_key(&(ip, infohash));
        let neighbour = self.neighbours.entry((ip, infohash)).or_insert(Neighbour {
            heard_at: now,
            ports: Vec::new(),
            tells_port,
        });
        neighbour.heard_at = now;
        // who tells its port in one form is not guessed at in the other
        let is_guess = neighbour.tells_port && !tells_port;
        neighbour.tells_port |= tells_port;
        neighbour.ports.retain(|(_, at)| now.saturating_duration_since(*at) < FIND_LIFE);
        let mut found = Vec::new();
        for &port in ports.iter().filter(|_| !is_guess) {
            let is_known = neighbour.ports.iter().any(|(known, _)| *known == port);
            if !is_known && neighbour.ports.len() < LSD_PORTS_PER_NEIGHBOUR_MAX {
                neighbour.ports.push((port, now));
                found.push((infohash, SocketAddr::new(ip, port)));
            }
        }
        if !is_guess {
            self.consider_answer(now, infohash, is_newcomer);
        }
        found
    }

    fn consider_answer(&mut self, now: Instant, infohash: Infohash, is_newcomer: bool) {
        let wait = ANSWER_WITHIN.mul_f64(self.rng.unit());
        let Some(presence) = self.own.get_mut(&infohash) else { return };
        if let Some(answers) = &mut presence.answers {
            *answers += 1;
        } else if is_newcomer && let Some(last_at) = presence.last_at {
            let at = (now + wait).max(last_at + INTERVAL_MIN);
            if at < presence.next_at {
                (presence.next_at, presence.answers) = (at, Some(0));
            }
        }
    }

    /// Forgets who is not heard any more, and the one not heard for longest when there are too many.
    fn make_room(&mut self, now: Instant) {
        if self.neighbours.len() < LSD_FINDS_MAX {
            return;
        }
        let is_there =
            |neighbour: &Neighbour| now.saturating_duration_since(neighbour.heard_at) < NEIGHBOUR_LIFE;
        self.neighbours.retain(|_, neighbour| is_there(neighbour));
        let oldest = self.neighbours.iter().min_by_key(|(_, neighbour)| neighbour.heard_at);
        if let Some((&key, _)) = oldest.filter(|_| self.neighbours.len() >= LSD_FINDS_MAX) {
            self.neighbours.remove(&key);
        }
    }

    fn is_flooded(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.datagrams.0) >= Duration::from_secs(1) {
            self.datagrams = (now, 0);
        }
        self.datagrams.1 += 1;
        self.datagrams.1 > LSD_DATAGRAMS_PER_SECOND_MAX
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make up a time to start from")]
mod tests {
    use super::*;
    use crate::wire::lsd::LongSearch;

    const SWARM: Infohash = Infohash([7; 20]);
    const OTHER: Infohash = Infohash([8; 20]);

    fn announcement(tag: u8) -> Announcement {
        Announcement { infohash: SWARM, peer_id: PeerId([tag; 20]), port: 8621 }
    }

    fn long(infohashes: &[Infohash], port: u16) -> Vec<u8> {
        LongSearch { port, infohashes: infohashes.to_vec(), cookie: None }.encode("h:1")
    }

    fn from(host: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, host], port))
    }

    fn began() -> (Neighbourhood, Instant) {
        let now = Instant::now();
        let mut neighbourhood = Neighbourhood::new(now, 1);
        assert_eq!(neighbourhood.join(now, announcement(1), true), []);
        let now = now + FIRST_WITHIN;
        assert_eq!(neighbourhood.poll(now), Some(announcement(1)));
        assert_eq!(neighbourhood.poll(now), None);
        (neighbourhood, now)
    }

    #[test]
    fn swarm_is_announced_at_once_and_every_five_minutes() {
        let (mut neighbourhood, now) = began();
        let next = neighbourhood.deadline().unwrap();
        let wait = next.saturating_duration_since(now);
        assert!((INTERVAL.mul_f64(0.9)..=INTERVAL.mul_f64(1.1)).contains(&wait), "{wait:?}");
        assert_eq!(neighbourhood.poll(next), Some(announcement(1)));
        neighbourhood.leave(SWARM);
        assert_eq!(neighbourhood.deadline(), None);
    }

    #[test]
    fn newcomer_is_found_and_answered_once() {
        let (mut neighbourhood, now) = began();
        let datagram = long(&[OTHER, SWARM], 9000);
        assert_eq!(neighbourhood.heard(now, from(2, 6771), &datagram), [(SWARM, from(2, 9000))]);
        assert_eq!(neighbourhood.heard(now, from(2, 6771), &datagram), [], "no news");
        let mut again = Neighbourhood { own: BTreeMap::new(), ..neighbourhood };
        assert_eq!(again.join(now, announcement(1), true), [from(2, 9000)], "but for who begins anew");
        let (mut neighbourhood, now) = began();
        neighbourhood.heard(now, from(2, 6771), &datagram);
        let answer = neighbourhood.deadline().unwrap();
        assert!(answer <= now + INTERVAL_MIN + ANSWER_WITHIN);
        assert_eq!(neighbourhood.poll(answer), Some(announcement(1)));
        let later = answer + FIND_LIFE;
        assert_eq!(neighbourhood.heard(later, from(2, 6771), &datagram).len(), 1, "told again");
        assert!(neighbourhood.deadline().unwrap() > later + ANSWER_WITHIN, "and not answered again");
    }

    #[test]
    fn newcomer_that_others_answered_needs_no_answer() {
        let (mut neighbourhood, now) = began();
        let announced_next = neighbourhood.deadline().unwrap();
        for host in 2..=5 {
            neighbourhood.heard(now, from(host, 6771), &long(&[SWARM], 9000));
        }
        let answer = neighbourhood.deadline().unwrap();
        assert!(answer < announced_next);
        assert_eq!(neighbourhood.poll(answer), None);
        assert!(neighbourhood.deadline().unwrap() > answer + Duration::from_secs(200));
    }

    #[test]
    fn who_dials_nobody_answers_whoever_else_does() {
        let (mut neighbourhood, now) = began();
        neighbourhood.join(now, announcement(1), false);
        let now = now + FIRST_WITHIN;
        assert!(neighbourhood.poll(now).is_some());
        for host in 2..=9 {
            neighbourhood.heard(now, from(host, 6771), &long(&[SWARM], 9000));
        }
        assert!(neighbourhood.poll(neighbourhood.deadline().unwrap()).is_some());
    }

    #[test]
    fn short_form_is_found_at_the_usual_port_and_at_one_that_was_chosen() {
        let (mut neighbourhood, now) = began();
        let short = Search::encode_short(SWARM, PeerId([2; 20]));
        assert_eq!(neighbourhood.heard(now, from(2, 40_000), &short), [(SWARM, from(2, 8621))]);
        let found = neighbourhood.heard(now, from(3, 9000), &short);
        assert_eq!(found, [(SWARM, from(3, 9000)), (SWARM, from(3, 8621))]);
        neighbourhood.heard(now, from(4, 6771), &long(&[SWARM], 9001));
        assert_eq!(neighbourhood.heard(now, from(4, 6771), &short), [], "it told its port");
    }

    #[test]
    fn own_datagrams_and_those_of_other_swarms_are_no_finds() {
        let (mut neighbourhood, now) = began();
        let cookie = Some(neighbourhood.cookie().to_owned());
        let own = LongSearch { port: 1, infohashes: vec![SWARM], cookie }.encode("h:1");
        let own_short = Search::encode_short(SWARM, PeerId([1; 20]));
        for datagram in [own, own_short, long(&[OTHER], 1), b"BT-SEARCH".to_vec(), vec![]] {
            assert_eq!(neighbourhood.heard(now, from(2, 6771), &datagram), []);
        }
    }

    #[test]
    fn flood_is_bounded_in_time_and_memory() {
        let (mut neighbourhood, mut now) = began();
        let mut found = 0;
        for second in 0..30u8 {
            now += Duration::from_secs(1);
            for host in 0..200u8 {
                let addr = SocketAddr::from(([10, 0, second, host], 6771));
                found += neighbourhood.heard(now, addr, &long(&[SWARM], 9000)).len();
            }
        }
        assert_eq!(found, 30 * LSD_DATAGRAMS_PER_SECOND_MAX as usize);
        assert!(neighbourhood.neighbours.len() <= LSD_FINDS_MAX);
        now += Duration::from_secs(1);
        let ports = (1..50).map(|port| neighbourhood.heard(now, from(2, 6771), &long(&[SWARM], port)).len());
        assert_eq!(ports.sum::<usize>(), LSD_PORTS_PER_NEIGHBOUR_MAX);
    }
}
