//! Players of one broadcast.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use start_engine::http::stream::{NotReady, StreamHub};
use start_engine::live::playout::Playout;

use crate::client_api::{HEX, api_of};
use crate::server::{ask, get, serve};
use crate::ts_maker::{Recipe, assert_clean_start, continuity_errors, make, pieces};

const PAYLOAD_BYTES: usize = 65_440;

fn hub_with(pieces: &[Vec<Bytes>]) -> Arc<StreamHub> {
    let hub = Arc::new(StreamHub::default());
    publish(&hub, 0, pieces);
    hub
}

fn publish(hub: &StreamHub, first: u64, pieces: &[Vec<Bytes>]) {
    for (number, piece) in (first..).zip(pieces) {
        hub.publish(number, number as f64, piece);
    }
}

async fn viewers(hub: &StreamHub, wanted: usize) {
    hub.watch_viewers().wait_for(|readers| *readers == wanted).await.unwrap();
}

#[tokio::test]
async fn two_players_get_the_same_bytes_and_the_end() {
    let pieces = pieces(&make(&Recipe::default()), PAYLOAD_BYTES, 16_384);
    let (early, late) = pieces.split_at(3);
    let hub = hub_with(early);
    let server = serve(api_of(&hub).router()).await;
    let path = format!("/ace/getstream?infohash={HEX}&buffer=60");
    let (mut one, mut two) = (get(server, &path).await, get(server, &path).await);
    viewers(&hub, 2).await;
    publish(&hub, 3, late);
    hub.end("the source stopped");
    let (one, two) = (one.stream(usize::MAX).await, two.stream(usize::MAX).await);
    assert!(one == two, "{} and {} bytes", one.len(), two.len());
    assert_clean_start(&one);
    assert_eq!(continuity_errors(&one), 0);
    viewers(&hub, 0).await;
}

#[tokio::test]
async fn a_player_that_goes_is_no_viewer_any_more() {
    let hub = hub_with(&pieces(&make(&Recipe::default()), PAYLOAD_BYTES, 16_384));
    let server = serve(api_of(&hub).router()).await;
    let mut player = get(server, &format!("/ace/getstream?id={HEX}")).await;
    assert_clean_start(&player.stream(1_000).await);
    assert_eq!(hub.viewers(), 1);
    drop(player);
    viewers(&hub, 0).await;
}

#[tokio::test]
async fn slow_player_loses_only_its_own_data() {
    let recipe = Recipe { frames: 600, frame_packets: 200, ..Recipe::default() };
    let stream = make(&recipe);
    let pieces = pieces(&stream, PAYLOAD_BYTES, 16_384);
    let hub = Arc::new(StreamHub::new(Playout::new(6_000_000, Duration::from_secs(60))));
    publish(&hub, 0, &pieces[..40]);
    let server = serve(api_of(&hub).router()).await;
    let path = format!("/ace/getstream?id={HEX}&buffer=0");
    let mut slow = get(server, &path).await;
    let mut quick = get(server, &path).await;
    let mut seen = quick.stream(1_000).await;
    for (number, piece) in (40..).zip(&pieces[40..]) {
        hub.publish(number, 0.0, piece);
        seen.extend(quick.stream(PAYLOAD_BYTES - 1_000).await);
    }
    hub.end("all was sent");
    seen.extend(quick.stream(usize::MAX).await);
    assert_clean_start(&seen);
    assert_eq!(continuity_errors(&seen), 0);
    assert!(stream.ends_with(&seen[seen.len() - seen.len() / 2..]), "the quick player misses packets");
    let seen_by_slow = slow.stream(usize::MAX).await;
    assert_clean_start(&seen_by_slow);
    assert!(seen_by_slow.len() < seen.len(), "{} and {} bytes", seen_by_slow.len(), seen.len());
    assert!(
        stream.ends_with(&seen_by_slow[seen_by_slow.len() - 100_000..]),
        "the slow player missed the end"
    );
}

#[tokio::test]
async fn reply_says_what_players_need_and_ignores_ranges() {
    let hub = hub_with(&pieces(&make(&Recipe::default()), PAYLOAD_BYTES, 16_384));
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
    publish(&hub, 0, &pieces(&make(&Recipe::default()), PAYLOAD_BYTES, 16_384));
    assert_clean_start(&waiting.await.unwrap());
}
