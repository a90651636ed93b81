//! Getting segments, whatever the origin does to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use sha2::{Digest, Sha256};
use start_engine::base::ids::PieceId;
use start_engine::swarm::hls::event::{CHUNK_BYTES, OriginCommand, OriginEvent};
use start_engine::wire::hls::segment::{ByteRange, Key, Resource};

use super::origin_reading::{Reading, capture_log, config, fetch, playlist, segment, whole};
use super::origin_server::{Origin, Reply, Request};

const LENGTH: usize = 3 * CHUNK_BYTES + 100;

async fn origin(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> (Origin, Reading) {
    let script = move |request: &Request| match request.path.as_str() {
        "/live.m3u8" => Reply::text(playlist(0..3)),
        _ => script(request),
    };
    let origin = Origin::start(script).await;
    let reading = Reading::start(config(origin.url("/live.m3u8")));
    (origin, reading)
}

fn ranges(origin: &Origin, path: &str) -> Vec<String> {
    let range = |request: Request| request.headers.get("range").cloned().unwrap_or_default();
    origin.requests(path).into_iter().map(range).collect()
}

#[tokio::test]
async fn segment_comes_in_chunks_however_its_end_is_told() {
    let (origin, mut reading) = origin(|request| match request.path.as_str() {
        "/length" => Reply::file(segment(LENGTH)),
        "/whole-chunks" => Reply::file(segment(2 * CHUNK_BYTES)),
        "/close" => Reply::Raw([b"HTTP/1.0 200 OK\r\n\r\n".as_slice(), &segment(2 * CHUNK_BYTES)].concat()),
        _ => Reply::Raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".to_vec(),
        ),
    })
    .await;
    let cases = [
        ("/length", segment(LENGTH)),
        ("/whole-chunks", segment(2 * CHUNK_BYTES)),
        ("/close", segment(2 * CHUNK_BYTES)),
        ("/chunked", b"abcde".to_vec()),
    ];
    for (path, expected) in cases {
        let chunks = reading.fetch(fetch(1, whole(origin.url(path)), 0)).await.unwrap();
        let (last, full) = chunks.split_last().unwrap();
        assert!(full.iter().all(|chunk| chunk.len() == CHUNK_BYTES) && !last.is_empty(), "{path}");
        assert_eq!(chunks.concat(), expected, "{path}");
    }
}

#[tokio::test]
async fn fetch_begins_at_a_later_chunk_with_or_without_ranges() {
    let (origin, mut reading) = origin(|request| match request.path.as_str() {
        "/ranges" => Reply::file(segment(LENGTH)),
        _ => Reply::without_ranges(segment(LENGTH)),
    })
    .await;
    for path in ["/ranges", "/none"] {
        let chunks = reading.fetch(fetch(1, whole(origin.url(path)), 2)).await.unwrap();
        assert_eq!(chunks.concat(), segment(LENGTH)[2 * CHUNK_BYTES..], "{path}");
        assert_eq!(ranges(&origin, path), ["bytes=32768-"]);
    }
}

#[tokio::test]
async fn segment_that_is_part_of_a_file_is_cut_out_of_it() {
    let (origin, mut reading) = origin(|request| match request.path.as_str() {
        "/ranges" => Reply::file(segment(3 * LENGTH)),
        _ => Reply::without_ranges(segment(3 * LENGTH)),
    })
    .await;
    let (start, length) = (1000, CHUNK_BYTES as u64 + 50);
    for path in ["/ranges", "/none"] {
        for (first_chunk, from) in [(0, 1000), (1, 1000 + CHUNK_BYTES)] {
            let at = Resource { range: Some(ByteRange { start, length }), ..whole(origin.url(path)) };
            let chunks = reading.fetch(fetch(1, at, first_chunk)).await.unwrap();
            assert_eq!(chunks.concat(), segment(3 * LENGTH)[from..1000 + length as usize], "{path}");
        }
    }
    assert_eq!(ranges(&origin, "/ranges"), ["bytes=1000-17433", "bytes=17384-17433"]);
}

#[tokio::test]
async fn broken_body_is_taken_up_where_it_broke() {
    let (origin, mut reading) = origin(|request| match request.earlier {
        0 => Reply::Status(503),
        1 => Reply::Raw(
            [b"HTTP/1.1 200 OK\r\nContent-Length: 49252\r\n\r\n".as_slice(), &segment(20_000)].concat(),
        ),
        _ => Reply::file(segment(LENGTH)),
    })
    .await;
    let chunks = reading.fetch(fetch(1, whole(origin.url("/1.ts")), 0)).await.unwrap();
    assert_eq!(chunks.concat(), segment(LENGTH));
    assert_eq!(ranges(&origin, "/1.ts"), ["", "", "bytes=16384-"]);
}

