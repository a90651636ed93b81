//! MPEG-TS broadcasts in the swarm: a continuous stream in signed pieces, followed from where a node joins.

mod archive;
mod blame;
mod fetch;
mod follow;
mod join;
mod repeats;
pub mod storage;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::event::{Close, Input, Output};
use super::medium::{CacheStats, Medium, Run};
use super::pipeline::ChunkKey;
use super::wants::Wants;
use super::{Role, Swarm};
use crate::base::ids::{LinkId, PieceId};
use crate::live::archive::Archive;
use crate::live::assembler::Shape;
use crate::live::geometry::Geometry;
use crate::live::piece::VerifiedPiece;
use crate::live::replay::ReplayMemory;
use crate::live::verifier::Verifier;
use crate::live::window::{Inserted, Window};
use crate::wire::live_info::LiveInfo;
use crate::wire::message::Message;
use archive::Recalls;
use blame::Blame;
use follow::Follow;

/// A stream whose newest piece is this much lower than what we hold has begun anew.
const HEAD_JUMP_BACK: u64 = 64;
/// The newest pieces in which a peer's holes count.
const LOOK_BACK_PIECES: u64 = 8;
/// Requests that may always be in flight to one peer: a piece of usual size, so that it can choose
/// the order.
const DEPTH_MIN: std::ops::RangeInclusive<usize> = 4..=32;

/// Bounds of what is kept outside of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveConfig {
    /// Pieces kept.
    pub pieces: usize,
    /// Pieces that were read back and are in memory at once.
    pub at_hand: usize,
}

/// What the descriptor says of the stream, and how it is followed.
#[derive(Clone)]
pub struct TsConfig {
    pub geometry: Geometry,
    pub verifier: Verifier,
    /// Bytes a second, from the descriptor.
    pub bitrate: u64,
    /// Pieces kept in memory.
    pub window_pieces: usize,
    /// Where pieces are kept outside of memory too.
    pub archive: Option<ArchiveConfig>,
    /// How far behind the newest piece to join.
    pub buffer: Duration,
}

impl TsConfig {
    /// Pieces to keep: a hundred, or a minute of the stream if that is more, within 256 MiB.
    pub fn choose_window_pieces(geometry: &Geometry, bitrate: u64) -> usize {
        const PIECES_MIN: usize = 115;
        const SPAN_S: f64 = 60.0;
        const BYTES_MAX: usize = 256 * 1024 * 1024;
        let pieces = (SPAN_S / geometry.piece_duration(bitrate).as_secs_f64()).ceil() as usize;
        pieces.max(PIECES_MIN).min(BYTES_MAX / geometry.piece_length())
    }
}

/// The stream as this node holds and follows it.
pub struct Ts {
    config: TsConfig,
    window: Window,
    archive: Archive,
    recalls: Recalls,
    /// Where peers were told last that what is held begins.
    told_oldest: Option<u64>,
    replays: ReplayMemory,
    /// Pieces whose time was implausible once and that are fetched a second time.
    doubted: BTreeSet<u64>,
    /// Pieces that came before under another number and were asked of somebody else once.
    repeats: BTreeSet<u64>,
    /// Who sent the chunks of each piece held.
    givers: BTreeMap<u64, Vec<LinkId>>,
    follow: Follow,
    blame: Blame,
}

impl Ts {
    pub fn new(config: TsConfig) -> Self {
        let piece_duration = config.geometry.piece_duration(config.bitrate);
        Self {
            window: Window::new(config.window_pieces),
            archive: Archive::new(config.archive.map_or(0, |archive| archive.at_hand)),
            recalls: Recalls::default(),
            told_oldest: None,
            replays: ReplayMemory::default(),
            doubted: BTreeSet::new(),
            repeats: BTreeSet::new(),
            givers: BTreeMap::new(),
            follow: Follow::new(piece_duration, config.buffer),
            blame: Blame::default(),
            config,
        }
    }

    fn shape(&self) -> Shape {
        Shape::Signed(self.config.geometry)
    }
}

/// A piece of the only stream.
fn ts_id(number: u64) -> PieceId {
    PieceId { stream: 0, number }
}

