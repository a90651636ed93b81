//! Getting segments: from peers once somebody offers a content, from the origin when it is our turn, and in
//! the end from wherever it can still be had.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::event::OriginCommand;
use super::segment::{Belief, Segment, Supply};
use super::{Hls, ORIGIN};
use crate::base::ids::PieceId;
use crate::live::assembler::{Added, Shape};
use crate::live::gatherer::Gatherer;
use crate::swarm::Swarm;
use crate::swarm::event::Output;
use crate::swarm::pipeline::ChunkKey;
use crate::wire::hls::entry::{Content, Entry, TableEntry};
use crate::wire::hls::table::TableMessage;

/// Fetches from the origin at once.
const FETCHES_MAX: usize = 4;
/// After a fetch that failed.
const RETRY: Duration = Duration::from_millis(500);
/// So many failures in a row, and fetching is left to others for [`REST`].
const FAILURES_MAX: u32 = 3;
const REST: Duration = Duration::from_secs(20);
/// Peers hear of new chunks of a piece this often.
const PARTS_INTERVAL: Duration = Duration::from_millis(40);

impl Swarm<Hls> {
    /// Moves every segment on that is wanted and not here.
    pub(super) fn advance_segments(&mut self, now: Instant) {
        self.medium.wakes_at = None;
        let streams: Vec<u32> = self.medium.streams.keys().copied().collect();
        for stream in streams {
            self.join_stream(now, stream);
            let open = self.medium.streams.get(&stream).map(super::stream::Stream::open).unwrap_or_default();
            open.into_iter().for_each(|number| self.decide(now, PieceId { stream, number }));
            self.list_ready(now, stream);
        }
        self.evict(now);
        self.tell_parts_in_time(now);
    }

    fn join_stream(&mut self, now: Instant, stream: u32) {
        let Some(state) = self.medium.streams.get_mut(&stream) else { return };
        if state.start.is_some() || state.segments.is_empty() {
            return;
        }
        let joins_at = state.joins_at;
        if now < joins_at {
            return self.medium.wake(joins_at);
        }
        if state.join() {
            self.totals.joins += 1;
        }
    }

    fn decide(&mut self, now: Instant, id: PieceId) {
        let Some(segment) = self.medium.segment(id) else { return };
        if segment.known.tags.gap {
            return self.lose(now, id);
        }
        match &segment.supply {
            Supply::None => self.begin(now, id),
            Supply::Peers { rescued_from: None, .. } => self.rescue_in_time(now, id),
            _ => {}
        }
        self.lose_in_time(now, id);
    }

    fn begin(&mut self, now: Instant, id: PieceId) {
        if self.medium.config.skips_data {
            return;
        }
        let Some(segment) = self.medium.segment(id) else { return };
        let counts_unsigned = self.counts_unsigned(segment);
        let offer = segment.best_offer().filter(|offer| offer.is_signed || counts_unsigned);
        if let Some(content) = offer.map(|offer| offer.content.clone()) {
            return self.collect(now, id, content);
        }
        if segment.at.is_none() || segment.is_gone_at_origin || !self.may_fetch_now(now) {
            return;
        }
        let turn = self.turn_at(segment);
        if now < turn {
            return self.medium.wake(turn);
        }
        if self.fetches() < FETCHES_MAX {
            self.fetch(now, id);
        }
    }

    /// Collects a content from peers. Each node begins at another chunk: so they soon have something to
    /// give each other.
    fn collect(&mut self, now: Instant, id: PieceId, content: Content) {
        let is_asked = self.medium.asked.contains(&id);
        let first = if is_asked { 0 } else { self.medium.rng.below(usize::from(content.chunks())) as u16 };
        let copies = self.peers.values().filter(|peer| peer.claims.contains(id)).count();
        self.wants.insert_from(id, Shape::Hashed(content.clone()), first, copies);
        if let Some(segment) = self.medium.segment_mut(id) {
            segment.supply = Supply::Peers { content, rescued_from: None };
            segment.belief = Belief::Doubted;
            segment.progress_at = now;
        }
        self.weigh(id);
        self.fill_all(now);
        self.rescue_in_time(now, id);
    }

    /// Reads the segment at the origin, and says so.
    fn fetch(&mut self, now: Instant, id: PieceId) {
        let Some(segment) = self.medium.segment_mut(id) else { return };
        let Some(at) = segment.at.clone() else { return };
        segment.supply = Supply::Origin(Gatherer::new(id));
        let decrypt = segment.decrypt.clone();
        self.totals.origin_fetches += 1;
        self.outputs.push_back(Output::Origin(OriginCommand::Fetch {
            piece: id,
            at,
            first_chunk: 0,
            decrypt,
        }));
        self.tell_watchers(now, id.stream, &TableMessage::Fetching(id));
    }