#[tokio::test]
async fn failures_end_a_fetch_and_are_told_once() {
    let (log, _guard) = capture_log();
    let (origin, mut reading) = origin(|request| match request.path.as_str() {
        "/gone" | "/gone-too" => Reply::Status(404),
        "/forbidden" => Reply::Status(403),
        "/500" => Reply::Status(500),
        "/500MB" => Reply::Stall("HTTP/1.1 200 OK\r\nContent-Length: 500000000\r\n\r\n".into()),
        "/empty" => Reply::file(Vec::new()),
        "/loop" => Reply::Redirect("/loop".into()),
        "/two-lengths" => {
            Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde".to_vec())
        }
        _ => Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort".to_vec()),
    })
    .await;
    let cases = [
        ("/gone", true, 2),
        ("/gone-too", true, 2),
        ("/forbidden", false, 1),
        ("/500", false, 4),
        ("/500MB", true, 1),
        ("/empty", false, 4),
        ("/loop", false, 6),
        ("/two-lengths", false, 1),
        ("/short", false, 4),
    ];
    for (number, (path, is_gone, requests)) in (1..).zip(cases) {
        let failed = reading.fetch(fetch(number, whole(origin.url(path)), 0)).await;
        assert_eq!(failed, Err(is_gone), "{path}");
        assert_eq!(origin.requests(path).len(), requests, "{path}");
    }
    assert_eq!(log.lines_with("answered 404"), 1, "{}", log.text());
    assert_eq!(log.lines_with("more than 33554432 bytes"), 1, "{}", log.text());
    assert_eq!(log.lines_with("broke off"), 1, "{}", log.text());
}

#[tokio::test]
async fn body_without_length_is_read_up_to_the_limit_only() {
    let (origin, mut reading) = origin(|_| {
        let head = b"HTTP/1.0 200 OK\r\n\r\n".as_slice();
        Reply::Raw([head, &vec![7; 33 * 1024 * 1024]].concat())
    })
    .await;
    assert_eq!(reading.fetch(fetch(1, whole(origin.url("/1.ts")), 0)).await, Err(true));
}

#[tokio::test]
async fn origin_that_sends_a_byte_a_second_or_nothing_is_given_up() {
    let (origin, mut reading) = origin(|request| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n".to_owned();
        match request.path.as_str() {
            "/slow" => Reply::Trickle(head, Duration::from_secs(1)),
            _ => Reply::Stall(head),
        }
    })
    .await;
    for (number, path) in [(1, "/slow"), (2, "/silent")] {
        reading.command(fetch(number, whole(origin.url(path)), 0)).await;
    }
    let mut failed = Vec::new();
    while failed.len() < 2 {
        let event = reading.until(|event| matches!(event, OriginEvent::Failed { .. }).then_some(event)).await;
        failed.push(event);
    }
    let failed_with = |number| OriginEvent::Failed { piece: PieceId { stream: 0, number }, is_gone: false };
    assert!([1, 2].iter().all(|&number| failed.contains(&failed_with(number))), "{failed:?}");
}

#[tokio::test]
async fn cancelled_fetch_is_heard_of_no_more_and_makes_room() {
    let (origin, mut reading) = origin(|request| match request.path.as_str() {
        "/ok" => Reply::file(b"ok".to_vec()),
        _ => Reply::Stall("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n".into()),
    })
    .await;
    for number in 1..=4 {
        reading.command(fetch(number, whole(origin.url("/stalls")), 0)).await;
    }
    reading.command(OriginCommand::Cancel { piece: PieceId { stream: 0, number: 3 } }).await;
    let chunks = reading.fetch(fetch(9, whole(origin.url("/ok")), 0)).await;
    assert_eq!(chunks.unwrap().concat(), b"ok");
}

#[tokio::test]
async fn no_more_than_four_segments_of_a_stream_are_fetched_at_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let (origin, mut reading) = origin(move |request| {
        if request.path != "/ok" {
            counter.fetch_add(1, Ordering::Relaxed);
            return Reply::Stall("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n".into());
        }
        Reply::file(b"ok".to_vec())
    })
    .await;
    for number in 1..=6 {
        reading.command(fetch(number, whole(origin.url(&format!("/{number}"))), 0)).await;
    }
    // another stream has places of its own
    let piece = PieceId { stream: 1, number: 1 };
    let at = whole(origin.url("/ok"));
    reading.fetch(OriginCommand::Fetch { piece, at, first_chunk: 0, decrypt: None }).await.unwrap();
    while asked.load(Ordering::Relaxed) < 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

