//! What a node shows of itself over HTTP: its state now, and its transport file.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::relay::Latency;
use super::station::{Station, unix_time_s};
use crate::http::node_api::{Access, Counters, NodeStatus, NodeView, PeerStatus, PortMappingStatus, Update};
use crate::net::ingest::InUse;
use crate::net::portmap::Mapping;
use crate::swarm::limits::Allowance;
use crate::swarm::stats::{PeerStats, SwarmStats};
use crate::wire::hls::transport::AnyTransport;

/// Bytes of the kilobytes in which rates are told and limited.
const KILOBYTE: u64 = 1024;

/// The kind of node, as the monitor names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Source,
    Support,
}

/// Known once the node has its transport file.
struct Published {
    file: AnyTransport,
    stats: watch::Receiver<SwarmStats>,
}

/// What a source node reads.
#[derive(Clone)]
pub struct Inputs {
    /// Without user and password.
    pub urls: Vec<String>,
    pub in_use: watch::Receiver<InUse>,
}

/// A node's view of itself.
#[derive(Clone)]
pub struct SwarmView {
    kind: Kind,
    inputs: Option<Inputs>,
    /// Unix seconds: nothing is expected before.
    begins_s: Option<i64>,
    port: u16,
    max_connections: usize,
    allowance: watch::Sender<Allowance>,
    download_from: Vec<(IpAddr, u16)>,
    mapping: watch::Sender<Option<Mapping>>,
    latency: Latency,
    reports_peers: bool,
    /// Beside two pieces' time: so long without a piece, and something is wrong.
    patience: Duration,
    published: Arc<OnceLock<Published>>,
}

impl SwarmView {
    /// A node whose pieces do not advance for
    /// `patience` and two pieces' time is not healthy.
    pub fn new(station: &Station, kind: Kind, latency: Latency, patience: Duration) -> Self {
        let common = &station.common;
        Self {
            kind,
            inputs: None,
            begins_s: None,
            port: station.port,
            max_connections: common.max_connections,
            allowance: station.allowance.clone(),
            download_from: common.download_from.iter().map(|addr| (addr.ip(), addr.port())).collect(),
            mapping: station.mapping.clone(),
            latency,
            reports_peers: common.service.reports_peers,
            patience,
            published: Arc::default(),
        }
    }

    /// A node that reads `inputs`, from `begins_s` (Unix seconds) on.
    pub fn reading(self, inputs: Inputs, begins_s: Option<i64>) -> Self {
        Self { inputs: Some(inputs), begins_s, ..self }
    }

    /// From now on there is a transport file and a swarm. The first call counts.
    pub fn publish(&self, file: &AnyTransport, stats: watch::Receiver<SwarmStats>) {
        let _ = self.published.set(Published { file: file.clone(), stats });
    }
}

