//! Links that begin and end: admission, dials, bans.

use std::net::SocketAddr;
use std::time::Instant;

use super::bans::BanKey;
use super::event::{Close, Output};
use super::medium::Medium;
use super::peer::Peer;
use super::{Role, Swarm};
use crate::base::ids::{LinkId, PeerId};
use crate::base::net::canonical;

impl<M: Medium> Swarm<M> {
    pub(super) fn accepted(&mut self, now: Instant, link: LinkId, addr: SocketAddr) {
        let addr = SocketAddr::new(canonical(addr.ip()), addr.port());
        let has_priority = self.config.served_first.contain(addr.ip());
        let refusal = if self.bans.hits(now, addr, None) {
            Some(Close::Banned)
        } else if self.is_full() && !(has_priority && self.displace(now)) {
            Some(Close::Full)
        } else {
            None
        };
        match refusal {
            Some(why) => self.outputs.push_back(Output::Close { link, why }),
            None => self.add_peer(now, link, addr, false),
        }
    }

    pub(super) fn dialed(&mut self, now: Instant, link: LinkId, addr: SocketAddr) {
        self.roster.connected(addr);
        if self.bans.hits(now, addr, None) {
            self.outputs.push_back(Output::Close { link, why: Close::Banned });
            self.roster.remove(addr);
        } else if self.is_full() && !(self.roster.is_static(addr) && self.displace(now)) {
            self.outputs.push_back(Output::Close { link, why: Close::Full });
            self.roster.postpone(now, addr);
        } else {
            self.add_peer(now, link, addr, true);
        }
    }

    fn add_peer(&mut self, now: Instant, link: LinkId, addr: SocketAddr, is_dialed: bool) {
        let mut peer = Peer::new(now, addr, is_dialed, self.medium.depth_min());
        peer.has_priority = self.config.served_first.contain(addr.ip());
        self.peers.insert(link, peer);
        self.send_description(now, link);
        self.totals.has_been_reached |= !is_dialed;
    }

    pub(super) fn named(&mut self, link: LinkId, peer_id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&link) {
            peer.exchange.peer_id = Some(peer_id);
        }
    }

    fn is_full(&self) -> bool {
        self.peers.len() >= self.config.max_peers
    }

    /// Makes room for a peer that the operator named: the one nobody named that took least, the newest of
    /// equals.
    fn displace(&mut self, now: Instant) -> bool {
        let is_named = |peer: &Peer| peer.has_priority || self.roster.is_static(peer.addr);
        let expendable = self.peers.iter().filter(|(_, peer)| !is_named(peer));
        let least = expendable.min_by_key(|(link, peer)| (peer.up.total_bytes(), std::cmp::Reverse(**link)));
        let Some((&link, _)) = least else { return false };
        self.close(now, link, Close::Displaced);
        true
    }

    /// Ends a link from our side.
    pub(super) fn close(&mut self, now: Instant, link: LinkId, why: Close) {
        if self.peers.contains_key(&link) {
            self.outputs.push_back(Output::Close { link, why });
            self.link_ended(now, link);
        }
    }

    /// Forgets a link and gives what it owed to others.
    pub(super) fn link_ended(&mut self, now: Instant, link: LinkId) {
        let Some(mut peer) = self.peers.remove(&link) else { return };
        for key in peer.pipeline.clear() {
            self.wants.release(link, key);
        }
        self.wants.forget_sole(link);
        self.copies.peer_left(&peer.claims);
        self.wants.peer_left(|id| peer.claims.contains(id));
        self.medium.peer_left(link);
        if peer.is_dialed {
            self.roster.failed(now, peer.addr);
        }
        M::advance(self, now);
        self.serve(now);
    }

    /// Closes the link, if it is still there, and never talks to its owner again.
    pub(super) fn ban(&mut self, now: Instant, link: LinkId, key: BanKey, why: Close) {
        self.bans.add(now, key);
        self.totals.bans += 1;
        let Some(peer) = self.peers.get(&link) else { return };
        tracing::warn!(target: "acestream.swarm", "peer {} banned: {why}", peer.addr);
        let addr = peer.addr;
        self.close(now, link, why);
        self.roster.remove(addr);
    }

    pub(super) fn dial_and_announce(&mut self, now: Instant) {
        if self.config.role == Role::Relay {
            while let Some(addr) = self.roster.next_dial(now, self.room_to_dial()) {
                if self.is_connected_to(addr) {
                    self.roster.postpone(now, addr);
                } else {
                    self.outputs.push_back(Output::Dial(addr));
                }
            }
        }
        let is_lonely = self.is_lonely();
        while let Some((tracker, request)) = self.announcer.poll(now, is_lonely, self.totals.moved_bytes()) {
            self.outputs.push_back(Output::Announce { tracker, request });
        }
    }

    fn is_connected_to(&self, addr: SocketAddr) -> bool {
        self.peers.values().any(|peer| peer.listen_addr() == Some(addr))
    }

    pub(super) fn is_lonely(&self) -> bool {
        self.config.role == Role::Relay && self.peers.is_empty()
    }
}
