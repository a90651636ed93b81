//! What peers say: every message goes to its place, and none can do harm.

use std::time::Instant;

use bytes::Bytes;

use super::event::Close;
use super::medium::Medium;
use super::peer::Description;
use super::{Role, Swarm};
use crate::base::ids::{LinkId, NodeId, PieceId};
use crate::base::limits::{DESCRIPTION_INTERVAL_MIN, METADATA_QUEUE_MAX_BYTES, PEER_WINDOW_MAX_PIECES};
use crate::wire::extended::{ExtendedHandshake, UT_METADATA_ID};
use crate::wire::message::Message;
use crate::wire::metadata::{METADATA_PIECE_BYTES, MetadataMessage};
use crate::wire::ut_pex::UT_PEX_ID;

impl<M: Medium> Swarm<M> {
    pub(super) fn receive(&mut self, now: Instant, link: LinkId, message: Message) {
        let Some(peer) = self.peers.get_mut(&link) else { return };
        if peer.heard(now) {
            return self.close(now, link, Close::Flooding);
        }
        match message {
            Message::Choke => self.choked_us(now, link),
            Message::Unchoke => self.unchoked_us(now, link),
            Message::Interested => self.interest(now, link, true),
            Message::NotInterested => self.interest(now, link, false),
            Message::Have { stream, piece } => self.with_piece(stream, piece, |s, id| s.have(now, link, id)),
            Message::Bitfield { stream, first, count, bits } => {
                self.with_piece(stream, first, |s, first| s.bitfield(now, link, first, count, &bits));
            }
            Message::Request { stream, piece, chunk } => {
                self.with_piece(stream, piece, |s, id| s.requested(now, link, id, chunk));
            }
            Message::Piece { stream, piece, time, chunk, data } => {
                self.with_piece(stream, piece, |s, id| s.chunk_arrived(now, link, (id, chunk), time, data));
            }
            Message::TrailingEdge { stream, piece } => {
                self.with_piece(stream, piece, |s, id| s.trailing_edge(link, id));
            }
            Message::ExtendedHandshake(raw) => self.described(now, link, &raw),
            Message::Extended { id: UT_METADATA_ID, payload } => {
                self.metadata_asked(now, link, payload);
            }
            Message::Extended { id: UT_PEX_ID, payload } => self.heard_changes(now, link, &payload),
            Message::Extended { id, payload } => M::extended(self, now, link, id, payload),
            Message::MyInfo(info) => {
                if let Ok(newest) = u32::try_from(info.max_piece) {
                    self.with_piece(0, newest, |s, id| s.have(now, link, id));
                }
            }
            Message::PeerExchange(records) => {
                let addrs = records.into_iter().map(|record| record.address.into()).collect();
                self.heard_of(now, link, addrs);
            }
            Message::SourceAnnounce { address, .. } => self.heard_of(now, link, vec![address.into()]),
            // Known and of no use to us, other streams, or unknown: harmless.
            _ => {}
        }
    }

    /// Does something with the piece that a message means; messages about pieces that cannot be are
    /// harmless.
    fn with_piece(&mut self, stream: u32, low_number: u32, act: impl FnOnce(&mut Self, PieceId)) {
        if let Some(id) = self.medium.piece_id(stream, low_number) {
            act(self, id);
        }
    }

    fn described(&mut self, now: Instant, link: LinkId, raw: &[u8]) {
        let Some(peer) = self.peers.get_mut(&link) else { return };
        let is_hasty = |at| now.saturating_duration_since(at) < DESCRIPTION_INTERVAL_MIN;
        if peer.described_at.replace(now).is_some_and(is_hasty) {
            return;
        }
        let (node_id, said) = match ExtendedHandshake::verify(raw) {
            Ok(verified) => verified,
            Err(error) => {
                tracing::debug!(target: "acestream.swarm", "link {link}: {error}");
                return self.close(now, link, Close::BadHandshake);
            }
        };
        let Some(peer) = self.peers.get(&link) else { return };
        let (addr, is_first) = (peer.addr, peer.description.is_none());
        if self.is_unwelcome(now, link, node_id) {
            return;
        }
        let Some(peer) = self.peers.get_mut(&link) else { return };
        peer.description = Some(Description::of(node_id, &said));
        if peer.is_dialed {
            self.roster.proved(addr);
        }
        if let (Ok(min), Ok(max)) = (u64::try_from(said.live.min_piece), u64::try_from(said.live.max_piece))
            && min <= max
            && max <= u64::from(u32::MAX)
        {
            self.claim_run(link, min, max);
        }
        if let Some(ip) = said.your_ip {
            self.seen_at(now, addr.ip(), ip);
        }
        if is_first {
            self.begin_exchange(now, link);
            M::introduced(self, now, link);
        }
        M::advance(self, now);
    }

    /// Ends the link of a node that is this one, banned, or connected already.
    fn is_unwelcome(&mut self, now: Instant, link: LinkId, node_id: NodeId) -> bool {
        let Some(peer) = self.peers.get(&link) else { return true };
        let (addr, is_first) = (peer.addr, peer.description.is_none());
        if node_id == self.config.node_key.node_id() {
            self.close(now, link, Close::Myself);
            self.roster.is_myself(addr);
        } else if self.bans.hits(now, addr, Some(node_id)) {
            self.close(now, link, Close::Banned);
            self.roster.remove(addr);
        } else if is_first && self.is_duplicate(now, link, node_id) {
            self.close(now, link, Close::Duplicate);
            let is_same =
                |peer: &super::Peer| peer.node_id() == Some(node_id) && peer.listen_addr() == Some(addr);
            if !self.peers.values().any(is_same) {
                self.roster.set_aside(now, addr);
            }
        } else {
            return false;
        }
        true
    }

