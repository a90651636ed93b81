//! What a node shows of itself over HTTP: its state now, and its transport file.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

use super::relay::Latency;
use super::station::{self, Station, unix_time_s};
use crate::base::listed::dial_addrs;
use crate::base::net::is_localhost;
use crate::dht::DhtStats;
use crate::http::node_api::{Access, Counters, NodeStatus, NodeView, PeerStatus, PortMappingStatus, Update};
use crate::net::connections::Connections;
use crate::net::door::{Door, Turned};
use crate::net::ingest::InUse;
use crate::net::portmap::Mapping;
use crate::obs::{self, level};
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

/// When the source of a broadcast last gave something. A copy shares it.
#[derive(Debug, Clone, Default)]
pub struct LastInput(Arc<Mutex<Option<Instant>>>);

impl LastInput {
    /// Something came just now.
    pub fn touch(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(station::now());
    }

    /// `None` before the first, and on nodes that read no source.
    fn age(&self) -> Option<Duration> {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.map(|last| station::now().saturating_duration_since(last))
    }
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
    connections: Connections,
    door: Door,
    allowance: watch::Sender<Allowance>,
    download_from: Vec<(IpAddr, u16)>,
    mapping: watch::Sender<Option<Mapping>>,
    latency: Latency,
    reports_peers: bool,
    last_input: LastInput,
    dht: Option<watch::Receiver<DhtStats>>,
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
            connections: station.connections.clone(),
            door: station.door.clone(),
            allowance: station.allowance.clone(),
            mapping: station.mapping.clone(),
            download_from: dial_addrs(&common.download_from)
                .iter()
                .map(|addr| (addr.ip(), addr.port()))
                .collect(),
            latency,
            reports_peers: common.service.reports_peers,
            last_input: LastInput::default(),
            dht: station.dht_stats(),
            patience,
            published: Arc::default(),
        }
    }

    /// To be told of what the source gives: a node whose source is silent for its patience is not healthy.
    pub fn last_input(&self) -> LastInput {
        self.last_input.clone()
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
    fn status(&self, reader: IpAddr) -> NodeStatus {
        let published = self.published.get();
        let stats = published.map(|published| published.stats.borrow().clone()).unwrap_or_default();
        let limits = self.allowance.borrow().limits;
        // whom this node fetches from is told on this machine alone
        let tells_all = is_localhost(reader);
        let log = obs::log::levels();
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
            port_mapping: self.mapping.borrow().map(mapping_status),
            download_from: if tells_all { self.download_from.clone() } else { Vec::new() },
            max_connections: self.connections.max(),
            connections: self.connections.open(),
            max_peers: limits.max_peers,
            upload_limit: limits.upload.map_or(0, |rate| rate / KILOBYTE),
            download_limit: limits.download.map_or(0, |rate| rate / KILOBYTE),
            download_speed: stats.download_rate,
            upload_speed: stats.upload_rate,
            log_debug: log.debug,
            log_modules: level::spell_modules(&log.modules),
            connected_peers_count: stats.peers.len(),
            connected_peers: match self.reports_peers {
                true => {
                    let shown = stats.peers.iter().filter(|peer| tells_all || !peer.is_secret);
                    shown.map(peer_status).collect()
                }
                false => Vec::new(),
            },
            known_addresses: stats.known_addresses,
            external_ip: stats.external_ip,
            external_ip6: stats.external_ip6,
            first_piece: stats.oldest_piece,
            last_piece: stats.newest_piece,
            cache_pieces: stats.cache.pieces,
            cache_bytes: stats.cache.bytes,
            latency_ms: self.latency.get_ms().or(stats.late_ms),
            last_piece_age_s: stats.last_piece_age.map(|age| age.as_secs_f64()),
            dht: self.dht.as_ref().map(|dht| (*dht.borrow()).into()),
            counters: Counters { source_switches: in_use.switches, ..counters(&stats, self.door.turned()) },
        }
    }

    fn update(&self, update: Update) {
        if let Some(max) = update.max_connections {
            self.connections.set_max(max);
            self.door.set_max_connections(max);
        }
        if update.log_debug.is_some() || update.log_modules.is_some() {
            obs::log::set_levels(update.log_debug, update.log_modules.clone());
        }
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
        if let Some(silence) = self.last_input.age().filter(|silence| *silence > self.patience) {
            let (silence_s, limit_s) = (silence.as_secs(), self.patience.as_secs());
            return Err(format!("the source has given nothing for {silence_s} s, the limit is {limit_s} s"));
        }
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

fn counters(stats: &SwarmStats, turned: Turned) -> Counters {
    Counters {
        connections_turned_away: turned.connections,
        datagrams_turned_away: turned.datagrams,
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
        pex_told: stats.pex_told,
        pex_heard: stats.pex_heard,
        pex_refused: stats.pex_refused,
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
        lists: station.door.lists().cloned(),
    }
}

/// Where everybody may know that an HLS broadcast comes from.
fn manifest_url(file: &AnyTransport) -> Option<String> {
    match file.public() {
        AnyTransport::Hls(public) => public.descriptor.manifest_url,
        AnyTransport::MpegTs(_) => None,
    }
}
