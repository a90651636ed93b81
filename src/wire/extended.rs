//! The extended handshake: a node's signed description of itself.

use std::net::IpAddr;

use bytes::Bytes;

use crate::base::ids::NodeId;

/// A node's Ed25519 identity.
#[derive(Clone)]
pub struct NodeKey(pub(crate) ed25519_dalek::SigningKey);

impl NodeKey {
    pub fn from_seed(_seed: [u8; 32]) -> Self {
        todo!()
    }
    pub fn seed(&self) -> [u8; 32] {
        todo!()
    }
    pub fn node_id(&self) -> NodeId {
        todo!()
    }
}

/// The dict `mi`: 17 integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveInfo {
    pub distance_from_source: i64,
    pub down_rate: i64,
    pub download_window_end: i64,
    pub is_accessible: i64,
    pub live_window_size: i64,
    pub lsp: i64,
    pub mam: i64,
    pub max_piece: i64,
    pub min_piece: i64,
    pub peer_type: i64,
    pub ping_from_source: i64,
    pub position: i64,
    pub time_from_source: i64,
    pub top_session_up_rate: i64,
    pub top_up_rate: i64,
    pub up_rate: i64,
    pub upload_rating: i64,
}

impl LiveInfo {
    /// What a node says that holds nothing yet.
    pub const EMPTY: Self = Self {
        distance_from_source: -1,
        down_rate: 0,
        download_window_end: -1,
        is_accessible: 0,
        live_window_size: 0,
        lsp: -1,
        mam: -1,
        max_piece: -1,
        min_piece: -1,
        peer_type: 0,
        ping_from_source: -1,
        position: -1,
        time_from_source: -1,
        top_session_up_rate: 0,
        top_up_rate: 0,
        up_rate: 0,
        upload_rating: 0,
    };
}

/// What we write and read of the root dict. Unknown keys of others are ignored when read, but count
/// for their signature.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtendedHandshake {
    /// `m.ut_metadata`, the id under which the sender wants metadata messages.
    pub ut_metadata: Option<u8>,
    pub metadata_size: Option<u32>,
    pub live: LiveInfo,
    pub lsp: i64,
    pub is_source: bool,
    /// `p`: the sender's listen port, 0 when it said none.
    pub listen_port: u16,
    /// `ts`: seconds of a counter of the sender's own.
    pub counter_s: i64,
    /// `v`: the engine build.
    pub version: i64,
    /// The address under which the sender sees the recipient.
    pub your_ip: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExtendedError {
    #[error("extended handshake of {0} bytes is too large")]
    TooLarge(usize),
    #[error("extended handshake is not canonical bencode")]
    NotCanonical,
    #[error("extended handshake lacks a usable {0}")]
    Missing(&'static str),
    #[error("extended handshake has a wrong signature")]
    WrongSignature,
}

impl ExtendedHandshake {
    /// The canonical bencoding of the full dict, signed with `key`.
    pub fn sign(&self, _key: &NodeKey) -> Bytes {
        todo!()
    }

    /// Checks form and signature over the raw bytes.
    pub fn verify(_raw: &[u8]) -> Result<(NodeId, Self), ExtendedError> {
        todo!()
    }
}