    /// Whether this link shall go because its node is connected already. Two nodes that dialled each
    /// other at once must end the same link of the two: the one that the lower node id dialled stays.
    fn is_duplicate(&mut self, now: Instant, link: LinkId, node_id: NodeId) -> bool {
        let is_other =
            |(other, peer): &(&LinkId, &super::Peer)| **other != link && peer.node_id() == Some(node_id);
        let Some((&other, existing)) = self.peers.iter().find(is_other) else { return false };
        let Some(new) = self.peers.get(&link) else { return false };
        let we_are_lower = self.config.node_key.node_id() < node_id;
        let new_stays = self.config.newest_connection_wins
            || (new.is_dialed != existing.is_dialed && new.is_dialed == we_are_lower);
        if new_stays {
            self.close(now, other, Close::Duplicate);
        }
        !new_stays
    }

    fn choked_us(&mut self, now: Instant, link: LinkId) {
        let Some(peer) = self.peers.get_mut(&link) else { return };
        peer.unchoked_us = false;
        for key in peer.pipeline.refused() {
            self.wants.release(link, key);
        }
        self.fill_all(now);
    }

    fn unchoked_us(&mut self, now: Instant, link: LinkId) {
        let Some(peer) = self.peers.get_mut(&link) else { return };
        peer.unchoked_us = true;
        M::advance(self, now);
        self.fill(now, link);
    }

    fn interest(&mut self, now: Instant, link: LinkId, is_interested: bool) {
        let Some(peer) = self.peers.get_mut(&link) else { return };
        peer.is_interested = is_interested;
        if is_interested { self.grant(now) } else { self.set_unchoked(now, link, false) }
    }

    fn have(&mut self, now: Instant, link: LinkId, id: PieceId) {
        let Some(peer) = self.peers.get_mut(&link) else { return };
        if !peer.claims.add(id) {
            return;
        }
        peer.requests.forget_piece(id);
        self.copies.claimed(id);
        self.wants.claimed(id);
        if self.config.role == Role::Relay {
            M::advance(self, now);
            self.fill(now, link);
        }
    }

    fn bitfield(&mut self, now: Instant, link: LinkId, first: PieceId, count: u32, bits: &[u8]) {
        let is_set = |index: u64| {
            let byte = bits.get((index / 8) as usize).copied().unwrap_or(0);
            byte & (0x80 >> (index % 8)) != 0
        };
        let skip = u64::from(count).saturating_sub(PEER_WINDOW_MAX_PIECES);
        for index in skip..u64::from(count) {
            if is_set(index) {
                self.claim(link, PieceId { number: first.number + index, ..first });
            }
        }
        M::advance(self, now);
        self.fill(now, link);
    }

    fn claim_run(&mut self, link: LinkId, min: u64, max: u64) {
        for number in min.max((max + 1).saturating_sub(PEER_WINDOW_MAX_PIECES))..=max {
            self.claim(link, PieceId { stream: 0, number });
        }
    }

    /// Notes a claim. A lie costs only the liar's own record: what is plausible is asked when claims are
    /// used.
    fn claim(&mut self, link: LinkId, id: PieceId) {
        let Some(peer) = self.peers.get_mut(&link) else { return };
        if self.medium.is_plausible(id) && peer.claims.add(id) {
            self.copies.claimed(id);
            self.wants.claimed(id);
        }
    }

    fn trailing_edge(&mut self, link: LinkId, oldest: PieceId) {
        let Some(peer) = self.peers.get_mut(&link) else { return };
        // An edge beyond all claims would erase them: only what the peer still claims can remain.
        let newest = peer.claims.of(oldest.stream).and_then(|claims| claims.newest());
        if newest.is_some_and(|newest| oldest.number <= newest) {
            peer.claims.remove_before(oldest);
        }
    }

    fn metadata_asked(&mut self, now: Instant, link: LinkId, payload: Bytes) {
        let peer = self.peers.get(&link).filter(|peer| peer.queued_bytes < METADATA_QUEUE_MAX_BYTES);
        let id = peer.and_then(|peer| peer.description).and_then(|said| said.ut_metadata);
        let (Some(id), Some(MetadataMessage::Request { piece })) = (id, MetadataMessage::decode(payload))
        else {
            return;
        };
        let answer = answer_metadata(&self.config.transport_file, piece);
        self.send(now, link, Message::Extended { id, payload: answer.encode() });
    }
}

/// The answer to a request for piece `piece` of `file`.
pub(super) fn answer_metadata(file: &Bytes, piece: u32) -> MetadataMessage {
    let start = (piece as usize).saturating_mul(METADATA_PIECE_BYTES);
    if start >= file.len() {
        return MetadataMessage::Reject { piece };
    }
    let end = file.len().min(start + METADATA_PIECE_BYTES);
    MetadataMessage::Data { piece, total_bytes: file.len() as u32, data: file.slice(start..end) }
}
