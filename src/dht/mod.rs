//! The mainline DHT (BEP 5, 32): where anybody finds the peers of a swarm, and is found.
//!
//! A state machine without sockets or clock: [`Dht::handle`] takes what happened, [`Dht::poll`] gives what is
//! to be done, [`Dht::deadline`] says when to come back. It asks nobody before a swarm is sought. It answers
//! whoever asks, a bounded number of times and in one packet each, and remembers a bounded number of nodes,
//! peers and questions whatever strangers send.

mod answering;
mod asking;
mod half;
pub mod id;
mod intake;
mod lookup;
mod searches;
mod store;
mod table;
mod token;
mod upkeep;
mod votes;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use crate::base::ids::{DhtId, Infohash};
use crate::base::rng::Rng;
use crate::wire::krpc::{Body, Contact, Message};
use asking::{Pending, Walk, WalkId};
use half::{Family, Half};
use id::random_id;
use intake::Intake;
use searches::Search;
use store::PeerStore;
use token::Tokens;

/// Names one search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SearchId(pub u64);

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    Datagram {
        from: SocketAddr,
        bytes: &'a [u8],
    },
    /// Look for peers of the swarm from now on, and tell that this node has one at `port`.
    Seek {
        search: SearchId,
        infohash: Infohash,
        port: u16,
    },
    Forget(SearchId),
    /// Nodes by which to enter, asked for by [`Output::NeedRouters`]; none when they have no addresses.
    Routers(Vec<SocketAddr>),
    Timer,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    Send {
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    Found {
        search: SearchId,
        peers: Vec<SocketAddr>,
    },
    /// Nobody that is known answers.
    NeedRouters,
}

/// What the machine begins with.
#[derive(Debug, Clone)]
pub struct DhtConfig {
    pub seed: u64,
    /// Random: tokens depend on it.
    pub secret: [u8; 16],
    /// Families that can be sent to.
    pub v4: bool,
    pub v6: bool,
    /// Nodes and peers on loopback and private networks count too.
    pub allows_private: bool,
    /// What an earlier run knew.
    pub saved: SavedTable,
}

/// What is kept from one run to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SavedTable {
    pub id_v4: Option<DhtId>,
    pub id_v6: Option<DhtId>,
    pub nodes: Vec<Contact>,
}

/// Figures for the operator; all but the first five are counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DhtStats {
    /// Nodes of each family that answered lately.
    pub nodes_v4: usize,
    pub nodes_v6: usize,
    /// Searches of this node.
    pub searches: usize,
    /// What others announced here.
    pub stored_swarms: usize,
    pub stored_peers: usize,
    pub lookups: u64,
    pub queries_sent: u64,
    /// Of these, answered.
    pub answers: u64,
    pub queries_received: u64,
    /// Of these, beyond what one address or all together may ask.
    pub queries_dropped: u64,
    pub announces_sent: u64,
    pub peers_found: u64,
}

/// One node of the DHT, in both families.
pub struct Dht {
    allows_private: bool,
    rng: Rng,
    v4: Option<Half>,
    v6: Option<Half>,
    pending: BTreeMap<u32, Pending>,
    walks: BTreeMap<WalkId, Walk>,
    next_walk: WalkId,
    searches: BTreeMap<SearchId, Search>,
    store: PeerStore,
    tokens: Tokens,
    intake: Intake,
    /// `None` as long as nothing was sought: then nobody is asked anything.
    next_upkeep: Option<Instant>,
    entry: upkeep::Entry,
    next_expiry: Instant,
    outputs: VecDeque<Output>,
    counted: DhtStats,
}

impl Dht {
    pub fn new(now: Instant, config: DhtConfig) -> Self {
        let mut rng = Rng::new(config.seed);
        let SavedTable { id_v4, id_v6, nodes } = config.saved;
        let mut half = |exists: bool, id: Option<DhtId>, family: Family| {
            let mut half = exists.then(|| Half::new(id.unwrap_or_else(|| random_id(&mut rng))))?;
            let known = nodes.iter().filter(|node| Family::of(node.addr) == family);
            let known = known.filter(|node| table::may_be_asked(node.addr, config.allows_private));
            known.for_each(|node| half.table.recall(*node));
            Some(half)
        };
        let (v4, v6) = (half(config.v4, id_v4, Family::V4), half(config.v6, id_v6, Family::V6));
        Self {
            allows_private: config.allows_private,
            rng,
            v4,
            v6,
            pending: BTreeMap::new(),
            walks: BTreeMap::new(),
            next_walk: WalkId(0),
            searches: BTreeMap::new(),
            store: PeerStore::default(),
            tokens: Tokens::new(config.secret, now),
            intake: Intake::new(now),
            next_upkeep: None,
            entry: upkeep::Entry::default(),
            next_expiry: now + upkeep::EXPIRY_INTERVAL,
            outputs: VecDeque::new(),
            counted: DhtStats::default(),
        }
    }

    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Datagram { from, bytes } => self.datagram(now, from, bytes),
            Input::Seek { search, infohash, port } => self.seek(now, search, infohash, port),
            Input::Forget(search) => self.forget(search),
            Input::Routers(addrs) => self.enter_by(now, &addrs),
            Input::Timer => {}
        }
        self.pass_time(now);
    }

    /// What is to be done next; to be called until it gives nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timer`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let answers = self.pending.values().map(|pending| pending.until);
        let searches = self.searches.values().filter_map(Search::next_at).filter(|_| self.knows_anybody());
        answers.chain(searches).chain(self.next_upkeep).chain([self.next_expiry]).min()
    }

    /// What should be kept for the next run.
    pub fn saved(&self) -> SavedTable {
        let halves = [&self.v4, &self.v6];
        SavedTable {
            id_v4: self.v4.as_ref().map(Half::own),
            id_v6: self.v6.as_ref().map(Half::own),
            nodes: halves.into_iter().flatten().flat_map(|half| half.table.proven()).collect(),
        }
    }

    pub fn stats(&self, now: Instant) -> DhtStats {
        let good = |half: &Option<Half>| half.as_ref().map_or(0, |half| half.table.good_count(now));
        DhtStats {
            nodes_v4: good(&self.v4),
            nodes_v6: good(&self.v6),
            searches: self.searches.len(),
            stored_swarms: self.store.swarm_count(),
            stored_peers: self.store.peer_count(),
            ..self.counted
        }
    }

    fn datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let Ok(message) = Message::decode(bytes) else { return };
        if self.half(Family::of(from)).is_none() || from.port() == 0 {
            return;
        }
        match message.body {
            Body::Query(asked) => self.query(now, from, message.transaction, asked),
            Body::BadQuery(code) => self.refuse(now, from, message.transaction, code),
            Body::Answer(answer) => self.answer(now, from, message.transaction, answer),
            Body::Error(_) => self.error(now, from, message.transaction),
        }
    }

    fn half(&self, family: Family) -> Option<&Half> {
        match family {
            Family::V4 => self.v4.as_ref(),
            Family::V6 => self.v6.as_ref(),
        }
    }

    fn half_mut(&mut self, family: Family) -> Option<&mut Half> {
        match family {
            Family::V4 => self.v4.as_mut(),
            Family::V6 => self.v6.as_mut(),
        }
    }

    fn families(&self) -> Vec<Family> {
        [Family::V4, Family::V6].into_iter().filter(|&family| self.half(family).is_some()).collect()
    }

    fn knows_anybody(&self) -> bool {
        [&self.v4, &self.v6].into_iter().flatten().any(|half| !half.table.is_empty())
    }
}
