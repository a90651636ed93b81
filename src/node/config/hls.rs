//! What is told to those who make and feed HLS broadcasts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::SupportConfig;

/// What an HLS broadcast is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct HlsBroadcast {
    /// The origin's playlist, `http(s)://`, as it was typed.
    pub url: String,
    /// What the identity of a public broadcast is made from, when that is not `url`.
    pub base_url: Option<String>,
    /// The public transport file does not say where the playlist is.
    pub hides_manifest: bool,
    /// Nobody is told where the segments are.
    pub hides_segments: bool,
    /// What players show.
    pub title: String,
    /// Each one of [`CATEGORIES`](super::CATEGORIES).
    pub categories: Vec<String>,
    /// ISO 3166-1 alpha-3, upper case.
    pub countries: Vec<String>,
    /// ISO 639-3, lower case.
    pub languages: Vec<String>,
    /// `http(s)://` or `udp://` URLs, written to the transport file.
    pub trackers: Vec<String>,
    pub startup_nodes: Vec<SocketAddr>,
    pub provider_key: Option<String>,
    pub sid: Option<String>,
}

impl HlsBroadcast {
    /// A public broadcast of the playlist at `url`.
    pub fn new(url: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            base_url: None,
            hides_manifest: false,
            hides_segments: false,
            title: title.into(),
            categories: Vec::new(),
            countries: Vec::new(),
            languages: Vec::new(),
            trackers: Vec::new(),
            startup_nodes: Vec::new(),
            provider_key: None,
            sid: None,
        }
    }
}

/// The making of the transport files of an HLS broadcast.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateHlsConfig {
    pub broadcast: HlsBroadcast,
    /// In a directory that takes files.
    pub output_public: PathBuf,
    /// In a directory that takes files, another than `output_public`; there is one when the manifest is
    /// hidden.
    pub output_private: Option<PathBuf>,
    /// Nothing is printed.
    pub quiet: bool,
}

/// Transport files and support node of one HLS broadcast at once.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishHlsConfig {
    /// Always has an `output_private`: it keeps the key from run to run.
    pub create: CreateHlsConfig,
    /// Its `url` is the path of `create.output_private`.
    pub support: SupportConfig,
}

/// What a support node does for an HLS broadcast; nothing to one that relays MPEG-TS.
#[derive(Debug, Clone, PartialEq)]
pub struct HlsSupportOptions {
    /// Segment URLs are never sent to peers.
    pub hide_segments: bool,
    /// The swarm is told the number of the newest segment that the origin shows.
    pub broadcast_last_source_piece: bool,
    /// The playlist is read and told, media is not fetched.
    pub skip_data: bool,
    /// Segment URLs go to directly connected nodes only.
    pub skip_metadata_broadcast: bool,
    /// So many bad manifests in a row reset the stream; at least 1.
    pub bad_manifest_max_errors: u32,
    /// Wait before the playlist is read again after a bad one.
    pub bad_manifest_retry_interval: Duration,
    /// Pieces are numbered on from where they were, through resets and restarts. For hidden manifests only.
    pub force_monotonic_sequence: bool,
    /// Where the last number of a monotonic sequence is kept; exists and is writable when it was given.
    pub metadata_dir: PathBuf,
}

impl Default for HlsSupportOptions {
    fn default() -> Self {
        Self {
            hide_segments: false,
            broadcast_last_source_piece: false,
            skip_data: false,
            skip_metadata_broadcast: false,
            bad_manifest_max_errors: 5,
            bad_manifest_retry_interval: Duration::from_secs(2),
            force_monotonic_sequence: false,
            metadata_dir: PathBuf::from("."),
        }
    }
}
