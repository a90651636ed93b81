//! Segments on their way to players, whole or still growing.

use std::time::Duration;

use bytes::Bytes;
use start_engine::base::ids::PieceId;
use start_engine::http::hls::holdings::Bounds;
use start_engine::http::hls::hub::HlsHubConfig;
use start_engine::swarm::hls::event::{CHUNK_BYTES, HlsDelivery, HlsDemand, SegmentInfo};
use start_engine::wire::hls::segment::InitId;

use crate::client_api::HEX;
use crate::hls_fixture::{Broadcast, config, info, media, one_stream, piece};
use crate::server::{Reply, ask};

const BYTES: usize = 2 * CHUNK_BYTES + 100;

fn path(number: u64) -> String {
    format!("/ace/c/{HEX}/0/{number}.ts")
}

async fn with_range(broadcast: &Broadcast, number: u64, range: &str) -> Reply {
    ask(broadcast.server, "GET", &path(number), &format!("Range: {range}\r\n")).await
}

#[tokio::test]
async fn whole_segment_comes_byte_for_byte() {
    let broadcast = Broadcast::of_one_stream().await;
    for number in 1..=3 {
        broadcast.deliver(info(number), &media(number, BYTES));
    }
    for number in [2, 1, 3] {
        let reply = broadcast.get(&path(number)).await;
        for (name, value) in [
            ("content-type", "video/mp2t"),
            ("content-length", &BYTES.to_string()),
            ("accept-ranges", "bytes"),
            ("cache-control", "no-store"),
            ("access-control-allow-origin", "*"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{name}");
        }
        assert!(reply.rest().await == Some(media(number, BYTES)), "segment {number}");
    }
}

#[tokio::test]
async fn growing_segment_is_handed_on_chunk_by_chunk() {
    let mut broadcast = Broadcast::of_one_stream().await;
    let media = media(1, BYTES);
    broadcast.list(info(1));
    let reply = broadcast.ask(&path(1));
    assert_eq!(broadcast.demands.recv().await, Some(HlsDemand::Asked(piece(1))), "the swarm is told");
    broadcast.chunk(piece(1), 1, &media[CHUNK_BYTES..2 * CHUNK_BYTES]);
    broadcast.chunk(piece(1), 0, &media[..CHUNK_BYTES]);
    let mut reply = reply.await.unwrap();
    assert_eq!(reply.header("content-length"), None, "nobody knows yet how long it is");
    let mut seen = reply.stream(2 * CHUNK_BYTES).await;
    assert!(seen == media[..2 * CHUNK_BYTES]);
    broadcast.chunk(piece(1), 2, &media[2 * CHUNK_BYTES..]);
    seen.extend(reply.stream(100).await);
    broadcast.hub.deliver(HlsDelivery::Complete { piece: piece(1), length: BYTES as u64 });
    assert_eq!(reply.rest().await, Some(Vec::new()));
    assert!(seen == media);
    assert!(broadcast.demands.try_recv().is_err(), "once is enough");
}

#[tokio::test]
async fn length_that_is_known_before_the_media_is_told() {
    let broadcast = Broadcast::of_one_stream().await;
    let media = media(1, BYTES);
    broadcast.list(info(1));
    broadcast.list(SegmentInfo { length: Some(BYTES as u64), ..info(1) });
    broadcast.chunk(piece(1), 0, &media[..CHUNK_BYTES]);
    let mut reply = broadcast.get(&path(1)).await;
    assert_eq!(reply.header("content-length"), Some(BYTES.to_string().as_str()));
    assert!(reply.take(CHUNK_BYTES).await == media[..CHUNK_BYTES]);
    for chunk in [2, 1] {
        let end = BYTES.min((chunk + 1) * CHUNK_BYTES);
        broadcast.chunk(piece(1), chunk as u16, &media[chunk * CHUNK_BYTES..end]);
    }
    assert!(reply.take(BYTES - CHUNK_BYTES).await == media[CHUNK_BYTES..]);
}

#[tokio::test]
async fn segment_lost_on_the_way_breaks_the_connection_off() {
    for length in [None, Some(BYTES as u64)] {
        let broadcast = Broadcast::of_one_stream().await;
        broadcast.list(SegmentInfo { length, ..info(1) });
        broadcast.chunk(piece(1), 0, &media(1, CHUNK_BYTES));
        let reply = broadcast.get(&path(1)).await;
        assert_eq!(reply.status, 200);
        broadcast.lose(piece(1));
        assert_eq!(reply.rest().await, None, "a part must not look like the whole");
    }
}

#[tokio::test]
async fn segment_that_is_lost_before_its_first_byte_is_not_found() {
    let mut broadcast = Broadcast::of_one_stream().await;
    broadcast.list(info(1));
    let waiting = broadcast.ask(&path(1));
    broadcast.demands.recv().await.unwrap();
    broadcast.lose(piece(1));
    let reply = waiting.await.unwrap();
    assert_eq!((reply.status, reply.text().await.as_str()), (404, "segment 0/1 is lost\n"));
    assert_eq!(broadcast.get(&path(1)).await.status, 404);
}

#[tokio::test]
async fn segment_of_which_nothing_comes_ends_in_a_gateway_timeout() {
    let broadcast = Broadcast::with_patience(config(), Duration::from_millis(1)).await;
    broadcast.hub.deliver(HlsDelivery::Catalog(one_stream().into()));
    broadcast.list(info(1));
    assert_eq!(broadcast.get(&path(1)).await.status, 504);
}

#[tokio::test]
async fn number_that_begins_anew_is_another_segment() {
    let broadcast = Broadcast::of_one_stream().await;
    broadcast.list(info(1));
    broadcast.chunk(piece(1), 0, &media(1, CHUNK_BYTES));
    let mut reply = broadcast.get(&path(1)).await;
    assert!(reply.stream(CHUNK_BYTES).await == media(1, CHUNK_BYTES));
    broadcast.hub.deliver(HlsDelivery::Reset { stream: 0, epoch: 1 });
    broadcast.deliver(info(1), &media(8, BYTES));
    assert_eq!(reply.rest().await, None, "two segments must not be joined into one");
    assert!(broadcast.get(&path(1)).await.rest().await == Some(media(8, BYTES)));
}

#[tokio::test]
async fn part_of_a_whole_segment_can_be_asked_for() {
    let broadcast = Broadcast::of_one_stream().await;
    let media = media(1, BYTES);
    broadcast.deliver(info(1), &media);
    for (range, from, to) in [
        ("bytes=0-", 0, BYTES),
        ("bytes=0-9", 0, 10),
        ("bytes=16380-16390", 16_380, 16_391),
        ("bytes=-7", BYTES - 7, BYTES),
    ] {
        let reply = with_range(&broadcast, 1, range).await;
        assert_eq!(reply.status, 206, "{range}");
        let content_range = format!("bytes {from}-{}/{BYTES}", to - 1);
        assert_eq!(reply.header("content-range"), Some(content_range.as_str()));
        assert!(reply.rest().await == Some(media[from..to].to_vec()), "{range}");
    }
    let reply = with_range(&broadcast, 1, &format!("bytes={BYTES}-")).await;
    assert_eq!(reply.status, 416);
    assert_eq!(reply.header("content-range"), Some(format!("bytes */{BYTES}").as_str()));
    for ignored in ["bytes=0-1,4-5", "lines=0-1"] {
        let reply = with_range(&broadcast, 1, ignored).await;
        assert_eq!(
            (reply.status, reply.rest().await.map(|body| body.len())),
            (200, Some(BYTES)),
            "{ignored}"
        );
    }
}

#[tokio::test]
async fn part_of_a_growing_segment_can_be_asked_for_once_its_length_is_known() {
    let broadcast = Broadcast::of_one_stream().await;
    let media = media(1, BYTES);
    for (number, length) in [(1, Some(BYTES as u64)), (2, None)] {
        broadcast.list(SegmentInfo { length, ..info(number) });
        broadcast.chunk(piece(number), 0, &media[..CHUNK_BYTES]);
    }
    let mut reply = with_range(&broadcast, 1, "bytes=16380-16390").await;
    assert_eq!(reply.status, 206);
    assert!(reply.take(4).await == media[16_380..CHUNK_BYTES]);
    broadcast.chunk(piece(1), 1, &media[CHUNK_BYTES..2 * CHUNK_BYTES]);
    assert!(reply.rest().await == Some(media[CHUNK_BYTES..16_391].to_vec()));
    assert_eq!(with_range(&broadcast, 2, "bytes=0-9").await.status, 200, "the range cannot be placed yet");
}

#[tokio::test]
async fn head_tells_what_is_known_without_waiting() {
    let mut broadcast = Broadcast::of_one_stream().await;
    broadcast.deliver(info(1), &media(1, BYTES));
    broadcast.list(info(2));
    for (number, length) in [(1, Some(BYTES.to_string())), (2, None)] {
        let reply = ask(broadcast.server, "HEAD", &path(number), "").await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("video/mp2t")));
        assert_eq!(reply.header("content-length"), length.as_deref());
    }
    assert!(broadcast.demands.try_recv().is_err(), "nobody waits for it");
}

