//! Queries of others: each is answered at once, with one packet of a bounded size, to where it came from.

use std::net::SocketAddr;
use std::time::Instant;

use super::half::Family;
use super::table::{BUCKET, may_be_asked};
use super::{Dht, Output};
use crate::base::ids::{DhtId, Infohash};
use crate::base::limits::{DHT_ANSWER_V4_PEERS_MAX, DHT_ANSWER_V6_PEERS_MAX};
use crate::wire::krpc::{
    Answer, Asked, Contact, ERROR_METHOD_UNKNOWN, ERROR_PROTOCOL, Query, Want, encode_error,
};

/// Nodes that asked and may be asked back, at a time.
const INTRODUCTIONS_MAX: usize = 32;

impl Dht {
    pub(super) fn query(&mut self, now: Instant, from: SocketAddr, transaction: &[u8], asked: Asked<'_>) {
        if !self.admits(now, from) {
            return;
        }
        match asked.query {
            Query::Ping => self.reply(from, transaction, Vec::new(), Vec::new(), None),
            Query::FindNode { target } => {
                let nodes = self.nodes_for(from, &target, asked.want);
                self.reply(from, transaction, nodes, Vec::new(), None);
            }
            Query::GetPeers { infohash } => self.give_peers(now, from, transaction, infohash, asked.want),
            Query::AnnouncePeer { infohash, port, is_port_implied, token } => {
                if !self.tokens.accepts(now, from.ip(), token) {
                    return self.send_error(from, transaction, ERROR_PROTOCOL, "token is unknown or too old");
                }
                let port = if is_port_implied { from.port() } else { port };
                if may_be_asked(from, self.allows_private) {
                    self.store.announce(now, infohash, SocketAddr::new(from.ip(), port));
                }
                self.reply(from, transaction, Vec::new(), Vec::new(), None);
            }
        }
        if !asked.is_read_only {
            self.introduce(now, Contact { id: asked.from, addr: from });
        }
    }

    /// Tells what is wrong with a query.
    pub(super) fn refuse(&mut self, now: Instant, from: SocketAddr, transaction: &[u8], code: i64) {
        let text =
            if code == ERROR_METHOD_UNKNOWN { "unknown method" } else { "arguments are missing or wrong" };
        if self.admits(now, from) {
            self.send_error(from, transaction, code, text);
        }
    }

    fn admits(&mut self, now: Instant, from: SocketAddr) -> bool {
        self.counted.queries_received += 1;
        let is_admitted = self.intake.admits(now, from.ip());
        self.counted.queries_dropped += u64::from(!is_admitted);
        is_admitted
    }

    fn give_peers(
        &mut self,
        now: Instant,
        from: SocketAddr,
        transaction: &[u8],
        infohash: Infohash,
        want: Option<Want>,
    ) {
        let max = if from.is_ipv6() { DHT_ANSWER_V6_PEERS_MAX } else { DHT_ANSWER_V4_PEERS_MAX };
        let peers = self.store.sample(now, &infohash, from.is_ipv6(), max, &mut self.rng);
        let nodes = self.nodes_for(from, &infohash.into(), want);
        let token = self.tokens.issue(now, from.ip());
        self.reply(from, transaction, nodes, peers, Some(&token));
    }

    /// The nearest nodes of the families that are wanted.
    fn nodes_for(&self, from: SocketAddr, target: &DhtId, want: Option<Want>) -> Vec<Contact> {
        let own = Want { v4: from.is_ipv4(), v6: from.is_ipv6() };
        let want = want.filter(|want| want.v4 || want.v6).unwrap_or(own);
        let wanted = [(Family::V4, want.v4), (Family::V6, want.v6)].into_iter().filter(|(_, wanted)| *wanted);
        let halves = wanted.filter_map(|(family, _)| self.half(family));
        let nearest = halves.flat_map(|half| half.table.nearest_proven(target, BUCKET));
        nearest.filter(|node| node.addr != from).collect()
    }

    fn reply(
        &mut self,
        from: SocketAddr,
        transaction: &[u8],
        nodes: Vec<Contact>,
        peers: Vec<SocketAddr>,
        token: Option<&[u8]>,
    ) {
        let Some(own) = self.half(Family::of(from)).map(|half| half.own()) else { return };
        let answer = Answer { from: own, nodes, peers, token, seen_at: Some(from) };
        self.outputs.push_back(Output::Send { to: from, bytes: answer.encode(transaction) });
    }

    fn send_error(&mut self, to: SocketAddr, transaction: &[u8], code: i64, text: &str) {
        self.outputs.push_back(Output::Send { to, bytes: encode_error(transaction, code, text) });
    }

    /// A node that asks is worth knowing if it answers, too.
    fn introduce(&mut self, now: Instant, contact: Contact) {
        let is_allowed = may_be_asked(contact.addr, self.allows_private);
        let Some(half) = self.half_mut(Family::of(contact.addr)).filter(|_| is_allowed) else { return };
        half.table.asked(now, contact);
        if half.table.has_room(&contact) && self.pings_on_the_way() < INTRODUCTIONS_MAX {
            self.ping(now, contact);
        }
    }
}
