//! Whom to dial, and when: addresses from the operator, trackers and peers, with backoff.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::bans::BanKey;
use crate::base::limits::{
    CANDIDATES_MAX, OWN_ADDRESSES_MAX, PEX_CANDIDATES_MAX, PEX_CANDIDATES_PER_PEER_MAX, PEX_PORTS_PER_IP_MAX,
};
use crate::base::net::{is_dialable, is_public};
use crate::base::rng::Rng;

/// Dials under way at once.
const DIALING_MAX: usize = 16;
/// Addresses of the operator are tried for ever, this often.
const STATIC_BACKOFF_MAX: Duration = Duration::from_secs(1);
const BACKOFF_START: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// As long as nobody is connected, nobody is given up for long.
const LONELY_BACKOFF_MAX: Duration = Duration::from_secs(1);
/// Who is connected is not dialled; looked at again this often.
const POSTPONED: Duration = Duration::from_secs(5);
/// After so many failures in a row an address is forgotten.
const FAILURES_MAX: u32 = 8;
/// The same where only a peer named it.
const HEARSAY_FAILURES_MAX: u32 = 2;
/// A second address of a node that is connected is not dialled for so long.
const SET_ASIDE: Duration = Duration::from_secs(300);

/// Who told us of an address, and so how far it is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The operator: dialled for ever, on any network.
    Operator,
    /// A startup node of the descriptor, already checked: never forgotten.
    Startup,
    /// A tracker or a peer that may name private addresses.
    Trusted,
    /// Anybody.
    Stranger,
}

#[derive(Debug)]
struct Candidate {
    is_static: bool,
    /// Not forgotten, however often it fails: it worked once, or is a startup node.
    is_kept: bool,
    failures: u32,
    next_try: Instant,
    state: State,
    /// The peer whose word alone speaks for it.
    informant: Option<BanKey>,
}

impl Candidate {
    fn hearsay(now: Instant, informant: BanKey) -> Self {
        Self {
            is_static: false,
            is_kept: false,
            failures: 0,
            next_try: now,
            state: State::Idle,
            informant: Some(informant),
        }
    }
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum State {
    Idle,
    Dialing,
    Connected,
}

/// The addresses known, bounded.
#[derive(Debug)]
pub struct Roster {
    candidates: BTreeMap<SocketAddr, Candidate>,
    /// Where this node met itself: never remembered again.
    own: BTreeSet<SocketAddr>,
    dialing: usize,
    connected: usize,
    rng: Rng,
}

impl Roster {
    pub fn new(rng: Rng) -> Self {
        Self { candidates: BTreeMap::new(), own: BTreeSet::new(), dialing: 0, connected: 0, rng }
    }

    /// Remembers an address; those that cannot be dialled, and private ones named by strangers, are
    /// dropped.
    pub fn add(&mut self, now: Instant, addr: SocketAddr, origin: Origin) {
        let addr = SocketAddr::new(addr.ip().to_canonical(), addr.port());
        let is_allowed = origin != Origin::Stranger || is_public(addr.ip());
        if !is_dialable(addr) || !is_allowed || self.own.contains(&addr) {
            return;
        }
        let is_static = origin == Origin::Operator;
        if let Some(known) = self.candidates.get_mut(&addr) {
            known.is_static |= is_static;
            known.informant = None;
            return;
        }
        if self.candidates.len() < CANDIDATES_MAX || is_static {
            let is_kept = is_static || origin == Origin::Startup;
            let (state, informant) = (State::Idle, None);
            let candidate = Candidate { is_static, is_kept, failures: 0, next_try: now, state, informant };
            self.candidates.insert(addr, candidate);
        }
    }

