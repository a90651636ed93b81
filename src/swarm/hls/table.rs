//! The piece table's messages in and out. What an entry is worth is for `trust`.

use std::time::Instant;

use bytes::Bytes;

use super::event::{HlsDelivery, OriginCommand};
use super::peers::HlsPeer;
use super::segment::Known;
use super::{EARLY_ENTRIES_MAX, Hls};
use crate::base::ids::{LinkId, PieceId};
use crate::live::assembler::chunk_bits;
use crate::swarm::Swarm;
use crate::swarm::event::{Close, Output};
use crate::swarm::medium::Run;
use crate::wire::hls::catalog::SignedCatalog;
use crate::wire::hls::entry::{Content, Entry, TableEntry};
use crate::wire::hls::segment::InitId;
use crate::wire::hls::table::{TABLE_ID, TableMessage};
use crate::wire::message::Message;

/// A content that a peer offers for a segment that our own playlist does not show yet.
#[derive(Debug, Clone)]
pub struct Early {
    pub id: PieceId,
    pub content: Content,
    pub is_own: bool,
}

impl Swarm<Hls> {
    /// Says something to one peer, if it speaks of tables.
    pub(super) fn tell(&mut self, now: Instant, link: LinkId, message: &TableMessage) {
        let said = self.peers.get(&link).and_then(|peer| peer.description);
        if let Some(id) = said.and_then(|said| said.piece_table) {
            self.send(now, link, Message::Extended { id, payload: message.encode() });
        }
    }

    /// Says something to everybody who watches the stream.
    pub(super) fn tell_watchers(&mut self, now: Instant, stream: u32, message: &TableMessage) {
        let watchers = self.medium.peers.iter().filter(|(_, peer)| peer.watches(stream));
        let links: Vec<LinkId> = watchers.map(|(&link, _)| link).collect();
        links.into_iter().for_each(|link| self.tell(now, link, message));
    }

    /// A peer described itself: it learns what we watch and which streams there are.
    pub(super) fn introduce_table(&mut self, now: Instant, link: LinkId) {
        let speaks = self.peers.get(&link).and_then(|peer| peer.description);
        if speaks.is_none_or(|said| said.piece_table.is_none()) {
            return;
        }
        self.medium.peers.entry(link).or_default();
        if let Some(catalog) = self.medium.signed_catalog.clone() {
            self.tell(now, link, &TableMessage::Catalog(catalog));
        }
        self.tell_watching(now);
        self.send(now, link, Message::Interested);
    }

    /// A peer began to watch a stream: it learns of every segment that we can say something of, and then
    /// which of them we hold.
    pub(super) fn introduce_stream(&mut self, now: Instant, link: LinkId, stream: u32) {
        let Some(state) = self.medium.streams.get(&stream) else { return };
        let segments = state.segments.values();
        let entries: Vec<(TableEntry, bool)> =
            segments.filter_map(|segment| Some((segment.entry.clone()?, segment.is_own_entry))).collect();
        for (entry, is_own) in entries {
            self.tell_entry(now, link, entry, is_own);
        }
        let runs: Vec<Run> = self.runs_of(stream);
        self.send_runs(now, link, &runs);
    }

    fn tell_entry(&mut self, now: Instant, link: LinkId, entry: TableEntry, is_own: bool) {
        let message = TableMessage::Entry { entry: Box::new(entry), is_own };
        self.tell(now, link, &message);
    }

    /// Passes a segment's entry on to those who watch the stream and do not show that they know what it says.
    pub(super) fn spread_entry(&mut self, now: Instant, id: PieceId) {
        let Some(segment) = self.medium.segment(id) else { return };
        let Some(entry) = segment.entry.clone() else { return };
        let is_own = segment.is_own_entry;
        let offer = entry.entry.content.as_ref().and_then(|content| segment.offer_of(content));
        let knows = |link: &LinkId, peer: &HlsPeer| {
            offer.is_some_and(|offer| offer.givers.contains_key(link))
                || peer.has_parts(id)
                || self.peers.get(link).is_some_and(|peer| peer.claims.contains(id))
        };
        let lacking =
            self.medium.peers.iter().filter(|(link, peer)| peer.watches(id.stream) && !knows(link, peer));
        let links: Vec<LinkId> = lacking.map(|(&link, _)| link).collect();
        let message = TableMessage::Entry { entry: Box::new(entry), is_own };
        links.into_iter().for_each(|link| self.tell(now, link, &message));
    }

