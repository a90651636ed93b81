//! What is said about a media segment: where it is, how it is locked, and the tags beside it.

use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Part of a resource, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    pub start: u64,
    pub length: u64,
}

/// Where bytes are at the origin: an absolute `http(s)://` URL, and which part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource {
    pub url: Arc<str>,
    pub range: Option<ByteRange>,
}

/// `EXT-X-KEY` with `METHOD=AES-128` and the identity key format.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Absolute.
    pub url: Arc<str>,
    /// `None`: the media sequence number, big-endian.
    pub iv: Option<[u8; 16]>,
}

/// Tags of one segment that a viewer's playlist repeats.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Tags {
    /// `EXT-X-DISCONTINUITY` stands before it.
    pub discontinuity: bool,
    /// `EXT-X-GAP`: the origin itself lacks the data.
    pub gap: bool,
    /// `EXT-X-PROGRAM-DATE-TIME`, as the origin wrote it.
    pub program_date_time: Option<String>,
}

/// SHA-256 of an initialisation section (`EXT-X-MAP`), which names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InitId(pub [u8; 32]);

impl InitId {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl std::fmt::Display for InitId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        crate::base::hex::Hex(&self.0).fmt(f)
    }
}

impl std::fmt::Debug for InitId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InitId({self})")
    }
}
