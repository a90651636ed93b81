//! What the origin's reader tells, and what players are told: segments in order, each as soon as there is
//! something of it.

use std::sync::Arc;
use std::time::Instant;

use super::Hls;
use super::event::{HlsDelivery, Listing, OriginEvent, SegmentInfo};
use super::segment::{Belief, Known, Segment, Supply};
use super::stream::SEGMENTS_MAX;
use crate::base::ids::PieceId;
use crate::swarm::Swarm;
use crate::swarm::event::Output;
use crate::swarm::pipeline::ChunkKey;
use crate::wire::hls::catalog::{Catalog, SignedCatalog};
use crate::wire::hls::table::TableMessage;

impl Swarm<Hls> {
    pub(super) fn origin_event(&mut self, now: Instant, event: OriginEvent) {
        match event {
            OriginEvent::Catalog(catalog) => self.catalog_read(now, catalog),
            OriginEvent::Init { id, bytes } => {
                self.medium.remember_init(id, bytes.clone());
                self.outputs.push_back(Output::Hls(HlsDelivery::Init { id, bytes }));
            }
            OriginEvent::Listed(listing) => self.listed(now, &listing),
            OriginEvent::Reset { stream } => {
                let epoch = (self.medium.config.epoch + 1).max(self.medium.unix_ms(now) / 1000);
                self.medium.config.epoch = epoch;
                self.reset_stream(now, stream, epoch);
            }
            OriginEvent::Chunk { piece, chunk, data, is_last } => {
                self.origin_chunk(now, (piece, chunk), data, is_last);
            }
            OriginEvent::Failed { piece, is_gone } => self.origin_failed(now, piece, is_gone),
            OriginEvent::Checked { piece, chunk, hash } => self.checked(now, (piece, chunk), hash),
        }
        self.advance_segments(now);
    }

    fn catalog_read(&mut self, now: Instant, catalog: Arc<Catalog>) {
        if self.medium.catalog.as_deref() == Some(&*catalog) {
            return;
        }
        if let Some(key) = &self.medium.config.signer {
            let made_at_ms = self.medium.unix_ms(now);
            let signed = SignedCatalog::sign((*catalog).clone(), made_at_ms, &self.config.infohash, key);
            self.medium.signed_catalog = Some(signed.clone());
            let links: Vec<_> = self.medium.peers.keys().copied().collect();
            links.into_iter().for_each(|link| self.tell(now, link, &TableMessage::Catalog(signed.clone())));
        }
        self.medium.catalog = Some(catalog.clone());
        self.outputs.push_back(Output::Hls(HlsDelivery::Catalog(catalog)));
        self.follow_demand(now);
    }

    /// Our own playlist shows these segments.
    fn listed(&mut self, now: Instant, listing: &Listing) {
        let Some(stream) = self.medium.streams.get_mut(&listing.stream) else { return };
        stream.joins_at = now;
        let start = stream.start.unwrap_or(0);
        let skipped = listing.segments.len().saturating_sub(SEGMENTS_MAX);
        let mut discontinuities = listing.discontinuity_sequence;
        let mut news = Vec::new();
        for (at, segment) in listing.segments.iter().enumerate() {
            let id = PieceId { stream: listing.stream, number: segment.number };
            let known = self.medium.known_of(now, listing, at, discontinuities);
            discontinuities += u64::from(segment.tags.discontinuity);
            if at < skipped || segment.number < start {
                continue;
            }
            if self.medium.know(now, id, known) {
                news.push(id);
            }
            self.medium.locate(id, segment);
        }
        self.take_early_offers();
        news.into_iter().for_each(|id| self.announce_listed(now, id));
    }

    /// What peers are told of a segment before its bytes are known.
    fn announce_listed(&mut self, now: Instant, id: PieceId) {
        if self.medium.config.skips_data && self.is_signer() {
            let entry = self.entry_of(id, None);
            if let Some(segment) = self.medium.segment_mut(id) {
                segment.entry = entry;
                segment.is_own_entry = true;
                // nobody plays it here, but its number is given away
                let info = Arc::new(segment_info(segment));
                self.outputs.push_back(Output::Hls(HlsDelivery::Listed(info)));
            }
            self.spread_entry(now, id);
        }
        if self.medium.config.tells_newest && !self.medium.is_newest_told(id) {
            self.tell_watchers(now, id.stream, &TableMessage::Newest(id));
        }
    }

    /// Tells players of the segments that are next and of which there is something.
    pub(super) fn list_ready(&mut self, now: Instant, stream: u32) {
        loop {
            let Some(state) = self.medium.streams.get(&stream).filter(|state| state.start.is_some()) else {
                return;
            };
            let number = state.next_listed;
            let id = PieceId { stream, number };
            let Some(segment) = state.segments.get(&number) else {
                let Some(target) = state.next_after_hole(now) else {
                    return state.hole_ends_at().into_iter().for_each(|at| self.medium.wake(at));
                };
                self.set_next_listed(stream, target);
                continue;
            };
            let is_gap = segment.known.tags.gap;
            if matches!(segment.supply, Supply::Lost) && !is_gap {
                self.set_next_listed(stream, number + 1);
                continue;
            }
            let has_init = segment.known.init.is_none_or(|init| self.medium.inits.contains_key(&init));
            if !has_init || !(is_gap || self.has_something(id)) {
                return;
            }
            self.list(id);
        }
    }

