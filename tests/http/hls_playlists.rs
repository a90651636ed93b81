//! What players read of a broadcast before they ask for media.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use start_engine::swarm::hls::event::{HlsDelivery, SegmentInfo};
use start_engine::wire::hls::segment::{InitId, Key, Tags};

use crate::client_api::HEX;
use crate::hls_fixture::{Broadcast, config, info, ladder, one_stream, piece};
use crate::server::{Reply, ask};

fn assert_is_playlist(reply: &Reply) {
    for (name, value) in [
        ("content-type", "application/vnd.apple.mpegurl"),
        ("cache-control", "no-store"),
        ("access-control-allow-origin", "*"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
}

async fn with_segments(infos: impl IntoIterator<Item = SegmentInfo>) -> Broadcast {
    let broadcast = Broadcast::of_one_stream().await;
    infos.into_iter().for_each(|info| broadcast.list(info));
    broadcast
}

/// The numbers in the addresses of a playlist.
fn numbers(playlist: &str) -> Vec<u64> {
    let addresses = playlist.lines().filter(|line| !line.starts_with('#'));
    let number = |line: &str| line.rsplit_once('/').unwrap().1.split_once('.').unwrap().0.parse().unwrap();
    addresses.map(number).collect()
}

#[tokio::test]
async fn media_playlist_says_what_the_origin_says() {
    let date = Some("2026-01-02T03:04:05.678Z".to_owned());
    let broadcast = with_segments([
        info(9),
        SegmentInfo {
            duration_us: 1_984_000,
            tags: Tags { program_date_time: date, ..Tags::default() },
            ..info(10)
        },
        SegmentInfo { tags: Tags { discontinuity: true, ..Tags::default() }, ..info(11) },
        SegmentInfo { tags: Tags { gap: true, ..Tags::default() }, discontinuities_before: 1, ..info(12) },
        SegmentInfo { duration_us: 500_000, discontinuities_before: 1, ..info(13) },
    ])
    .await;
    let reply = broadcast.get(&format!("/ace/manifest.m3u8?infohash={HEX}")).await;
    assert_eq!(reply.status, 200);
    assert_is_playlist(&reply);
    let text = reply.text().await;
    assert_eq!(
        text,
        format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:10\n\
             #EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.678Z\n#EXTINF:1.984000,\n/ace/c/{HEX}/0/10.ts\n\
             #EXT-X-DISCONTINUITY\n#EXTINF:2.000000,\n/ace/c/{HEX}/0/11.ts\n\
             #EXT-X-GAP\n#EXTINF:2.000000,\n/ace/c/{HEX}/0/12.ts\n\
             #EXTINF:0.500000,\n/ace/c/{HEX}/0/13.ts\n"
        )
    );
    assert_eq!(broadcast.playlist().await, text, "the address that a master playlist names");
    let by_url = broadcast.get("/hls/manifest.m3u8?manifest_url=http%3A%2F%2Fh%2Flive.m3u8").await;
    assert_eq!(by_url.text().await, text);
}

#[tokio::test]
async fn master_playlist_names_every_stream_and_waits_for_no_media() {
    let broadcast = Broadcast::new(config()).await;
    broadcast.hub.deliver(HlsDelivery::Catalog(Arc::new(ladder())));
    let reply = broadcast.get(&format!("/ace/manifest.m3u8?id={HEX}")).await;
    assert_is_playlist(&reply);
    let text = reply.text().await;
    assert!(text.starts_with("#EXTM3U\n") && text.contains("#EXT-X-INDEPENDENT-SEGMENTS\n"), "{text}");
    for (attributes, address) in [
        ("BANDWIDTH=800000", format!("\n/ace/m/{HEX}/0.m3u8\n")),
        ("RESOLUTION=1280x720", format!("\n/ace/m/{HEX}/1.m3u8\n")),
        ("NAME=\"English\"", format!("URI=\"/ace/m/{HEX}/2.m3u8\"")),
    ] {
        assert!(text.contains(attributes) && text.contains(&address), "{attributes} {address}: {text}");
    }
    assert!(broadcast.hub.watched().borrow().is_empty(), "nobody chose a stream so far");
}

#[tokio::test]
async fn wished_stream_is_answered_by_its_media_playlist() {
    let broadcast = Broadcast::new(config()).await;
    broadcast.hub.deliver(HlsDelivery::Catalog(Arc::new(ladder())));
    let mut of_second = info(5);
    of_second.piece.stream = 1;
    broadcast.list(of_second);
    for wish in ["stream_id=1", "quality=720p", "quality=best"] {
        let reply = broadcast.get(&format!("/ace/manifest.m3u8?id={HEX}&{wish}")).await;
        assert!(reply.text().await.ends_with(&format!("/ace/c/{HEX}/1/5.ts\n")), "{wish}");
    }
    for (wish, there_is) in [("stream_id=3", "3 streams"), ("quality=1080p", "720p, 360p")] {
        let reply = broadcast.get(&format!("/ace/manifest.m3u8?id={HEX}&{wish}")).await;
        assert_eq!(reply.status, 404);
        assert!(reply.text().await.contains(there_is), "{wish}");
    }
}

#[tokio::test]
async fn playlist_waits_for_the_first_segment() {
    let broadcast = Broadcast::new(config()).await;
    let waiting = broadcast.ask(&format!("/ace/manifest.m3u8?id={HEX}"));
    broadcast.hub.watch_viewers().wait_for(|&viewers| viewers > 0).await.unwrap();
    broadcast.hub.deliver(HlsDelivery::Catalog(Arc::new(one_stream())));
    broadcast.is_watched().await;
    broadcast.list(info(7));
    assert_eq!(numbers(&waiting.await.unwrap().text().await), [7]);
}

#[tokio::test]
async fn broadcast_of_which_nothing_comes_ends_in_a_gateway_timeout() {
    let broadcast = Broadcast::with_patience(config(), Duration::from_millis(1)).await;
    let paths = [format!("/ace/manifest.m3u8?id={HEX}"), format!("/ace/getstream?id={HEX}")];
    let assert_times_out = async |path: &str| {
        let reply = broadcast.get(path).await;
        assert_eq!(reply.status, 504, "{path}");
        assert_eq!(reply.text().await, "nothing of it came within 0.001 s\n");
    };
    for path in &paths {
        assert_times_out(path).await;
    }
    broadcast.hub.deliver(HlsDelivery::Catalog(Arc::new(one_stream())));
    for path in &paths {
        assert_times_out(path).await;
    }
    assert_times_out(&format!("/ace/m/{HEX}/0.m3u8")).await;
}

#[tokio::test]
async fn broadcast_that_ended_says_why() {
    let broadcast = Broadcast::of_one_stream().await;
    let waiting = broadcast.ask(&format!("/ace/m/{HEX}/0.m3u8"));
    broadcast.is_watched().await;
    broadcast.hub.end("the engine stops");
    broadcast.hub.end("another reason");
    let reply = waiting.await.unwrap();
    assert_eq!((reply.status, reply.text().await.as_str()), (502, "the broadcast ended: the engine stops\n"));
}

#[tokio::test]
async fn lost_segment_keeps_its_place_and_lets_the_others_keep_their_numbers() {
    let broadcast = with_segments((1..=4).map(info)).await;
    broadcast.lose(piece(3));
    let text = broadcast.playlist().await;
    assert_eq!(numbers(&text), [1, 2, 3, 4]);
    assert!(text.contains(&format!("#EXT-X-GAP\n#EXTINF:2.000000,\n/ace/c/{HEX}/0/3.ts\n")), "{text}");
    broadcast.lose(piece(1));
    let text = broadcast.playlist().await;
    assert_eq!(numbers(&text), [2, 3, 4], "a lost one at the front says nothing to anybody");
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:2\n"), "{text}");
}

#[tokio::test]
async fn numbers_that_were_never_told_become_gaps_with_their_discontinuities() {
    let broadcast = with_segments([
        SegmentInfo { listed_count: 6, ..info(1) },
        SegmentInfo { listed_count: 6, discontinuities_before: 1, ..info(4) },
    ])
    .await;
    let text = broadcast.playlist().await;
    assert_eq!(numbers(&text), [1, 2, 3, 4]);
    assert_eq!(text.matches("#EXT-X-GAP\n").count(), 2, "{text}");
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{text}");
}

#[tokio::test]
async fn jump_of_the_numbers_lists_no_more_than_the_origin_does() {
    let far = 1_000_000_000;
    let broadcast = with_segments([info(1), info(2), info(far), info(far + 1)]).await;
    let text = broadcast.playlist().await;
    assert_eq!(numbers(&text), [far, far + 1]);
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:1000000000\n"), "{text}");
    let boundless = SegmentInfo { listed_count: u32::MAX, ..info(u64::MAX) };
    broadcast.list(boundless);
    assert_eq!(numbers(&broadcast.playlist().await), [u64::MAX], "no list of millions of gaps is made up");
}

#[tokio::test]
async fn discontinuities_that_left_the_playlist_are_counted() {
    let tags = Tags { discontinuity: true, ..Tags::default() };
    let broadcast = with_segments([
        SegmentInfo { tags: tags.clone(), discontinuities_before: 6, ..info(1) },
        SegmentInfo { discontinuities_before: 7, ..info(2) },
    ])
    .await;
    let count = |text: &str, tag: &str| text.lines().filter(|line| *line == tag).count();
    let text = broadcast.playlist().await;
    assert_eq!(count(&text, "#EXT-X-DISCONTINUITY-SEQUENCE:6"), 1, "{text}");
    assert_eq!(count(&text, "#EXT-X-DISCONTINUITY"), 1, "{text}");
    (3..=5).for_each(|number| broadcast.list(SegmentInfo { discontinuities_before: 7, ..info(number) }));
    let text = broadcast.playlist().await;
    assert_eq!(count(&text, "#EXT-X-DISCONTINUITY-SEQUENCE:7"), 1, "{text}");
    assert_eq!(count(&text, "#EXT-X-DISCONTINUITY"), 0, "{text}");
}

#[tokio::test]
async fn keys_and_initialisation_sections_are_handed_on() {
    let broadcast = Broadcast::of_one_stream().await;
    let (plain, locked) = (InitId([0xab; 32]), InitId([0xcd; 32]));
    let sections: [(InitId, &'static [u8]); 2] =
        [(plain, b"\0\0\0\x18ftypiso5"), (locked, b"\x8e\x01??????")];
    for (id, bytes) in sections {
        broadcast.hub.deliver(HlsDelivery::Init { id, bytes: Bytes::from_static(bytes) });
    }
    let key = Key { url: "https://keys.example/1?a=b".into(), iv: Some([1; 16]) };
    for (number, init) in [(1, plain), (2, locked)] {
        broadcast.list(SegmentInfo { init: Some(init), key: Some(key.clone()), ..info(number) });
    }
    let text = broadcast.playlist().await;
    let lines: Vec<_> =
        text.lines().filter(|line| line.starts_with("#EXT-X-M") || line.contains("KEY")).collect();
    let key_line =
        format!("#EXT-X-KEY:METHOD=AES-128,URI=\"https://keys.example/1?a=b\",IV=0x{}", "01".repeat(16));
    assert_eq!(
        lines,
        [
            "#EXT-X-MEDIA-SEQUENCE:1",
            &format!("#EXT-X-MAP:URI=\"/ace/c/{HEX}/init/{plain}.mp4\""),
            &key_line,
            &format!("#EXT-X-MAP:URI=\"/ace/c/{HEX}/init/{locked}.mp4\""),
        ]
    );
    assert!(text.ends_with(&format!("/ace/c/{HEX}/0/2.m4s\n")), "{text}");
}

#[tokio::test]
async fn stream_that_begins_anew_forgets_what_was() {
    let broadcast = with_segments((100..=103).map(info)).await;
    broadcast.hub.deliver(HlsDelivery::Reset { stream: 0, epoch: 1 });
    (1..=2).for_each(|number| broadcast.list(info(number)));
    assert_eq!(numbers(&broadcast.playlist().await), [1, 2]);
}

#[tokio::test]
async fn addresses_of_what_is_not_there_get_one_line() {
    let broadcast = with_segments([info(1)]).await;
    let other = "ff".repeat(20);
    for (path, named) in [
        (format!("/ace/m/{other}/0.m3u8"), "opens it"),
        (format!("/ace/c/{other}/0/1.ts"), "opens it"),
        (format!("/ace/m/{HEX}/1.m3u8"), "1 streams"),
        (format!("/ace/m/{HEX}/4294967296.m3u8"), "no such path"),
        (format!("/ace/m/{HEX}/+0.m3u8"), "no such path"),
        (format!("/ace/m/{HEX}/0.txt"), "no such path"),
        ("/ace/m/xyz/0.m3u8".to_owned(), "no such path"),
        (format!("/ace/c/{HEX}/0/2.ts"), "no segment 0/2"),
        (format!("/ace/c/{HEX}/9/1.ts"), "no segment 9/1"),
        (format!("/ace/c/{HEX}/0/1.exe"), "no such path"),
        (format!("/ace/c/{HEX}/0/99999999999999999999.ts"), "no such path"),
        (format!("/ace/c/{HEX}/init/{}.mp4", "00".repeat(32)), "no such initialisation section"),
        (format!("/ace/c/{HEX}/init/00.mp4"), "no such path"),
    ] {
        let reply = broadcast.get(&path).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (404, Some("*")), "{path}");
        let body = reply.text().await;
        assert!(body.contains(named) && body.lines().count() == 1, "{path}: {body}");
    }
}

#[tokio::test]
async fn head_of_a_manifest_opens_nothing() {
    let broadcast = Broadcast::with_patience(config(), Duration::ZERO).await;
    for path in
        [format!("/ace/manifest.m3u8?id={HEX}"), "/hls/manifest.m3u8?manifest_url=http://h/x".to_owned()]
    {
        let reply = ask(broadcast.server, "HEAD", &path, "").await;
        assert_eq!(reply.status, 200, "{path}");
        assert_is_playlist(&reply);
    }
    assert_eq!(ask(broadcast.server, "HEAD", "/ace/manifest.m3u8", "").await.status, 400);
}
