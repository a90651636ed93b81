//! What players ask of the client node, and the status that each trouble has.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use start_engine::base::ids::Infohash;
use start_engine::http::client_api::{Broadcasts, ClientApi, OpenError};
use start_engine::http::hls::hub::HlsHub;
use start_engine::http::opened::Opened;
use start_engine::http::selector::Selector;
use start_engine::http::service::Version;
use start_engine::http::stream::StreamHub;

use crate::server::{ask, get, serve, serve_as_if_from};

pub const HEX: &str = "00112233445566778899aabbccddeeff00112233";

/// Opens the same thing whatever is asked, and remembers what was asked.
struct OneBroadcast {
    outcome: Result<Opened, OpenError>,
    asked: Mutex<Vec<Selector>>,
}

impl Broadcasts for OneBroadcast {
    fn open(&self, selector: Selector, _: SocketAddr) -> BoxFuture<'_, Result<Opened, OpenError>> {
        self.asked.lock().unwrap().push(selector);
        Box::pin(async { self.outcome.clone() })
    }

    fn hls_hub(&self, infohash: Infohash) -> BoxFuture<'_, Option<Arc<HlsHub>>> {
        let hub = match &self.outcome {
            Ok(Opened::Hls(hub)) if hub.infohash() == infohash => Some(Arc::clone(hub)),
            _ => None,
        };
        Box::pin(async { hub })
    }
}

fn api(broadcasts: Arc<OneBroadcast>, start_timeout: Duration) -> ClientApi {
    let version = Version { version: "1.2.3".into(), code: 1_020_300 };
    ClientApi { broadcasts, version, buffer: ClientApi::BUFFER, start_timeout }
}

fn broadcasts(outcome: Result<Opened, OpenError>) -> Arc<OneBroadcast> {
    Arc::new(OneBroadcast { outcome, asked: Mutex::default() })
}

/// An API whose every broadcast is `hub`.
pub fn api_of(hub: &Arc<StreamHub>) -> ClientApi {
    api(broadcasts(Ok(Opened::Ts(Arc::clone(hub)))), Duration::from_secs(60))
}

/// The same of an HLS broadcast, for which players wait no longer than `start_timeout`.
pub fn api_of_hls(hub: &Arc<HlsHub>, start_timeout: Duration) -> ClientApi {
    api(broadcasts(Ok(Opened::Hls(Arc::clone(hub)))), start_timeout)
}

fn broken(error: OpenError) -> ClientApi {
    api(broadcasts(Err(error)), Duration::from_secs(60))
}

#[tokio::test]
async fn requests_that_name_nothing_playable_are_told_what_is_expected() {
    let broadcasts = broadcasts(Err(OpenError::NotFound("x".into())));
    let server = serve(api(Arc::clone(&broadcasts), Duration::ZERO).router()).await;
    for (path, status, named) in [
        ("/ace/getstream", 400, "infohash="),
        ("/ace/getstream?pid=7", 400, "content_id="),
        ("/ace/getstream?id=12", 400, "40 hexadecimal digits"),
        ("/ace/getstream?infohash=zz112233445566778899aabbccddeeff00112233", 400, "40 hexadecimal digits"),
        ("/ace/getstream?url=ftp%3A%2F%2Fh%2Fx", 400, "http://"),
        ("/ace/getstream?url=x%0D%0Ay", 400, "http://"),
        ("/ace/getstream?id=00112233445566778899aabbccddeeff00112233&buffer=-1", 400, "buffer="),
        ("/ace/getstream?id=00112233445566778899aabbccddeeff00112233&format=json", 501, "format=json"),
        ("/ace/getstream?magnet=x", 501, "magnet="),
        ("/ace/manifest.m3u8?id=x", 400, "40 hexadecimal digits"),
        ("/ace/manifest.m3u8", 400, "infohash="),
        ("/hls/manifest.m3u8", 400, "manifest_url="),
        ("/hls/manifest.m3u8?manifest_url=file%3A%2F%2F%2Fx.m3u8", 400, "https://"),
        ("/hls/manifest.m3u8?manifest_url=http%3A%2F%2Fh%2Fx&format=json", 501, "format=json"),
        ("/nothing", 404, "/ace/getstream"),
    ] {
        let reply = get(server, path).await;
        assert_eq!(reply.status, status, "{path}");
        let body = reply.text().await;
        assert!(body.contains(named) && body.lines().count() == 1, "{path}: {body}");
    }
    assert!(broadcasts.asked.lock().unwrap().is_empty(), "nothing may be opened for these");
}