    /// Near the moment when it is needed, the origin is asked for what peers have not brought.
    fn rescue_in_time(&mut self, now: Instant, id: PieceId) {
        let Some(segment) = self.medium.segment(id) else { return };
        let Supply::Peers { rescued_from: None, .. } = &segment.supply else { return };
        let can = segment.at.is_some() && !segment.is_gone_at_origin && self.may_fetch_now(now);
        if !can {
            return;
        }
        let due = self.rescue_turn_at(segment);
        if now < due {
            return self.medium.wake(due);
        }
        let Some(assembly) = self.wants.assembly(id) else { return };
        let Some(first_chunk) = (0..assembly.shape().chunks()).find(|&chunk| !assembly.has(chunk)) else {
            return;
        };
        self.blame_idle(id);
        let Some(segment) = self.medium.segment_mut(id) else { return };
        if let Supply::Peers { rescued_from, .. } = &mut segment.supply {
            *rescued_from = Some(first_chunk);
        }
        let (at, decrypt) = (segment.at.clone(), segment.decrypt.clone());
        let Some(at) = at else { return };
        self.totals.origin_fetches += 1;
        self.outputs.push_back(Output::Origin(OriginCommand::Fetch { piece: id, at, first_chunk, decrypt }));
    }

    fn lose_in_time(&mut self, now: Instant, id: PieceId) {
        let Some(stream) = self.medium.streams.get(&id.stream) else { return };
        let Some(segment) = stream.segments.get(&id.number).filter(|segment| segment.is_open()) else {
            return;
        };
        // what the origin lost, a peer may still have; it says so soon
        let has_neighbours = self.medium.peers.values().any(|peer| peer.watches(id.stream));
        let due = match (segment.is_nowhere(), has_neighbours) {
            (true, false) => now,
            (true, true) => segment.since + segment.duration(),
            (false, _) => segment.lost_at(),
        };
        if now < due {
            self.medium.wake(due);
        } else if stream.has_later(id.number) {
            self.lose(now, id);
        }
    }

    /// Whether segments may be read at the origin at the moment.
    pub(super) fn may_fetch_now(&self, now: Instant) -> bool {
        self.medium.config.may_fetch && self.medium.rests_until.is_none_or(|until| now >= until)
    }

    fn fetches(&self) -> usize {
        let segments = self.medium.streams.values().flat_map(|stream| stream.segments.values());
        segments.filter(|segment| matches!(segment.supply, Supply::Origin(_))).count()
    }

    // --- what comes from the origin ---

    pub(super) fn origin_chunk(&mut self, now: Instant, (id, chunk): ChunkKey, data: Bytes, is_last: bool) {
        self.totals.origin_bytes += data.len() as u64;
        self.medium.failures = 0;
        let Some(segment) = self.medium.segment_mut(id) else { return };
        match &mut segment.supply {
            Supply::Origin(gatherer) if gatherer.chunks() == chunk => {
                if !gatherer.push(data) {
                    return self.origin_failed(now, id, true);
                }
                self.list_ready(now, id.stream);
                self.deliver_chunk((id, chunk));
                if is_last {
                    self.gathered(now, id);
                }
            }
            Supply::Peers { content, rescued_from: Some(_) } => {
                let content = content.clone();
                self.rescued(now, (id, chunk), data, is_last, &content);
            }
            _ => {}
        }
    }

    /// A chunk that peers had not brought. If it does not fit, they offered a lie.
    fn rescued(&mut self, now: Instant, key: ChunkKey, data: Bytes, is_last: bool, content: &Content) {
        let ends_early = is_last && key.1 + 1 != content.chunks();
        match self.wants.add(key, data, 1.0, ORIGIN) {
            Some(Added::False | Added::Malformed) => self.is_a_lie(now, key.0, content),
            _ if ends_early => self.is_a_lie(now, key.0, content),
            Some(Added::Stored) => {
                self.withdraw_elsewhere(ORIGIN, key);
                self.stored(now, key);
            }
            Some(Added::Complete) => {
                self.withdraw_elsewhere(ORIGIN, key);
                self.stored(now, key);
                self.completed(now, key.0);
            }
            _ => {}
        }
    }

    /// The whole segment was read at the origin: what it is, everybody may know.
    fn gathered(&mut self, now: Instant, id: PieceId) {
        let Some(segment) = self.medium.segment_mut(id) else { return };
        let Supply::Origin(gatherer) = std::mem::replace(&mut segment.supply, Supply::None) else { return };
        let time_s = segment.known.shown_at_ms as f64 / 1000.0;
        let Some((content, piece)) = gatherer.finish(time_s) else {
            return self.origin_failed(now, id, true);
        };
        self.vouch(now, id, content.clone());
        self.hold(now, id, piece);
        self.judge_offers(now, id, &content);
    }

    /// Says what a segment is, with the broadcast's key where we have it.
    fn vouch(&mut self, now: Instant, id: PieceId, content: Content) {
        let is_news = |segment: &Segment| {
            !segment.is_signed(&content) && (self.is_signer() || self.counts_unsigned(segment))
        };
        if !self.medium.segment(id).is_some_and(is_news) {
            return;
        }
        let entry = self.entry_of(id, Some(content));
        if let (Some(entry), Some(segment)) = (entry, self.medium.segment_mut(id)) {
            segment.entry = Some(entry);
            segment.is_own_entry = true;
            self.spread_entry(now, id);
        }
    }

