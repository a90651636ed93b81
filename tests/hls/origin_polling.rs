//! Reading an origin's playlists for as long as they are followed.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use start_engine::net::origin::Numbers;
use start_engine::swarm::hls::event::{OriginCommand, OriginEvent};
use start_engine::wire::hls::segment::InitId;

use super::origin_reading::{Reading, capture_log, config, numbers, playlist};
use super::origin_server::{Origin, Reply};

/// An origin whose `/live.m3u8` the test writes.
struct Written {
    origin: Origin,
    text: Arc<Mutex<String>>,
}

impl Written {
    async fn start(text: String) -> Self {
        let text = Arc::new(Mutex::new(text));
        let served = text.clone();
        let origin = Origin::start(move |request| match request.path.as_str() {
            "/live.m3u8" => Reply::text(served.lock().unwrap().clone()),
            "/init.mp4" => Reply::file(b"init".to_vec()),
            "/late.mp4" if request.earlier > 0 => Reply::file(b"late".to_vec()),
            "/huge.mp4" => Reply::file(vec![0; 100 * 1024]),
            _ => Reply::Status(404),
        });
        Self { origin: origin.await, text }
    }

    fn write(&self, text: String) {
        *self.text.lock().unwrap() = text;
    }

    fn url(&self) -> String {
        self.origin.url("/live.m3u8")
    }
}

#[tokio::test]
async fn lone_media_playlist_is_a_catalog_of_one_stream() {
    let origin = Written::start(playlist(7..10)).await;
    let mut reading = Reading::start(config(origin.url()));
    let OriginEvent::Catalog(catalog) = reading.next().await else { panic!("no catalog") };
    assert!(!catalog.is_master && catalog.streams.len() == 1);
    reading.follow([0]).await;
    assert_eq!(numbers(&*reading.listing().await), [7, 8, 9]);
    assert_eq!(origin.origin.requests("/live.m3u8").len(), 1, "what was read at the start is used");
}

#[tokio::test]
async fn new_segments_are_listed_as_they_appear_and_nothing_else_is() {
    let origin = Written::start(playlist(0..3)).await;
    let mut reading = Reading::start(config(origin.url()));
    reading.follow([0]).await;
    for first in 0..4 {
        assert_eq!(numbers(&*reading.listing().await), [first, first + 1, first + 2]);
        origin.write(playlist(first + 1..first + 4));
    }
}

#[tokio::test]
async fn only_followed_streams_are_read() {
    let latest = Arc::new(AtomicU64::new(3));
    let clock = latest.clone();
    let origin = Origin::start(move |request| match request.path.as_str() {
        "/master.m3u8" => Reply::text(
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\nhigh.m3u8\n",
        ),
        _ => Reply::text(playlist(0..clock.load(Ordering::Relaxed))),
    })
    .await;
    let mut reading = Reading::start(config(origin.url("/master.m3u8")));
    let OriginEvent::Catalog(catalog) = reading.next().await else { panic!("no catalog") };
    assert!(catalog.is_master && catalog.streams.len() == 2);
    reading.follow([1]).await;
    assert_eq!(reading.listing().await.stream, 1);
    assert!(origin.requests("/low.m3u8").is_empty());
    reading.follow([0]).await;
    assert_eq!(reading.listing().await.stream, 0);
    // one reading of the other stream may be under way
    for segments in 4..7 {
        latest.store(segments, Ordering::Relaxed);
        reading
            .until(|event| matches!(event, OriginEvent::Listed(now) if now.stream == 0).then_some(()))
            .await;
    }
    let after = origin.requests("/high.m3u8").len();
    latest.store(7, Ordering::Relaxed);
    reading.until(|event| matches!(event, OriginEvent::Listed(now) if now.stream == 0).then_some(())).await;
    assert_eq!(origin.requests("/high.m3u8").len(), after);
    reading.follow([0, 1]).await;
    let again = reading.until(|event| match event {
        OriginEvent::Listed(now) if now.stream == 1 => Some(now),
        _ => None,
    });
    assert_eq!(again.await.segments.len(), 7, "who follows again is told all");
}

