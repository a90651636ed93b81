//! Swarms that this node seeks: each is looked for at once and then again and again, and its port announced
//! to the nodes nearest to it.
//!
//! It decides how often: sooner while few were found, and never in step with other nodes.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::asking::Purpose;
use super::lookup::{Lookup, ToAsk};
use super::table::may_be_asked;
use super::{Dht, Family, Output, SearchId};
use crate::base::ids::Infohash;
use crate::base::limits::DHT_LOOKUP_PEERS_MAX;
use crate::base::net::is_dialable;
use crate::base::rng::Rng;
use crate::wire::krpc::Query;

/// From one look to the next.
const INTERVAL: Duration = Duration::from_secs(5 * 60);
/// The same after the first look that found few peers; it doubles up to [`INTERVAL`].
const INTERVAL_FEW: Duration = Duration::from_secs(10);
/// With so many a swarm goes on by itself.
const ENOUGH_PEERS: usize = 8;
/// An announce is made again after this: others forget it after twice as long.
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(15 * 60);

/// One swarm that is sought.
#[derive(Debug)]
pub(super) struct Search {
    infohash: Infohash,
    port: u16,
    /// `None` while a look goes on.
    next_at: Option<Instant>,
    /// Walks of the look that goes on.
    walks: usize,
    /// Peers of the look that goes on.
    found: BTreeSet<SocketAddr>,
    /// Looks in a row that found few.
    poor_looks: u32,
    announced: Option<Instant>,
}

impl Search {
    pub fn next_at(&self) -> Option<Instant> {
        self.next_at
    }

    /// When to look again.
    fn pause(&mut self, rng: &mut Rng) -> Duration {
        self.poor_looks = if self.found_few() { self.poor_looks.saturating_add(1) } else { 0 };
        let pause = match self.poor_looks {
            0 => INTERVAL,
            times => INTERVAL_FEW.saturating_mul(1 << (times - 1).min(8)).min(INTERVAL),
        };
        pause.mul_f64(0.8 + 0.4 * rng.unit())
    }

    fn announce_is_due(&self, now: Instant) -> bool {
        // one interval between looks may be missing to a quarter of an hour
        let is_old = |at| now.saturating_duration_since(at) + INTERVAL / 2 >= ANNOUNCE_INTERVAL;
        self.found_few() || self.announced.is_none_or(is_old)
    }

    fn found_few(&self) -> bool {
        self.found.len() < ENOUGH_PEERS
    }
}

impl Dht {
    pub(super) fn seek(&mut self, now: Instant, id: SearchId, infohash: Infohash, port: u16) {
        let search = Search {
            infohash,
            port,
            next_at: Some(now),
            walks: 0,
            found: BTreeSet::new(),
            poor_looks: 0,
            announced: None,
        };
        self.searches.insert(id, search);
        self.wake(now);
    }

    pub(super) fn forget(&mut self, id: SearchId) {
        self.searches.remove(&id);
        self.walks.retain(|_, walk| walk.search.is_none_or(|(search, _)| search != id));
    }

    /// Looks for the swarms whose time has come, if there is anybody to ask.
    pub(super) fn look(&mut self, now: Instant) {
        if !self.knows_anybody() {
            return;
        }
        let is_due = |search: &Search| search.next_at.is_some_and(|at| at <= now);
        let due: Vec<SearchId> =
            self.searches.iter().filter(|(_, search)| is_due(search)).map(|(&id, _)| id).collect();
        due.into_iter().for_each(|id| self.look_for(now, id));
    }

    fn look_for(&mut self, now: Instant, id: SearchId) {
        let families = self.families();
        let families: Vec<Family> = families
            .into_iter()
            .filter(|&family| self.half(family).is_some_and(|half| !half.table.is_empty()))
            .collect();
        let Some(search) = self.searches.get_mut(&id) else { return };
        search.next_at = None;
        search.walks = families.len();
        search.found.clear();
        let infohash = search.infohash;
        for family in families {
            self.walk(now, family, infohash.into(), Some((id, infohash)), &[]);
        }
    }

    /// Looks again at once for what was not found: somebody new is known.
    pub(super) fn hurry_lonely_searches(&mut self, now: Instant) {
        let lonely = |search: &&mut Search| {
            search.next_at.is_some() && search.found.is_empty() && search.poor_looks == 1
        };
        self.searches.values_mut().filter(lonely).for_each(|search| search.next_at = Some(now));
    }

    pub(super) fn peers_found(&mut self, id: SearchId, peers: Vec<SocketAddr>) {
        let Some(port) = self.searches.get(&id).map(|search| search.port) else { return };
        let usable: Vec<_> = peers.into_iter().filter(|&peer| self.is_other_peer(peer, port)).collect();
        let Some(search) = self.searches.get_mut(&id) else { return };
        let room = DHT_LOOKUP_PEERS_MAX.saturating_sub(search.found.len());
        let fresh: Vec<_> = usable.into_iter().filter(|&peer| search.found.insert(peer)).take(room).collect();
        if !fresh.is_empty() {
            self.counted.peers_found += fresh.len() as u64;
            self.outputs.push_back(Output::Found { search: id, peers: fresh });
        }
    }

    fn is_other_peer(&self, peer: SocketAddr, own_port: u16) -> bool {
        let is_here = |half: &super::Half| half.votes.name(peer.ip());
        let is_own = peer.port() == own_port && self.half(Family::of(peer)).is_some_and(is_here);
        is_dialable(peer) && may_be_asked(peer, self.allows_private) && !is_own
    }

    /// One walk of a look is over: those nearest to the swarm are told of this node's port.
    pub(super) fn search_walked(&mut self, now: Instant, id: SearchId, infohash: Infohash, lookup: &Lookup) {
        let Some(search) = self.searches.get_mut(&id) else { return };
        let port = search.port;
        let nearest = if search.announce_is_due(now) { lookup.nearest() } else { Vec::new() };
        search.walks = search.walks.saturating_sub(1);
        if search.walks == 0 {
            if search.announce_is_due(now) {
                search.announced = Some(now);
            }
            let pause = search.pause(&mut self.rng);
            search.next_at = Some(now + pause);
        }
        for node in nearest {
            let query = Query::AnnouncePeer { infohash, port, is_port_implied: false, token: &node.token };
            let to = ToAsk { id: Some(node.contact.id), addr: node.contact.addr };
            self.counted.announces_sent += u64::from(self.ask(now, to, query, Purpose::Announce));
        }
    }
}