    /// Remembers what one peer names, within the bounds of hearsay; gives how many of the addresses are known
    /// now.
    pub fn hear(
        &mut self,
        now: Instant,
        addrs: impl Iterator<Item = SocketAddr>,
        informant: BanKey,
        may_be_private: bool,
    ) -> usize {
        let hearsay = self.candidates.values().filter_map(|candidate| candidate.informant);
        let (mut by_all, mut by_it) = (0, 0);
        hearsay.for_each(|other| {
            by_all += 1;
            by_it += usize::from(other == informant);
        });
        let mut known = 0;
        for addr in addrs.map(|addr| SocketAddr::new(addr.ip().to_canonical(), addr.port())) {
            if self.candidates.contains_key(&addr) {
                known += 1;
                continue;
            }
            let has_room = by_all < PEX_CANDIDATES_MAX && by_it < PEX_CANDIDATES_PER_PEER_MAX;
            if has_room && self.has_room_at(addr, may_be_private) {
                (known, by_all, by_it) = (known + 1, by_all + 1, by_it + 1);
                self.candidates.insert(addr, Candidate::hearsay(now, informant));
            }
        }
        known
    }

    /// Whether a peer may add this address.
    fn has_room_at(&self, addr: SocketAddr, may_be_private: bool) -> bool {
        let is_crowded = || {
            let ports = SocketAddr::new(addr.ip(), 0)..=SocketAddr::new(addr.ip(), u16::MAX);
            self.candidates.range(ports).count() >= PEX_PORTS_PER_IP_MAX
        };
        let is_allowed = match is_public(addr.ip()) {
            true => !is_crowded(),
            false => may_be_private,
        };
        is_allowed && is_dialable(addr) && !self.own.contains(&addr) && self.candidates.len() < CANDIDATES_MAX
    }

    /// The next address to dial: the operator's first, then any whose time has come while there is
    /// `room` for more peers, hearsay after the others.
    pub fn next_dial(&mut self, now: Instant, room: usize) -> Option<SocketAddr> {
        if self.dialing >= DIALING_MAX {
            return None;
        }
        let has_room = room > self.dialing;
        let is_due = |c: &Candidate| c.state == State::Idle && c.next_try <= now;
        let due = self.candidates.iter().filter(|(_, c)| is_due(c) && (c.is_static || has_room));
        let rank = |c: &Candidate| (!c.is_static, c.failures, c.informant.is_some());
        let due: Vec<_> = due.map(|(&addr, c)| (rank(c), addr)).collect();
        let &(best, _) = due.iter().min()?;
        let equals: Vec<_> = due.iter().filter(|(rank, _)| *rank == best).collect();
        let addr = equals[self.rng.below(equals.len())].1;
        self.candidates.get_mut(&addr)?.state = State::Dialing;
        self.dialing += 1;
        Some(addr)
    }

    /// Takes a dial back that would lead to a peer that is connected already.
    pub fn postpone(&mut self, now: Instant, addr: SocketAddr) {
        if let Some(candidate) = self.leave_state(addr) {
            candidate.next_try = now + POSTPONED;
        }
    }

    pub fn connected(&mut self, addr: SocketAddr) {
        if let Some(candidate) = self.leave_state(addr) {
            candidate.state = State::Connected;
            self.connected += 1;
        }
    }

    /// The link worked (the peer described itself): earlier failures are forgiven.
    pub fn proved(&mut self, addr: SocketAddr) {
        if let Some(candidate) = self.candidates.get_mut(&addr) {
            candidate.failures = 0;
            candidate.is_kept = true;
            candidate.informant = None;
        }
    }

    /// A dial failed or a link ended.
    pub fn failed(&mut self, now: Instant, addr: SocketAddr) {
        let Some(candidate) = self.leave_state(addr) else { return };
        candidate.failures += 1;
        let (failures, is_static) = (candidate.failures, candidate.is_static);
        let failures_max = if candidate.informant.is_some() { HEARSAY_FAILURES_MAX } else { FAILURES_MAX };
        if failures > failures_max && !candidate.is_kept {
            self.candidates.remove(&addr);
            return;
        }
        let longest = match (is_static, self.connected) {
            (true, _) => STATIC_BACKOFF_MAX,
            (_, 0) => LONELY_BACKOFF_MAX,
            _ => BACKOFF_MAX,
        };
        let backoff = BACKOFF_START.saturating_mul(1 << failures.min(16)).min(longest);
        let jitter = 0.75 + 0.5 * self.rng.unit();
        if let Some(candidate) = self.candidates.get_mut(&addr) {
            candidate.next_try = now + backoff.mul_f64(jitter);
        }
    }