#[tokio::test]
async fn hint_of_something_new_is_followed_before_it_is_due() {
    let long = |numbers| playlist(numbers).replace("#EXTINF:1.0", "#EXTINF:60.0");
    let origin = Written::start(long(0..3)).await;
    let mut reading = Reading::start(config(origin.url()));
    reading.follow([0]).await;
    reading.listing().await;
    origin.write(long(0..4));
    reading.listing().await;
    // the next one would be looked for in a minute
    origin.write(long(0..5));
    reading.command(OriginCommand::ReadNow { stream: 0 }).await;
    assert_eq!(reading.listing().await.segments.len(), 5);
}

#[tokio::test]
async fn origin_that_is_away_is_waited_for_and_told_of_once() {
    let (log, _guard) = capture_log();
    let origin = Origin::start(|request| match request.earlier {
        0 => Reply::Status(404),
        1 => Reply::Status(404),
        2 => Reply::text("<html>soon</html>"),
        3 => Reply::text(playlist(0..3)),
        4..8 => Reply::Status(503),
        _ => Reply::text(playlist(0..4)),
    })
    .await;
    let mut reading = Reading::start(config(origin.url("/live.m3u8")));
    reading.follow([0]).await;
    assert_eq!(numbers(&*reading.listing().await), [0, 1, 2]);
    assert_eq!(numbers(&*reading.listing().await), [0, 1, 2, 3]);
    assert_eq!(log.lines_with("404 Not Found"), 1, "{}", log.text());
    assert_eq!(log.lines_with("503 Service Unavailable"), 1, "{}", log.text());
}

#[tokio::test]
async fn sequence_that_goes_back_begins_anew_after_as_many_errors_as_are_allowed() {
    let (log, _guard) = capture_log();
    let origin = Written::start(playlist(100..103)).await;
    let mut reading = Reading::start(config(origin.url()));
    reading.follow([0]).await;
    reading.listing().await;
    origin.write(playlist(5..8));
    assert_eq!(reading.next().await, OriginEvent::Reset { stream: 0 });
    assert_eq!(numbers(&*reading.listing().await), [5, 6, 7]);
    assert_eq!(log.lines_with("went back"), 1, "{}", log.text());
}

#[tokio::test]
async fn monotonic_numbers_go_on_through_a_reset_and_a_restart() {
    let origin = Written::start(playlist(100..103)).await;
    let last = [(0, 41)].into();
    let config = config(origin.url());
    let mut reading = Reading::start(start_engine::net::origin::OriginConfig {
        numbers: Numbers::Monotonic { last },
        ..config
    });
    reading.follow([0]).await;
    assert_eq!(numbers(&*reading.listing().await), [42, 43, 44]);
    origin.write(playlist(5..8).replace(".ts", "-new.ts"));
    assert_eq!(numbers(&*reading.listing().await), [45, 46, 47]);
}

#[tokio::test]
async fn leap_of_a_thousand_million_is_survived() {
    let origin = Written::start(playlist(0..3)).await;
    let mut reading = Reading::start(config(origin.url()));
    reading.follow([0]).await;
    reading.listing().await;
    origin.write(playlist(1_000_000_000..1_000_000_003));
    assert_eq!(numbers(&*reading.listing().await)[0], 1_000_000_000);
}

fn with_map(numbers: std::ops::Range<u64>, map: &str) -> String {
    let tag = format!("#EXT-X-MAP:URI=\"{map}\"\n#EXTINF");
    playlist(numbers).replacen("#EXTINF", &tag, 1)
}

#[tokio::test]
async fn initialisation_section_is_announced_before_it_is_referred_to() {
    let origin = Written::start(with_map(0..3, "init.mp4")).await;
    let mut reading = Reading::start(config(origin.url()));
    reading.follow([0]).await;
    assert!(matches!(reading.next().await, OriginEvent::Catalog(_)));
    let id = InitId(Sha256::digest(b"init").into());
    assert_eq!(reading.next().await, OriginEvent::Init { id, bytes: Bytes::from_static(b"init") });
    assert!(reading.listing().await.segments.iter().all(|segment| segment.init == Some(id)));
    origin.write(with_map(1..4, "init.mp4"));
    assert!(matches!(reading.next().await, OriginEvent::Listed(_)), "it is announced once");
    assert_eq!(origin.origin.requests("/init.mp4").len(), 1);
}

