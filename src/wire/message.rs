//! Frames between peers of a live swarm: `u32 length`, `u8 id`, payload, big-endian.
//!
//! It decides the layout of each id and nothing else: numbers are passed on as they came, and what a
//! peer may say when is for the swarm. A frame that does not fit its layout is [`Message::Unknown`],
//! never an error, since ids 4 to 7 have other layouts elsewhere.

mod encode;

use std::net::SocketAddrV4;

use bytes::{Buf, Bytes};

use super::myinfo::MyInfo;
use super::pex::{self, PexRecord};
use super::source_announce;
use crate::base::ids::PeerId;
use crate::base::limits;

pub(super) mod id {
    pub const CHOKE: u8 = 0;
    pub const UNCHOKE: u8 = 1;
    pub const INTERESTED: u8 = 2;
    pub const NOT_INTERESTED: u8 = 3;
    pub const HAVE: u8 = 4;
    pub const BITFIELD: u8 = 5;
    pub const REQUEST: u8 = 6;
    pub const PIECE: u8 = 7;
    pub const TRAILING_EDGE: u8 = 10;
    pub const MY_INFO: u8 = 11;
    pub const PEER_EXCHANGE: u8 = 12;
    pub const KEEP_ALIVE_LIKE: u8 = 13;
    pub const EXTENDED: u8 = 20;
    pub const TELEMETRY: u8 = 34;
    pub const SOURCE_ANNOUNCE: u8 = 36;
}

/// Length of a frame's length field.
pub const LENGTH_BYTES: usize = 4;

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
    /// Compact state; only the newest piece is of use.
    MyInfo(MyInfo),
    /// At most [`PEX_MAX_RECORDS`](limits::PEX_MAX_RECORDS) when read.
    PeerExchange(Vec<PexRecord>),
    /// Id 13.
    KeepAliveLike,
    /// Extended handshake: the raw bencoded dict, not yet verified.
    ExtendedHandshake(Bytes),
    /// Any other extended message, under the id that the receiver announced for it.
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
    /// An id we do not know, or a known id with an unexpected length. Skipped, never fatal; only read,
    /// never written.
    Unknown {
        id: u8,
        payload_bytes: usize,
    },
}

/// A frame declares more than [`FRAME_MAX_BYTES`](limits::FRAME_MAX_BYTES).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("frame of {declared_bytes} bytes is longer than the {} allowed", limits::FRAME_MAX_BYTES)]
pub struct FrameTooLarge {
    pub declared_bytes: u32,
}

/// Length of the body that a frame's length field announces, before any of it is read or allocated.
pub fn body_length(length_field: [u8; LENGTH_BYTES]) -> Result<usize, FrameTooLarge> {
    let declared_bytes = u32::from_be_bytes(length_field);
    match usize::try_from(declared_bytes) {
        Ok(bytes) if bytes <= limits::FRAME_MAX_BYTES => Ok(bytes),
        _ => Err(FrameTooLarge { declared_bytes }),
    }
}

impl Message {
    /// Reads a frame's body (what follows the length; empty for a keepalive). Payload is a slice of
    /// `body`.
    pub fn decode(mut body: Bytes) -> Self {
        if body.is_empty() {
            return Self::KeepAlive;
        }
        let id = body.get_u8();
        let payload_bytes = body.len();
        Self::decode_payload(id, body).unwrap_or(Self::Unknown { id, payload_bytes })
    }

    fn decode_payload(id: u8, payload: Bytes) -> Option<Self> {
        match (id, payload.len()) {
            (id::CHOKE, 0) => Some(Self::Choke),
            (id::UNCHOKE, 0) => Some(Self::Unchoke),
            (id::INTERESTED, 0) => Some(Self::Interested),
            (id::NOT_INTERESTED, 0) => Some(Self::NotInterested),
            (id::KEEP_ALIVE_LIKE, 0) => Some(Self::KeepAliveLike),
            (id::HAVE | id::TRAILING_EDGE | id::TELEMETRY, 8) => Some(Self::decode_pair(id, payload)),
            (id::REQUEST, 10) => Some(Self::decode_request(payload)),
            (id::BITFIELD, 12..) => Self::decode_bitfield(payload),
            (id::PIECE, 18..) => Some(Self::decode_piece(payload)),
            (id::MY_INFO, _) => MyInfo::decode(&payload).map(Self::MyInfo),
            (id::PEER_EXCHANGE, _) => pex::decode(&payload).map(Self::PeerExchange),
            (id::EXTENDED, 1..) => Some(Self::decode_extended(payload)),
            (id::SOURCE_ANNOUNCE, _) => source_announce::decode(&payload)
                .map(|(address, peer_id)| Self::SourceAnnounce { address, peer_id }),
            _ => None,
        }
    }

    /// Two 32-bit fields: a stream and a piece, or telemetry.
    fn decode_pair(id: u8, mut payload: Bytes) -> Self {
        let (stream, piece) = (payload.get_u32(), payload.get_u32());
        match id {
            id::HAVE => Self::Have { stream, piece },
            id::TRAILING_EDGE => Self::TrailingEdge { stream, piece },
            _ => Self::Telemetry { counter: piece },
        }
    }

    fn decode_request(mut payload: Bytes) -> Self {
        Self::Request { stream: payload.get_u32(), piece: payload.get_u32(), chunk: payload.get_u16() }
    }

    fn decode_bitfield(mut payload: Bytes) -> Option<Self> {
        let (stream, first, count) = (payload.get_u32(), payload.get_u32(), payload.get_u32());
        let expected_bytes = usize::try_from(count.div_ceil(8)).ok()?;
        let fits = payload.len() == expected_bytes;
        fits.then_some(Self::Bitfield { stream, first, count, bits: payload })
    }

    fn decode_piece(mut payload: Bytes) -> Self {
        Self::Piece {
            stream: payload.get_u32(),
            piece: payload.get_u32(),
            time: payload.get_f64(),
            chunk: payload.get_u16(),
            data: payload,
        }
    }

    fn decode_extended(mut payload: Bytes) -> Self {
        match payload.get_u8() {
            0 => Self::ExtendedHandshake(payload),
            id => Self::Extended { id, payload },
        }
    }
}