#[tokio::test]
async fn fragments_and_their_initialisation_section_are_mp4() {
    let broadcast = Broadcast::of_one_stream().await;
    let id = InitId([7; 32]);
    broadcast.hub.deliver(HlsDelivery::Init { id, bytes: Bytes::from_static(b"\0\0\0\x08ftyp") });
    broadcast.deliver(SegmentInfo { init: Some(id), ..info(1) }, b"\0\0\0\x08moof");
    let init = broadcast.get(&format!("/ace/c/{HEX}/init/{id}.mp4")).await;
    assert_eq!(init.header("content-type"), Some("video/mp4"));
    assert_eq!(init.rest().await.as_deref(), Some(&b"\0\0\0\x08ftyp"[..]));
    let fragment = broadcast.get(&format!("/ace/c/{HEX}/0/1.m4s")).await;
    assert_eq!(fragment.header("content-type"), Some("video/mp4"));
    assert_eq!(fragment.rest().await.as_deref(), Some(&b"\0\0\0\x08moof"[..]));
}

#[tokio::test]
async fn pages_of_other_origins_may_ask_for_ranges() {
    let broadcast = Broadcast::of_one_stream().await;
    let preflight = "Origin: http://page\r\nAccess-Control-Request-Headers: range\r\n";
    for path in [path(1), format!("/ace/m/{HEX}/0.m3u8"), "/ace/manifest.m3u8".to_owned()] {
        let reply = ask(broadcast.server, "OPTIONS", &path, preflight).await;
        assert_eq!(reply.status, 204, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.header("access-control-allow-headers"), Some("range"));
    }
}

