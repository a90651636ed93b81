//! Peer exchange: whom this node tells of whom, and what it makes of what it is told.
//!
//! Told are the addresses of connected peers that listen, to peers that can reach them, with what the peers
//! themselves claim to hold. Never told: this node, the one who is told, those that are banned, and the
//! addresses of `--download-from`. Peers of our own kind get `ut_pex`, which carries IPv6 and only what
//! changed; others get message 12. What peers name is hearsay: bounded by informant and in all, and dialled
//! after what others named.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::bans::BanKey;
use super::medium::Medium;
use super::peer::Peer;
use super::{Role, Swarm};
use crate::base::ids::{LinkId, PeerId};
use crate::base::limits::{PEX_HEARD_PER_MINUTE_MAX, PEX_TOLD_MAX};
use crate::base::net::{is_dialable, is_of_use_to};
use crate::wire::message::Message;
use crate::wire::pex::PexRecord;
use crate::wire::ut_pex::PeerChanges;

/// From a peer's description to the first exchange with it: others that come at the same time are told too.
const FIRST_AFTER: Duration = Duration::from_secs(2);
const INTERVAL: Duration = Duration::from_secs(60);
/// Until we look again when there was nothing to tell.
const IDLE_INTERVAL: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// What one peer was told, and told us.
#[derive(Debug, Default)]
pub struct PeerExchange {
    /// From its handshake.
    pub peer_id: Option<PeerId>,
    /// When it is told next; `None` before it described itself.
    next_at: Option<Instant>,
    /// What it knows from us, for `ut_pex`.
    told: BTreeSet<SocketAddr>,
    /// Addresses that it named in the minute that began then.
    heard: Option<(Instant, u32)>,
}

impl PeerExchange {
    /// How many of `count` addresses are looked at.
    fn admit(&mut self, now: Instant, count: usize) -> usize {
        let (since, heard) = self
            .heard
            .filter(|(since, _)| now.saturating_duration_since(*since) < MINUTE)
            .unwrap_or((now, 0));
        let admitted = count.min(PEX_HEARD_PER_MINUTE_MAX.saturating_sub(heard) as usize);
        self.heard = Some((since, heard + admitted as u32));
        admitted
    }

    /// The next message of `ut_pex`, of at most [`PEX_TOLD_MAX`] each; `listed` is in the order of choice.
    fn changes(&mut self, listed: &[SocketAddr]) -> PeerChanges {
        let is_gone = |addr: &&SocketAddr| !listed.contains(addr);
        let dropped: Vec<_> = self.told.iter().filter(is_gone).take(PEX_TOLD_MAX).copied().collect();
        let is_new = |addr: &&SocketAddr| !self.told.contains(addr);
        let added: Vec<_> = listed.iter().filter(is_new).take(PEX_TOLD_MAX).copied().collect();
        self.told.extend(&added);
        dropped.iter().for_each(|addr| _ = self.told.remove(addr));
        PeerChanges { added, dropped }
    }
}

impl<M: Medium> Swarm<M> {
    /// The peer described itself for the first time.
    pub(super) fn begin_exchange(&mut self, now: Instant, link: LinkId) {
        let wait = FIRST_AFTER.mul_f64(0.5 + self.exchange_rng.unit());
        if !self.config.is_private
            && let Some(peer) = self.peers.get_mut(&link)
        {
            peer.exchange.next_at = Some(now + wait);
        }
    }

    /// Tells those whose time has come.
    pub(super) fn exchange(&mut self, now: Instant) {
        let is_due = |peer: &Peer| peer.exchange.next_at.is_some_and(|at| at <= now);
        let due: Vec<_> = self.peers.iter().filter(|(_, peer)| is_due(peer)).map(|(&link, _)| link).collect();
        for link in due {
            let count = self.tell_of_others(now, link);
            self.totals.pex_told += count as u64;
            let interval = if count == 0 { IDLE_INTERVAL } else { INTERVAL };
            let next_at = now + interval.mul_f64(0.75 + 0.5 * self.exchange_rng.unit());
            if let Some(peer) = self.peers.get_mut(&link) {
                peer.exchange.next_at = Some(next_at);
            }
        }
    }

    /// Sends what the peer may know, if anything; gives how many addresses that were.
    fn tell_of_others(&mut self, now: Instant, link: LinkId) -> usize {
        let Some(ut_pex) = self.peers.get(&link).and_then(|peer| peer.description).map(|said| said.ut_pex)
        else {
            return 0;
        };
        let others = self.due_telling(now, link);
        let (count, message) = match ut_pex {
            Some(id) => {
                let listed: Vec<_> = others.iter().filter_map(|link| self.listen_addr(*link)).collect();
                let Some(peer) = self.peers.get_mut(&link) else { return 0 };
                let changes = peer.exchange.changes(&listed);
                let count = changes.added.len() + changes.dropped.len();
                (count, Message::Extended { id, payload: changes.encode() })
            }
            None => {
                let records = others.iter().filter_map(|other| self.pex_record(self.peers.get(other)?));
                let records: Vec<_> = records.take(PEX_TOLD_MAX).collect();
                (records.len(), Message::PeerExchange(records))
            }
        };
        if count > 0 {
            tracing::debug!(target: "acestream.pex", "link {link}: told {count} addresses");
            self.send(now, link, message);
        }
        count
    }

