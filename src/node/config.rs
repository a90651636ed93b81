//! What each kind of node is told, once: validated by whoever builds it, never checked again.
//!
//! The command line builds these from options; tests and the demo start from `new` and set fields.
//! Nothing here touches a file, a socket or the environment.

mod hls;
mod live_cache;
mod several;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub use hls::{CreateHlsConfig, HlsBroadcast, HlsSupportOptions, PublishHlsConfig};
pub use live_cache::{LiveCacheConfig, LiveCacheKind};
pub use several::{NamedNode, NodeConfig};

use crate::base::listed::Listed;
use crate::net::door::FilterFiles;
use crate::wire::transport_file::Quality;

/// Default port of a source node and of the standalone tracker.
pub const SOURCE_PORT: u16 = 7764;
/// Default port of support nodes and clients.
pub const SUPPORT_PORT: u16 = 8621;
/// Default port of the interface that players use.
pub const PLAYER_HTTP_PORT: u16 = 6878;
/// The tracker that existing engines ask for every broadcast that allows it.
pub const PUBLIC_TRACKER: &str = "udp://t1.torrentstream.org:2710/announce";
/// Bytes of a chunk in everything that was ever broadcast.
pub const CHUNK_SIZE_BYTES: u32 = 16 * 1024;

/// What every node takes, whatever its mode.
#[derive(Debug, Clone, PartialEq)]
pub struct CommonConfig {
    /// Addresses to listen on, the first being the one that dials leave from. Empty: every interface.
    pub bind: Vec<IpAddr>,
    /// Peer wire, tracker and node interface share it. 0 takes a free one (tests, the demo).
    pub port: u16,
    /// Established peer connections of one swarm.
    pub max_peers: usize,
    /// Connections of all kinds, established and pending.
    pub max_connections: usize,
    /// Bytes a second to all peers; `None`: as fast as it goes.
    pub upload_limit: Option<u64>,
    /// Bytes a second from all peers.
    pub download_limit: Option<u64>,
    /// Peers served at a time; `None` leaves it to the choker.
    pub max_upload_slots: Option<usize>,
    /// Peers served first; incoming connections match by address alone.
    pub upload_to: Vec<Listed>,
    /// Peers dialled at once and for ever, as far as the entry says where; nobody is told of them.
    pub download_from: Vec<Listed>,
    /// Who is let in.
    pub door: DoorConfig,
    /// How peers are found beside trackers that are named.
    pub exchange: ExchangeConfig,
    /// A second connection of a peer closes its first.
    pub close_connections_from_same_peer: bool,
    pub dht: DhtOptions,
    /// What the node interface tells, and to whom.
    pub service: ServiceConfig,
    /// The port is opened on the router, which is asked for it.
    pub maps_port: bool,
    /// How often the statistics are refreshed.
    pub stats_report_interval: Duration,
    /// Loopback and private addresses named by strangers may be dialled and fetched.
    pub allow_private_addresses: bool,
    /// Created when missing; `None` is a temporary directory that goes with the node.
    pub state_dir: Option<PathBuf>,
    /// Created when a disk cache needs it.
    pub cache_dir: PathBuf,
    /// Where pieces are kept.
    pub live_cache: LiveCacheConfig,
    /// Exists and is writable.
    pub pid_file_dir: PathBuf,
}

/// Nodes that everybody enters the DHT by who knows nobody in it.
pub const DHT_ROUTERS: [&str; 4] = [
    "router.bittorrent.com:6881",
    "router.utorrent.com:6881",
    "dht.transmissionbt.com:6881",
    "dht.libtorrent.org:25401",
];

/// Taking part in the DHT; by default a node does not, and knows nobody to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DhtOptions {
    pub is_enabled: bool,
    /// `host:port` of nodes to enter by, asked only when none of the last run answers.
    pub routers: Vec<String>,
}

/// Access to the node interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceConfig {
    /// Stands before the method in every path.
    pub access_token: Option<String>,
    /// Other machines may see the node's state.
    pub is_remote: bool,
    /// This machine may.
    pub monitor_ip: Option<IpAddr>,
    /// The state holds the list of peers.
    pub reports_peers: bool,
}

/// Who may connect at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DoorConfig {
    /// Only whom `upload_to`, `download_from` and `monitor_ip` name.
    pub is_private: bool,
    /// Rules about addresses.
    pub filter: Option<FilterFiles>,
}