impl Swarm<Ts> {
    /// Keeps a verified piece, tells every peer of it, and serves those who wait for it.
    fn store(&mut self, now: Instant, piece: VerifiedPiece) {
        self.totals.last_piece_at = Some(now);
        let number = piece.number();
        let is_first = self.medium.newest().is_none();
        let inserted = self.medium.window.insert(piece.clone());
        if inserted == Inserted::Refused {
            return;
        }
        self.archive(piece);
        let copies = self.peers.values().filter(|peer| peer.claims.only().contains(number)).count();
        self.copies.begin(ts_id(number), copies);
        let described: Vec<_> =
            self.peers.iter().filter(|(_, p)| p.description.is_some()).map(|(&link, _)| link).collect();
        for &link in &described {
            if is_first {
                // Who joined before there was anything to hold has seen an empty description.
                self.send_description(now, link);
                self.send_window(now, link);
            } else {
                self.send(now, link, Message::Have { stream: 0, piece: number as u32 });
            }
        }
        if inserted == Inserted::StoredAndEvicted {
            self.tell_oldest(now);
        }
    }

    fn produced(&mut self, now: Instant, piece: VerifiedPiece) {
        self.totals.pieces_produced += 1;
        self.doubt_archive_of_source(piece.number());
        self.outputs.push_back(Output::Deliver(piece.clone()));
        self.store(now, piece);
        self.serve(now);
    }

    /// Starts over when a join or the stream itself brought nothing for too long.
    fn recover(&mut self, now: Instant) {
        if self.medium.follow.was_led_astray(now) {
            self.distrust_idlers();
            self.rejoin();
        } else if self.medium.follow.is_stalled(now) {
            let owing = self.peers.iter().filter(|(_, peer)| peer.pipeline.timeouts_in_a_row() > 0);
            let owing: Vec<_> = owing.map(|(&link, _)| link).collect();
            owing.into_iter().for_each(|link| self.close(now, link, Close::Unproductive));
            self.rejoin();
        } else {
            self.look_elsewhere(now);
        }
    }

    /// Peers that claimed what we joined for and sent nothing do not choose the place again, unless
    /// nobody else is left.
    fn distrust_idlers(&mut self) {
        let Some(next) = self.medium.follow.next() else { return };
        for peer in self.peers.values_mut() {
            peer.is_distrusted |= peer.claims.only().newest().is_some_and(|newest| newest >= next);
        }
        if self.peers.values().filter(|peer| peer.is_usable()).all(|peer| peer.is_distrusted) {
            self.peers.values_mut().for_each(|peer| peer.is_distrusted = false);
        }
    }

    fn rejoin(&mut self) {
        self.medium.follow.leave();
        for (&link, peer) in &mut self.peers {
            for key in peer.pipeline.clear() {
                self.wants.release(link, key);
            }
        }
        self.wants.clear();
    }
}

impl Medium for Ts {
    fn piece_id(&self, stream: u32, low_number: u32) -> Option<PieceId> {
        (stream == 0).then(|| ts_id(u64::from(low_number)))
    }

    fn is_plausible(&self, id: PieceId) -> bool {
        id.number <= u64::from(u32::MAX)
    }

    fn holds(&self, id: PieceId) -> bool {
        self.holds_number(id.number)
    }

    fn chunk(&self, _wants: &Wants, (id, chunk): ChunkKey) -> Option<(f64, Bytes)> {
        let piece = self.at_hand(id.number)?;
        Some((piece.time(), piece.chunk(chunk)?.clone()))
    }

    fn chunks_of(&self, id: PieceId) -> Option<u16> {
        self.holds(id).then(|| self.config.geometry.chunks_per_piece())
    }

    fn runs(&self) -> Vec<Run> {
        let runs = self.runs_held().into_iter();
        runs.map(|(first, count)| Run { first: ts_id(first), count }).collect()
    }

    fn newest_held(&self) -> Vec<PieceId> {
        let Some(newest) = self.newest() else { return Vec::new() };
        let numbers = newest.saturating_sub(LOOK_BACK_PIECES - 1)..=newest;
        numbers.filter(|&number| self.holds_number(number)).map(ts_id).collect()
    }

