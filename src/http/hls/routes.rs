//! The addresses of HLS: the manifests that open a broadcast, and those that a playlist holds, which work
//! while it is open.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Path, Query as QueryOf, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{MethodRouter, get};

use crate::base::hex;
use crate::base::ids::{Infohash, PieceId};
use crate::http::client_api::{Api, ClientApi, Peer, refuse};
use crate::http::hls::hub::HlsHub;
use crate::http::hls::reader::SegmentReader;
use crate::http::hls::reply;
use crate::http::hls::unavailable::Unavailable;
use crate::http::opened::Opened;
use crate::http::reply::line;
use crate::http::selector::{self, BadRequest, Query, Selector, Wish};
use crate::wire::hls::segment::InitId;

type Reply = Result<Response, Response>;

pub fn router() -> Router<Arc<ClientApi>> {
    Router::new()
        .route("/ace/manifest.m3u8", with_preflight(get(manifest).head(manifest_head)))
        .route("/hls/manifest.m3u8", with_preflight(get(manifest_of_url).head(manifest_of_url_head)))
        .route("/ace/m/{infohash}/{file}", with_preflight(get(media_playlist)))
        .route("/ace/c/{infohash}/init/{file}", with_preflight(get(init)))
        .route("/ace/c/{infohash}/{stream}/{file}", with_preflight(get(segment).head(segment_head)))
}

fn with_preflight(methods: MethodRouter<Arc<ClientApi>>) -> MethodRouter<Arc<ClientApi>> {
    methods.options(async || reply::preflight())
}

async fn manifest(State(api): Api, ConnectInfo(from): Peer, QueryOf(query): QueryOf<Query>) -> Reply {
    let request = selector::parse(&query, from).map_err(refuse)?;
    open(&api, request.selector, &request.wish, from).await
}

/// Says what GET would send, without opening anything.
async fn manifest_head(ConnectInfo(from): Peer, QueryOf(query): QueryOf<Query>) -> Reply {
    selector::parse(&query, from).map_err(refuse)?;
    Ok(reply::playlist_head())
}

async fn manifest_of_url(State(api): Api, ConnectInfo(from): Peer, QueryOf(query): QueryOf<Query>) -> Reply {
    let (selector, wish) = selector::parse_manifest(&query).map_err(refuse)?;
    open(&api, selector, &wish, from).await
}

async fn manifest_of_url_head(QueryOf(query): QueryOf<Query>) -> Reply {
    selector::parse_manifest(&query).map_err(refuse)?;
    Ok(reply::playlist_head())
}

async fn open(api: &ClientApi, selector: Selector, wish: &Wish, from: SocketAddr) -> Reply {
    match api.open(selector, from).await? {
        Opened::Hls(hub) => api.in_time(hub.manifest(wish)).await.map(reply::playlist),
        Opened::Ts(_) => Err(refuse(BadRequest::NotInThisBuild { what: "HLS out of an MPEG-TS broadcast" })),
    }
}

async fn media_playlist(State(api): Api, Path((infohash, file)): Path<(String, String)>) -> Reply {
    let stream = file.strip_suffix(".m3u8").and_then(number).ok_or_else(no_such_path)?;
    let hub = hub(&api, &infohash).await?;
    api.in_time(hub.media_playlist(stream)).await.map(reply::playlist)
}

async fn segment(State(api): Api, Path(path): Path<(String, String, String)>, headers: HeaderMap) -> Reply {
    let mut reader = reader(&api, path).await?;
    api.in_time(reader.ready()).await?;
    Ok(reply::segment(reader, &headers))
}

async fn segment_head(State(api): Api, Path(path): Path<(String, String, String)>) -> Reply {
    Ok(reply::segment_head(&reader(&api, path).await?))
}

async fn init(State(api): Api, Path((infohash, file)): Path<(String, String)>) -> Reply {
    let id = file.strip_suffix(".mp4").and_then(hex::decode).map(InitId).ok_or_else(no_such_path)?;
    Ok(hub(&api, &infohash).await?.init(id).map(reply::init)?)
}

async fn reader(api: &ClientApi, path: (String, String, String)) -> Result<SegmentReader, Response> {
    let (infohash, stream, file) = path;
    let name = file.strip_suffix(".ts").or_else(|| file.strip_suffix(".m4s"));
    let piece = number(&stream).zip(name.and_then(number)).ok_or_else(no_such_path)?;
    let hub = hub(api, &infohash).await?;
    Ok(SegmentReader::open(&hub, PieceId { stream: piece.0, number: piece.1 })?)
}

async fn hub(api: &ClientApi, infohash: &str) -> Result<Arc<HlsHub>, Response> {
    let infohash: Infohash = infohash.parse().map_err(|_| no_such_path())?;
    let hub = api.broadcasts.hls_hub(infohash).await;
    Ok(hub.ok_or(Unavailable::NotOpen(infohash))?)
}

/// A number as this node writes it: digits alone.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok())?
}

fn no_such_path() -> Response {
    line(StatusCode::NOT_FOUND, "no such path in a playlist of this node")
}