    /// The peers that the one at `link` may hear of, in random order, each node once.
    fn due_telling(&mut self, now: Instant, link: LinkId) -> Vec<LinkId> {
        let Some(receiver) = self.peers.get(&link) else { return Vec::new() };
        let (to, own_addr, own_id) = (receiver.addr.ip(), receiver.listen_addr(), receiver.node_id());
        let mut told = Vec::new();
        for (&other, peer) in &self.peers {
            let Some(addr) = peer.listen_addr() else { continue };
            let is_receiver = other == link || Some(addr) == own_addr || peer.node_id() == own_id;
            let is_told = peer.description.is_some()
                && !is_receiver
                && is_dialable(addr)
                && is_of_use_to(addr.ip(), to)
                && !self.config.is_secret(addr)
                && !self.bans.hits(now, addr, peer.node_id());
            if is_told {
                told.push(other);
            }
        }
        self.exchange_rng.shuffle(&mut told);
        told
    }

    /// What is known of the peer; `None` without what the record must hold.
    fn pex_record(&self, peer: &Peer) -> Option<PexRecord> {
        let SocketAddr::V4(address) = peer.listen_addr()? else { return None };
        let number = |piece: Option<u64>| piece.map_or(-1, |piece| piece as i64);
        let claims = peer.claims.only();
        Some(PexRecord {
            address,
            peer_id: peer.exchange.peer_id?,
            min_piece: number(claims.oldest()),
            max_piece: number(claims.newest()),
            distance_from_source: i32::try_from(self.distance_of(peer)).unwrap_or(-1),
            position: number(claims.newest()),
            version: u32::try_from(peer.description?.version).unwrap_or(0),
        })
    }

    /// In the peer's own words; one that held nothing when it described itself is no farther than over us.
    fn distance_of(&self, peer: &Peer) -> i64 {
        let said = peer.description.map_or(-1, |said| said.distance_from_source);
        let is_source = peer.description.is_some_and(|said| said.is_source);
        if said >= 0 || is_source || peer.claims.only().newest().is_none() {
            return said;
        }
        match (self.config.role, self.distance_from_source()) {
            (Role::Source, _) => 0,
            (Role::Relay, own @ 0..) => own + 1,
            (Role::Relay, _) => -1,
        }
    }

    fn listen_addr(&self, link: LinkId) -> Option<SocketAddr> {
        self.peers.get(&link)?.listen_addr()
    }

    /// A peer sent `ut_pex`. Who dropped out of its sight may still be in ours.
    pub(super) fn heard_changes(&mut self, now: Instant, link: LinkId, payload: &Bytes) {
        if let Some(changes) = PeerChanges::decode(payload) {
            self.heard_of(now, link, changes.added);
        }
    }

    /// A peer named addresses; a source dials nobody.
    pub(super) fn heard_of(&mut self, now: Instant, link: LinkId, addrs: Vec<SocketAddr>) {
        if self.config.role == Role::Source || self.config.is_private {
            return;
        }
        let Some(peer) = self.peers.get_mut(&link).filter(|peer| peer.description.is_some()) else { return };
        let (from, key) = (peer.addr.ip(), peer.ban_key());
        let (named, admitted) = (addrs.len(), peer.exchange.admit(now, addrs.len()));
        let is_usable = |addr: &SocketAddr| is_of_use_to(addr.ip(), from) && !self.is_own_address(*addr);
        let usable: Vec<_> = addrs.into_iter().take(admitted).filter(is_usable).collect();
        let taken = self.hear(now, usable, key);
        self.totals.pex_heard += taken as u64;
        self.totals.pex_refused += (named - taken) as u64;
        tracing::debug!(target: "acestream.pex", "link {link}: named {named} addresses, {taken} are taken");
    }

    /// Remembers hearsay of one informant; gives how much of it was taken or known.
    fn hear(&mut self, now: Instant, addrs: Vec<SocketAddr>, informant: BanKey) -> usize {
        let (bans, may_be_private) = (&mut self.bans, self.config.allow_private_addresses);
        let addrs = addrs.into_iter().filter(|&addr| !bans.hits(now, addr, None));
        self.roster.hear(now, addrs, informant, may_be_private)
    }
}
