//! What a broadcast is made of: the part of a swarm that differs between MPEG-TS and HLS.
//!
//! Peers, requests, uplink, trackers and bans are the same for all ([`super::Swarm`]). A medium decides
//! which pieces are wanted, what proves them, and what is delivered.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Swarm;
use super::event::Input;
use super::pipeline::ChunkKey;
use super::wants::Wants;
use crate::base::ids::{LinkId, PieceId};
use crate::wire::live_info::LiveInfo;

/// A run of consecutive pieces held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub first: PieceId,
    pub count: u32,
}

/// What is kept outside of memory, and what was counted there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheStats {
    pub pieces: usize,
    pub bytes: u64,
    /// Pieces read back.
    pub loads: u64,
    /// Pieces that were not as they had been written.
    pub damaged: u64,
    /// Pieces that could not be written.
    pub not_kept: u64,
}

pub trait Medium: Sized + Send + 'static {
    /// The id under which messages of the piece table are taken.
    const PIECE_TABLE: Option<u8> = None;

    /// Chunks are proven one by one, and passed on before their piece is whole.
    const PROVES_CHUNKS: bool = false;

    /// Which piece a message means; `None` where there can be none.
    fn piece_id(&self, stream: u32, low_number: u32) -> Option<PieceId>;

    /// Whether a peer can hold a piece of this number.
    fn is_plausible(&self, id: PieceId) -> bool;

    // --- what is held ---

    fn holds(&self, id: PieceId) -> bool;
    /// A chunk to serve, verified, with the time of its piece (Unix seconds); from what is held whole, or
    /// where chunks are proven one by one from what is being fetched.
    fn chunk(&self, wants: &Wants, key: ChunkKey) -> Option<(f64, Bytes)>;
    /// Chunks of a piece that is held whole.
    fn chunks_of(&self, id: PieceId) -> Option<u16>;
    /// Everything held whole.
    fn runs(&self) -> Vec<Run>;
    /// The newest pieces held, which a peer that is let in may lack.
    fn newest_held(&self) -> Vec<PieceId>;
    /// The window as the extended handshake tells it.
    fn live_info(&self) -> LiveInfo;
    /// The oldest and the newest number held, and the next one to deliver, for the monitor.
    fn place(&self) -> (Option<u64>, Option<u64>, Option<u64>);
    /// How long a usual piece plays.
    fn piece_duration(&self) -> Duration;
    /// Bytes of a whole chunk, and of a usual piece.
    fn chunk_bytes(&self) -> usize;
    fn piece_bytes(&self) -> usize;
    /// Requests that may always be in flight to a peer.
    fn depth_min(&self) -> usize;

    // --- what is wanted ---

    /// Whether the piece must come soon, before all that is not.
    fn is_urgent(&self, now: Instant, id: PieceId) -> bool;
    /// The piece of which two peers may be asked at once.
    fn most_urgent(&self, now: Instant) -> Option<PieceId>;
    /// Whether the peer told of some chunks of a piece that it has not whole.
    fn has_parts(&self, link: LinkId, id: PieceId) -> bool;
    /// Whether it told of this one.
    fn has_part(&self, link: LinkId, key: ChunkKey) -> bool;
    fn chunk_came(&mut self, now: Instant);

    // --- what happens ---

    /// Moves on: something that a peer says, or time, may have changed what can be had.
    fn advance(swarm: &mut Swarm<Self>, now: Instant);
    fn chunk_stored(swarm: &mut Swarm<Self>, now: Instant, key: ChunkKey);
    /// The last chunk of a piece was stored.
    fn piece_complete(swarm: &mut Swarm<Self>, now: Instant, key: ChunkKey);
    /// A chunk is not what its hash says.
    fn chunk_false(swarm: &mut Swarm<Self>, now: Instant, link: LinkId, key: ChunkKey);
    /// A chunk came that is not needed any more.
    fn chunk_unneeded(swarm: &mut Swarm<Self>, now: Instant, link: LinkId, key: ChunkKey, data: &Bytes);
    /// A peer described itself for the first time: the first words to it.
    fn introduced(swarm: &mut Swarm<Self>, now: Instant, link: LinkId);
    /// An extended message that is no metadata.
    fn extended(swarm: &mut Swarm<Self>, now: Instant, link: LinkId, id: u8, payload: Bytes);
    /// What comes from outside of the swarm and concerns the medium alone.
    fn input(swarm: &mut Swarm<Self>, now: Instant, input: Input);
    /// A round of housekeeping.
    fn keep_house(swarm: &mut Swarm<Self>, now: Instant);
    /// When [`Medium::advance`] is due without news; moments up to `last_tick` were looked at.
    fn deadline(&self, last_tick: Instant) -> Option<Instant>;
    /// A link is gone; its claims are still in `claims`.
    fn peer_left(&mut self, link: LinkId);

    /// Has a chunk brought back that is held and not in memory; `link` is answered when it has come. `false`
    /// where that cannot be.
    fn recall(_swarm: &mut Swarm<Self>, _link: LinkId, _key: ChunkKey) -> bool {
        false
    }

    /// What is kept outside of memory.
    fn cache(&self) -> CacheStats {
        CacheStats::default()
    }
}