    /// It leads to a node that is connected already, under another address.
    pub fn set_aside(&mut self, now: Instant, addr: SocketAddr) {
        if let Some(candidate) = self.leave_state(addr)
            && !candidate.is_static
        {
            candidate.next_try = now + SET_ASIDE;
        }
    }

    /// It leads to this node itself: forgotten, and not remembered again.
    pub fn is_myself(&mut self, addr: SocketAddr) {
        self.remove(addr);
        if self.own.len() >= OWN_ADDRESSES_MAX {
            self.own.pop_first();
        }
        self.own.insert(addr);
    }

    /// Not again, unless somebody names it: it was banned.
    pub fn remove(&mut self, addr: SocketAddr) {
        self.leave_state(addr);
        self.candidates.remove(&addr);
    }

    pub fn is_static(&self, addr: SocketAddr) -> bool {
        self.candidates.get(&addr).is_some_and(|candidate| candidate.is_static)
    }

    pub fn len(&self) -> usize {
        self.candidates.len()
    }

    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// When the next dial is due, given `room` for more peers.
    pub fn deadline(&self, room: usize) -> Option<Instant> {
        if self.dialing >= DIALING_MAX {
            return None;
        }
        let has_room = room > self.dialing;
        let idle = self.candidates.values().filter(|c| c.state == State::Idle && (c.is_static || has_room));
        idle.map(|candidate| candidate.next_try).min()
    }

    fn leave_state(&mut self, addr: SocketAddr) -> Option<&mut Candidate> {
        let candidate = self.candidates.get_mut(&addr)?;
        match candidate.state {
            State::Dialing => self.dialing -= 1,
            State::Connected => self.connected -= 1,
            State::Idle => {}
        }
        candidate.state = State::Idle;
        Some(candidate)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make up a time to start from")]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn private_addresses_of_strangers_are_not_dialled() {
        let now = Instant::now();
        let mut roster = Roster::new(Rng::new(1));
        for private in ["127.0.0.1:80", "10.0.0.1:80", "169.254.0.1:80"] {
            roster.add(now, addr(private), Origin::Stranger);
        }
        assert!(roster.is_empty());
        roster.add(now, addr("127.0.0.1:80"), Origin::Trusted);
        assert_eq!(roster.next_dial(now, 1), Some(addr("127.0.0.1:80")));
        assert_eq!(roster.next_dial(now, 1), None);
    }

    #[test]
    fn operator_is_dialled_for_ever_and_others_are_given_up() {
        let mut now = Instant::now();
        let mut roster = Roster::new(Rng::new(1));
        roster.add(now, addr("1.1.1.1:1"), Origin::Operator);
        roster.add(now, addr("2.2.2.2:2"), Origin::Stranger);
        for _ in 0..50 {
            now += Duration::from_secs(120);
            while let Some(dialed) = roster.next_dial(now, 10) {
                roster.failed(now, dialed);
            }
        }
        assert_eq!(roster.len(), 1);
        assert!(roster.is_static(addr("1.1.1.1:1")));
        assert!(roster.deadline(10).unwrap() <= now + STATIC_BACKOFF_MAX.mul_f64(1.25));
    }

    #[test]
    fn operator_is_dialled_without_room_but_strangers_are_not() {
        let now = Instant::now();
        let mut roster = Roster::new(Rng::new(1));
        roster.add(now, addr("2.2.2.2:2"), Origin::Stranger);
        assert_eq!(roster.next_dial(now, 0), None);
        assert_eq!(roster.deadline(0), None);
        roster.add(now, addr("1.1.1.1:1"), Origin::Operator);
        assert_eq!(roster.next_dial(now, 0), Some(addr("1.1.1.1:1")));
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut roster = Roster::new(Rng::new(1));
        for n in 0..3 * CANDIDATES_MAX as u32 {
            let ip = std::net::Ipv4Addr::from(0x0200_0000 + n);
            roster.add(now, SocketAddr::from((ip, 1)), Origin::Stranger);
        }
        assert_eq!(roster.len(), CANDIDATES_MAX);
    }
}
