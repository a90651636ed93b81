//! The transport stream that the segments of an HLS broadcast make.

use std::sync::Arc;
use std::time::Duration;

use start_engine::http::stream::StreamHub;
use start_engine::media::ts::{PACKET_BYTES, Packet};
use start_engine::swarm::hls::event::{CHUNK_BYTES, HlsDelivery, SegmentInfo};
use start_engine::wire::hls::segment::{InitId, Key, Tags};

use crate::client_api::HEX;
use crate::hls_fixture::{Broadcast, config, info, ladder, piece};
use crate::ts_maker::{VIDEO_PID, assert_clean_start, continuity_errors};

const CLIP: &[u8] = include_bytes!("../../src/node/demo/clip.ts");
/// Of the PAT and the PMT that a player's stream begins with.
const TABLES_BYTES: usize = 2 * PACKET_BYTES;

fn packets(bytes: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    bytes.chunks(PACKET_BYTES).map(|packet| Packet::new(packet).unwrap())
}

/// The clip cut before the tables of each of its key frames.
fn segments() -> Vec<&'static [u8]> {
    let (mut cuts, mut tables) = (Vec::new(), 0);
    for (index, packet) in packets(CLIP).enumerate() {
        match packet.pid() {
            0 => tables = index * PACKET_BYTES,
            VIDEO_PID if packet.is_random_access() => cuts.push(tables),
            _ => {}
        }
    }
    cuts.push(CLIP.len());
    assert!(cuts.len() > 5, "too few key frames: {cuts:?}");
    cuts.windows(2).map(|ends| &CLIP[ends[0]..ends[1]]).collect()
}

fn url(buffer_s: u32) -> String {
    format!("/ace/getstream?infohash={HEX}&buffer={buffer_s}")
}

/// What an endless reply sends until the broadcast ends.
async fn all(mut reply: crate::server::Reply) -> Vec<u8> {
    assert_eq!(reply.header("content-type"), Some("video/mp2t"));
    reply.stream(usize::MAX).await
}

fn media_after_tables(seen: &[u8]) -> &[u8] {
    assert_clean_start(seen);
    assert_eq!(continuity_errors(seen), 0);
    &seen[TABLES_BYTES..]
}

#[tokio::test]
async fn segments_come_back_to_back_with_continuity_kept() {
    let broadcast = Broadcast::of_one_stream().await;
    let segments = segments();
    broadcast.deliver(info(1), segments[0]);
    let reply = broadcast.get(&url(60)).await;
    assert_eq!(reply.status, 200);
    for (number, segment) in (2..).zip(&segments[1..]) {
        broadcast.deliver(SegmentInfo { listed_count: 100, ..info(number) }, segment);
    }
    let played = tokio::spawn(all(reply));
    broadcast.hub.end("all was sent");
    let seen = played.await.unwrap();
    let media = media_after_tables(&seen);
    assert!(CLIP.ends_with(media), "{} bytes of {}", media.len(), CLIP.len());
    assert!(media.len() + segments[0].len() > segments.concat().len(), "it began with the first segment");
}

#[tokio::test]
async fn growing_segment_goes_out_as_it_grows() {
    let mut broadcast = Broadcast::of_one_stream().await;
    let whole = segments().concat();
    broadcast.list(info(1));
    let reply = broadcast.ask(&url(0));
    broadcast.demands.recv().await.expect("the segment is asked for");
    let mut sent = 0;
    let mut put = |chunks: u16| {
        for chunk in sent..sent + chunks {
            let at = usize::from(chunk) * CHUNK_BYTES;
            broadcast.chunk(piece(1), chunk, &whole[at..at + CHUNK_BYTES]);
        }
        sent += chunks;
    };
    put(4);
    let mut reply = reply.await.unwrap();
    let mut seen = reply.stream(TABLES_BYTES + 3 * CHUNK_BYTES).await;
    put(4);
    seen.extend(reply.stream(3 * CHUNK_BYTES).await);
    let media = media_after_tables(&seen);
    assert!(whole.windows(media.len()).step_by(PACKET_BYTES).any(|part| part == media));
}

#[tokio::test]
async fn lost_segment_is_left_out_and_the_next_one_begins_clean() {
    let broadcast = Broadcast::of_one_stream().await;
    let segments = segments();
    broadcast.deliver(info(1), segments[0]);
    broadcast.list(info(2));
    let torn = 10 * PACKET_BYTES + 100;
    broadcast.chunk(piece(2), 0, &segments[1][..torn]);
    let reply = broadcast.get(&url(60)).await;
    broadcast.lose(piece(2));
    broadcast.deliver(info(4), segments[3]);
    let played = tokio::spawn(all(reply));
    broadcast.hub.end("all was sent");
    let seen = played.await.unwrap();
    assert_clean_start(&seen);
    assert!(packets(&seen).count() > 0, "whole packets only");
    assert!(seen.ends_with(segments[3]), "the segment after the hole is whole");
    assert!(seen.len() < segments[0].len() + torn + segments[3].len() + TABLES_BYTES);
}

