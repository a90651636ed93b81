//! A hub on a loopback socket, and what a swarm would deliver to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use start_engine::base::ids::PieceId;
use start_engine::base::limits::HLS_WATCHED_MIN;
use start_engine::http::hls::holdings::Bounds;
use start_engine::http::hls::hub::{HlsHub, HlsHubConfig};
use start_engine::swarm::hls::event::{CHUNK_BYTES, HlsDelivery, HlsDemand, SegmentInfo};
use start_engine::wire::hls::catalog::{Catalog, Rendition, Stream, Variant};
use start_engine::wire::hls::segment::Tags;
use tokio::sync::mpsc;

use crate::client_api::{HEX, api_of_hls};
use crate::server::{Reply, get, serve};

/// A broadcast, what it asks for, and where players find it.
pub struct Broadcast {
    pub hub: Arc<HlsHub>,
    pub demands: mpsc::Receiver<HlsDemand>,
    pub server: SocketAddr,
}

/// A hub of the real size.
pub fn config() -> HlsHubConfig {
    let (infohash, bounds) = (HEX.parse().unwrap(), Bounds::default());
    HlsHubConfig { infohash, bounds, watched_min: HLS_WATCHED_MIN }
}

impl Broadcast {
    /// One whose players wait for as long as the test takes.
    pub async fn new(config: HlsHubConfig) -> Self {
        Self::with_patience(config, Duration::from_secs(60)).await
    }

    pub async fn with_patience(config: HlsHubConfig, patience: Duration) -> Self {
        let (demand, demands) = mpsc::channel(16);
        let hub = HlsHub::open(config, demand);
        let server = serve(api_of_hls(&hub, patience).router()).await;
        Self { hub, demands, server }
    }

    /// One stream that no master playlist names.
    pub async fn of_one_stream() -> Self {
        let broadcast = Self::new(config()).await;
        broadcast.hub.deliver(HlsDelivery::Catalog(Arc::new(one_stream())));
        broadcast
    }

    pub async fn get(&self, path: &str) -> Reply {
        get(self.server, path).await
    }

    /// A request whose reply is still to come.
    pub fn ask(&self, path: &str) -> tokio::task::JoinHandle<Reply> {
        let (server, path) = (self.server, path.to_owned());
        tokio::spawn(async move { get(server, &path).await })
    }

    /// The media playlist of stream 0.
    pub async fn playlist(&self) -> String {
        let reply = self.get(&format!("/ace/m/{HEX}/0.m3u8")).await;
        assert_eq!(reply.status, 200);
        reply.text().await
    }

    pub fn list(&self, info: SegmentInfo) {
        self.hub.deliver(HlsDelivery::Listed(Arc::new(info)));
    }

    pub fn chunk(&self, piece: PieceId, chunk: u16, data: &[u8]) {
        self.hub.deliver(HlsDelivery::Chunk { piece, chunk, data: Bytes::copy_from_slice(data) });
    }

    /// A segment that comes whole.
    pub fn deliver(&self, info: SegmentInfo, media: &[u8]) {
        let piece = info.piece;
        self.list(info);
        for (chunk, data) in (0..).zip(media.chunks(CHUNK_BYTES)) {
            self.chunk(piece, chunk, data);
        }
        self.hub.deliver(HlsDelivery::Complete { piece, length: media.len() as u64 });
    }

    pub fn lose(&self, piece: PieceId) {
        self.hub.deliver(HlsDelivery::Lost { piece });
    }

    /// Waits until stream 0 is watched.
    pub async fn is_watched(&self) {
        self.hub.watched().wait_for(|streams| streams.contains(&0)).await.unwrap();
    }
}

pub fn piece(number: u64) -> PieceId {
    PieceId { stream: 0, number }
}

/// A segment of two seconds of stream 0, in a playlist of four.
pub fn info(number: u64) -> SegmentInfo {
    SegmentInfo {
        piece: piece(number),
        duration_us: 2_000_000,
        tags: Tags::default(),
        init: None,
        key: None,
        length: None,
        target_duration_s: 2,
        discontinuities_before: 0,
        listed_count: 4,
    }
}

pub fn one_stream() -> Catalog {
    Catalog { streams: vec![Stream::Variant(Variant::default())], ..Catalog::default() }
}

/// Two variants with their sound apart.
pub fn ladder() -> Catalog {
    let variant = |bandwidth, resolution| {
        let audio = Some("sound".to_owned());
        Stream::Variant(Variant { bandwidth, resolution: Some(resolution), audio, ..Variant::default() })
    };
    let sound = Rendition {
        kind: "AUDIO".to_owned(),
        group_id: "sound".to_owned(),
        name: "English".to_owned(),
        is_default: true,
        ..Rendition::default()
    };
    let streams =
        vec![variant(800_000, (640, 360)), variant(2_800_000, (1280, 720)), Stream::Rendition(sound)];
    Catalog { is_master: true, has_independent_segments: true, streams }
}

/// Media of so many bytes that no other number has.
pub fn media(number: u64, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at / 7 + number as usize * 31) as u8).collect()
}
