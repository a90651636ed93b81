//! The transport file (`.acelive`): an encrypted container around a bencoded descriptor.
//!
//! It decides whether bytes are a file that this engine can play, and what its identities are. It
//! never changes a file that it was given: `bytes` are what is hashed and handed on.

use bytes::Bytes;
use sha1::{Digest, Sha1};

pub use super::descriptor::{Descriptor, Details, Quality, StreamKey, check_geometry};

use super::bencode::BencodeError;
use super::container;
use crate::base::ids::Infohash;
use crate::base::limits::HLS_URL_MAX_BYTES;

/// A parsed container together with its exact bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct TransportFile {
    pub bytes: Bytes,
    pub descriptor: Descriptor,
    pub infohash: Infohash,
    /// SHA-1 over `bytes`: the content id of our own broadcasts.
    pub content_id: Infohash,
}

/// Why a file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportFileError {
    #[error("not a transport file: it does not begin with AceStreamTransport")]
    NotATransportFile,
    #[error("transport file of {bytes} bytes is larger than the {max_bytes} allowed")]
    TooLarge { bytes: usize, max_bytes: usize },
    #[error("transport file of {bytes} bytes is truncated")]
    Truncated { bytes: usize },
    #[error("transport file has version {found}, only version {expected} is known")]
    WrongVersion { found: u16, expected: u16 },
    #[error("transport file is corrupt: its padding is wrong")]
    Corrupt,
    #[error("transport file's descriptor is malformed: {0}")]
    Bencode(#[from] BencodeError),
    #[error("transport file's descriptor is not a dict")]
    NotADict,
    #[error("transport file's descriptor lacks a {0}")]
    Missing(&'static str),
    #[error("transport file's descriptor has a {0} of the wrong type or out of range")]
    WrongType(&'static str),
    #[error("transport file's {key} of {bytes} bytes is longer than the {max_bytes} allowed")]
    TooLong { key: &'static str, bytes: usize, max_bytes: usize },
    #[error("transport file's {key} has {count} elements, more than the {max} allowed")]
    TooMany { key: &'static str, count: usize, max: usize },
    #[error("transport file's name is not UTF-8")]
    NameNotUtf8,
    #[error("not an MPEG-TS live transport: its type is {transport_type}")]
    NotMpegTsLive { transport_type: String },
    #[error("not an HLS transport: its type is {transport_type}")]
    NotHls { transport_type: String },
    #[error("transport file's {0} is not an http:// or https:// URL of at most {HLS_URL_MAX_BYTES} bytes")]
    BadUrl(&'static str),
    #[error("transport file hides its manifest, yet names it where everybody can read")]
    HiddenManifestShown,
    #[error("transport file's private key does not belong to its public key")]
    KeysDiffer,
    #[error("transport file's authentication method is {0}, only RSA is known")]
    UnknownAuthMethod(String),
    #[error(
        "transport file's chunk length is {chunk_length} bytes, which is not a power of two from {min} to {max}"
    )]
    ChunkLength { chunk_length: i64, min: u32, max: u32 },
    #[error(
        "transport file's piece length is {piece_length} bytes, which is not a multiple of its chunk length of \
         {chunk_length} up to {max}"
    )]
    PieceLength { piece_length: i64, chunk_length: u32, max: u32 },
}

impl TransportFile {
    /// Reads a file. Everything in it is bounded and checked as [`Descriptor::decode`] says.
    pub fn parse(bytes: Bytes) -> Result<Self, TransportFileError> {
        let descriptor = Descriptor::decode(&container::open(&bytes)?)?;
        Ok(Self::of(bytes, descriptor))
    }

    /// Makes the file of a descriptor. The geometry must have passed [`check_geometry`], or the file is
    /// one that nobody reads.
    pub fn build(descriptor: Descriptor) -> Self {
        Self::of(container::seal(&descriptor.encode()).into(), descriptor)
    }

    fn of(bytes: Bytes, descriptor: Descriptor) -> Self {
        let infohash = descriptor.infohash();
        let content_id = Infohash(Sha1::digest(&bytes).into());
        Self { bytes, descriptor, infohash, content_id }
    }
}
