//! The transport file (`.acelive`): an encrypted container around a bencoded descriptor.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::base::ids::Infohash;

/// Value of `quality`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quality {
    #[default]
    Auto,
    Sd,
    Hd,
}

/// What a broadcast is. Keys that we do not model are kept in `other`, as raw bencode, and written
/// back when re-encoding.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Descriptor {
    pub name: String,
    /// X.509 SubjectPublicKeyInfo, DER, of the source's RSA key.
    pub pubkey: Bytes,
    pub piece_length: u32,
    pub chunk_length: u32,
    /// Bytes a second.
    pub bitrate: u64,
    pub quality: Quality,
    /// One URL an element, split on white space.
    pub trackers: Vec<String>,
    pub categories: Vec<String>,
    pub allow_public_trackers: bool,
    pub permanent: bool,
    /// `ip:port`, in any of the four forms that are read; written as strings.
    pub startup_nodes: Vec<std::net::SocketAddr>,
    /// Everything else, key -> raw bencoded value.
    pub other: BTreeMap<Vec<u8>, Bytes>,
}

/// A parsed container together with its exact bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct TransportFile {
    pub bytes: Bytes,
    pub descriptor: Descriptor,
    pub infohash: Infohash,
    /// SHA-1 over `bytes`: the content id of our own broadcasts.
    pub content_id: Infohash,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportFileError {
    #[error("not a transport file")]
    NotATransportFile,
}

impl TransportFile {
    pub fn parse(_bytes: Bytes) -> Result<Self, TransportFileError> {
        todo!()
    }
    pub fn build(_descriptor: Descriptor) -> Self {
        todo!()
    }
}