#[tokio::test]
async fn trouble_with_the_broadcast_has_its_status_and_one_line() {
    for (error, status) in [
        (OpenError::NotFound("no tracker knows it\r\nX-Bad: 1".into()), 404),
        (OpenError::NotPlayable("bad version 9".into()), 502),
        (OpenError::Forbidden("private address".into()), 403),
        (OpenError::Upstream("connection refused".into()), 502),
        (OpenError::TimedOut("no peer".into()), 504),
        (OpenError::Busy("16 broadcasts".into()), 503),
        (OpenError::NotInThisBuild("content ids".into()), 501),
    ] {
        let server = serve(broken(error.clone()).router()).await;
        let reply = get(server, &format!("/ace/getstream?id={HEX}")).await;
        assert_eq!((reply.status, reply.header("x-bad")), (status, None), "{error}");
        assert_eq!(reply.text().await.lines().count(), 1, "{error}");
    }
}

#[tokio::test]
async fn broadcast_without_data_ends_in_a_gateway_timeout() {
    let hub = Arc::new(StreamHub::default());
    let server =
        serve(api(broadcasts(Ok(Opened::Ts(Arc::clone(&hub)))), Duration::from_millis(1)).router()).await;
    let path = format!("/ace/getstream?id={HEX}");
    assert_eq!(get(server, &path).await.status, 504);
    hub.end("the source is gone");
    let server = serve(api_of(&hub).router()).await;
    let reply = get(server, &path).await;
    assert_eq!(reply.status, 502);
    assert!(reply.text().await.contains("the source is gone"));
    assert_eq!(hub.viewers(), 0);
}

#[tokio::test]
async fn selector_reaches_the_node_as_it_was_asked() {
    let broadcasts = broadcasts(Err(OpenError::NotFound("x".into())));
    let server = serve(api(Arc::clone(&broadcasts), Duration::ZERO).router()).await;
    let infohash = HEX.parse().unwrap();
    get(server, &format!("/ace/getstream?url=http%3A%2F%2Fh%2Fa%3Fb%3Dc&infohash={HEX}&content_id={HEX}"))
        .await;
    get(server, &format!("/ace/getstream?url=x&infohash={HEX}")).await;
    get(server, "/ace/getstream?url=http%3A%2F%2Fh%2Fa%3Fb%3Dc").await;
    get(server, "/ace/getstream?url=file:///tmp/x.acelive").await;
    get(server, &format!("/ace/manifest.m3u8?infohash={HEX}&stream_id=1&quality=best")).await;
    get(server, "/hls/manifest.m3u8?manifest_url=HTTP%3A%2F%2FH%2Fa%2520b%3Fc%3Dd").await;
    let asked = broadcasts.asked.lock().unwrap();
    let url = |url: &str| Selector::Url(url.into());
    assert_eq!(
        *asked,
        [
            Selector::ContentId(infohash),
            Selector::Infohash(infohash),
            url("http://h/a?b=c"),
            url("file:///tmp/x.acelive"),
            Selector::Infohash(infohash),
            Selector::ManifestUrl("HTTP://H/a%20b?c=d".into())
        ]
    );
}

#[tokio::test]
async fn manifest_of_an_mpeg_ts_broadcast_is_not_in_this_build() {
    let server = serve(api_of(&Arc::new(StreamHub::default())).router()).await;
    let reply = get(server, &format!("/ace/manifest.m3u8?infohash={HEX}")).await;
    assert_eq!(reply.status, 501);
    let body = reply.text().await;
    assert!(body.contains("MPEG-TS") && body.contains("/ace/getstream"), "{body}");
    let reply = get(server, &format!("/ace/m/{HEX}/0.m3u8")).await;
    assert_eq!(reply.status, 404, "it has no playlists");
}

#[tokio::test]
async fn file_urls_of_other_machines_are_refused() {
    let broadcasts = broadcasts(Err(OpenError::NotFound("x".into())));
    let router = api(Arc::clone(&broadcasts), Duration::ZERO).router();
    let server = serve_as_if_from(router, "192.168.1.9:4000").await;
    for method in ["GET", "HEAD"] {
        let reply = ask(server, method, "/ace/getstream?url=file:///etc/passwd", "").await;
        assert_eq!(reply.status, 403);
    }
    assert!(broadcasts.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn service_answers_in_its_envelope() {
    let server = serve(broken(OpenError::NotFound("x".into())).router()).await;
    let service = async |query: &str| get(server, &format!("/webui/api/service?{query}")).await;
    let reply = service("method=get_version").await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let json: serde_json::Value = serde_json::from_str(&reply.text().await).unwrap();
    let result = serde_json::json!({ "version": "1.2.3", "code": 1_020_300, "platform": "linux" });
    assert_eq!(json, serde_json::json!({ "result": result, "error": null }));
    let other: serde_json::Value = serde_json::from_str(&service("method=x").await.text().await).unwrap();
    assert!(other["result"].is_null() && other["error"].is_string());
    let script = service("method=get_version&format=jsonp&callback=a.b").await.text().await;
    assert!(script.starts_with("a.b({") && script.ends_with("});"), "{script}");
    for callback in ["", "&callback=alert(1)", "&callback=a%3Bb"] {
        assert_eq!(service(&format!("method=get_version&format=jsonp{callback}")).await.status, 400);
    }
}
