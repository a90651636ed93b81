//! What a source or support node tells: its state to this machine and to whom the operator names, its
//! transport file to anyone.

mod access;
mod dht;
mod metrics;
mod status;
mod update;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Path, Query as QueryOf, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::json;

pub use access::{Access, Denied};
pub use dht::DhtStatus;
pub use status::{Counters, NodeStatus, PeerStatus, PortMappingStatus};
pub use update::Update;

use crate::http::reply::line;
use crate::http::selector::{Query, value};

/// What the interface reads from the node at each request.
pub trait NodeView: Send + Sync + 'static {
    /// The state as `reader` may know it.
    fn status(&self, reader: IpAddr) -> NodeStatus;

    /// The transport file's bytes; `None` until it exists.
    fn transport_file(&self) -> Option<Bytes>;

    /// Changes what may be used, from now on.
    fn update(&self, update: Update);

    /// Whether pieces advance, or in one line why not.
    fn health(&self) -> Result<(), String>;
}

struct Interface {
    node: Arc<dyn NodeView>,
    access: Access,
}

type Shared = State<Arc<Interface>>;
type Peer = ConnectInfo<SocketAddr>;

/// The routes `/app/…` and `/metrics`. Needs `ConnectInfo<SocketAddr>` on every request.
pub fn router(node: Arc<dyn NodeView>, access: Access) -> Router {
    Router::new()
        .route("/app/{*path}", get(app))
        .route("/app", get(bare_app))
        .route("/metrics", get(bare_metrics))
        .with_state(Arc::new(Interface { node, access }))
}

async fn app(
    State(interface): Shared,
    ConnectInfo(from): Peer,
    Path(path): Path<String>,
    QueryOf(query): QueryOf<Query>,
    headers: HeaderMap,
) -> Response {
    let answer = interface.access.method(&path).map(|method| match method {
        "update" => interface.update(from, &query, &headers),
        _ => interface.answer(method, from, &query),
    });
    answer.unwrap_or_else(|denied| deny(denied, from))
}

async fn bare_app(State(interface): Shared, ConnectInfo(from): Peer) -> Response {
    interface.access.method("").map_or_else(|denied| deny(denied, from), |_| unknown())
}

/// Where Prometheus looks unless it is told otherwise; not once there is a token.
async fn bare_metrics(State(interface): Shared, ConnectInfo(from): Peer) -> Response {
    let method = interface.access.method("metrics");
    method.map_or_else(|denied| deny(denied, from), |method| interface.answer(method, from, &Query::new()))
}

impl Interface {
    fn answer(&self, method: &str, from: SocketAddr, query: &Query) -> Response {
        if method == "get_transport_file" {
            let allowed = self.access.may_have_file(from.ip());
            return allowed.map_or_else(|denied| deny(denied, from), |()| self.transport_file(query));
        }
        let allowed = self.access.may_see_state(from.ip());
        match (method, allowed) {
            ("monitor" | "metrics" | "healthz", Err(denied)) => deny(denied, from),
            ("monitor", Ok(())) => fresh(Json(self.node.status(from.ip()))),
            ("metrics", Ok(())) => {
                fresh(metrics::reply(self.node.status(from.ip()), self.node.health().is_ok()))
            }
            ("healthz", Ok(())) => self.health(),
            _ => unknown(),
        }
    }

    /// Answers with the state after the change.
    fn update(&self, from: SocketAddr, query: &Query, headers: &HeaderMap) -> Response {
        if let Err(denied) = self.access.may_see_state(from.ip()) {
            return deny(denied, from);
        }
        if update::is_from_a_page(headers) {
            return line(StatusCode::FORBIDDEN, "pages in a browser change nothing here");
        }
        match Update::parse(query) {
            Ok(update) => {
                self.node.update(update);
                fresh(Json(self.node.status(from.ip())))
            }
            Err(error) => line(StatusCode::BAD_REQUEST, error.to_string()),
        }
    }

    fn transport_file(&self, query: &Query) -> Response {
        if value(query, "format") != Some("raw") {
            return line(StatusCode::BAD_REQUEST, "expected format=raw");
        }
        let Some(file) = self.node.transport_file() else {
            let why = "the transport file is not there yet: bitrate unknown";
            return line(StatusCode::SERVICE_UNAVAILABLE, why);
        };
        let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))];
        fresh((kind, file))
    }

    /// For load balancers and supervisors: the status says all.
    fn health(&self) -> Response {
        match self.node.health() {
            Ok(()) => fresh(Json(json!({ "healthy": true }))),
            Err(why) => {
                fresh((StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "healthy": false, "reason": why }))))
            }
        }
    }
}

/// An answer that is true at this moment only.
fn fresh(answer: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], answer).into_response()
}

fn deny(denied: Denied, from: SocketAddr) -> Response {
    tracing::debug!(target: "acestream.httpserver", "deny access from {from}: {denied}");
    line(StatusCode::FORBIDDEN, denied.to_string())
}

fn unknown() -> Response {
    let error = "unknown method: expected monitor, update, metrics, healthz or get_transport_file";
    (StatusCode::NOT_FOUND, Json(json!({ "error": error }))).into_response()
}
