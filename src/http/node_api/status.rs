//! The state of a node at one moment, as `/app/monitor` spells it.

use std::net::IpAddr;

use serde::Serialize;

use super::dht::DhtStatus;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NodeStatus {
    pub version: String,
    /// `source` or `support`.
    #[serde(rename = "type")]
    pub kind: String,
    pub port: u16,
    /// 40 lower-case hex digits.
    pub infohash: String,
    /// The infohash again, under the name that existing panels read.
    pub download_hash: String,
    /// 40 lower-case hex digits.
    pub content_id: String,
    /// Where a source node reads; `None` on others.
    pub source_url: Option<String>,
    /// Which of its inputs that is, counted from 1.
    pub source_input: Option<usize>,
    /// The playlist of a public HLS broadcast; `None` on others.
    pub hls_manifest_url: Option<String>,
    pub download_from: Vec<(IpAddr, u16)>,
    /// What the router does for the node's port; `None` where it does nothing.
    pub port_mapping: Option<PortMappingStatus>,
    pub max_connections: usize,
    /// Connections of all kinds now, established and pending.
    pub connections: usize,
    pub max_peers: usize,
    /// KB a second, 0 without limit.
    pub upload_limit: u64,
    pub download_limit: u64,
    /// Bytes a second.
    pub download_speed: u64,
    /// Bytes a second.
    pub upload_speed: u64,
    /// `--log-debug` as it is now.
    pub log_debug: u64,
    /// `--log-modules` as they are now.
    pub log_modules: String,
    pub connected_peers_count: usize,
    /// Empty unless the node reports its peers (`--stats-report-peers`).
    pub connected_peers: Vec<PeerStatus>,
    /// Addresses of peers remembered.
    pub known_addresses: usize,
    /// Where most peers see this node; `None` before two networks agree.
    pub external_ip: Option<IpAddr>,
    pub external_ip6: Option<IpAddr>,
    /// Numbers of the oldest and the newest piece held.
    pub first_piece: Option<u64>,
    pub last_piece: Option<u64>,
    /// Pieces on disk, and the bytes of their files.
    pub cache_pieces: usize,
    pub cache_bytes: u64,
    /// Milliseconds from the making of the newest piece to its arrival; `None` before the first.
    pub latency_ms: Option<u64>,
    /// Seconds since a piece was made or became whole; `None` before the first.
    pub last_piece_age_s: Option<f64>,
    /// `None` where the node takes no part in the DHT.
    pub dht: Option<DhtStatus>,
    #[serde(flatten)]
    pub counters: Counters,
}

/// Ports of a router that lead to the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortMappingStatus {
    /// `PCP`, `NAT-PMP` or `UPnP`.
    pub way: String,
    pub router: IpAddr,
    /// The router's own address, as far as it tells.
    pub external_ip: Option<IpAddr>,
    pub tcp_port: u16,
    /// `None` where TCP alone is mapped.
    pub udp_port: Option<u16>,
    /// The router is itself behind another one, and nobody comes in.
    pub is_behind_another: bool,
}

/// One connected peer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeerStatus {
    pub ip: IpAddr,
    /// Where it listens, as far as it told.
    pub port: u16,
    pub is_source: bool,
    /// The engine build whose behaviour it speaks, 0 before it told.
    pub version: i64,
    /// Bytes a second.
    pub download_speed: u64,
    /// Bytes a second.
    pub upload_speed: u64,
    /// The pieces that it claims.
    pub first_piece: Option<u64>,
    pub last_piece: Option<u64>,
    /// Nodes between it and the source; -1 at the source itself and where it is not known.
    pub distance_from_source: i64,
    pub round_trip_ms: Option<u64>,
    /// Seconds since it connected.
    pub connected_for_s: u64,
}

/// Declares the counters once: field, sentence.
macro_rules! counters {
    ($($(#[doc = $help:literal])+ $name:ident,)+) => {
        /// Counted since the node took part in its broadcast.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
        pub struct Counters {
            $($(#[doc = $help])+ pub $name: u64,)+
        }

        impl Counters {
            /// Name, sentence and value of each.
            pub fn all(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((stringify!($name), concat!($($help),+).trim_ascii(), self.$name),)+]
            }
        }
    };
}

counters! {
    /// Media bytes sent to peers
    uploaded_bytes,
    /// Media bytes that came from peers
    downloaded_bytes,
    /// Media bytes that came and were there already
    duplicate_bytes,
    /// Pieces made by a source
    pieces_produced,
    /// Pieces that became whole and were proven
    pieces_verified,
    /// Pieces or chunks that were not what their proof says
    pieces_forged,
    /// Pieces given up
    pieces_skipped,
    /// Requests that were not answered in time
    requests_late,
    /// Requests of peers that were refused
    requests_refused,
    /// Places in the stream where the node began to follow it
    joins,
    /// Peers banned
    bans,
    /// Addresses of peers told to peers
    pex_told,
    /// Addresses of peers that peers named and that were taken
    pex_heard,
    /// Addresses that peers named and that were not taken
    pex_refused,
    /// Segments read at the origin of an HLS broadcast
    origin_fetches,
    /// Bytes of segments that came from the origin
    origin_bytes,
    /// Chunks compared with the origin
    origin_checks,
    /// Pieces read back from disk
    cache_loads,
    /// Pieces on disk that were not as they had been written
    cache_damaged,
    /// Pieces that could not be written to disk
    cache_not_kept,
    /// Connections closed unread: not on the lists of a private node, or filtered
    connections_turned_away,
    /// Datagrams dropped unread, likewise
    datagrams_turned_away,
    /// Times that another input of a source took over
    source_switches,
}
