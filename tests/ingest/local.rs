//! Sources that are no server: files, datagrams, the built-in clip.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::SockRef;
use start_engine::media::align::Aligner;
use start_engine::media::ts::{PACKET_BYTES, Packet};
use start_engine::net::ingest::{IngestError, SourceAddress};
use tokio::net::UdpSocket;

use crate::reading::{Reading, packets};

const CLIP: &[u8] = include_bytes!("../../src/node/demo/clip.ts");

fn file_of(bytes: &[u8]) -> (tempfile::NamedTempFile, String) {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("written");
    let source = format!("file:{}", file.path().display());
    (file, source)
}

/// The packets of the clip's first half second, as a short clip of its own.
fn short_clip() -> Vec<u8> {
    CLIP[..200 * PACKET_BYTES].to_vec()
}

#[tokio::test]
async fn file_is_played_again_and_again_with_continuous_clocks() {
    let clip = short_clip();
    let (_file, source) = file_of(&clip);
    let got = Reading::start(&source).bytes(3 * clip.len()).await;
    assert!(got[..clip.len()] == clip);
    let clocks: Vec<u64> =
        got.chunks(PACKET_BYTES).filter_map(Packet::new).filter_map(|packet| packet.pcr()).collect();
    assert!(clocks.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] < 27_000_000));
}

#[tokio::test]
async fn file_with_time_codes_gives_bare_packets() {
    let clip = short_clip();
    let framed: Vec<u8> = clip.chunks(188).flat_map(|packet| [&[0; 4][..], packet].concat()).collect();
    let (_file, source) = file_of(&framed);
    let got = Reading::start(&source).bytes(clip.len()).await;
    assert!(got[..clip.len()] == clip);
}

#[tokio::test]
async fn unusable_files_end_the_reading_and_are_named() {
    let (text, garbage) = file_of(&b"just a text ".repeat(1000));
    let (still, no_clock) = file_of(&packets(0..100));
    let folder = tempfile::tempdir().expect("a folder");
    let cases = [
        (garbage, "no packets in its first 12000 bytes"),
        (no_clock, "0 program clock references"),
        (format!("file:{}", folder.path().display()), "no regular file"),
        (format!("file:{}", folder.path().join("missing.ts").display()), "No such file"),
    ];
    for (source, expected) in cases {
        let error = Reading::start(&source).end().await.expect_err(&source);
        assert!(matches!(error, IngestError::File { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    drop((text, still));
}

#[tokio::test]
async fn built_in_clip_is_played() {
    let got = Reading::run(SourceAddress::Clip(CLIP), Duration::from_secs(60)).bytes(40 * 188).await;
    assert!(got == CLIP[..got.len()]);
}

#[tokio::test]
async fn closed_reader_ends_the_reading() {
    let mut reading = Reading::run(SourceAddress::Clip(CLIP), Duration::from_secs(60));
    reading.bytes(188).await;
    reading.stop().await.expect("a clean end");
}

/// Sends datagrams again and again until enough packets arrived.
async fn read_datagrams(scheme: &str, wrap: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let sender = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let probe = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let addr = probe.local_addr().expect("an address");
    drop(probe);
    let mut reading = Reading::start(&format!("{scheme}://{addr}"));
    let body = packets(0..700);
    let send = send_all(&sender, addr, &body, wrap);
    tokio::select! {
        got = reading.bytes(200 * PACKET_BYTES) => got,
        () = send => unreachable!("sends for ever"),
    }
}

async fn send_all(sender: &UdpSocket, to: SocketAddr, body: &[u8], wrap: impl Fn(&[u8]) -> Vec<u8>) {
    loop {
        for datagram in body.chunks(7 * PACKET_BYTES) {
            // nobody listens before the source is opened
            let _sent = sender.send_to(&wrap(datagram), to).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Whether all bytes are packets as they were sent; a datagram may be lost.
fn are_sent_packets(bytes: &[u8]) -> bool {
    let sent = packets(0..700);
    let mut aligner = Aligner::default();
    aligner.push(bytes.to_vec().into());
    aligner.skipped_bytes() == 0
        && bytes.chunks(PACKET_BYTES).all(|packet| {
            let number = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]) as usize;
            sent.get(number * PACKET_BYTES..(number + 1) * PACKET_BYTES) == Some(packet)
        })
}

#[tokio::test]
async fn bare_datagrams_are_read() {
    let got = read_datagrams("udp", <[u8]>::to_vec).await;
    assert!(are_sent_packets(&got));
}

#[tokio::test]
async fn datagrams_in_rtp_are_read_whatever_the_scheme_says() {
    for scheme in ["rtp", "udp"] {
        let head = [0x80, 33, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
        let got = read_datagrams(scheme, |datagram| [&head, datagram].concat()).await;
        assert!(are_sent_packets(&got));
    }
}

#[tokio::test]
async fn group_is_joined_on_the_interface_that_is_named() {
    let group: Ipv4Addr = "239.255.77.7".parse().expect("a group");
    let sender = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let port = sender.local_addr().expect("an address").port();
    SockRef::from(&sender).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).expect("an interface");
    // the group's port is the sender's own: nobody else of this machine's tests uses it
    let mut reading = Reading::start(&format!("udp://@{group}:{port}?localaddr=127.0.0.1"));
    let body = packets(0..700);
    let send = send_all(&sender, (group, port).into(), &body, <[u8]>::to_vec);
    let got = tokio::select! {
        got = reading.bytes(200 * PACKET_BYTES) => got,
        () = send => unreachable!("sends for ever"),
    };
    assert!(are_sent_packets(&got));
}
