//! The HLS broadcast as the swarm's medium.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Hls;
use super::event::ListedSegment;
use super::segment::{Belief, Known, Segment, Supply};
use super::stream::KEPT_MIN;
use super::table::OUR_TABLE_ID;
use crate::base::ids::{LinkId, PieceId};
use crate::base::limits::{HLS_NUMBER_MAX, HLS_STREAMS_MAX};
use crate::swarm::Swarm;
use crate::swarm::event::Input;
use crate::swarm::medium::{Medium, Run};
use crate::swarm::pipeline::ChunkKey;
use crate::swarm::wants::Wants;
use crate::wire::hls::entry::CHUNK_BYTES;
use crate::wire::hls::table::TableMessage;
use crate::wire::live_info::LiveInfo;

/// Requests that may always be in flight to a peer: few, so that a segment is asked of many at once.
const DEPTH_MIN: usize = 4;
/// What may wait for the uplink at least: chunks that wait longer are better had from whom they were sent to.
const WAITING_MIN_BYTES: usize = 128 * 1024;
/// The newest pieces of each stream that a peer may lack.
const LOOK_BACK_PIECES: usize = 4;

impl Hls {
    pub(super) fn segment(&self, id: PieceId) -> Option<&Segment> {
        self.streams.get(&id.stream)?.segments.get(&id.number)
    }

    pub(super) fn segment_mut(&mut self, id: PieceId) -> Option<&mut Segment> {
        self.streams.get_mut(&id.stream)?.segments.get_mut(&id.number)
    }

    /// Notes what a trustworthy listing says; returns whether the segment is new.
    pub(super) fn know(&mut self, now: Instant, id: PieceId, known: Known) -> bool {
        let Some(stream) = self.streams.get_mut(&id.stream).filter(|_| id.number <= HLS_NUMBER_MAX) else {
            return false;
        };
        if stream.segments.contains_key(&id.number) || stream.start.is_some_and(|start| id.number < start) {
            return false;
        }
        stream.segments.insert(id.number, Segment::new(id, known, now));
        true
    }

    /// Notes where our own playlist says that a segment is.
    pub(super) fn locate(&mut self, id: PieceId, listed: &ListedSegment) {
        let decrypts = self.config.decrypts;
        if let Some(segment) = self.segment_mut(id).filter(|segment| !segment.is_at_known) {
            segment.at = Some(listed.at.clone());
            segment.decrypt = listed.key.clone().filter(|_| decrypts);
            segment.is_at_known = true;
        }
    }

    pub(super) fn shown_at_ms(&self, id: PieceId) -> u64 {
        self.segment(id).map_or(0, |segment| segment.known.shown_at_ms)
    }

    /// What must go when all streams together hold more than `bytes_max`.
    pub(super) fn oldest_of_largest(&self, bytes_max: u64) -> Option<PieceId> {
        let sizes = self.streams.iter().map(|(&number, stream)| (stream.held_bytes(), number));
        if sizes.clone().map(|(bytes, _)| bytes).sum::<u64>() <= bytes_max {
            return None;
        }
        let large = sizes.filter(|(_, number)| self.streams[number].held.len() > KEPT_MIN);
        let (_, stream) = large.max()?;
        self.streams[&stream].segments.keys().next().map(|&number| PieceId { stream, number })
    }

    /// The full number that a message's low 32 bits stand for: the one nearest to what is known.
    fn unwrap_number(&self, stream: u32, low: u32) -> u64 {
        let known = self.streams.get(&stream).and_then(|state| state.newest().or(state.newest_told));
        let early = || self.early.iter().rev().find(|(_, early)| early.id.stream == stream);
        let Some(near) = known.or_else(|| early().map(|(_, early)| early.id.number)) else {
            return u64::from(low);
        };
        const SPAN: u64 = 1 << 32;
        let same = (near & !(SPAN - 1)) | u64::from(low);
        let candidates = [same.checked_sub(SPAN), Some(same), same.checked_add(SPAN)];
        candidates.into_iter().flatten().min_by_key(|number| number.abs_diff(near)).unwrap_or(same)
    }

