//! Asking an origin for a playlist, once or again and again.

use std::time::Duration;

use start_engine::media::playlist::Playlist;
use start_engine::net::announce::Reach;
use start_engine::net::origin::{Answer, OriginClient, OriginError, Validators};

use super::origin_reading::playlist;
use super::origin_server::{File, Origin, Reply};

fn client() -> OriginClient {
    OriginClient::new(Reach::Anywhere, None)
}

async fn ask(url: &str) -> Result<Answer, OriginError> {
    client().playlist(url, &mut Validators::default()).await
}

#[tokio::test]
async fn addresses_in_a_playlist_are_relative_to_where_redirects_lead() {
    let origin = Origin::start(|request| match request.path.as_str() {
        "/live.m3u8" => Reply::Redirect("/edge/7/live.m3u8".into()),
        _ => Reply::text(playlist(5..8)),
    })
    .await;
    let answer = ask(&origin.url("/live.m3u8")).await.unwrap();
    let Answer::Playlist(Playlist::Media(media), url) = answer else { panic!("{answer:?}") };
    assert_eq!(url.as_str(), origin.url("/edge/7/live.m3u8"));
    assert_eq!(media.segments[0].at.url.as_ref(), origin.url("/edge/7/5.ts"));
}

#[tokio::test]
async fn playlist_with_a_tag_is_sent_again_only_when_it_changed() {
    let origin = Origin::start(|request| {
        let etag = Some(if request.earlier < 3 { "\"a\"" } else { "\"b\"" }.to_owned());
        let bytes = playlist(0..3 + (request.earlier as u64) / 3).into_bytes();
        Reply::File(File { bytes, etag, ..File::default() })
    })
    .await;
    let (client, url, mut validators) = (client(), origin.url("/live.m3u8"), Validators::default());
    let mut news = Vec::new();
    for _ in 0..5 {
        let answer = client.playlist(&url, &mut validators).await.unwrap();
        news.push(answer != Answer::NotModified);
    }
    assert_eq!(news, [true, false, false, true, false]);
    let asked_with =
        |index: usize| origin.requests("/live.m3u8")[index].headers.get("if-none-match").cloned();
    assert_eq!(
        (asked_with(0), asked_with(1), asked_with(4)),
        (None, Some("\"a\"".into()), Some("\"b\"".into()))
    );
}

#[tokio::test]
async fn same_text_is_no_news_without_any_tag() {
    let origin = Origin::start(|_| Reply::text(playlist(0..3))).await;
    let (client, url, mut validators) = (client(), origin.url("/live.m3u8"), Validators::default());
    assert!(matches!(client.playlist(&url, &mut validators).await, Ok(Answer::Playlist(..))));
    assert!(matches!(client.playlist(&url, &mut validators).await, Ok(Answer::NotModified)));
}

/// A file that is written twice within a second keeps its date: the second playlist would never be seen.
#[tokio::test]
async fn file_dates_are_believed_once_the_file_is_old_enough() {
    let date = "Mon, 02 Jun 2025 10:00:00 GMT";
    let origin = Origin::start(move |request| match request.headers.contains_key("if-modified-since") {
        true => Reply::Status(304),
        false => Reply::File(File {
            bytes: playlist(0..3).into_bytes(),
            headers: vec![("Last-Modified", date.into())],
            ..File::default()
        }),
    })
    .await;
    let (client, url, mut validators) = (client(), origin.url("/live.m3u8"), Validators::default());
    client.playlist(&url, &mut validators).await.unwrap();
    client.playlist(&url, &mut validators).await.unwrap();
    let conditional = || {
        let requests = origin.requests("/live.m3u8");
        requests.iter().map(|request| request.headers.contains_key("if-modified-since")).collect::<Vec<_>>()
    };
    assert_eq!(conditional(), [false, false]);
    while conditional().last() == Some(&false) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(client.playlist(&url, &mut validators).await.unwrap(), Answer::NotModified);
        assert!(conditional().len() < 100, "never asked with the date");
    }
}

#[tokio::test]
async fn each_way_to_fail_has_its_line_and_names_no_host() {
    let origin = Origin::start(|request| match request.path.as_str() {
        "/404" => Reply::Status(404),
        "/503" => Reply::Status(503),
        "/html" => Reply::text("<!DOCTYPE html><html><body>Hello</body></html>"),
        "/loop" => Reply::Redirect("/loop".into()),
        "/away" => Reply::Redirect("ftp://127.0.0.1/live.m3u8".into()),
        "/short" => Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n#EXTM3U\n".to_vec()),
        "/nonsense" => Reply::Raw(b"220 mail.example ESMTP\r\n\r\n".to_vec()),
        "/huge" => Reply::file(vec![b'#'; 5 * 1024 * 1024]),
        _ => Reply::text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n"),
    })
    .await;
    let https = origin.url("/live.m3u8").replace("http:", "https:");
    let cases = [
        (origin.url("/404"), "answered 404", false),
        (origin.url("/503"), "answered 503", true),
        (origin.url("/html"), "web page", false),
        (origin.url("/loop"), "more than 5 redirects", false),
        (origin.url("/away"), "", false),
        (origin.url("/short"), "broke off", true),
        (origin.url("/nonsense"), "does not speak HTTP", false),
        (origin.url("/huge"), "more than 4194304 bytes", false),
        (origin.url("/empty"), "no segments", true),
        (https, "TLS", false),
        ("http://127.0.0.1:1/live.m3u8".into(), "Connection refused", true),
        ("ftp://origin.example/live.m3u8".into(), "no http:// or https:// URL", false),
    ];
    for (url, part, is_transient) in cases {
        let error = ask(&url).await.unwrap_err();
        let line = error.to_string();
        assert!(line.contains(part), "{url}: {line}");
        assert!(!line.contains("127.0.0.1") && !line.contains("origin.") && !line.contains('\n'), "{line}");
        assert!(part.is_empty() || error.is_transient() == is_transient, "{url}: {line}");
    }
}

#[tokio::test]
async fn strangers_do_not_lead_into_the_own_network() {
    let origin = Origin::start(|_| Reply::text(playlist(0..3))).await;
    let client = OriginClient::new(Reach::PublicOnly, None);
    let by_name = format!("http://localhost:{}/live.m3u8", origin.addr.port());
    for url in [origin.url("/live.m3u8"), by_name, "http://10.0.0.1/live.m3u8".into()] {
        let error = client.playlist(&url, &mut Validators::default()).await.unwrap_err();
        assert!(matches!(error, OriginError::NotPublic), "{url}: {error}");
    }
    assert!(origin.requests("/live.m3u8").is_empty());
}

#[tokio::test]
async fn connections_leave_from_the_given_address() {
    let origin = Origin::start(|_| Reply::text(playlist(0..3))).await;
    let client = OriginClient::new(Reach::Anywhere, Some("127.0.0.2".parse().unwrap()));
    client.playlist(&origin.url("/live.m3u8"), &mut Validators::default()).await.unwrap();
    assert_eq!(origin.requests("/live.m3u8")[0].from.ip().to_string(), "127.0.0.2");
}