/// How peers are found beside trackers that are named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExchangeConfig {
    /// The own link is told of every swarm, and listened to.
    pub lsd: bool,
    /// Asked for broadcasts that allow it; sources have none.
    pub public_trackers: Vec<String>,
}

impl ExchangeConfig {
    /// Of nodes that watch: everything.
    pub fn of_viewers() -> Self {
        Self { lsd: true, ..Self::of_relays() }
    }

    /// Of nodes that serve.
    pub fn of_relays() -> Self {
        Self { lsd: false, public_trackers: vec![PUBLIC_TRACKER.to_owned()] }
    }
}

impl CommonConfig {
    /// Where connections of this node leave from: dials, announces, requests to the origin of an HLS
    /// broadcast. `None` leaves it to the system.
    pub fn dials_from(&self) -> Option<IpAddr> {
        self.bind.first().copied().filter(|ip| !ip.is_unspecified())
    }

    /// The documented defaults, listening on `port`.
    pub fn new(port: u16) -> Self {
        Self {
            bind: Vec::new(),
            port,
            max_peers: 50,
            max_connections: 1000,
            upload_limit: None,
            download_limit: None,
            max_upload_slots: None,
            upload_to: Vec::new(),
            download_from: Vec::new(),
            door: DoorConfig::default(),
            exchange: ExchangeConfig::default(),
            close_connections_from_same_peer: false,
            dht: DhtOptions::default(),
            service: ServiceConfig::default(),
            maps_port: false,
            stats_report_interval: Duration::from_secs(60),
            allow_private_addresses: false,
            state_dir: None,
            cache_dir: PathBuf::from("."),
            live_cache: LiveCacheConfig::default(),
            pid_file_dir: PathBuf::from("/tmp"),
        }
    }
}

/// A source node: one MPEG-TS broadcast.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceConfig {
    pub common: CommonConfig,
    /// `[a-z0-9_-]+`: the base name of every file of the broadcast.
    pub name: String,
    /// `http(s)://`, `udp://`, `rtp://`, `file:`, a path, or `-` for standard input.
    pub source: String,
    /// Read in this order when it fails, until an earlier one works again.
    pub backup_sources: Vec<String>,
    /// What players show; part of the infohash.
    pub title: String,
    pub quality: Quality,
    /// Each one of [`CATEGORIES`].
    pub categories: Vec<String>,
    /// Bytes a second; 0 measures it.
    pub bitrate: u64,
    /// Silence of the source after which it is opened anew.
    pub source_read_timeout: Duration,
    /// Pause before the source is opened anew.
    pub source_reconnect_interval: Duration,
    /// Where `<name>.acelive` is written; exists and is writable.
    pub publish_dir: PathBuf,
    /// Where `<name>.sauth` and `<name>.restart` live; exists and is writable.
    pub metadata_dir: PathBuf,
    /// Host of the internal tracker's URL; `None` detects it.
    pub host: Option<String>,
    pub skip_internal_tracker: bool,
    pub permanent: bool,
    /// Unix seconds: no input is read before.
    pub date_start: Option<i64>,
    /// Unix seconds, after `date_start`: the node ends then.
    pub date_end: Option<i64>,
    pub tags: Vec<String>,
    pub logo_url: Option<String>,
    pub description: Option<String>,
    /// One of [`DEINTERLACING_MODES`].
    pub deinterlacing_mode: Option<String>,
    pub allow_public_trackers: bool,
    /// Bytes: a power of two; `None` chooses by the bitrate.
    pub piece_size: Option<u32>,
    /// Bytes: a power of two, at most the piece size.
    pub chunk_size: u32,
    /// `http(s)://` or `udp://` URLs, written to the transport file.
    pub trackers: Vec<String>,
    pub metatrackers: Vec<String>,
    pub startup_nodes: Vec<SocketAddr>,
    pub provider_key: Option<String>,
    pub sid: Option<String>,
    /// A hint for the player's time-shift bar, written to the transport file.
    pub timeshift: Option<Duration>,
    /// Size of a key that has to be made; a key file that exists keeps its own.
    pub key_bits: u32,
}