fn encrypted(clear: &[u8], key: [u8; 16], iv: [u8; 16]) -> Vec<u8> {
    cbc::Encryptor::<aes::Aes128>::new(&key.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(clear)
}

#[tokio::test]
async fn encrypted_segment_is_handed_over_in_the_clear() {
    let (key, iv) = ([3; 16], [4; 16]);
    let (origin, mut reading) = origin(move |request| match request.path.as_str() {
        "/key" => Reply::file(key.to_vec()),
        "/none" => Reply::without_ranges(encrypted(&segment(LENGTH), key, iv)),
        "/whole-chunks" => Reply::file(encrypted(&segment(2 * CHUNK_BYTES), key, iv)),
        _ => Reply::file(encrypted(&segment(LENGTH), key, iv)),
    })
    .await;
    let lengths = [("/ranges", LENGTH), ("/none", LENGTH), ("/whole-chunks", 2 * CHUNK_BYTES)];
    for (path, length) in lengths {
        for first_chunk in [0, 1] {
            let decrypt = Some(Key { url: origin.url("/key").into(), iv: Some(iv) });
            let piece = PieceId { stream: 0, number: 1 };
            let at = whole(origin.url(path));
            let fetch = OriginCommand::Fetch { piece, at, first_chunk, decrypt };
            let chunks = reading.fetch(fetch).await.unwrap();
            let from = usize::from(first_chunk) * CHUNK_BYTES;
            assert_eq!(chunks.concat(), segment(length)[from..], "{path} from {first_chunk}");
        }
    }
    assert_eq!(origin.requests("/key").len(), 1);
    assert_eq!(ranges(&origin, "/ranges"), ["", "bytes=16368-"]);
}

#[tokio::test]
async fn key_that_changed_under_its_address_is_asked_for_again() {
    let (origin, mut reading) = origin(|request| match request.path.as_str() {
        "/key" => Reply::file(vec![request.earlier as u8; 16]),
        "/wrong" => Reply::file(vec![0; 15]),
        path => Reply::file(encrypted(b"clear", [path.len() as u8 - 2; 16], [0; 16])),
    })
    .await;
    let decrypt = |key: &str| Some(Key { url: origin.url(key).into(), iv: Some([0; 16]) });
    let encrypted = |number, path: &str, key| {
        let (piece, at) = (PieceId { stream: 0, number }, whole(origin.url(path)));
        OriginCommand::Fetch { piece, at, first_chunk: 0, decrypt: decrypt(key) }
    };
    assert_eq!(reading.fetch(encrypted(1, "/a", "/key")).await.unwrap().concat(), b"clear");
    assert_eq!(reading.fetch(encrypted(2, "/ab", "/key")).await.unwrap().concat(), b"clear");
    assert_eq!(origin.requests("/key").len(), 2);
    assert_eq!(reading.fetch(encrypted(3, "/a", "/wrong")).await, Err(false));
}

#[tokio::test]
async fn checks_read_one_chunk_and_tell_its_hash() {
    let (origin, mut reading) = origin(|request| match request.path.as_str() {
        "/ranges" => Reply::file(segment(LENGTH)),
        "/none" => Reply::without_ranges(segment(LENGTH)),
        _ => Reply::Status(500),
    })
    .await;
    let hash = |bytes: &[u8]| Some(Sha256::digest(bytes).into());
    for path in ["/ranges", "/none"] {
        let at = whole(origin.url(path));
        let second = hash(&segment(LENGTH)[CHUNK_BYTES..2 * CHUNK_BYTES]);
        assert_eq!(reading.check(at.clone(), 1, LENGTH).await, second, "{path}");
        let last = hash(&segment(LENGTH)[3 * CHUNK_BYTES..]);
        assert_eq!(reading.check(at.clone(), 3, LENGTH).await, last, "{path}");
        for told in [LENGTH - 1, LENGTH + CHUNK_BYTES, 10] {
            assert_eq!(reading.check(at.clone(), 0, told).await, hash(b""), "{path} {told}");
        }
        assert_eq!(reading.check(at, 9, 10 * CHUNK_BYTES).await, hash(b""), "{path}");
    }
    assert_eq!(ranges(&origin, "/ranges")[..2], ["bytes=16384-32767", "bytes=49152-49251"]);
    assert_eq!(reading.check(whole(origin.url("/500")), 0, LENGTH).await, None);
}

#[tokio::test]
async fn password_of_the_manifest_opens_its_segments_and_is_not_logged() {
    let (log, _guard) = capture_log();
    let origin = Origin::start(|request| match request.path.as_str() {
        _ if !request.headers.contains_key("authorization") => Reply::Status(401),
        "/live.m3u8" => Reply::text(playlist(0..3)),
        "/0.ts" => Reply::file(b"ok".to_vec()),
        _ => Reply::Status(404),
    })
    .await;
    let manifest = origin.url("/live.m3u8").replace("http://", "http://me:secret@");
    let mut reading = Reading::start(config(manifest));
    reading.follow([0]).await;
    let at = reading.listing().await.segments[0].at.clone();
    assert!(!at.url.contains("secret"));
    assert_eq!(reading.fetch(fetch(0, at, 0)).await.unwrap().concat(), b"ok");
    assert_eq!(reading.fetch(fetch(1, whole(origin.url("/1.ts")), 0)).await, Err(true));
    assert!(log.text().contains("/1.ts") && !log.text().contains("secret"), "{}", log.text());
}
