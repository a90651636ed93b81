//! Who watches which stream, as far as requests tell.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use start_engine::http::hls::hub::HlsHubConfig;
use start_engine::swarm::hls::event::{CHUNK_BYTES, HlsDelivery, SegmentInfo};

use crate::client_api::HEX;
use crate::hls_fixture::{Broadcast, config, info, ladder, media, one_stream, piece};

/// A stream is watched no longer than three target durations, which [`brief`] says are none.
fn hasty() -> HlsHubConfig {
    HlsHubConfig { watched_min: Duration::ZERO, ..config() }
}

fn brief(number: u64) -> SegmentInfo {
    SegmentInfo { target_duration_s: 0, ..info(number) }
}

async fn nobody_watches(broadcast: &Broadcast) {
    broadcast.hub.watched().wait_for(BTreeSet::is_empty).await.unwrap();
    broadcast.hub.watch_viewers().wait_for(|&viewers| viewers == 0).await.unwrap();
}

#[tokio::test]
async fn only_streams_that_were_asked_for_are_watched() {
    let broadcast = Broadcast::new(config()).await;
    broadcast.hub.deliver(HlsDelivery::Catalog(Arc::new(ladder())));
    let waiting = [1, 2].map(|stream| broadcast.ask(&format!("/ace/m/{HEX}/{stream}.m3u8")));
    let both = BTreeSet::from([1, 2]);
    broadcast.hub.watched().wait_for(|streams| *streams == both).await.unwrap();
    for stream in [1, 2] {
        let mut info = info(1);
        info.piece.stream = stream;
        broadcast.list(info);
    }
    for reply in waiting {
        assert_eq!(reply.await.unwrap().status, 200);
    }
    assert_eq!(*broadcast.hub.watched().borrow(), both, "they are watched for a while after");
    assert_eq!(broadcast.hub.viewers(), 2);
}

#[tokio::test]
async fn stream_that_is_asked_for_no_more_is_watched_no_more_without_any_request() {
    let broadcast = Broadcast::new(hasty()).await;
    broadcast.hub.deliver(HlsDelivery::Catalog(Arc::new(one_stream())));
    broadcast.list(brief(1));
    broadcast.playlist().await;
    nobody_watches(&broadcast).await;
}

#[tokio::test]
async fn stream_stays_watched_while_a_player_waits() {
    let broadcast = Broadcast::new(hasty()).await;
    broadcast.hub.deliver(HlsDelivery::Catalog(Arc::new(one_stream())));
    broadcast.list(brief(1));
    let waiting = broadcast.ask(&format!("/ace/c/{HEX}/0/1.ts"));
    broadcast.is_watched().await;
    // another stream-less question comes and goes
    assert_eq!(broadcast.get(&format!("/ace/m/{HEX}/5.m3u8")).await.status, 404);
    assert_eq!(broadcast.hub.viewers(), 1);
    broadcast.deliver(brief(1), &media(1, 10));
    assert_eq!(waiting.await.unwrap().status, 200);
    nobody_watches(&broadcast).await;
}

#[tokio::test]
async fn player_that_comes_back_to_a_stream_gets_nothing_old() {
    let broadcast = Broadcast::new(hasty()).await;
    broadcast.hub.deliver(HlsDelivery::Catalog(Arc::new(one_stream())));
    broadcast.list(brief(1));
    broadcast.playlist().await;
    nobody_watches(&broadcast).await;
    // what was under way when the last player left
    broadcast.list(brief(2));
    let waiting = broadcast.ask(&format!("/ace/m/{HEX}/0.m3u8"));
    broadcast.is_watched().await;
    broadcast.list(brief(50));
    let text = waiting.await.unwrap().text().await;
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:50\n"), "{text}");
}

#[tokio::test]
async fn transport_stream_that_nobody_reads_any_more_is_made_no_more() {
    let broadcast = Broadcast::new(hasty()).await;
    broadcast.hub.deliver(HlsDelivery::Catalog(Arc::new(one_stream())));
    broadcast.list(brief(1));
    let players = [0, 1].map(|_| broadcast.ask(&format!("/ace/getstream?infohash={HEX}")));
    broadcast.is_watched().await;
    players.iter().for_each(tokio::task::JoinHandle::abort);
    nobody_watches(&broadcast).await;
}

#[tokio::test]
async fn player_that_goes_in_the_middle_of_a_segment_does_not_stay_a_viewer() {
    let broadcast = Broadcast::new(hasty()).await;
    broadcast.hub.deliver(HlsDelivery::Catalog(Arc::new(one_stream())));
    broadcast.list(brief(1));
    broadcast.chunk(piece(1), 0, &media(1, CHUNK_BYTES));
    let mut reply = broadcast.get(&format!("/ace/c/{HEX}/0/1.ts")).await;
    reply.stream(CHUNK_BYTES).await;
    assert_eq!(broadcast.hub.viewers(), 1);
    drop(reply);
    nobody_watches(&broadcast).await;
}
