//! What a source or support node tells: its state to this machine, its transport file to anyone.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Query as QueryOf, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use serde::Serialize;
use serde_json::json;

use crate::base::net::is_localhost;
use crate::http::reply::line;
use crate::http::selector::{Query, value};

/// The state of a node at one moment, as `/app/monitor` spells it.
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
    /// The playlist of a public HLS broadcast; `None` on others.
    pub hls_manifest_url: Option<String>,
    pub download_from: Vec<(IpAddr, u16)>,
    pub max_connections: usize,
    pub max_peers: usize,
    /// Bytes a second.
    pub download_speed: u64,
    /// Bytes a second.
    pub upload_speed: u64,
    pub connected_peers_count: usize,
    /// Empty unless the node reports its peers.
    pub connected_peers: Vec<PeerStatus>,
    /// Numbers of the oldest and the newest piece held.
    pub first_piece: Option<u64>,
    pub last_piece: Option<u64>,
    /// Milliseconds from the making of the newest piece to its arrival; `None` before the first.
    pub latency_ms: Option<u64>,
}

/// One connected peer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeerStatus {
    pub ip: IpAddr,
    pub port: u16,
    /// Bytes a second.
    pub download_speed: u64,
    /// Bytes a second.
    pub upload_speed: u64,
}

/// What the interface reads from the node at each request.
pub trait NodeView: Send + Sync + 'static {
    fn status(&self) -> NodeStatus;

    /// The transport file's bytes; `None` until it exists.
    fn transport_file(&self) -> Option<Bytes>;
}

type View = State<Arc<dyn NodeView>>;

/// The routes under `/app`. Needs `ConnectInfo<SocketAddr>` on every request.
pub fn router(node: Arc<dyn NodeView>) -> Router {
    Router::new()
        .route("/app/monitor", get(monitor))
        .route("/app/get_transport_file", get(transport_file))
        .route("/app", get(unknown))
        .route("/app/{*method}", get(unknown))
        .with_state(node)
}

async fn monitor(State(node): View, ConnectInfo(from): ConnectInfo<SocketAddr>) -> Response {
    if !is_localhost(from.ip()) {
        tracing::debug!(target: "acestream.httpserver", "deny access from {from}");
        return line(StatusCode::FORBIDDEN, "monitor answers requests from 127.0.0.1 and ::1 only");
    }
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(node.status())).into_response()
}

async fn transport_file(State(node): View, QueryOf(query): QueryOf<Query>) -> Response {
    if value(&query, "format") != Some("raw") {
        return line(StatusCode::BAD_REQUEST, "expected format=raw");
    }
    let Some(file) = node.transport_file() else {
        return line(StatusCode::SERVICE_UNAVAILABLE, "the transport file is not there yet: bitrate unknown");
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, file).into_response()
}

async fn unknown() -> Response {
    let error = "unknown method: expected monitor or get_transport_file";
    (StatusCode::NOT_FOUND, Json(json!({ "error": error }))).into_response()
}
