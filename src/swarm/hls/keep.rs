//! What is held: a segment that became whole, and what makes room for it.

use std::time::Instant;

use super::Hls;
use super::event::{HlsDelivery, OriginCommand};
use super::segment::Supply;
use crate::base::ids::{LinkId, PieceId};
use crate::live::piece::VerifiedPiece;
use crate::swarm::Swarm;
use crate::swarm::event::Output;
use crate::wire::message::Message;

impl Swarm<Hls> {
    /// A whole piece is here: it is served, and peers hear of it.
    pub(super) fn hold(&mut self, now: Instant, id: PieceId, piece: VerifiedPiece) {
        let (shown_at_ms, length) = (self.medium.shown_at_ms(id), piece.payload_length() as u64);
        let Some(stream) = self.medium.streams.get_mut(&id.stream) else { return };
        stream.held.insert(piece);
        let segment = stream.segments.get_mut(&id.number);
        let was_listed = segment.is_some_and(|segment| {
            segment.supply = Supply::Held;
            segment.is_listed
        });
        self.wants.remove(id);
        self.medium.asked.remove(&id);
        self.medium.untold_parts.remove(&id);
        self.medium.peers.values_mut().for_each(|peer| peer.forget_parts(id));
        self.totals.pieces_verified += 1;
        let copies = self.peers.values().filter(|peer| peer.claims.contains(id)).count();
        self.copies.begin(id, copies);
        self.send_to_all(now, &Message::Have { stream: id.stream, piece: id.number as u32 });
        self.totals.late_ms = Some(self.medium.unix_ms(now).saturating_sub(shown_at_ms));
        self.list_ready(now, id.stream);
        // One that is listed only now was delivered with that.
        if was_listed {
            self.deliver_chunks(id);
            self.outputs.push_back(Output::Hls(HlsDelivery::Complete { piece: id, length }));
        }
        self.serve(now);
    }

    pub(super) fn evict(&mut self, now: Instant) {
        let (span, bytes_max) = (self.medium.config.window_span, self.medium.config.window_bytes);
        let streams: Vec<u32> = self.medium.streams.keys().copied().collect();
        for stream in streams {
            while let Some(number) = self.medium.streams.get(&stream).and_then(|state| state.surplus(span)) {
                self.drop_oldest(now, PieceId { stream, number });
            }
        }
        while let Some(id) = self.medium.oldest_of_largest(bytes_max) {
            self.drop_oldest(now, id);
        }
    }

    fn drop_oldest(&mut self, now: Instant, id: PieceId) {
        self.drop_segment(id);
        if let Some(stream) = self.medium.streams.get_mut(&id.stream) {
            stream.leave_behind(id.number);
        }
        let oldest = self.medium.streams.get(&id.stream).and_then(|stream| stream.held.oldest());
        let Some(oldest) = oldest else { return };
        self.send_to_all(now, &Message::TrailingEdge { stream: id.stream, piece: oldest as u32 });
    }

    /// Forgets a segment altogether.
    pub(super) fn drop_segment(&mut self, id: PieceId) {
        let Some(stream) = self.medium.streams.get_mut(&id.stream) else { return };
        let segment = stream.segments.remove(&id.number);
        stream.held.remove(id.number);
        self.copies.remove(id);
        self.wants.remove(id);
        self.medium.untold_parts.remove(&id);
        self.medium.asked.remove(&id);
        let is_fetching = |supply: &Supply| {
            matches!(supply, Supply::Origin(_) | Supply::Peers { rescued_from: Some(_), .. })
        };
        if segment.is_some_and(|segment| is_fetching(&segment.supply)) {
            self.outputs.push_back(Output::Origin(OriginCommand::Cancel { piece: id }));
        }
    }

    /// Says something to every peer that described itself.
    fn send_to_all(&mut self, now: Instant, message: &Message) {
        let described = self.peers.iter().filter(|(_, peer)| peer.description.is_some());
        let links: Vec<LinkId> = described.map(|(&link, _)| link).collect();
        links.into_iter().for_each(|link| self.send(now, link, message.clone()));
    }
}
