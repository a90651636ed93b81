//! Questions of this node: an answer counts for the question and the address that it was asked at, once, and
//! only if the node there is the one that was meant.

use std::net::SocketAddr;
use std::time::Instant;

use super::half::Family;
use super::lookup::{Lookup, ToAsk};
use super::table::{BUCKET, may_be_asked};
use super::{Dht, Output, SearchId};
use crate::base::ids::{DhtId, Infohash};
use crate::base::limits::{DHT_QUERIES_MAX, DHT_REPLY_NODES_MAX, DHT_TOKEN_MAX_BYTES};
use crate::wire::krpc::{Answer, Asked, Contact, Query, Want};

/// Names one walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WalkId(pub u64);

/// What a question was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Ping,
    Walk(WalkId),
    Announce,
}

/// A question on the way.
#[derive(Debug)]
pub(super) struct Pending {
    to: SocketAddr,
    /// Who is meant; `None` where nobody told who runs there.
    meant: Option<DhtId>,
    sent: Instant,
    pub until: Instant,
    purpose: Purpose,
}

/// A walk through one family.
#[derive(Debug)]
pub(super) struct Walk {
    pub family: Family,
    pub lookup: Lookup,
    /// For the peers of this swarm; `None`: for nodes.
    pub search: Option<(SearchId, Infohash)>,
}

impl Dht {
    /// Starts a walk from the nodes that are known and from `written` addresses.
    pub(super) fn walk(
        &mut self,
        now: Instant,
        family: Family,
        target: DhtId,
        search: Option<(SearchId, Infohash)>,
        written: &[SocketAddr],
    ) {
        let Some(half) = self.half(family) else { return };
        let known = half.table.nearest(&target, 2 * BUCKET);
        let lookup = Lookup::new(target, &known, written);
        let id = self.next_walk;
        self.next_walk = WalkId(id.0 + 1);
        self.counted.lookups += 1;
        self.walks.insert(id, Walk { family, lookup, search });
        self.go_on(now, id);
    }

    pub(super) fn ping(&mut self, now: Instant, contact: Contact) {
        let to = ToAsk { id: Some(contact.id), addr: contact.addr };
        self.ask(now, to, Query::Ping, Purpose::Ping);
    }

    pub(super) fn pings_on_the_way(&self) -> usize {
        self.pending.values().filter(|pending| pending.purpose == Purpose::Ping).count()
    }

    /// `false`: too many questions are on the way.
    pub(super) fn ask(&mut self, now: Instant, to: ToAsk, query: Query<'_>, purpose: Purpose) -> bool {
        let family = Family::of(to.addr);
        let want = self.wants(family);
        let transaction = self.rng.next_u64() as u32;
        let is_free = self.pending.len() < DHT_QUERIES_MAX && !self.pending.contains_key(&transaction);
        let Some(half) = self.half(family).filter(|_| is_free) else { return false };
        let want = matches!(query, Query::FindNode { .. } | Query::GetPeers { .. }).then_some(want);
        let asked = Asked { from: half.own(), query, want: want.flatten(), is_read_only: false };
        let bytes = asked.encode(&transaction.to_be_bytes());
        let until = now + half.round_trips.timeout();
        let pending = Pending { to: to.addr, meant: to.id, sent: now, until, purpose };
        self.pending.insert(transaction, pending);
        self.counted.queries_sent += 1;
        self.outputs.push_back(Output::Send { to: to.addr, bytes });
        true
    }

    /// The other family's nodes too, as long as this node knows few.
    fn wants(&self, family: Family) -> Option<Want> {
        let other = if family == Family::V4 { Family::V6 } else { Family::V4 };
        let knows_few = |half: &super::Half| half.table.proven_count() < BUCKET;
        self.half(other).is_some_and(knows_few).then_some(Want { v4: true, v6: true })
    }

    pub(super) fn answer(&mut self, now: Instant, from: SocketAddr, transaction: &[u8], answer: Answer<'_>) {
        let Some(pending) = self.take_pending(from, transaction) else { return };
        let is_meant = pending.meant.is_none_or(|meant| meant == answer.from);
        let own = self.half(Family::of(from)).map(|half| half.own());
        if !is_meant || own == Some(answer.from) {
            return self.unanswered(now, &pending);
        }
        self.counted.answers += 1;
        self.note_node(now, from, &pending, &answer);
        if let Purpose::Walk(walk) = pending.purpose {
            self.walk_answered(now, walk, from, answer);
        }
    }