    pub(super) fn table_message(&mut self, now: Instant, link: LinkId, payload: &Bytes) {
        if !self.medium.peers.contains_key(&link) {
            return;
        }
        let Some(message) = TableMessage::decode(payload) else {
            return self.close(now, link, Close::Malformed);
        };
        match message {
            TableMessage::Catalog(catalog) => self.catalog_told(now, link, catalog),
            TableMessage::Entry { entry, is_own } => self.entry_told(now, link, *entry, is_own),
            TableMessage::Fetching(id) => self.fetching_told(now, link, id),
            TableMessage::Watching(watching) => self.peer_watches(now, link, watching),
            TableMessage::Held { piece, bits } => self.parts_told(now, link, piece, bits),
            TableMessage::Newest(id) => self.newest_told(id),
            TableMessage::InitWanted(id) => self.init_wanted(now, link, id),
            TableMessage::Init(bytes) => self.init_told(bytes),
        }
        self.advance_segments(now);
    }

    /// Only the broadcast's key says which streams there are; who could read the playlist knows by itself.
    fn catalog_told(&mut self, now: Instant, link: LinkId, catalog: SignedCatalog) {
        let has_read = self.medium.config.reads_playlists && self.medium.signed_catalog.is_none();
        if has_read && self.medium.catalog.is_some() {
            return;
        }
        let Some(key) = self.medium.config.public_key else { return };
        let known = self.medium.signed_catalog.as_ref();
        if known.is_some_and(|known| known.made_at_ms >= catalog.made_at_ms) {
            return;
        }
        if !catalog.is_signed_by(&self.config.infohash, &key) {
            // two people may make files for one public playlist: another key is no lie there
            if self.medium.config.needs_signature {
                self.ban_link(now, link, Close::Forged);
            }
            return;
        }
        let shared = std::sync::Arc::new(catalog.catalog.clone());
        self.medium.catalog = Some(shared.clone());
        self.medium.signed_catalog = Some(catalog.clone());
        self.outputs.push_back(Output::Hls(HlsDelivery::Catalog(shared)));
        let links: Vec<LinkId> = self.medium.peers.keys().copied().filter(|&other| other != link).collect();
        links.into_iter().for_each(|other| self.tell(now, other, &TableMessage::Catalog(catalog.clone())));
        self.follow_demand(now);
    }

    fn entry_told(&mut self, now: Instant, link: LinkId, told: TableEntry, is_own: bool) {
        if !self.medium.streams.contains_key(&told.entry.piece.stream) {
            return;
        }
        if told.entry.content.is_some() {
            self.promise_kept(link, told.entry.piece);
        }
        let key = self.medium.config.public_key.filter(|_| told.signature.is_some());
        match key {
            Some(key) if !self.is_known_entry(&told) => {
                if told.is_signed_by(&self.config.infohash, &key) {
                    self.signed_entry(now, link, told);
                } else {
                    self.unsigned_entry(now, link, &told.entry, is_own);
                }
            }
            Some(_) => {}
            None => self.unsigned_entry(now, link, &told.entry, is_own),
        }
    }

    /// Where signatures are needed, nobody honest makes an entry of its own.
    fn unsigned_entry(&mut self, now: Instant, link: LinkId, entry: &Entry, is_own: bool) {
        if !self.medium.config.needs_signature {
            return self.offered(link, entry, is_own);
        }
        match self.medium.segment(entry.piece).map(|segment| self.counts_unsigned(segment)) {
            Some(true) => self.offered(link, entry, is_own),
            Some(false) => self.ban_link(now, link, Close::Forged),
            None => {}
        }
    }

