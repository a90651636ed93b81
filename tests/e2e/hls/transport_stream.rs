//! `/ace/getstream` of an HLS broadcast: the segments of one variant back to back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use start_engine::media::ts::PACKET_BYTES;

use super::clip::{self, SegmentId};
use super::http::Head;
use super::nodes::{HlsNode, Transport};
use super::origin::{HlsOrigin, Plan};
use crate::harness::local;
use crate::numbered::{Continuity, PacketBytes};

/// A player that reads packets until it has seen the ends of so many segments.
fn play(client: &mut HlsNode, query: &str, segments: usize) -> (Vec<SegmentId>, Vec<PacketBytes>) {
    let port = client.node.player_port();
    let mut stream = TcpStream::connect(local(port)).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("sets");
    write!(stream, "GET /ace/getstream?{query} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").expect("asks");
    let head = Head::read(&mut stream).expect("an answer");
    assert!(head.start.contains(" 200 "), "{head:?}");
    assert_eq!(head.field("content-type"), Some("video/mp2t"));
    let (mut ends, mut packets) = (Vec::new(), Vec::new());
    while ends.len() < segments {
        let mut packet = [0; PACKET_BYTES];
        stream.read_exact(&mut packet).expect("the stream goes on");
        assert_eq!(packet[0], 0x47);
        ends.extend(clip::identity(&packet));
        packets.push(packet);
    }
    (ends, packets)
}

fn assert_plays(client: &mut HlsNode, query: &str, stream: u32) {
    let (ends, packets) = play(client, query, 4);
    assert!(ends.iter().all(|id| id.stream == stream), "{ends:?}");
    assert!(ends.windows(2).all(|two| two[0].number + 1 == two[1].number), "{ends:?}");
    let mut continuity = Continuity::default();
    packets.iter().for_each(|packet| continuity.push(packet));
    assert_eq!(continuity.errors, 0);
    let played = packets.concat();
    for id in &ends[1..] {
        let segment = clip::segment(*id);
        let is_there = played.chunks_exact(PACKET_BYTES).enumerate().any(|(at, packet)| {
            packet == &segment[..PACKET_BYTES] && played[at * PACKET_BYTES..].starts_with(&segment)
        });
        assert!(is_there, "{id:?} is not there to the byte");
    }
}

#[test]
fn segments_come_back_to_back_with_continuity_kept() {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::public(&origin, &[]);
    let mut client = HlsNode::client(31, &[]);
    assert_plays(&mut client, &transport.query(), 0);
}

#[test]
fn best_variant_plays_unless_another_is_chosen() {
    let origin = HlsOrigin::start(Plan { is_master: true, ..Plan::default() });
    let transport = Transport::public(&origin, &[]);
    let mut client = HlsNode::client(31, &[]);
    let query = transport.query();
    for (choice, stream) in [("", 0), ("&stream_id=1", 1), ("&quality=180", 1), ("&quality=360", 0)] {
        assert_plays(&mut client, &format!("{query}{choice}"), stream);
    }
}

#[test]
fn viewer_of_either_kind_is_fed_by_the_same_segments() {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::public(&origin, &[]);
    let mut client = HlsNode::client(31, &[]);
    let viewer = client.watch(&transport.query());
    viewer.plays(3);
    let first = origin.newest() + 2;
    assert_plays(&mut client, &transport.query(), 0);
    viewer.reaches(first + 3).assert_whole();
    let copies = origin.copies(0, first..first + 3);
    assert!((copies - 1.0).abs() < f64::EPSILON, "{copies} copies for one node");
}
