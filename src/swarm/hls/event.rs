//! What the swarm of an HLS broadcast and the shells around it tell each other: the origin's reader on one
//! side, the players' playlists on the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::ids::PieceId;
use crate::wire::hls::catalog::Catalog;
use crate::wire::hls::segment::{InitId, Key, Resource, Tags};

pub use crate::wire::hls::entry::CHUNK_BYTES;

/// What the origin's reader shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginCommand {
    /// Read the media playlists of exactly these streams from now on.
    Follow(BTreeSet<u32>),
    /// Something new is said to be there: read the stream's playlist now.
    ReadNow { stream: u32 },
    /// Get a segment, from byte `first_chunk * CHUNK_BYTES` on; answered by [`OriginEvent::Chunk`], in
    /// order, up to the last one, or by [`OriginEvent::Failed`]. With `decrypt` its IV is explicit, and
    /// chunks are counted and handed over decrypted.
    Fetch { piece: PieceId, at: Resource, first_chunk: u16, decrypt: Option<Key> },
    /// Break a fetch off; nothing more is heard of it.
    Cancel { piece: PieceId },
    /// Get one chunk of a segment of `length` bytes, to compare; answered by [`OriginEvent::Checked`].
    Check { piece: PieceId, at: Resource, chunk: u16, length: u64, decrypt: Option<Key> },
}

/// A segment that the origin's playlist lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSegment {
    pub number: u64,
    pub duration_us: u64,
    pub at: Resource,
    pub key: Option<Key>,
    /// Announced before by [`OriginEvent::Init`].
    pub init: Option<InitId>,
    pub tags: Tags,
}

/// A media playlist of the origin, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    pub stream: u32,
    pub target_duration_s: u64,
    /// `EXT-X-DISCONTINUITY-SEQUENCE` of the first segment.
    pub discontinuity_sequence: u64,
    /// Numbers rise by one from each to the next.
    pub segments: Vec<ListedSegment>,
}

/// What the origin's reader tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginEvent {
    Catalog(Arc<Catalog>),
    /// The bytes of an initialisation section, decrypted where the node decrypts.
    Init {
        id: InitId,
        bytes: Bytes,
    },
    /// A playlist that differs from the one before.
    Listed(Arc<Listing>),
    /// The stream began anew: numbers said before mean nothing any more.
    Reset {
        stream: u32,
    },
    /// The next chunk of a fetch; all but the last have [`CHUNK_BYTES`].
    Chunk {
        piece: PieceId,
        chunk: u16,
        data: Bytes,
        is_last: bool,
    },
    /// A fetch that ended without its last chunk. `is_gone`: the origin does not have it (404, 410), or
    /// it is beyond all limits; it makes no sense to try again.
    Failed {
        piece: PieceId,
        is_gone: bool,
    },
    /// SHA-256 of the chunk at the origin; `None` when it could not be had.
    Checked {
        piece: PieceId,
        chunk: u16,
        hash: Option<[u8; 32]>,
    },
}

/// What a viewer's playlist says of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentInfo {
    pub piece: PieceId,
    pub duration_us: u64,
    pub tags: Tags,
    pub init: Option<InitId>,
    /// Handed on as the origin says it, the IV explicit only where the origin's is.
    pub key: Option<Key>,
    /// Bytes, once known.
    pub length: Option<u64>,
    pub target_duration_s: u64,
    /// How many `EXT-X-DISCONTINUITY` the stream had before this segment and its own tag.
    pub discontinuities_before: u64,
    /// How many segments the origin's playlist held when it showed this one.
    pub listed_count: u32,
}

/// What the swarm hands to the players' side, chunks verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HlsDelivery {
    Catalog(Arc<Catalog>),
    Init {
        id: InitId,
        bytes: Bytes,
    },
    /// A segment that players may be told of, or more about one that was told before (its length). Numbers
    /// rise within a stream; a number left out is lost.
    Listed(Arc<SegmentInfo>),
    /// A verified chunk, in any order, once each.
    Chunk {
        piece: PieceId,
        chunk: u16,
        data: Bytes,
    },
    /// All chunks were delivered: there are so many bytes.
    Complete {
        piece: PieceId,
        length: u64,
    },
    /// A segment that was listed and will not come, or not whole.
    Lost {
        piece: PieceId,
    },
    /// All that was said of the stream is void: its numbers begin anew, or nobody watches it any more. What this
    /// node signs of it has this epoch from now on.
    Reset {
        stream: u32,
        epoch: u64,
    },
}

/// What the players' side tells the swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HlsDemand {
    /// The streams that somebody watches here.
    Watched(BTreeSet<u32>),
    /// A player waits for this segment.
    Asked(PieceId),
}
