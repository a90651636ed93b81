//! ut_metadata (BEP 9): a transport file from peer to peer in pieces of 16 KiB.

use bytes::Bytes;

/// Bytes of metadata in one message, the last one shorter.
pub const METADATA_PIECE_BYTES: usize = 16 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataMessage {
    Request { piece: u32 },
    Data { piece: u32, total_bytes: u32, data: Bytes },
    Reject { piece: u32 },
}

impl MetadataMessage {
    pub fn encode(&self) -> Bytes {
        todo!()
    }
    /// `None` when it is none of the three, or out of bounds.
    pub fn decode(_payload: Bytes) -> Option<Self> {
        todo!()
    }
}
