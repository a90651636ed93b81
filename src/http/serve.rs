//! One accepted connection that speaks HTTP/1. The tracker's requests are answered on the spot, everything
//! else goes to the node's routes. It decides how long a client may take over a request's head; never
//! what a route answers.
#![allow(clippy::disallowed_methods, reason = "the tracker is handed the time of each request")]

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::ConnectInfo;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;

use crate::base::limits::{HTTP_BUFFER_MAX_BYTES, HTTP_HEAD_TIMEOUT, HTTP_HEADERS_MAX, HTTP_STOP_TIMEOUT};
use crate::base::openings::Openings;
use crate::tracker::service::{HttpEndpoint, TrackerService};

/// What a node offers over HTTP.
#[derive(Clone)]
pub struct HttpServices {
    /// Answers `/announce` and `/scrape`, when this node has a tracker.
    pub tracker: Option<Arc<TrackerService>>,
    /// Everything else. Handlers find the client's address as `ConnectInfo<SocketAddr>`.
    pub app: axum::Router,
}

impl HttpServices {
    /// What of it is there for a client to whom only `openings` is open. What the routes answer is for them.
    pub fn open_to(self: &Arc<Self>, openings: Openings) -> Arc<Self> {
        match openings.tracker || self.tracker.is_none() {
            true => self.clone(),
            false => Arc::new(Self { tracker: None, app: self.app.clone() }),
        }
    }
}

/// Serves requests until the client goes, is idle too long, or `stopped` is ready; then what is under way
/// gets [`HTTP_STOP_TIMEOUT`] to finish.
pub async fn serve_http(
    stream: TcpStream,
    remote: SocketAddr,
    services: Arc<HttpServices>,
    stopped: impl Future<Output = ()>,
) {
    let app = TowerToHyperService::new(services.app.clone());
    let service = service_fn(move |request| respond(request, remote, services.tracker.clone(), app.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HTTP_HEAD_TIMEOUT)
        .max_buf_size(HTTP_BUFFER_MAX_BYTES)
        .max_headers(HTTP_HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(HTTP_STOP_TIMEOUT, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(target: "acestream.httpserver", "connection of {remote} failed: {error}");
    }
}

async fn respond(
    mut request: Request<Incoming>,
    remote: SocketAddr,
    tracker: Option<Arc<TrackerService>>,
    app: TowerToHyperService<axum::Router>,
) -> Result<Response<ServedBody>, Infallible> {
    if let (Some(tracker), Some(endpoint)) = (tracker, HttpEndpoint::of(request.uri().path())) {
        return Ok(tracker_response(&request, remote, &tracker, endpoint));
    }
    request.extensions_mut().insert(ConnectInfo(remote));
    app.call(request).await.map(|response| response.map(ServedBody::App))
}

fn tracker_response(
    request: &Request<Incoming>,
    remote: SocketAddr,
    tracker: &TrackerService,
    endpoint: HttpEndpoint,
) -> Response<ServedBody> {
    if request.method() != Method::GET {
        let mut refusal = Response::new(ServedBody::Whole(None));
        *refusal.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        return refusal;
    }
    let query = request.uri().query().unwrap_or_default();
    let body = tracker.http(Instant::now(), remote, endpoint, query);
    let mut response = Response::new(ServedBody::Whole(Some(Bytes::from(body))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// A body that is at hand, or one that a route produces.
enum ServedBody {
    Whole(Option<Bytes>),
    App(axum::body::Body),
}

impl Body for ServedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::App(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::App(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::App(body) => body.size_hint(),
        }
    }
}