    fn live_info(&self) -> LiveInfo {
        let (Some(oldest), Some(newest)) = (self.told_from(), self.newest()) else {
            return LiveInfo::EMPTY;
        };
        let (oldest, newest) = (oldest as i64, newest as i64);
        let kept_max =
            self.config.archive.filter(|_| self.archive.is_on()).map_or(0, |archive| archive.pieces);
        LiveInfo {
            download_window_end: newest,
            live_window_size: (self.window.capacity() + kept_max) as i64,
            lsp: newest,
            max_piece: newest,
            min_piece: oldest,
            position: newest,
            ..LiveInfo::EMPTY
        }
    }

    fn place(&self) -> (Option<u64>, Option<u64>, Option<u64>) {
        (self.oldest(), self.newest(), self.follow.next())
    }

    fn piece_duration(&self) -> Duration {
        self.config.geometry.piece_duration(self.config.bitrate)
    }

    fn chunk_bytes(&self) -> usize {
        self.config.geometry.chunk_length()
    }

    fn piece_bytes(&self) -> usize {
        self.config.geometry.piece_length()
    }

    fn depth_min(&self) -> usize {
        let chunks = usize::from(self.config.geometry.chunks_per_piece());
        chunks.clamp(*DEPTH_MIN.start(), *DEPTH_MIN.end())
    }

    fn is_urgent(&self, now: Instant, id: PieceId) -> bool {
        self.follow.next() == Some(id.number) || self.follow.is_urgent(now, id.number)
    }

    fn most_urgent(&self, now: Instant) -> Option<PieceId> {
        self.follow.next().filter(|&next| self.follow.is_urgent(now, next)).map(ts_id)
    }

    fn has_parts(&self, _link: LinkId, _id: PieceId) -> bool {
        false
    }

    fn has_part(&self, _link: LinkId, _key: ChunkKey) -> bool {
        false
    }

    fn chunk_came(&mut self, now: Instant) {
        self.follow.chunk_came(now);
    }

    fn advance(swarm: &mut Swarm<Self>, now: Instant) {
        swarm.advance_stream(now);
    }

    fn chunk_stored(_swarm: &mut Swarm<Self>, _now: Instant, _key: ChunkKey) {}

    fn piece_complete(swarm: &mut Swarm<Self>, now: Instant, (id, _): ChunkKey) {
        swarm.piece_complete(now, id.number);
    }

    /// Chunks of a signed piece have no hashes.
    fn chunk_false(_swarm: &mut Swarm<Self>, _now: Instant, _link: LinkId, _key: ChunkKey) {}

    /// Nor can one be compared without the rest of its piece.
    fn chunk_unneeded(_swarm: &mut Swarm<Self>, _now: Instant, _link: LinkId, _key: ChunkKey, _data: &Bytes) {
    }

    fn introduced(swarm: &mut Swarm<Self>, now: Instant, link: LinkId) {
        swarm.send_window(now, link);
        if swarm.config.role == Role::Relay {
            swarm.send(now, link, Message::Interested);
        }
    }

    fn extended(_swarm: &mut Swarm<Self>, _now: Instant, _link: LinkId, _id: u8, _payload: Bytes) {}

    fn input(swarm: &mut Swarm<Self>, now: Instant, input: Input) {
        match input {
            Input::Produced(piece) => swarm.produced(now, piece),
            Input::Storage(event) => swarm.stored(now, event),
            _ => {}
        }
    }

    fn keep_house(swarm: &mut Swarm<Self>, now: Instant) {
        swarm.recover(now);
    }

    fn deadline(&self, last_tick: Instant) -> Option<Instant> {
        // What was overdue in the last tick was looked at then.
        self.follow.deadline().filter(|&at| at > last_tick)
    }

    fn peer_left(&mut self, _link: LinkId) {}

    fn recall(swarm: &mut Swarm<Self>, link: LinkId, (id, chunk): ChunkKey) -> bool {
        swarm.recall_for(link, id.number, chunk)
    }

    fn cache(&self) -> CacheStats {
        CacheStats {
            pieces: self.archive.len(),
            bytes: self.recalls.bytes,
            loads: self.recalls.loads,
            damaged: self.recalls.damaged,
            not_kept: self.recalls.not_kept,
        }
    }
}