impl SourceConfig {
    /// The documented defaults around the three options that a source must have.
    pub fn new(name: impl Into<String>, source: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            common: CommonConfig::new(SOURCE_PORT),
            name: name.into(),
            source: source.into(),
            backup_sources: Vec::new(),
            title: title.into(),
            quality: Quality::Auto,
            categories: Vec::new(),
            bitrate: 0,
            source_read_timeout: Duration::from_secs(10),
            source_reconnect_interval: Duration::from_secs(1),
            publish_dir: PathBuf::from("."),
            metadata_dir: PathBuf::from("."),
            host: None,
            skip_internal_tracker: false,
            permanent: false,
            date_start: None,
            date_end: None,
            tags: Vec::new(),
            logo_url: None,
            description: None,
            deinterlacing_mode: None,
            allow_public_trackers: false,
            piece_size: None,
            chunk_size: CHUNK_SIZE_BYTES,
            trackers: Vec::new(),
            metatrackers: Vec::new(),
            startup_nodes: Vec::new(),
            provider_key: None,
            sid: None,
            timeshift: None,
            key_bits: 768,
        }
    }
}

/// A support node: relays one broadcast for as long as it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct SupportConfig {
    pub common: CommonConfig,
    /// The transport file: a path, `file://` or `http(s)://`.
    pub url: String,
    /// The file to hand out when it is not the one in use; a path or URL.
    pub public_transport_file: Option<String>,
    /// Otherwise the peer id of `state.json` is used again.
    pub always_generate_peer_id: bool,
    /// Announced to beside those of the transport file.
    pub trackers: Vec<String>,
    /// Period of internal maintenance.
    pub cleanup_interval: Duration,
    /// What it does when the broadcast is HLS.
    pub hls: HlsSupportOptions,
}

impl SupportConfig {
    /// The documented defaults for the transport file at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        let common = CommonConfig::new(SUPPORT_PORT);
        Self {
            common: CommonConfig { exchange: ExchangeConfig::of_relays(), ..common },
            url: url.into(),
            public_transport_file: None,
            always_generate_peer_id: false,
            trackers: Vec::new(),
            cleanup_interval: Duration::from_secs(1),
            hls: HlsSupportOptions::default(),
        }
    }
}

/// A client: fetches what its players ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientConfig {
    pub common: CommonConfig,
    /// Players connect here. 0 takes a free port.
    pub http_port: u16,
    /// The player interface listens on every interface, not on loopback alone.
    pub bind_all: bool,
    /// Media that a player is given at once when it joins; zero is the newest clean point.
    pub live_buffer_time: Duration,
    /// Announced to beside those of a transport file; the only ones for a bare infohash.
    pub trackers: Vec<String>,
}

impl ClientConfig {
    /// The documented defaults; the caller sets `common.state_dir`.
    pub fn new() -> Self {
        let common = CommonConfig::new(SUPPORT_PORT);
        Self {
            common: CommonConfig { exchange: ExchangeConfig::of_viewers(), ..common },
            http_port: PLAYER_HTTP_PORT,
            bind_all: false,
            live_buffer_time: Duration::from_secs(3),
            trackers: Vec::new(),
        }
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// The standalone tracker, HTTP and UDP on one port number.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackerConfig {
    /// Empty: every interface.
    pub bind: Vec<IpAddr>,
    pub port: u16,
    pub pid_file_dir: PathBuf,
}

/// Source, support node and client in one process, with the clip that the binary carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DemoConfig {
    /// Port of the source node; `None` is [`SOURCE_PORT`], or a free one when that is taken.
    pub port: Option<u16>,
    /// Port for players; `None` is [`PLAYER_HTTP_PORT`], or a free one when that is taken.
    pub http_port: Option<u16>,
}

/// Every category that a broadcast may be filed under.
pub const CATEGORIES: [&str; 20] = [
    "informational",
    "entertaining",
    "educational",
    "movies",
    "documentaries",
    "sport",
    "fashion",
    "music",
    "regional",
    "ethnic",
    "religion",
    "teleshop",
    "erotic_18_plus",
    "other_18_plus",
    "cyber_games",
    "amateur",
    "webcam",
    "kids",
    "series",
    "promotion",
];

/// Every deinterlacing hint that a broadcast may carry.
pub const DEINTERLACING_MODES: [&str; 10] =
    ["discard", "blend", "mean", "bob", "linear", "x", "yadif", "yadif2x", "phosphor", "ivtc"];
