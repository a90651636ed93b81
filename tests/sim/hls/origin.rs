//! The origin: streams of segments with random content, and how much of them it gave away.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use start_engine::base::ids::PieceId;
use start_engine::base::rng::Rng;
use start_engine::swarm::hls::event::{CHUNK_BYTES, ListedSegment, Listing};
use start_engine::wire::hls::catalog::{Catalog, Stream, Variant};
use start_engine::wire::hls::entry::{ChunkHash, Content};
use start_engine::wire::hls::segment::{Resource, Tags};

use crate::events::{SECOND, Time};
use crate::plan::Plan;

const FIRST_NUMBER: u64 = 1_000;
/// Heads of a request's answer, and a line of a playlist.
pub const HEAD_BYTES: u64 = 200;
const LINE_BYTES: u64 = 60;

/// A segment as it is at the origin.
pub struct Truth {
    pub shown_at: Time,
    pub chunks: Vec<Bytes>,
    pub content: Content,
    /// What went out of it.
    sent_bytes: u64,
    checked_bytes: u64,
}

struct OriginStream {
    /// Rises when the numbers begin anew.
    run: u32,
    first: u64,
    next: u64,
}

pub struct Origin {
    pub is_up: bool,
    seed: u64,
    segment: Time,
    /// Mean bytes of a segment.
    segment_bytes: u64,
    window: u64,
    streams: Vec<OriginStream>,
    segments: BTreeMap<(PieceId, u32), Truth>,
    /// When playlists were sent, and their bytes.
    playlists: Vec<(Time, u64)>,
}

impl Origin {
    pub fn new(plan: &Plan, seed: u64) -> Self {
        let stream = || OriginStream { run: 0, first: FIRST_NUMBER, next: FIRST_NUMBER };
        let mut origin = Self {
            is_up: true,
            seed,
            segment: plan.hls.segment,
            segment_bytes: plan.bitrate * plan.hls.segment / SECOND,
            window: plan.hls.window,
            streams: (0..plan.hls.streams).map(|_| stream()).collect(),
            segments: BTreeMap::new(),
            playlists: Vec::new(),
        };
        for stream in 0..plan.hls.streams {
            (0..plan.hls.window).for_each(|_| origin.show(stream, 0));
        }
        origin
    }

    pub fn catalog(&self) -> Arc<Catalog> {
        if self.streams.len() == 1 {
            return Arc::new(Catalog::of_one_stream());
        }
        let variant = |n| Stream::Variant(Variant { bandwidth: 1_000_000 * (n + 1), ..Variant::default() });
        let streams = (0..self.streams.len() as u64).map(variant).collect();
        Arc::new(Catalog { is_master: true, has_independent_segments: true, streams })
    }

    /// The next segment is in the playlist from now on.
    pub fn show(&mut self, stream: u32, now: Time) {
        let state = &mut self.streams[stream as usize];
        let (id, run) = (PieceId { stream, number: state.next }, state.run);
        state.next += 1;
        let truth = self.make(id, run, now);
        self.segments.insert((id, run), truth);
    }

    fn make(&self, id: PieceId, run: u32, now: Time) -> Truth {
        let mixed = id.number ^ (u64::from(id.stream) << 40) ^ (u64::from(run) << 50);
        let mut rng = Rng::new(self.seed ^ mixed);
        let bytes = (self.segment_bytes as f64 * (0.8 + 0.4 * rng.unit())) as usize;
        let mut data = vec![0; bytes];
        data.chunks_mut(8).for_each(|part| part.copy_from_slice(&rng.next_u64().to_le_bytes()[..part.len()]));
        let data = Bytes::from(data);
        let chunks: Vec<Bytes> = data.chunks(CHUNK_BYTES).map(|chunk| data.slice_ref(chunk)).collect();
        let content = content_of(&chunks);
        Truth { shown_at: now, chunks, content, sent_bytes: 0, checked_bytes: 0 }
    }

    pub fn reset(&mut self, stream: u32) {
        let state = &mut self.streams[stream as usize];
        *state = OriginStream { run: state.run + 1, first: 0, next: 0 };
    }

    pub fn run_of(&self, stream: u32) -> u32 {
        self.streams[stream as usize].run
    }