#[tokio::test]
async fn old_segments_are_kept_for_slow_players_and_then_dropped() {
    let broadcast = Broadcast::of_one_stream().await;
    for number in 1..=10 {
        broadcast.deliver(info(number), &media(number, 10));
    }
    let mut statuses = Vec::new();
    for number in 2..=5 {
        statuses.push(broadcast.get(&path(number)).await.status);
    }
    assert_eq!(statuses, [404, 404, 200, 200], "four are in the playlist and three more are held");
}

#[tokio::test]
async fn player_that_does_not_read_loses_its_segment_and_nobody_else_anything() {
    let broadcast = Broadcast::of_one_stream().await;
    let huge = 1_000 * CHUNK_BYTES;
    broadcast.deliver(info(1), &media(1, huge));
    let reply = broadcast.get(&path(1)).await;
    for number in 2..=10 {
        broadcast.deliver(info(number), &media(number, BYTES));
    }
    assert_eq!(reply.rest().await, None, "what is dropped cannot be sent");
    assert!(broadcast.get(&path(10)).await.rest().await == Some(media(10, BYTES)));
}

#[tokio::test]
async fn bytes_held_are_bounded() {
    let bounds = Bounds { max_bytes: 5 * BYTES as u64, ..Bounds::default() };
    let broadcast = Broadcast::new(HlsHubConfig { bounds, ..config() }).await;
    broadcast.hub.deliver(HlsDelivery::Catalog(one_stream().into()));
    for number in 1..=7 {
        broadcast.deliver(SegmentInfo { listed_count: 7, ..info(number) }, &media(number, BYTES));
    }
    let playlist = broadcast.playlist().await;
    assert!(playlist.contains("#EXT-X-MEDIA-SEQUENCE:3\n"), "{playlist}");
    assert_eq!(broadcast.get(&path(2)).await.status, 404);
    assert!(broadcast.get(&path(3)).await.rest().await == Some(media(3, BYTES)));
}

#[tokio::test]
async fn what_is_said_of_segments_that_nobody_listed_is_ignored() {
    let broadcast = Broadcast::of_one_stream().await;
    broadcast.list(info(1));
    broadcast.deliver(SegmentInfo { piece: PieceId { stream: 7, number: 1 }, ..info(1) }, b"x");
    broadcast.chunk(piece(9), 0, b"x");
    broadcast.hub.deliver(HlsDelivery::Complete { piece: piece(9), length: 1 });
    broadcast.lose(piece(9));
    assert_eq!(broadcast.get(&path(9)).await.status, 404);
    assert_eq!(broadcast.get(&format!("/ace/c/{HEX}/7/1.ts")).await.status, 404);
}