impl NodeView for SwarmView {
    fn status(&self) -> NodeStatus {
        let published = self.published.get();
        let stats = published.map(|published| published.stats.borrow().clone()).unwrap_or_default();
        let limits = self.allowance.borrow().limits;
        let in_use = self.inputs.as_ref().map(|inputs| *inputs.in_use.borrow()).unwrap_or_default();
        let id = |choose: fn(&AnyTransport) -> String| published.map(|p| choose(&p.file)).unwrap_or_default();
        NodeStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kind: match self.kind {
                Kind::Source => "source".to_owned(),
                Kind::Support => "support".to_owned(),
            },
            port: self.port,
            infohash: id(|file| file.infohash().to_string()),
            download_hash: id(|file| file.infohash().to_string()),
            content_id: id(|file| file.content_id().to_string()),
            source_url: self.inputs.as_ref().and_then(|inputs| inputs.urls.get(in_use.input).cloned()),
            source_input: self.inputs.as_ref().map(|_| in_use.input + 1),
            hls_manifest_url: published.and_then(|published| manifest_url(&published.file)),
            download_from: self.download_from.clone(),
            port_mapping: self.mapping.borrow().map(mapping_status),
            max_connections: self.max_connections,
            max_peers: limits.max_peers,
            upload_limit: limits.upload.map_or(0, |rate| rate / KILOBYTE),
            download_limit: limits.download.map_or(0, |rate| rate / KILOBYTE),
            download_speed: stats.download_rate,
            upload_speed: stats.upload_rate,
            connected_peers_count: stats.peers.len(),
            connected_peers: match self.reports_peers {
                true => stats.peers.iter().map(peer_status).collect(),
                false => Vec::new(),
            },
            known_addresses: stats.known_addresses,
            first_piece: stats.oldest_piece,
            last_piece: stats.newest_piece,
            cache_pieces: stats.cache.pieces,
            cache_bytes: stats.cache.bytes,
            latency_ms: self.latency.get_ms().or(stats.late_ms),
            last_piece_age_s: stats.last_piece_age.map(|age| age.as_secs_f64()),
            counters: Counters { source_switches: in_use.switches, ..counters(&stats) },
        }
    }

    fn update(&self, update: Update) {
        self.allowance.send_modify(|allowance| {
            let limits = &mut allowance.limits;
            let rate = |kilobytes: u64| (kilobytes > 0).then(|| kilobytes.saturating_mul(KILOBYTE));
            limits.max_peers = update.max_peers.unwrap_or(limits.max_peers);
            limits.upload = update.upload_limit.map_or(limits.upload, rate);
            limits.download = update.download_limit.map_or(limits.download, rate);
        });
    }

    fn health(&self) -> Result<(), String> {
        if self.begins_s.is_some_and(|begins_s| unix_time_s() < begins_s as f64) {
            return Ok(());
        }
        let Some(published) = self.published.get() else {
            return Err("the broadcast has not begun".to_owned());
        };
        let stats = published.stats.borrow();
        let Some(age) = stats.last_piece_age else { return Err("no piece so far".to_owned()) };
        let limit = self.patience + 2 * stats.piece_duration;
        if age <= limit {
            return Ok(());
        }
        Err(format!("no piece for {} s, the limit is {} s", age.as_secs(), limit.as_secs()))
    }

    fn transport_file(&self) -> Option<Bytes> {
        self.published.get().map(|published| published.file.public().bytes().clone())
    }
}

fn counters(stats: &SwarmStats) -> Counters {
    Counters {
        uploaded_bytes: stats.uploaded_bytes,
        downloaded_bytes: stats.downloaded_bytes,
        duplicate_bytes: stats.duplicate_bytes,
        pieces_produced: stats.pieces_produced,
        pieces_verified: stats.pieces_verified,
        pieces_forged: stats.pieces_forged,
        pieces_skipped: stats.pieces_skipped,
        requests_late: stats.requests_late,
        requests_refused: stats.requests_refused,
        joins: stats.joins,
        bans: stats.bans,
        origin_fetches: stats.origin_fetches,
        origin_bytes: stats.origin_bytes,
        origin_checks: stats.checks,
        cache_loads: stats.cache.loads,
        cache_damaged: stats.cache.damaged,
        cache_not_kept: stats.cache.not_kept,
        source_switches: 0,
    }
}

fn peer_status(peer: &PeerStats) -> PeerStatus {
    PeerStatus {
        ip: peer.addr.ip(),
        port: peer.addr.port(),
        is_source: peer.is_source,
        version: peer.version,
        download_speed: peer.download_rate,
        upload_speed: peer.upload_rate,
        first_piece: peer.oldest_piece,
        last_piece: peer.newest_piece,
        distance_from_source: peer.distance_from_source,
        round_trip_ms: peer.round_trip.map(|time| time.as_millis() as u64),
        connected_for_s: peer.connected_for.as_secs(),
    }
}

fn mapping_status(mapping: Mapping) -> PortMappingStatus {
    PortMappingStatus {
        way: mapping.way.name().to_owned(),
        router: mapping.router.into(),
        external_ip: mapping.external_ip,
        tcp_port: mapping.tcp_port,
        udp_port: mapping.udp_port,
        is_behind_another: mapping.is_behind_another(),
    }
}

/// Who may ask, as the operator says.
pub fn access(station: &Station) -> Access {
    let service = &station.common.service;
    Access {
        token: service.access_token.clone(),
        is_remote: service.is_remote,
        monitor_ip: service.monitor_ip,
    }
}

/// Where everybody may know that an HLS broadcast comes from.
fn manifest_url(file: &AnyTransport) -> Option<String> {
    match file.public() {
        AnyTransport::Hls(public) => public.descriptor.manifest_url,
        AnyTransport::MpegTs(_) => None,
    }
}