#[tokio::test]
async fn segments_wait_for_their_section_and_others_do_not_wait_for_them() {
    for missing in ["late.mp4", "huge.mp4"] {
        let text = playlist(0..2) + &format!("#EXT-X-MAP:URI=\"{missing}\"\n#EXTINF:1,\n2.ts\n");
        let origin = Written::start(text).await;
        let mut reading = Reading::start(config(origin.url()));
        reading.follow([0]).await;
        assert_eq!(numbers(&*reading.listing().await), [0, 1], "{missing}");
        if missing == "late.mp4" {
            assert_eq!(numbers(&*reading.listing().await), [0, 1, 2], "{missing}");
        } else {
            origin.write(playlist(0..2) + "#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:1,\n2.ts\n");
            assert_eq!(numbers(&*reading.listing().await), [0, 1, 2], "{missing}");
        }
    }
}

#[tokio::test]
async fn private_reader_makes_vectors_explicit_and_public_one_leaves_them() {
    let text = playlist(5..8).replacen("#EXTINF", "#EXT-X-KEY:METHOD=AES-128,URI=\"key\"\n#EXTINF", 1);
    let origin = Written::start(text).await;
    for decrypts in [false, true] {
        let config = config(origin.url());
        let mut reading = Reading::start(start_engine::net::origin::OriginConfig { decrypts, ..config });
        reading.follow([0]).await;
        let key = reading.listing().await.segments[1].key.clone().unwrap();
        assert_eq!(key.iv, decrypts.then_some(6_u128.to_be_bytes()));
        assert_eq!(key.url.as_ref(), origin.origin.url("/key"));
    }
}

#[tokio::test]
async fn private_reader_logs_no_address() {
    let (log, _guard) = capture_log();
    let origin = Origin::start(|request| match request.earlier {
        0 => Reply::Status(500),
        _ => Reply::text(playlist(0..3)),
    })
    .await;
    let config = config(origin.url("/live.m3u8"));
    let mut reading = Reading::start(start_engine::net::origin::OriginConfig { log_urls: false, ..config });
    reading.follow([0]).await;
    reading.listing().await;
    assert!(log.text().contains("500") && !log.text().contains("127.0.0.1"), "{}", log.text());
}

#[tokio::test]
async fn address_that_is_good_no_more_is_asked_for_anew() {
    let masters = Arc::new(AtomicUsize::new(0));
    let count = masters.clone();
    let origin = Origin::start(move |request| match request.path.as_str() {
        "/master.m3u8" => {
            let token = count.fetch_add(1, Ordering::Relaxed);
            Reply::text(format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{token}.m3u8\n"))
        }
        "/0.m3u8" if request.earlier > 0 => Reply::Status(403),
        "/0.m3u8" => Reply::text(playlist(0..3)),
        _ => Reply::text(playlist(0..4)),
    })
    .await;
    let mut reading = Reading::start(config(origin.url("/master.m3u8")));
    reading.follow([0]).await;
    assert_eq!(reading.listing().await.segments.len(), 3);
    assert_eq!(reading.listing().await.segments.len(), 4);
    assert_eq!(masters.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn reader_ends_when_it_is_told_to_or_nobody_listens() {
    let origin = Written::start(playlist(0..3)).await;
    let patience = Duration::from_secs(10);
    let stopped = Reading::start(config(origin.url()));
    stopped.stop.send_replace(true);
    tokio::time::timeout(patience, stopped.task).await.expect("it ends").unwrap();
    let deserted = Reading::start(config(origin.url()));
    drop(deserted.events);
    tokio::time::timeout(patience, deserted.task).await.expect("it ends").unwrap();
    let orphaned = Reading::start(config(origin.url()));
    drop(orphaned.commands);
    tokio::time::timeout(patience, orphaned.task).await.expect("it ends").unwrap();
}