    /// Segments of which some chunks may be served.
    fn held_in_part<'a>(&'a self, stream: u32) -> impl Iterator<Item = PieceId> + use<'a> {
        let segments = self.streams.get(&stream).into_iter().flat_map(|state| state.segments.values());
        let is_partly_here = |segment: &&Segment| {
            matches!(segment.supply, Supply::Peers { .. }) && segment.belief == Belief::Confirmed
        };
        segments.filter(is_partly_here).map(|segment| segment.id)
    }
}

impl Swarm<Hls> {
    /// Everything that is held of a stream.
    pub(super) fn runs_of(&self, stream: u32) -> Vec<Run> {
        let runs = self.medium.streams.get(&stream).map(|state| state.held.runs()).unwrap_or_default();
        let run = |(number, count)| Run { first: PieceId { stream, number }, count };
        runs.into_iter().map(run).collect()
    }
}

impl Medium for Hls {
    const PIECE_TABLE: Option<u8> = Some(OUR_TABLE_ID);
    const PROVES_CHUNKS: bool = true;

    fn piece_id(&self, stream: u32, low_number: u32) -> Option<PieceId> {
        let number = || self.unwrap_number(stream, low_number);
        (stream < HLS_STREAMS_MAX).then(|| PieceId { stream, number: number() })
    }

    fn is_plausible(&self, _id: PieceId) -> bool {
        true
    }

    fn holds(&self, id: PieceId) -> bool {
        self.streams.get(&id.stream).is_some_and(|stream| stream.held.contains(id.number))
    }

    fn chunk(&self, wants: &Wants, (id, chunk): ChunkKey) -> Option<(f64, Bytes)> {
        let stream = self.streams.get(&id.stream)?;
        if let Some(piece) = stream.held.get(id.number) {
            return Some((piece.time(), piece.chunk(chunk)?.clone()));
        }
        let segment = stream.segments.get(&id.number)?;
        let is_believed = segment.belief == Belief::Confirmed;
        let data = wants.assembly(id).filter(|_| is_believed)?.verified_chunk(chunk)?.clone();
        Some((segment.known.shown_at_ms as f64 / 1000.0, data))
    }

    fn chunks_of(&self, id: PieceId) -> Option<u16> {
        Some(self.streams.get(&id.stream)?.held.get(id.number)?.chunk_count())
    }

    /// Told stream by stream, to those who watch one.
    fn runs(&self) -> Vec<Run> {
        Vec::new()
    }

    fn newest_held(&self) -> Vec<PieceId> {
        let of_stream = |(&stream, state): (&u32, &super::stream::Stream)| {
            let numbers: Vec<u64> = state.held.newest_numbers(0).collect();
            let newest = numbers[numbers.len().saturating_sub(LOOK_BACK_PIECES)..].to_vec();
            let whole = newest.into_iter().map(move |number| PieceId { stream, number });
            whole.chain(self.held_in_part(stream)).collect::<Vec<_>>()
        };
        self.streams.iter().flat_map(of_stream).collect()
    }

    fn live_info(&self) -> LiveInfo {
        LiveInfo::EMPTY
    }

    fn place(&self) -> (Option<u64>, Option<u64>, Option<u64>) {
        let Some(stream) = self.streams.values().next() else { return (None, None, None) };
        (stream.held.oldest(), stream.held.newest(), stream.start.map(|_| stream.next_listed))
    }

    fn piece_duration(&self) -> Duration {
        let newest = self.streams.values().filter_map(|state| state.segments.values().next_back());
        newest.map(Segment::duration).max().unwrap_or_default()
    }

    fn chunk_bytes(&self) -> usize {
        CHUNK_BYTES
    }

    fn piece_bytes(&self) -> usize {
        WAITING_MIN_BYTES
    }

    fn depth_min(&self) -> usize {
        DEPTH_MIN
    }

    fn is_urgent(&self, now: Instant, id: PieceId) -> bool {
        self.asked.contains(&id)
            || self.segment(id).is_some_and(|segment| now >= segment.since + segment.duration())
    }