    /// An entry of our own, signed where we have the key.
    pub(super) fn entry_of(&self, id: PieceId, content: Option<Content>) -> Option<TableEntry> {
        let config = &self.medium.config;
        let segment = self.medium.segment(id)?;
        let known = segment.known.clone();
        let entry = Entry {
            piece: id,
            epoch: self.medium.streams.get(&id.stream)?.epoch,
            duration_us: known.duration_us,
            tags: known.tags,
            init: known.init,
            key: known.key,
            target_duration_s: known.target_duration_s,
            discontinuities_before: known.discontinuities_before,
            listed_count: known.listed_count,
            shown_at_ms: known.shown_at_ms,
            address_digest: None,
            is_address_local: config.keeps_addresses_local,
            content,
        };
        // what is locked at the origin is of no use to those who get no keys
        let told = config.tells_addresses && config.signer.is_some() && segment.decrypt.is_none();
        let entry = TableEntry::new(entry, segment.at.clone().filter(|_| told));
        Some(match &config.signer {
            Some(key) => entry.sign(&self.config.infohash, key),
            None => entry,
        })
    }

    pub(super) fn origin_failed(&mut self, now: Instant, id: PieceId, is_gone: bool) {
        let Some(segment) = self.medium.segment_mut(id) else { return };
        segment.retry_at = Some(now + RETRY);
        segment.is_gone_at_origin |= is_gone;
        match &mut segment.supply {
            Supply::Peers { rescued_from, .. } => *rescued_from = None,
            Supply::Origin(_) => {
                let was_played = segment.was_delivered_in_part();
                segment.supply = Supply::None;
                if was_played {
                    self.lose(now, id);
                }
            }
            _ => return,
        }
        self.medium.failures += u32::from(!is_gone);
        if self.medium.failures >= FAILURES_MAX && !self.is_signer() {
            self.medium.failures = 0;
            self.medium.rests_until = Some(now + REST);
            self.tell_watching(now);
        }
    }

    // --- what comes from peers ---

    /// A chunk was checked: players and peers may have it, if its content is believed.
    pub(super) fn stored(&mut self, now: Instant, key: ChunkKey) {
        let Some(segment) = self.medium.segment_mut(key.0) else { return };
        segment.progress_at = now;
        if segment.belief != Belief::Confirmed {
            return;
        }
        self.list_ready(now, key.0.stream);
        self.deliver_chunk(key);
        self.medium.untold_parts.insert(key.0);
        let at = *self.medium.told_parts_at.get_or_insert(now + PARTS_INTERVAL);
        self.medium.wake(at);
        self.serve(now);
    }

    fn tell_parts_in_time(&mut self, now: Instant) {
        if self.medium.untold_parts.is_empty() {
            return;
        }
        let at = *self.medium.told_parts_at.get_or_insert(now + PARTS_INTERVAL);
        if now < at {
            return self.medium.wake(at);
        }
        self.medium.told_parts_at = None;
        self.tell_parts(now);
    }

    /// The last chunk came. What is still being checked waits for that.
    pub(super) fn completed(&mut self, now: Instant, id: PieceId) {
        if self.medium.segment(id).is_some_and(|segment| segment.belief == Belief::Confirmed) {
            self.collected(now, id);
        }
    }

    /// A believed content is here whole.
    pub(super) fn collected(&mut self, now: Instant, id: PieceId) {
        let Some(segment) = self.medium.segment_mut(id) else { return };
        let (time_s, was_checked) = (segment.known.shown_at_ms as f64 / 1000.0, segment.was_checked);
        let was_rescued = matches!(segment.supply, Supply::Peers { rescued_from: Some(_), .. });
        let content = match &segment.supply {
            Supply::Peers { content, .. } => content.clone(),
            _ => return,
        };
        let Some(piece) = self.wants.take(id).and_then(|assembly| assembly.join(time_s)) else { return };
        if was_rescued {
            self.outputs.push_back(Output::Origin(OriginCommand::Cancel { piece: id }));
        }
        let is_proven = was_checked || self.medium.segment(id).is_some_and(|s| s.is_signed(&content));
        if was_checked {
            self.pass_on(now, id, content.clone());
        }
        self.hold(now, id, piece);
        if is_proven {
            self.judge_rivals(now, id, &content);
        }
    }

    /// Tells those who watch of a content that was checked at the origin, as the word of others.
    fn pass_on(&mut self, now: Instant, id: PieceId, content: Content) {
        if self.medium.segment(id).is_some_and(|segment| segment.is_signed(&content)) {
            return;
        }
        let entry = self.entry_of(id, Some(content));
        if let (Some(entry), Some(segment)) = (entry, self.medium.segment_mut(id)) {
            segment.entry = Some(entry);
            segment.is_own_entry = false;
            self.spread_entry(now, id);
        }
    }
}