    /// The very entry that we have: its signature was checked.
    fn is_known_entry(&self, told: &TableEntry) -> bool {
        let known = self.medium.segment(told.entry.piece).and_then(|segment| segment.entry.as_ref());
        known.is_some_and(|known| known.raw == told.raw && known.signature == told.signature)
    }

    /// An entry that the broadcast's key signed is as good as a playlist of the origin.
    fn signed_entry(&mut self, now: Instant, link: LinkId, told: TableEntry) {
        let entry = &told.entry;
        let id = entry.piece;
        let Some(stream) = self.medium.streams.get(&id.stream) else { return };
        let newest = stream.newest();
        if entry.epoch < stream.epoch {
            return;
        }
        if entry.epoch > stream.epoch {
            match newest {
                // who read the playlist alone so far knows of no epoch: what it read is of this one
                Some(newest) if id.number <= newest && stream.epoch > 0 => {
                    self.reset_stream(now, id.stream, entry.epoch);
                }
                _ => self.adopt_epoch(id.stream, entry.epoch),
            }
        }
        let is_new = self.medium.know(now, id, known_of(entry));
        let Some(segment) = self.medium.segment_mut(id) else { return };
        let has_news = is_new
            || segment.entry.as_ref().is_none_or(|held| held.signature.is_none())
            || (segment.offers.iter().all(|offer| !offer.is_signed) && entry.content.is_some());
        if !has_news {
            return;
        }
        if let Some(content) = entry.content.clone() {
            segment.offer(content, true, Some((link, false)));
        }
        let at = told.at.clone().filter(|_| !segment.is_at_known);
        segment.at = at.or(segment.at.take());
        let is_local = entry.is_address_local;
        segment.entry = Some(if is_local { told.without_address() } else { told });
        segment.is_own_entry = false;
        self.want_init(now, link, id);
        self.spread_entry(now, id);
    }

    fn adopt_epoch(&mut self, stream: u32, epoch: u64) {
        if let Some(state) = self.medium.streams.get_mut(&stream) {
            state.epoch = epoch;
        }
        self.medium.config.epoch = self.medium.config.epoch.max(epoch);
    }

    /// A peer says what a segment is. It counts for segments that our own playlist shows.
    fn offered(&mut self, link: LinkId, entry: &Entry, is_own: bool) {
        let Some(content) = entry.content.clone() else { return };
        let early = Early { id: entry.piece, content, is_own };
        if self.take_offer(link, &early) {
            return;
        }
        let newest = self.medium.streams.get(&early.id.stream).and_then(|stream| stream.newest());
        if newest.is_none_or(|newest| early.id.number > newest) {
            if self.medium.early.len() >= EARLY_ENTRIES_MAX {
                self.medium.early.pop_front();
            }
            let stream = early.id.stream;
            self.medium.early.push_back((link, early));
            self.read_now(stream);
        }
    }

    /// Notes an offer for a segment that is known; `false` when it is not.
    fn take_offer(&mut self, link: LinkId, early: &Early) -> bool {
        let Some(segment) = self.medium.segment_mut(early.id) else { return false };
        let is_rival =
            segment.is_open() && segment.offer(early.content.clone(), false, Some((link, early.is_own)));
        if is_rival {
            self.settle_difference(early.id);
        }
        true
    }

    /// Our own playlist shows more: what was offered for that counts now.
    pub(super) fn take_early_offers(&mut self) {
        for (link, early) in std::mem::take(&mut self.medium.early) {
            if self.peers.contains_key(&link) && !self.take_offer(link, &early) {
                self.medium.early.push_back((link, early));
            }
        }
    }

    /// A peer that said it fetches the segment has it.
    fn promise_kept(&mut self, link: LinkId, id: PieceId) {
        let promise = self.medium.segment_mut(id).and_then(|segment| segment.fetching.remove(&link));
        if let (Some(_), Some(peer)) = (promise, self.medium.peers.get_mut(&link)) {
            peer.broken_promises = peer.broken_promises.saturating_sub(1);
        }
    }

    fn fetching_told(&mut self, now: Instant, link: LinkId, id: PieceId) {
        match self.medium.segment_mut(id) {
            Some(segment) => {
                segment.note_fetching(link, now);
            }
            None => self.read_now(id.stream),
        }
    }

