//! What players ask of a client node: the stream, and which engine this is.
//!
//! A request opens nothing before it was read in full, and gets a status that says why when there is
//! nothing to play; once the first byte goes out, only the end of the broadcast or of the player ends
//! the reply.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Query as QueryOf, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use futures_util::future::BoxFuture;

use crate::base::ids::Infohash;
use crate::http::hls;
use crate::http::hls::hub::HlsHub;
use crate::http::hls::unavailable::Unavailable;
use crate::http::opened::Opened;
use crate::http::reply::line;
use crate::http::selector::{self, BadRequest, Query, Selector};
use crate::http::service;
use crate::http::stream::{self, NotReady};

/// Why a broadcast cannot be opened. The text is one line for the person at the player.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Nobody knows it.
    #[error("not found: {0}")]
    NotFound(String),
    /// What was named is no transport file that can be played.
    #[error("not playable: {0}")]
    NotPlayable(String),
    /// The node's operator does not allow it.
    #[error("not allowed: {0}")]
    Forbidden(String),
    /// Another server or peer failed.
    #[error("cannot get it: {0}")]
    Upstream(String),
    /// Nobody answered in time.
    #[error("no answer: {0}")]
    TimedOut(String),
    /// The node has as much to do as it may.
    #[error("busy: {0}")]
    Busy(String),
    /// A part that this build does not have.
    #[error("not in this build: {0}")]
    NotInThisBuild(String),
}

impl OpenError {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotPlayable(_) | Self::Upstream(_) => StatusCode::BAD_GATEWAY,
            Self::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotInThisBuild(_) => StatusCode::NOT_IMPLEMENTED,
        }
    }
}

/// The broadcasts that a node can open.
pub trait Broadcasts: Send + Sync + 'static {
    /// Joins the broadcast, or hands out the hub of one that is open. `from` is who asks: what this
    /// machine may name, others may not.
    /// A player of HLS may ask again with every reload of its playlist, so a broadcast that is open is
    /// found without any work.
    fn open(&self, selector: Selector, from: SocketAddr) -> BoxFuture<'_, Result<Opened, OpenError>>;

    /// The HLS broadcast of this infohash if it is open now; opens nothing. Playlists hold addresses that
    /// name the infohash alone.
    fn hls_hub(&self, infohash: Infohash) -> BoxFuture<'_, Option<Arc<HlsHub>>>;
}

/// What the client API needs to know.
#[derive(Clone)]
pub struct ClientApi {
    pub broadcasts: Arc<dyn Broadcasts>,
    pub version: service::Version,
    /// Seconds of stream that a player begins with unless it asks otherwise.
    pub buffer: Duration,
    /// How long a player waits for the first point to start at.
    pub start_timeout: Duration,
}

impl ClientApi {
    /// The default of [`ClientApi::start_timeout`]: longer than any search for a point to start at.
    pub const START_TIMEOUT: Duration = Duration::from_secs(25);
    /// The default of [`ClientApi::buffer`].
    pub const BUFFER: Duration = Duration::from_secs(3);

    /// The routes. Needs `ConnectInfo<SocketAddr>` on every request.
    pub fn router(self) -> Router {
        Router::new()
            .route("/", get(about))
            .route("/ace/getstream", get(get_stream).head(head_stream))
            .route("/webui/api/service", get(service))
            .merge(hls::routes::router())
            .fallback(unknown)
            .with_state(Arc::new(self))
    }

    async fn play(&self, query: Query, from: SocketAddr) -> Result<Response, Response> {
        let request = selector::parse(&query, from).map_err(refuse)?;
        let buffer = request.buffer.unwrap_or(self.buffer);
        let mut reader = match self.open(request.selector, from).await? {
            Opened::Ts(hub) => hub.join(buffer),
            Opened::Hls(hub) => self.in_time(hub.transport_stream(&request.wish, buffer)).await?,
        };
        reader.ready(self.start_timeout).await.map_err(not_ready)?;
        Ok(reader.into_response())
    }

    /// Opens a broadcast, or says in a reply why not.
    pub(super) async fn open(&self, selector: Selector, from: SocketAddr) -> Result<Opened, Response> {
        let opened = self.broadcasts.open(selector, from).await;
        opened.map_err(|error| line(error.status(), error.to_string()))
    }

    /// Waits as long as a player waits for something to start with.
    pub(super) async fn in_time<T>(
        &self,
        waiting: impl Future<Output = Result<T, Unavailable>>,
    ) -> Result<T, Response> {
        let outcome = tokio::time::timeout(self.start_timeout, waiting).await;
        Ok(outcome.unwrap_or(Err(Unavailable::TimedOut(self.start_timeout)))?)
    }
}

pub(super) type Api = State<Arc<ClientApi>>;
pub(super) type Peer = ConnectInfo<SocketAddr>;

async fn get_stream(
    State(api): Api,
    ConnectInfo(from): Peer,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Response> {
    api.play(query, from).await
}

/// Says what GET would send, without opening anything: players ask several times before they play.
async fn head_stream(ConnectInfo(from): Peer, QueryOf(query): QueryOf<Query>) -> Result<Response, Response> {
    selector::parse(&query, from).map_err(refuse)?;
    Ok(stream::head_response())
}

async fn service(State(api): Api, QueryOf(query): QueryOf<Query>) -> Response {
    service::answer(&api.version, &query)
}

async fn about(State(api): Api) -> Response {
    let version = &api.version.version;
    line(
        StatusCode::OK,
        format!(
            "start-engine {version}: play /ace/getstream?url=|infohash=|content_id= or /ace/manifest.m3u8"
        ),
    )
}

async fn unknown() -> Response {
    line(StatusCode::NOT_FOUND, "no such path; streams are at /ace/getstream and /ace/manifest.m3u8")
}

pub(super) fn refuse(error: BadRequest) -> Response {
    line(error.status(), error.to_string())
}

fn not_ready(error: NotReady) -> Response {
    let status = match &error {
        NotReady::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
        NotReady::Ended(_) => StatusCode::BAD_GATEWAY,
    };
    line(status, error.to_string())
}
