//! ut_metadata (BEP 9): a transport file from peer to peer in pieces of 16 KiB.
//!
//! It decides whether one message is well formed. Joining the pieces, and checking that the file is
//! the one asked for, is for the caller.

use bytes::Bytes;
use serde::Deserialize;

use super::bencode;
use crate::base::limits;

/// Bytes of metadata in one message, the last one shorter.
pub const METADATA_PIECE_BYTES: usize = 16 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataMessage {
    Request { piece: u32 },
    Data { piece: u32, total_bytes: u32, data: Bytes },
    Reject { piece: u32 },
}

/// The dict that a message begins with.
#[derive(Deserialize)]
struct Header {
    msg_type: u8,
    piece: u32,
    total_size: Option<u32>,
}

const REQUEST: u8 = 0;
const DATA: u8 = 1;
const REJECT: u8 = 2;

impl MetadataMessage {
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Request { piece } => header(REQUEST, *piece, None).into(),
            Self::Reject { piece } => header(REJECT, *piece, None).into(),
            Self::Data { piece, total_bytes, data } => {
                [&header(DATA, *piece, Some(*total_bytes)), data.as_ref()].concat().into()
            }
        }
    }

    /// `None` when it is none of the three, or out of bounds: a data message must carry exactly the
    /// bytes that its piece of a file of `total_bytes` has.
    pub fn decode(payload: Bytes) -> Option<Self> {
        let dict = bencode::parse_prefix(&payload, limits::METADATA_HEADER_MAX_BYTES).ok()?;
        let header_bytes = dict.raw.len();
        let header: Header = serde_bencode::from_bytes(dict.raw).ok()?;
        let data = payload.slice(header_bytes..);
        let piece = header.piece;
        match header.msg_type {
            REQUEST if data.is_empty() => Some(Self::Request { piece }),
            REJECT if data.is_empty() => Some(Self::Reject { piece }),
            DATA => {
                let total_bytes = header.total_size?;
                let expected_bytes = piece_bytes(piece, total_bytes)?;
                (data.len() == expected_bytes).then_some(Self::Data { piece, total_bytes, data })
            }
            _ => None,
        }
    }
}

/// How many pieces a file of `total_bytes` has.
pub fn piece_count(total_bytes: usize) -> usize {
    total_bytes.div_ceil(METADATA_PIECE_BYTES)
}

/// Length of one piece of a file; `None` when the file is too large or has no such piece.
pub fn piece_bytes(piece: u32, total_bytes: u32) -> Option<usize> {
    let total_bytes = usize::try_from(total_bytes).ok()?;
    let start = usize::try_from(piece).ok()?.checked_mul(METADATA_PIECE_BYTES)?;
    if total_bytes > limits::TRANSPORT_FILE_MAX_BYTES || start >= total_bytes {
        return None;
    }
    Some((total_bytes - start).min(METADATA_PIECE_BYTES))
}

fn header(msg_type: u8, piece: u32, total_size: Option<u32>) -> Vec<u8> {
    bencode::Dict::new()
        .int("msg_type", msg_type.into())
        .int("piece", piece.into())
        .maybe(total_size, |dict, size| dict.int("total_size", size.into()))
        .encode()
}
