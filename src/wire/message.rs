//! Frames between peers of a live swarm: `u32 length`, `u8 id`, payload, big-endian.

use std::net::SocketAddrV4;

use bytes::{Bytes, BytesMut};

use super::pex::PexRecord;
use crate::base::ids::PeerId;

/// One frame. Stream is always 0 for MPEG-TS. Piece numbers are the low 32 bits.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    KeepAlive,
    Choke,
    Unchoke,
    Interested,
    NotInterested,
    Have {
        stream: u32,
        piece: u32,
    },
    /// Bit `i` (most significant first) says whether piece `first + i` is held. `bits` has exactly
    /// `ceil(count / 8)` bytes.
    Bitfield {
        stream: u32,
        first: u32,
        count: u32,
        bits: Bytes,
    },
    Request {
        stream: u32,
        piece: u32,
        chunk: u16,
    },
    /// `time` is Unix seconds, the same in every chunk of a piece, never zero when we send it.
    Piece {
        stream: u32,
        piece: u32,
        time: f64,
        chunk: u16,
        data: Bytes,
    },
    /// The sender's oldest piece is now `piece`.
    TrailingEdge {
        stream: u32,
        piece: u32,
    },
    /// Compact state; only the newest piece (`j`) is of use.
    MyInfo {
        max_piece: i64,
    },
    PeerExchange(Vec<PexRecord>),
    /// Id 13.
    KeepAliveLike,
    /// Extended handshake: the raw bencoded dict, not yet verified.
    ExtendedHandshake(Bytes),
    /// Any other extended message, under the id that we announced for it.
    Extended {
        id: u8,
        payload: Bytes,
    },
    /// Id 34.
    Telemetry {
        counter: u32,
    },
    /// Id 36: where the source is said to be.
    SourceAnnounce {
        address: SocketAddrV4,
        peer_id: PeerId,
    },
    /// An id we do not know, or a known id with an unexpected length. Skipped, never fatal.
    Unknown {
        id: u8,
        payload_bytes: usize,
    },
}

impl Message {
    /// Reads a frame's body (what follows the length; empty for a keepalive). Payload is a slice of
    /// `body`.
    pub fn decode(_body: Bytes) -> Self {
        todo!()
    }

    /// Appends length, id and all fields but bulk data to `out` and returns the bulk data that must
    /// follow it on the wire (empty when all is in `out`).
    pub fn encode_head(&self, _out: &mut BytesMut) -> Bytes {
        todo!()
    }

    /// Length of the whole frame on the wire, the length field included.
    pub fn frame_bytes(&self) -> usize {
        todo!()
    }
}
