//! The streams of an HLS broadcast: what the master playlist says, without its addresses.

/// All streams, in the order of the master playlist: the index is the stream's number on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalog {
    /// The origin has a master playlist; otherwise there is one stream, of which nothing is known.
    pub is_master: bool,
    /// `EXT-X-INDEPENDENT-SEGMENTS`.
    pub has_independent_segments: bool,
    pub streams: Vec<Stream>,
}

/// One media playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stream {
    /// `EXT-X-STREAM-INF`.
    Variant(Variant),
    /// `EXT-X-MEDIA` with a URI.
    Rendition(Rendition),
}

/// Attributes of `EXT-X-STREAM-INF`; absent is `None`, and 0 for the bandwidth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variant {
    /// Bits a second.
    pub bandwidth: u64,
    pub average_bandwidth: Option<u64>,
    pub codecs: Option<String>,
    /// Pixels.
    pub resolution: Option<(u64, u64)>,
    /// Thousandths of frames a second.
    pub frame_rate_milli: Option<u64>,
    pub audio: Option<String>,
    pub video: Option<String>,
    pub subtitles: Option<String>,
    pub closed_captions: Option<String>,
}

/// Attributes of `EXT-X-MEDIA`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rendition {
    /// `AUDIO`, `VIDEO` or `SUBTITLES`.
    pub kind: String,
    pub group_id: String,
    pub name: String,
    pub language: Option<String>,
    pub is_default: bool,
    pub is_autoselect: bool,
    pub is_forced: bool,
    pub characteristics: Option<String>,
    pub channels: Option<String>,
}
