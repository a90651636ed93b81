//! What a node shows of itself over HTTP: its state now, and its transport file.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::watch;

use super::relay::Latency;
use super::station::Station;
use crate::http::node_api::{NodeStatus, NodeView};
use crate::swarm::stats::SwarmStats;
use crate::wire::hls::transport::AnyTransport;

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

/// A node's view of itself.
#[derive(Clone)]
pub struct SwarmView {
    kind: Kind,
    source_url: Option<String>,
    port: u16,
    max_connections: usize,
    max_peers: usize,
    download_from: Vec<(IpAddr, u16)>,
    latency: Latency,
    published: Arc<OnceLock<Published>>,
}

impl SwarmView {
    /// `source_url` is shown as it is: without user and password.
    pub fn new(station: &Station, kind: Kind, source_url: Option<String>, latency: Latency) -> Self {
        let common = &station.common;
        Self {
            kind,
            source_url,
            port: station.port,
            max_connections: common.max_connections,
            max_peers: common.max_peers,
            download_from: common.download_from.iter().map(|addr| (addr.ip(), addr.port())).collect(),
            latency,
            published: Arc::default(),
        }
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
            source_url: self.source_url.clone(),
            hls_manifest_url: published.and_then(|published| manifest_url(&published.file)),
            download_from: self.download_from.clone(),
            max_connections: self.max_connections,
            max_peers: self.max_peers,
            download_speed: stats.download_rate,
            upload_speed: stats.upload_rate,
            connected_peers_count: stats.peers.len(),
            // The list itself needs --stats-report-peers.
            connected_peers: Vec::new(),
            first_piece: stats.oldest_piece,
            last_piece: stats.newest_piece,
            latency_ms: self.latency.get_ms().or(stats.late_ms),
        }
    }

    fn transport_file(&self) -> Option<Bytes> {
        self.published.get().map(|published| published.file.public().bytes().clone())
    }
}

/// Where everybody may know that an HLS broadcast comes from.
fn manifest_url(file: &AnyTransport) -> Option<String> {
    match file.public() {
        AnyTransport::Hls(public) => public.descriptor.manifest_url,
        AnyTransport::MpegTs(_) => None,
    }
}
