//! HLS playlists: what an origin says, in types, and what a viewer is told, in text.
//!
//! It decides which playlists can be broadcast, and nothing about when they are read.

pub mod parse;
pub mod sequencer;
pub mod write;

use std::sync::Arc;

use crate::wire::hls::catalog::Catalog;
use crate::wire::hls::segment::{Key, Resource, Tags};

/// A playlist of the origin, its URLs made absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Playlist {
    Master(Master),
    Media(Media),
}

/// The streams and where each one's media playlist is: `urls[n]` is that of `catalog.streams[n]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Master {
    pub catalog: Catalog,
    pub urls: Vec<Arc<str>>,
}

/// A live media playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    pub target_duration_s: u64,
    pub discontinuity_sequence: u64,
    /// `EXT-X-ENDLIST`: nothing comes any more.
    pub is_ended: bool,
    /// In order; `sequence` rises by one from each to the next.
    pub segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Media sequence number.
    pub sequence: u64,
    /// Microseconds.
    pub duration_us: u64,
    pub at: Resource,
    pub init: Option<InitSection>,
    pub key: Option<Key>,
    pub tags: Tags,
}

/// `EXT-X-MAP`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InitSection {
    pub at: Resource,
    pub key: Option<Key>,
}
