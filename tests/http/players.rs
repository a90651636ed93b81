//! Players of one broadcast.

use std::sync::Arc;
use std::time::Duration;

use rsa::rand_core::OsRng;
use start_engine::http::stream::{NotReady, StreamHub};
use start_engine::live::cutter::Cutter;
use start_engine::live::geometry::Geometry;
use start_engine::live::piece::VerifiedPiece;
use start_engine::live::source_key::SourceKey;
use start_engine::media::ts::PACKET_BYTES;

use crate::client_api::{HEX, api_of};
use crate::server::{ask, get, serve};
use crate::ts_maker::{Recipe, assert_clean_start, continuity_errors, make};

const PIECE_BYTES: usize = 65_536;

/// The stream as a source makes it; what does not fill a piece is left out.
fn signed(stream: &[u8]) -> Vec<VerifiedPiece> {
    let key = SourceKey::generate(768, &mut OsRng).unwrap();
    let geometry = Geometry::new(PIECE_BYTES as u32, 16_384, 96).unwrap();
    Cutter::new(geometry, key, OsRng, 7).push(bytes::Bytes::copy_from_slice(stream), 1_000.0).unwrap()
}

fn hub_with(pieces: &[VerifiedPiece]) -> Arc<StreamHub> {
    let hub = Arc::new(StreamHub::default());
    pieces.iter().for_each(|piece| hub.publish(piece));
    hub
}

/// Asserts that after its tables `seen` is one unbroken part of `stream`.
fn assert_unbroken(stream: &[u8], seen: &[u8]) {
    assert_clean_start(seen);
    assert_eq!(continuity_errors(seen), 0);
    let media = &seen[2 * PACKET_BYTES..];
    let mut places = (0..stream.len()).step_by(PACKET_BYTES);
    assert!(places.any(|at| stream[at..].starts_with(media)), "{} bytes from elsewhere", media.len());
}

async fn viewers(hub: &StreamHub, wanted: usize) {
    hub.watch_viewers().wait_for(|readers| *readers == wanted).await.unwrap();
}

#[tokio::test]
async fn two_players_get_the_same_bytes_and_the_end() {
    let stream = make(&Recipe::default());
    let pieces = signed(&stream);
    let (early, late) = pieces.split_at(3);
    let hub = hub_with(early);
    let server = serve(api_of(&hub).router()).await;
    let path = format!("/ace/getstream?infohash={HEX}&buffer=60");
    let (mut one, mut two) = (get(server, &path).await, get(server, &path).await);
    viewers(&hub, 2).await;
    late.iter().for_each(|piece| hub.publish(piece));
    hub.end("the source stopped");
    let (one, two) = (one.stream(usize::MAX).await, two.stream(usize::MAX).await);
    assert!(one == two, "{} and {} bytes", one.len(), two.len());
    assert_unbroken(&stream, &one);
    viewers(&hub, 0).await;
}

#[tokio::test]
async fn a_player_that_goes_is_no_viewer_any_more() {
    let hub = hub_with(&signed(&make(&Recipe::default())));
    let server = serve(api_of(&hub).router()).await;
    let mut player = get(server, &format!("/ace/getstream?id={HEX}")).await;
    assert_clean_start(&player.stream(1_000).await);
    assert_eq!(hub.viewers(), 1);
    drop(player);
    viewers(&hub, 0).await;
}

#[tokio::test]
async fn slow_player_loses_only_its_own_data() {
    let stream = make(&Recipe { frames: 600, frame_packets: 200, ..Recipe::default() });
    let pieces = signed(&stream);
    let (early, late) = pieces.split_at(40);
    let hub = Arc::new(StreamHub::new(6_000_000, Duration::from_secs(60)));
    early.iter().for_each(|piece| hub.publish(piece));
    let server = serve(api_of(&hub).router()).await;
    let path = format!("/ace/getstream?id={HEX}&buffer=0");
    let (mut slow, mut quick) = (get(server, &path).await, get(server, &path).await);
    let mut seen = quick.stream(1_000).await;
    for piece in late {
        hub.publish(piece);
        seen.extend(quick.stream(PIECE_BYTES - 1_000).await);
    }
    hub.end("all was sent");
    seen.extend(quick.stream(usize::MAX).await);
    assert_unbroken(&stream, &seen);
    let seen_by_slow = slow.stream(usize::MAX).await;
    assert_clean_start(&seen_by_slow);
    assert!(seen_by_slow.len() < seen.len(), "{} and {} bytes", seen_by_slow.len(), seen.len());
    assert!(seen_by_slow.ends_with(&seen[seen.len() - 100_000..]), "the slow player missed the end");
}

#[tokio::test]
async fn reply_says_what_players_need_and_ignores_ranges() {
    let hub = hub_with(&signed(&make(&Recipe::default())));
    let server = serve(api_of(&hub).router()).await;
    let path = format!("/ace/getstream?id={HEX}");
    let extra = "Range: bytes=0-\r\nAccept-Encoding: gzip, deflate\r\n";
    for method in ["GET", "HEAD"] {
        let reply = ask(server, method, &path, extra).await;
        assert_eq!(reply.status, 200);
        for (name, value) in [
            ("content-type", Some("video/mp2t")),
            ("accept-ranges", Some("none")),
            ("cache-control", Some("no-store")),
            ("access-control-allow-origin", Some("*")),
            ("content-length", None),
            ("content-encoding", None),
            ("content-range", None),
        ] {
            assert_eq!(reply.header(name), value, "{method} {name}");
        }
    }
    viewers(&hub, 0).await;
}

#[tokio::test]
async fn reader_waits_for_the_first_point_and_gets_it_at_once() {
    let hub = Arc::new(StreamHub::default());
    let mut reader = hub.join(Duration::ZERO);
    assert_eq!(reader.ready(Duration::ZERO).await, Err(NotReady::TimedOut(Duration::ZERO)));
    let waiting = tokio::spawn(async move {
        reader.ready(Duration::from_secs(60)).await.unwrap();
        reader.next().await.unwrap().concat()
    });
    signed(&make(&Recipe::default())).iter().for_each(|piece| hub.publish(piece));
    assert_clean_start(&waiting.await.unwrap());
}