#[tokio::test]
async fn stream_that_begins_anew_goes_on_with_its_new_numbers() {
    let broadcast = Broadcast::of_one_stream().await;
    let segments = segments();
    broadcast.deliver(info(100), segments[0]);
    let mut reply = broadcast.get(&url(60)).await;
    let mut seen = reply.stream(segments[0].len() / 2).await;
    broadcast.hub.deliver(HlsDelivery::Reset { stream: 0, epoch: 1 });
    let tags = Tags { discontinuity: true, ..Tags::default() };
    broadcast.deliver(SegmentInfo { tags, ..info(1) }, segments[1]);
    let played = tokio::spawn(all(reply));
    broadcast.hub.end("all was sent");
    seen.extend(played.await.unwrap());
    assert!(seen.ends_with(segments[1]));
}

#[tokio::test]
async fn players_of_one_stream_share_its_feed() {
    let broadcast = Broadcast::of_one_stream().await;
    let segments = segments();
    broadcast.deliver(info(1), segments[0]);
    let replies = [broadcast.get(&url(60)).await, broadcast.get(&url(60)).await];
    broadcast.deliver(info(2), segments[1]);
    let [one, two] = replies.map(|reply| tokio::spawn(all(reply)));
    broadcast.hub.end("all was sent");
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    assert!(one == two && one.ends_with(segments[1]), "{} and {} bytes", one.len(), two.len());
}

#[tokio::test]
async fn highest_variant_is_played_unless_another_is_asked_for() {
    for (wish, stream) in [("", 1), ("&quality=360p", 0), ("&stream_id=2", 2)] {
        let broadcast = Broadcast::new(config()).await;
        broadcast.hub.deliver(HlsDelivery::Catalog(Arc::new(ladder())));
        let reply = broadcast.ask(&format!("{}{wish}", url(0)));
        broadcast.hub.watched().wait_for(|streams| streams.iter().eq([&stream])).await.unwrap();
        let mut info = info(1);
        info.piece.stream = stream;
        broadcast.deliver(info, segments()[0]);
        let mut reply = reply.await.unwrap();
        assert_clean_start(&reply.stream(TABLES_BYTES + PACKET_BYTES).await);
    }
    let broadcast = Broadcast::new(config()).await;
    broadcast.hub.deliver(HlsDelivery::Catalog(Arc::new(ladder())));
    assert_eq!(broadcast.get(&format!("{}&quality=9p", url(0))).await.status, 404);
}

#[tokio::test]
async fn segments_that_make_no_transport_stream_are_named_with_their_address() {
    let key = Key { url: "http://h/key".into(), iv: None };
    for (unfit, what) in [
        (SegmentInfo { init: Some(InitId([1; 32])), ..info(1) }, "fragmented MP4"),
        (SegmentInfo { key: Some(key), ..info(1) }, "encrypted"),
    ] {
        let broadcast = Broadcast::of_one_stream().await;
        broadcast.list(unfit);
        let reply = broadcast.get(&url(0)).await;
        assert_eq!(reply.status, 415);
        let text = reply.text().await;
        assert!(text.contains(what) && text.lines().count() == 1, "{text}");
        assert!(text.contains(&format!("/ace/manifest.m3u8?infohash={HEX}")), "{text}");
    }
}

#[tokio::test]
async fn packed_audio_is_named_at_once_with_its_address() {
    let broadcast = Broadcast::of_one_stream().await;
    broadcast.deliver(info(1), b"ID3 and then frames of AAC");
    let reply = broadcast.get(&url(0)).await;
    assert_eq!(reply.status, 502);
    let text = reply.text().await;
    assert!(text.contains("without packets") && text.lines().count() == 1, "{text}");
    assert!(text.contains(&format!("/ace/manifest.m3u8?infohash={HEX}")), "{text}");
}

#[tokio::test]
async fn stream_that_turns_unfit_ends() {
    let broadcast = Broadcast::of_one_stream().await;
    let segments = segments();
    broadcast.deliver(info(1), segments[0]);
    let reply = broadcast.get(&url(60)).await;
    broadcast.list(SegmentInfo { init: Some(InitId([1; 32])), ..info(2) });
    assert!(all(reply).await.ends_with(&segments[0][segments[0].len() - PACKET_BYTES..]));
    assert_eq!(broadcast.get(&url(60)).await.status, 415);
}

#[tokio::test]
async fn player_of_the_feed_is_a_viewer_as_long_as_it_reads() {
    let broadcast = Broadcast::of_one_stream().await;
    broadcast.deliver(info(1), segments()[0]);
    let mut reply = broadcast.get(&url(60)).await;
    reply.stream(1_000).await;
    assert!(broadcast.hub.viewers() > 0);
    assert!(broadcast.hub.watched().borrow().contains(&0));
}

#[tokio::test]
async fn hub_of_a_feed_is_that_of_any_transport_stream() {
    let hub = Arc::new(StreamHub::default());
    let mut reader = hub.join(Duration::ZERO);
    for (number, part) in (0..).zip(segments()[0].chunks(CHUNK_BYTES)) {
        hub.push(number, 0.0, &[bytes::Bytes::from_static(part)]);
    }
    reader.ready(Duration::from_secs(60)).await.unwrap();
    assert_clean_start(&reader.next().await.unwrap().concat());
}