    fn note_node(&mut self, now: Instant, from: SocketAddr, pending: &Pending, answer: &Answer<'_>) {
        let is_allowed = may_be_asked(from, self.allows_private);
        let mut rng = self.rng.fork();
        let Some(half) = self.half_mut(Family::of(from)) else { return };
        half.round_trips.took(now.saturating_duration_since(pending.sent));
        if is_allowed {
            half.table.answered(now, Contact { id: answer.from, addr: from });
        }
        if let Some(seen) = answer.seen_at {
            half.votes.cast(from.ip(), seen);
            half.take_rightful_place(&mut rng);
        }
    }

    fn walk_answered(&mut self, now: Instant, id: WalkId, from: SocketAddr, answer: Answer<'_>) {
        let allows_private = self.allows_private;
        let Some(walk) = self.walks.get_mut(&id) else { return };
        let (family, search) = (walk.family, walk.search);
        let allowed = answer.nodes.into_iter().filter(|node| may_be_asked(node.addr, allows_private));
        let (near, other): (Vec<_>, Vec<_>) = allowed.partition(|node| Family::of(node.addr) == family);
        let own = self.half(family).map(|half| half.own());
        let near: Vec<_> = near.into_iter().filter(|node| Some(node.id) != own).collect();
        let token = answer.token.filter(|token| token.len() <= DHT_TOKEN_MAX_BYTES).map(<[u8]>::to_vec);
        if let Some(walk) = self.walks.get_mut(&id) {
            walk.lookup.answered(from, answer.from, token, &near);
        }
        self.meet_other_family(now, &other);
        if let Some((search, _)) = search {
            self.peers_found(search, answer.peers);
        }
        self.go_on(now, id);
    }

    /// Nodes of the family that this walk does not go through.
    fn meet_other_family(&mut self, now: Instant, nodes: &[Contact]) {
        for node in nodes.iter().take(DHT_REPLY_NODES_MAX) {
            let half = self.half(Family::of(node.addr));
            let is_wanted =
                half.is_some_and(|half| half.table.proven_count() < BUCKET && half.table.has_room(node));
            let is_asked = self.pending.values().any(|pending| pending.to == node.addr);
            if is_wanted && !is_asked && self.pings_on_the_way() < DHT_REPLY_NODES_MAX {
                self.ping(now, *node);
            }
        }
    }

    pub(super) fn error(&mut self, now: Instant, from: SocketAddr, transaction: &[u8]) {
        if let Some(pending) = self.take_pending(from, transaction)
            && let Purpose::Walk(walk) = pending.purpose
        {
            self.walk_failed(now, walk, from);
        }
    }

    fn take_pending(&mut self, from: SocketAddr, transaction: &[u8]) -> Option<Pending> {
        let transaction = u32::from_be_bytes(transaction.try_into().ok()?);
        let is_asked = self.pending.get(&transaction).is_some_and(|pending| pending.to == from);
        if is_asked { self.pending.remove(&transaction) } else { None }
    }

    /// Gives up what was not answered in time.
    pub(super) fn give_up_late(&mut self, now: Instant) {
        let late = |pending: &Pending| pending.until <= now;
        let late: Vec<u32> = self
            .pending
            .iter()
            .filter(|(_, pending)| late(pending))
            .map(|(&transaction, _)| transaction)
            .collect();
        for transaction in late {
            if let Some(pending) = self.pending.remove(&transaction) {
                self.unanswered(now, &pending);
            }
        }
    }

    fn unanswered(&mut self, now: Instant, pending: &Pending) {
        if let Some(half) = self.half_mut(Family::of(pending.to)) {
            half.table.failed(pending.to);
        }
        if let Purpose::Walk(walk) = pending.purpose {
            self.walk_failed(now, walk, pending.to);
        }
    }

    fn walk_failed(&mut self, now: Instant, id: WalkId, addr: SocketAddr) {
        if let Some(walk) = self.walks.get_mut(&id) {
            walk.lookup.failed(addr);
            self.go_on(now, id);
        }
    }

    /// Asks whom the walk wants to ask, and ends it when there is nobody.
    fn go_on(&mut self, now: Instant, id: WalkId) {
        loop {
            let Some(walk) = self.walks.get_mut(&id) else { return };
            let query = match walk.search {
                Some((_, infohash)) => Query::GetPeers { infohash },
                None => Query::FindNode { target: walk.lookup.target() },
            };
            let Some(to) = walk.lookup.next() else { break };
            if !self.ask(now, to, query, Purpose::Walk(id))
                && let Some(walk) = self.walks.get_mut(&id)
            {
                walk.lookup.failed(to.addr);
            }
        }
        if self.walks.get(&id).is_some_and(|walk| walk.lookup.is_over())
            && let Some(walk) = self.walks.remove(&id)
        {
            self.walk_over(now, walk);
        }
    }

    fn walk_over(&mut self, now: Instant, walk: Walk) {
        match walk.search {
            Some((search, infohash)) => self.search_walked(now, search, infohash, &walk.lookup),
            None => self.surroundings_walked(now),
        }
    }
}
