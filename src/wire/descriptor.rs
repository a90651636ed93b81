//! The descriptor inside a transport file: what a broadcast is.
//!
//! It decides which descriptors this engine accepts, within the bounds of
//! [`limits`](crate::base::limits), and how the infohash follows from one. Keys that it does not know
//! are kept as they are; trackers and all else outside the infohash may change without a new swarm.

pub(super) mod decode;
mod details;
pub(super) mod startup_nodes;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use sha1::{Digest, Sha1};

pub use details::{Details, StreamKey};

use super::bencode::{Dict, List};
use super::transport_file::TransportFileError;
use crate::base::ids::Infohash;
use crate::base::limits::{CHUNK_LENGTH_MAX_BYTES, CHUNK_LENGTH_MIN_BYTES, PIECE_LENGTH_MAX_BYTES};

/// Chunk length of every broadcast seen so far, bytes.
pub const USUAL_CHUNK_LENGTH_BYTES: u32 = 16 * 1024;

const AUTH_METHOD: &str = "RSA";

/// Value of `quality`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quality {
    #[default]
    Auto,
    Sd,
    Hd,
}

impl Quality {
    /// As it is written in a descriptor.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Sd => "SD",
            Self::Hd => "HD",
        }
    }
}

/// What a broadcast is. Keys that we do not model are kept in `other`, as raw bencode, and written
/// back when re-encoding.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Descriptor {
    /// The title.
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
    pub startup_nodes: Vec<SocketAddr>,
    /// What only our own engine writes.
    pub details: Details,
    /// Everything else, key -> raw bencoded value.
    pub other: BTreeMap<Vec<u8>, Bytes>,
}

impl Descriptor {
    /// Reads a canonical dict and checks all that [`TransportFileError`] names.
    pub fn decode(bencoded: &[u8]) -> Result<Self, TransportFileError> {
        decode::descriptor(bencoded)
    }

    /// The canonical dict.
    pub fn encode(&self) -> Vec<u8> {
        let startup_nodes = (!self.startup_nodes.is_empty()).then_some(&self.startup_nodes);
        let kept = self.other.iter().fold(Dict::new(), |dict, (key, raw)| dict.raw(key, raw.as_ref()));
        self.details
            .write(kept)
            .int("allow_public_trackers", self.allow_public_trackers.into())
            .bytes("authmethod", AUTH_METHOD)
            .int("bitrate", self.bitrate_int())
            .list("categories", self.categories.iter().collect())
            .int("chunk_length", self.chunk_length.into())
            .bytes("name", &self.name)
            .maybe(self.permanent.then_some(1), |dict, one| dict.int("permanent", one))
            .int("piece_length", self.piece_length.into())
            .bytes("pubkey", &self.pubkey)
            .maybe(self.quality_text(), |dict, text| dict.bytes("quality", text))
            .maybe(startup_nodes, |dict, nodes| dict.list("startup_nodes", startup_nodes::write(nodes)))
            .list("trackers", self.trackers.iter().collect())
            .encode()
    }

    /// The key of the swarm: SHA-1 over six pairs in this order, neither sorted nor a dict.
    pub fn infohash(&self) -> Infohash {
        let text = |key: &str, value: &[u8]| List::new().bytes(key).bytes(value);
        let number = |key: &str, value: i64| List::new().bytes(key).int(value);
        let pairs = List::new()
            .list(text("name", self.name.as_bytes()))
            .list(text("authmethod", AUTH_METHOD.as_bytes()))
            .list(text("pubkey", &self.pubkey))
            .list(number("piece_length", self.piece_length.into()))
            .list(number("chunk_length", self.chunk_length.into()))
            .list(number("bitrate", self.bitrate_int()));
        Infohash(Sha1::digest(pairs.encode()).into())
    }

    /// Whether players are known to handle the chunk length.
    pub fn has_usual_chunk_length(&self) -> bool {
        self.chunk_length == USUAL_CHUNK_LENGTH_BYTES
    }

    /// `None` keeps a value of another engine's that reads as [`Quality::Auto`].
    fn quality_text(&self) -> Option<&'static str> {
        let foreign = self.quality == Quality::Auto && self.other.contains_key(b"quality".as_slice());
        (!foreign).then(|| self.quality.as_str())
    }

    fn bitrate_int(&self) -> i64 {
        i64::try_from(self.bitrate).unwrap_or(i64::MAX)
    }
}

/// Checks lengths in bytes and returns them as `(piece_length, chunk_length)`: chunks are a power of
/// two from 1 KiB to 64 KiB, pieces a multiple of them up to 8 MiB.
pub fn check_geometry(piece_length: i64, chunk_length: i64) -> Result<(u32, u32), TransportFileError> {
    let (min, max) = (CHUNK_LENGTH_MIN_BYTES, CHUNK_LENGTH_MAX_BYTES);
    let chunk = u32::try_from(chunk_length)
        .ok()
        .filter(|length| length.is_power_of_two() && (min..=max).contains(length))
        .ok_or(TransportFileError::ChunkLength { chunk_length, min, max })?;
    let max = PIECE_LENGTH_MAX_BYTES;
    let piece = u32::try_from(piece_length)
        .ok()
        .filter(|length| length.is_multiple_of(chunk) && (chunk..=max).contains(length))
        .ok_or(TransportFileError::PieceLength { piece_length, chunk_length: chunk, max })?;
    Ok((piece, chunk))
}