    /// The playlist at the moment: its run, and what it lists.
    pub fn playlist(&mut self, stream: u32, now: Time) -> (u32, Listing) {
        let state = &self.streams[stream as usize];
        let numbers = state.next.saturating_sub(self.window).max(state.first)..state.next;
        let run = state.run;
        self.playlists.push((now, HEAD_BYTES + LINE_BYTES * self.window));
        let segment = |number| ListedSegment {
            number,
            duration_us: self.segment / 1_000,
            at: Resource {
                url: format!("http://origin.test/{stream}/{run}/{number}.ts").into(),
                range: None,
            },
            key: None,
            init: None,
            tags: Tags::default(),
        };
        let listing = Listing {
            stream,
            target_duration_s: self.segment.div_ceil(SECOND),
            discontinuity_sequence: 0,
            segments: numbers.map(segment).collect(),
        };
        (run, listing)
    }

    /// Somebody asked for the playlist and learned that nothing changed.
    pub fn not_modified(&mut self, now: Time) {
        self.playlists.push((now, HEAD_BYTES));
    }

    /// A segment of the present run that is still there: twice the window.
    pub fn serves(&self, id: PieceId) -> Option<&Truth> {
        let state = self.streams.get(id.stream as usize).filter(|_| self.is_up)?;
        let is_there = id.number + 2 * self.window >= state.next;
        self.segments.get(&(id, state.run)).filter(|_| is_there)
    }

    /// Sends a chunk of it: the data, and whether it is the last one.
    pub fn send(&mut self, id: PieceId, chunk: u16) -> Option<(Bytes, bool)> {
        let truth = self.serves(id)?;
        let data = truth.chunks.get(usize::from(chunk))?.clone();
        let is_last = usize::from(chunk) + 1 == truth.chunks.len();
        let run = self.run_of(id.stream);
        self.segments.get_mut(&(id, run))?.sent_bytes += data.len() as u64;
        Some((data, is_last))
    }

    /// The hash of a chunk, for a check; of no bytes for a chunk beyond the end.
    pub fn check(&mut self, id: PieceId, chunk: u16) -> Option<ChunkHash> {
        self.serves(id)?;
        let run = self.run_of(id.stream);
        let truth = self.segments.get_mut(&(id, run))?;
        let data = truth.chunks.get(usize::from(chunk)).cloned().unwrap_or_default();
        truth.checked_bytes += data.len() as u64 + HEAD_BYTES;
        Some(Sha256::digest(&data).into())
    }

    pub fn truth(&self, id: PieceId, run: u32) -> Option<&Truth> {
        self.segments.get(&(id, run))
    }

    /// Bytes given away of the segments shown when it counts, playlists included, and of one copy of them.
    pub fn figures(&self, counts: impl Fn(Time) -> bool) -> (u64, u64) {
        let counted = self.segments.values().filter(|truth| counts(truth.shown_at));
        let of_segments: u64 = counted.clone().map(|truth| truth.sent_bytes + truth.checked_bytes).sum();
        let playlists = self.playlists.iter().filter(|(at, _)| counts(*at));
        let of_playlists: u64 = playlists.map(|(_, bytes)| bytes).sum();
        (of_segments + of_playlists, counted.map(|truth| truth.content.length()).sum())
    }

    /// Of the same, in copies: segments, checks, playlists.
    pub fn shares(&self, counts: impl Fn(Time) -> bool) -> [f64; 3] {
        let (all, copy) = self.figures(&counts);
        let counted = self.segments.values().filter(|truth| counts(truth.shown_at));
        let sent: u64 = counted.clone().map(|truth| truth.sent_bytes).sum();
        let checked: u64 = counted.map(|truth| truth.checked_bytes).sum();
        [sent, checked, all - sent - checked].map(|bytes| bytes as f64 / copy.max(1) as f64)
    }

    /// Whether anybody got bytes of a stream.
    pub fn sent_of(&self, stream: u32) -> u64 {
        self.segments
            .iter()
            .filter(|((id, _), _)| id.stream == stream)
            .map(|(_, truth)| truth.sent_bytes)
            .sum()
    }
}

/// The content that these chunks are.
pub fn content_of(chunks: &[Bytes]) -> Content {
    let hashes: Vec<ChunkHash> = chunks.iter().map(|chunk| Sha256::digest(chunk).into()).collect();
    Content::new(chunks.iter().map(|chunk| chunk.len() as u64).sum(), hashes).unwrap()
}
