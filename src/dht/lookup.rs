//! One walk towards a place: asks the nearest nodes known for nearer ones, a few at a time, until the 8
//! nearest have answered.
//!
//! It decides whom to ask next and when it is over. Whatever others tell, it remembers a bounded number of
//! nodes, asks a bounded number, and asks one address once.

use std::net::SocketAddr;

use super::id::distance;
use super::table::BUCKET;
use crate::base::ids::DhtId;
use crate::base::limits::{DHT_CANDIDATES_MAX, DHT_LOOKUP_QUERIES_MAX};
use crate::base::net::is_public;
use crate::wire::krpc::Contact;

/// Questions on the way at a time.
const ASKED_AT_ONCE: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Known,
    Asked,
    /// With its token, if it gave one.
    Answered(Option<Vec<u8>>),
    Failed,
}

#[derive(Debug, Clone)]
struct Candidate {
    /// `None` for an address that somebody wrote down: who runs there is not known.
    id: Option<DhtId>,
    addr: SocketAddr,
    state: State,
}

/// A node that is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToAsk {
    pub id: Option<DhtId>,
    pub addr: SocketAddr,
}

/// A node near the target that answered, and what it takes to announce to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    pub contact: Contact,
    pub token: Vec<u8>,
}

#[derive(Debug)]
pub struct Lookup {
    target: DhtId,
    /// Addresses without id first, then the nearest.
    candidates: Vec<Candidate>,
    asked: usize,
    on_the_way: usize,
}

impl Lookup {
    /// Starts at the nodes known and at addresses that were written down.
    pub fn new(target: DhtId, known: &[Contact], written: &[SocketAddr]) -> Self {
        let unknown = |&addr: &SocketAddr| Candidate { id: None, addr, state: State::Known };
        let candidates = written.iter().take(DHT_CANDIDATES_MAX / 2).map(unknown).collect();
        let mut lookup = Self { target, candidates, asked: 0, on_the_way: 0 };
        lookup.learn(known);
        lookup
    }

    pub fn target(&self) -> DhtId {
        self.target
    }

    /// Whom to ask now; to be called until it gives nothing.
    pub fn next(&mut self) -> Option<ToAsk> {
        if self.on_the_way >= ASKED_AT_ONCE || self.asked >= DHT_LOOKUP_QUERIES_MAX {
            return None;
        }
        let at = self.first_in_reach(|state| *state == State::Known)?;
        self.candidates[at].state = State::Asked;
        self.asked += 1;
        self.on_the_way += 1;
        let Candidate { id, addr, .. } = self.candidates[at];
        Some(ToAsk { id, addr })
    }

    /// The node at `addr` turned out to be `id`, gave `token` and told of `nodes`.
    pub fn answered(&mut self, addr: SocketAddr, id: DhtId, token: Option<Vec<u8>>, nodes: &[Contact]) {
        if let Some(candidate) = self.settle(addr, State::Answered(token)) {
            candidate.id = Some(id);
        }
        self.sort();
        self.learn(nodes);
    }

    pub fn failed(&mut self, addr: SocketAddr) {
        self.settle(addr, State::Failed);
    }

    /// Nobody is left to ask or to wait for.
    pub fn is_over(&self) -> bool {
        let is_spent = self.asked >= DHT_LOOKUP_QUERIES_MAX;
        let is_open = |state: &State| *state == State::Asked || (*state == State::Known && !is_spent);
        self.first_in_reach(is_open).is_none()
    }

    /// The 8 nearest that answered with a token.
    pub fn nearest(&self) -> Vec<Nearest> {
        let answered =
            self.candidates.iter().filter_map(|candidate| match (&candidate.state, candidate.id) {
                (State::Answered(Some(token)), Some(id)) => {
                    Some(Nearest { contact: Contact { id, addr: candidate.addr }, token: token.clone() })
                }
                _ => None,
            });
        answered.take(BUCKET).collect()
    }

    /// The first candidate in such a state among those without id and the 8 nearest that did not fail.
    fn first_in_reach(&self, is_such: impl Fn(&State) -> bool) -> Option<usize> {
        let mut near = 0;
        for (at, candidate) in self.candidates.iter().enumerate() {
            if is_such(&candidate.state) {
                return Some(at);
            }
            near += usize::from(candidate.state != State::Failed && candidate.id.is_some());
            if near >= BUCKET {
                return None;
            }
        }
        None
    }

    fn settle(&mut self, addr: SocketAddr, state: State) -> Option<&mut Candidate> {
        self.on_the_way = self.on_the_way.saturating_sub(1);
        let is_meant = |candidate: &&mut Candidate| candidate.addr == addr && candidate.state == State::Asked;
        let candidate = self.candidates.iter_mut().find(is_meant)?;
        candidate.state = state;
        Some(candidate)
    }

    fn learn(&mut self, nodes: &[Contact]) {
        for node in nodes {
            if !self.candidates.iter().any(|candidate| is_known_as(candidate, node)) {
                let Contact { id, addr } = *node;
                self.candidates.push(Candidate { id: Some(id), addr, state: State::Known });
            }
        }
        self.sort();
        self.candidates.truncate(DHT_CANDIDATES_MAX);
    }

    fn sort(&mut self) {
        let target = self.target;
        self.candidates.sort_by_key(|candidate| candidate.id.map(|id| distance(&id, &target)));
    }
}

/// One id, one address and, on public networks, one IP counts once: or a stranger is many nodes.
fn is_known_as(candidate: &Candidate, node: &Contact) -> bool {
    candidate.id == Some(node.id)
        || candidate.addr == node.addr
        || (candidate.addr.ip() == node.addr.ip() && is_public(node.addr.ip()))
}