    fn set_next_listed(&mut self, stream: u32, number: u64) {
        if let Some(state) = self.medium.streams.get_mut(&stream) {
            state.next_listed = number;
        }
    }

    fn list(&mut self, id: PieceId) {
        self.set_next_listed(id.stream, id.number + 1);
        let Some(segment) = self.medium.segment_mut(id) else { return };
        segment.is_listed = true;
        let info = segment_info(segment);
        self.outputs.push_back(Output::Hls(HlsDelivery::Listed(Arc::new(info))));
        self.deliver_chunks(id);
        let whole = self.medium.streams.get(&id.stream).and_then(|stream| stream.held.get(id.number));
        if let Some(length) = whole.map(|piece| piece.payload_length() as u64) {
            self.outputs.push_back(Output::Hls(HlsDelivery::Complete { piece: id, length }));
        }
    }

    /// Whether players could get a first chunk.
    fn has_something(&self, id: PieceId) -> bool {
        let Some(segment) = self.medium.segment(id) else { return false };
        match &segment.supply {
            Supply::Held => true,
            Supply::Origin(gatherer) => gatherer.chunks() > 0,
            Supply::Peers { .. } if segment.belief == Belief::Confirmed => {
                self.wants.assembly(id).is_some_and(|assembly| assembly.verified_chunks().next().is_some())
            }
            _ => false,
        }
    }

    /// Hands players every chunk of a listed segment that they did not get.
    pub(super) fn deliver_chunks(&mut self, id: PieceId) {
        let Some(segment) = self.medium.segment(id) else { return };
        let count = match &segment.supply {
            Supply::Held => self.held_chunks(id),
            Supply::Origin(gatherer) => gatherer.chunks(),
            Supply::Peers { content, .. } => content.chunks(),
            _ => 0,
        };
        (0..count).for_each(|chunk| self.deliver_chunk((id, chunk)));
    }

    fn held_chunks(&self, id: PieceId) -> u16 {
        let stream = self.medium.streams.get(&id.stream);
        stream.and_then(|stream| stream.held.get(id.number)).map_or(0, |piece| piece.chunk_count())
    }

    /// Hands players a chunk of a listed segment, if it is here and they did not get it.
    pub(super) fn deliver_chunk(&mut self, (id, chunk): ChunkKey) {
        let Some(data) = self.playable_chunk((id, chunk)) else { return };
        let Some(segment) = self.medium.segment_mut(id).filter(|segment| segment.is_listed) else { return };
        if segment.mark_delivered(chunk) {
            self.outputs.push_back(Output::Hls(HlsDelivery::Chunk { piece: id, chunk, data }));
        }
    }

    /// A chunk that may be played: of our own fetch, or of a content that is believed.
    fn playable_chunk(&self, (id, chunk): ChunkKey) -> Option<bytes::Bytes> {
        let segment = self.medium.segment(id)?;
        match &segment.supply {
            Supply::Held => {
                let stream = self.medium.streams.get(&id.stream)?;
                stream.held.get(id.number)?.chunk(chunk).cloned()
            }
            Supply::Origin(gatherer) => gatherer.chunk(chunk).cloned(),
            Supply::Peers { .. } if segment.belief == Belief::Confirmed => {
                self.wants.assembly(id)?.verified_chunk(chunk).cloned()
            }
            _ => None,
        }
    }
}

impl Hls {
    /// Whether a peer told of the segment before: then others know it too.
    fn is_newest_told(&self, id: PieceId) -> bool {
        let told = self.streams.get(&id.stream).and_then(|stream| stream.newest_told);
        told.is_some_and(|told| told >= id.number)
    }

    /// What a playlist of the origin says of the segment at `at` of it.
    fn known_of(&self, now: Instant, listing: &Listing, at: usize, discontinuities_before: u64) -> Known {
        let segment = &listing.segments[at];
        Known {
            duration_us: segment.duration_us,
            tags: segment.tags.clone(),
            init: segment.init,
            key: segment.key.clone().filter(|_| !self.config.decrypts),
            target_duration_s: listing.target_duration_s,
            discontinuities_before,
            listed_count: listing.segments.len() as u32,
            shown_at_ms: self.unix_ms(now),
        }
    }
}

fn segment_info(segment: &Segment) -> SegmentInfo {
    let known = segment.known.clone();
    SegmentInfo {
        piece: segment.id,
        duration_us: known.duration_us,
        tags: known.tags,
        init: known.init,
        key: known.key,
        length: match &segment.supply {
            Supply::Peers { content, .. } => Some(content.length()),
            _ => None,
        },
        target_duration_s: known.target_duration_s,
        discontinuities_before: known.discontinuities_before,
        listed_count: known.listed_count,
    }
}