    fn most_urgent(&self, now: Instant) -> Option<PieceId> {
        let wanted = self.streams.iter().flat_map(|(&stream, state)| {
            state.open().into_iter().map(move |number| PieceId { stream, number })
        });
        wanted.into_iter().find(|&id| self.is_urgent(now, id))
    }

    fn has_parts(&self, link: LinkId, id: PieceId) -> bool {
        self.peers.get(&link).is_some_and(|peer| peer.has_parts(id))
    }

    fn has_part(&self, link: LinkId, (id, chunk): ChunkKey) -> bool {
        self.peers.get(&link).is_some_and(|peer| peer.has_part(id, chunk))
    }

    fn chunk_came(&mut self, _now: Instant) {}

    fn advance(swarm: &mut Swarm<Self>, now: Instant) {
        swarm.advance_segments(now);
    }

    fn chunk_stored(swarm: &mut Swarm<Self>, now: Instant, key: ChunkKey) {
        swarm.stored(now, key);
    }

    fn piece_complete(swarm: &mut Swarm<Self>, now: Instant, key: ChunkKey) {
        swarm.stored(now, key);
        swarm.completed(now, key.0);
    }

    fn chunk_false(swarm: &mut Swarm<Self>, now: Instant, link: LinkId, key: ChunkKey) {
        swarm.false_chunk(now, link, key);
    }

    fn chunk_unneeded(swarm: &mut Swarm<Self>, now: Instant, link: LinkId, key: ChunkKey, data: &Bytes) {
        swarm.compare_late(now, link, key, data);
    }

    fn introduced(swarm: &mut Swarm<Self>, now: Instant, link: LinkId) {
        swarm.introduce_table(now, link);
    }

    fn extended(swarm: &mut Swarm<Self>, now: Instant, link: LinkId, id: u8, payload: Bytes) {
        if id == OUR_TABLE_ID {
            swarm.table_message(now, link, &payload);
        }
    }

    fn input(swarm: &mut Swarm<Self>, now: Instant, input: Input) {
        match input {
            Input::Origin(event) => swarm.origin_event(now, event),
            Input::Demand(demand) => swarm.demand(now, demand),
            _ => {}
        }
    }

    fn keep_house(swarm: &mut Swarm<Self>, now: Instant) {
        swarm.forget_promises(now);
        swarm.ask_for_inits(now);
        if swarm.medium.rests_until.is_some_and(|until| now >= until) {
            swarm.medium.rests_until = None;
        }
        swarm.follow_demand(now);
    }

    fn deadline(&self, last_tick: Instant) -> Option<Instant> {
        self.wakes_at.filter(|&at| at > last_tick)
    }

    fn peer_left(&mut self, link: LinkId) {
        self.peers.remove(&link);
        for stream in self.streams.values_mut() {
            for segment in stream.segments.values_mut().filter(|segment| segment.is_open()) {
                segment.forget_peer(link);
            }
        }
    }
}

impl Swarm<Hls> {
    /// Peers that announced a fetch and did not finish it in the time that it is waited for are believed
    /// less.
    fn forget_promises(&mut self, now: Instant) {
        let mut broken = Vec::new();
        for segment in self.medium.streams.values_mut().flat_map(|state| state.segments.values_mut()) {
            let patience = segment.duration() * 2;
            let is_broken = |since: &Instant| now.saturating_duration_since(*since) >= patience;
            let links: Vec<LinkId> = segment
                .fetching
                .iter()
                .filter(|(_, since)| is_broken(since))
                .map(|(&link, _)| link)
                .collect();
            for link in links {
                segment.fetching.remove(&link);
                broken.push(link);
            }
        }
        for link in broken {
            if let Some(peer) = self.medium.peers.get_mut(&link) {
                peer.broken_promises += 1;
            }
        }
    }

    /// Initialisation sections that did not come are asked of somebody else.
    fn ask_for_inits(&mut self, now: Instant) {
        let links: Vec<LinkId> = self.medium.peers.keys().copied().collect();
        if links.is_empty() {
            return;
        }
        for init in self.medium.wanted_inits.clone() {
            let link = links[self.medium.rng.below(links.len())];
            self.tell(now, link, &TableMessage::InitWanted(init));
        }
    }
}