    fn read_now(&mut self, stream: u32) {
        if self.medium.config.reads_playlists && self.medium.streams.contains_key(&stream) {
            self.outputs.push_back(Output::Origin(OriginCommand::ReadNow { stream }));
        }
    }

    fn newest_told(&mut self, id: PieceId) {
        if let Some(stream) = self.medium.streams.get_mut(&id.stream) {
            let is_news = stream.newest().is_none_or(|newest| id.number > newest);
            stream.newest_told = Some(id.number);
            if is_news {
                self.read_now(id.stream);
            }
        }
    }

    fn parts_told(&mut self, now: Instant, link: LinkId, id: PieceId, bits: Bytes) {
        if let Some(peer) = self.peers.get_mut(&link) {
            peer.requests.forget_chunks(id, |chunk| has_bit(&bits, chunk));
        }
        let is_wanted = self.medium.segment(id).is_some_and(|segment| segment.is_open());
        let is_claimed = self.peers.get(&link).is_some_and(|peer| peer.claims.contains(id));
        if let Some(peer) = self.medium.peers.get_mut(&link).filter(|_| is_wanted && !is_claimed) {
            peer.note_parts(id, bits);
            self.fill(now, link);
        }
    }

    /// Tells peers which chunks are here of pieces that are not whole yet.
    pub(super) fn tell_parts(&mut self, now: Instant) {
        for id in std::mem::take(&mut self.medium.untold_parts) {
            let Some(assembly) = self.wants.assembly(id) else { continue };
            let bits = chunk_bits(assembly);
            let lacks = |link: &LinkId| {
                self.peers.get(link).is_some_and(|peer| !peer.claims.contains(id))
                    && self.medium.peers.get(link).is_some_and(|peer| peer.watches(id.stream))
            };
            let links: Vec<LinkId> = self.medium.peers.keys().copied().filter(lacks).collect();
            let message = TableMessage::Held { piece: id, bits };
            links.into_iter().for_each(|link| self.tell(now, link, &message));
        }
    }

    fn init_wanted(&mut self, now: Instant, link: LinkId, id: InitId) {
        if let Some(bytes) = self.medium.inits.get(&id).cloned() {
            self.tell(now, link, &TableMessage::Init(bytes));
        }
    }

    /// Asks for the initialisation section of a segment, if it is not here.
    fn want_init(&mut self, now: Instant, link: LinkId, id: PieceId) {
        let init = self.medium.segment(id).and_then(|segment| segment.known.init);
        if let Some(init) = init.filter(|init| !self.medium.inits.contains_key(init)) {
            self.medium.wanted_inits.insert(init);
            self.tell(now, link, &TableMessage::InitWanted(init));
        }
    }

    fn init_told(&mut self, bytes: Bytes) {
        let id = InitId::of(&bytes);
        if self.medium.wanted_inits.remove(&id) {
            self.medium.remember_init(id, bytes.clone());
            self.outputs.push_back(Output::Hls(HlsDelivery::Init { id, bytes }));
        }
    }

    pub(super) fn ban_link(&mut self, now: Instant, link: LinkId, why: Close) {
        if let Some(key) = self.peers.get(&link).map(crate::swarm::peer::Peer::ban_key) {
            self.ban(now, link, key, why);
        }
    }
}

/// Whether a chunk's bit is set, most significant first.
fn has_bit(bits: &[u8], chunk: u16) -> bool {
    bits.get(usize::from(chunk / 8)).is_some_and(|byte| byte & (0x80 >> (chunk % 8)) != 0)
}

fn known_of(entry: &Entry) -> Known {
    Known {
        duration_us: entry.duration_us,
        tags: entry.tags.clone(),
        init: entry.init,
        key: entry.key.clone(),
        target_duration_s: entry.target_duration_s,
        discontinuities_before: entry.discontinuities_before,
        listed_count: entry.listed_count,
        shown_at_ms: entry.shown_at_ms,
    }
}

/// The id under which we take these messages.
pub(super) const OUR_TABLE_ID: u8 = TABLE_ID;
