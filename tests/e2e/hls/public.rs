//! Public broadcasts: every node may ask the origin, and together they ask it about once.

use sha1::{Digest, Sha1};
use start_engine::base::hex::Hex;

use super::http;
use super::nodes::{HlsNode, Transport, assert_all_reach, copies_while_watched, watching_clients};
use super::origin::{Asked, HlsOrigin, Plan, Served};
use super::viewer::HlsViewer;
use crate::harness::{lasting_port, wait_until};
use crate::node::{Home, Node};
use crate::tracker_log::TrackerLog;

/// What the origin may send after start-up to six nodes at most, in copies of the stream, checks included.
const COPIES_MAX: f64 = 1.5;
const COPIES_MAX_TO_EIGHT: f64 = 2.0;
const VIEWERS: u8 = 5;
const MEASURED_SEGMENTS: u64 = 8;

fn is_segment(served: &Served) -> bool {
    matches!(served.asked, Asked::Segment(_))
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// Five viewers, and so many support nodes, which find each other through a tracker.
fn five_viewers_share(supports: u8, copies_max: f64) {
    let (origin, tracker) = (HlsOrigin::start(Plan::default()), TrackerLog::start());
    let transport = Transport::public(&origin, &["--tracker", &tracker.url()]);
    let named = |mut node: HlsNode| {
        tracker.add_peer(node.socket());
        node
    };
    let _supports: Vec<_> =
        (0..supports).map(|n| named(HlsNode::support(11 + n, &transport.public_file(), &[]))).collect();
    let mut clients: Vec<_> = (0..VIEWERS).map(|n| named(HlsNode::client(31 + n, &[]))).collect();
    let viewers: Vec<_> = clients.iter_mut().map(|client| client.watch(&transport.query())).collect();
    for viewer in &viewers {
        viewer.plays(4);
    }
    let copies = copies_while_watched(&origin, MEASURED_SEGMENTS, &viewers);
    assert!(copies <= copies_max, "the origin sent {copies} copies to {} nodes", supports + VIEWERS);
}

#[test]
fn five_viewers_without_a_support_node_share_what_they_fetch() {
    five_viewers_share(0, COPIES_MAX);
}

#[test]
fn five_viewers_and_a_support_node_cost_the_origin_one_copy_and_a_half_at_most() {
    five_viewers_share(1, COPIES_MAX);
}

#[test]
fn five_viewers_and_three_support_nodes_share_what_they_fetch() {
    five_viewers_share(3, COPIES_MAX_TO_EIGHT);
}

#[test]
fn lone_viewer_is_as_fast_as_a_player_at_the_origin() {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::public(&origin, &[]);
    let mut client = HlsNode::client(31, &[]);
    let viewer = client.watch(&transport.query());
    viewer.plays(3);
    let plain = HlsViewer::open(&origin.url());
    plain.plays(3);
    for _ in 0..4 {
        let number = plain.plays(1).last().expect("a segment");
        viewer.reaches(number).assert_whole();
        assert!(origin.newest() <= number + 1, "{} is there, {number} was got", origin.newest());
    }
}

#[test]
fn playlist_of_a_viewer_says_what_the_origin_says() {
    let origin = HlsOrigin::start(Plan { discontinuity_every: 4, ..Plan::default() });
    let transport = Transport::public(&origin, &[]);
    let mut client = HlsNode::client(31, &[]);
    let seen = client.watch(&transport.query()).plays(9);
    seen.assert_whole();
    for got in &seen.got {
        assert_eq!(got.about, origin.about(got.number), "segment {}", got.number);
    }
    let theirs = &seen.playlist;
    let before = theirs.first.div_ceil(4);
    assert_eq!((theirs.target_s, theirs.discontinuity_sequence), (1, before), "{theirs:?}");
}

#[test]
fn bare_address_of_the_manifest_leads_into_the_same_swarm() {
    let (origin, tracker) = (HlsOrigin::start(Plan::default()), TrackerLog::start());
    let transport = Transport::public(&origin, &["--tracker", &tracker.url()]);
    let mut support = HlsNode::support(11, &transport.public_file(), &[]);
    tracker.add_peer(support.socket());
    let mut client = HlsNode::client(31, &["--tracker", &tracker.url()]);
    let path = format!("/hls/manifest.m3u8?manifest_url={}", origin.url());
    let viewer = HlsViewer::open(&client.player_url(&path));
    viewer.plays(3).assert_whole();
    wait_until("they meet", || support.peers() == 1);
}

#[test]
fn broadcast_is_found_by_infohash_and_by_content_id() {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::public(&origin, &[]);
    let mut support = HlsNode::support(11, &transport.private_file(), &[]);
    let file = std::fs::read(transport.public_file()).expect("a file");
    let content_id = Hex(&Sha1::digest(&file)).to_string();
    let at = support.address();
    // an infohash of a public broadcast proves no key: the client must see the origin, which is private here
    let allowed: &[&str] = &["--allow-private-addresses"];
    for (query, more) in
        [(format!("infohash={}", transport.infohash), allowed), (format!("content_id={content_id}"), &[])]
    {
        let mut client = HlsNode::client(31, &[&["--download-from", at.as_str()], more].concat());
        client.watch(&query).plays(4).assert_whole();
    }
}

#[test]
fn nodes_that_are_refused_by_the_origin_watch_through_one_that_signs() {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::public(&origin, &[]);
    let mut support = HlsNode::support(11, &transport.private_file(), &[]);
    let at = support.address();
    origin.admit(&[support.ip]);
    let clients = watching_clients(31, 2, &transport.query(), |_| words(&["--download-from", &at]));
    for (client, viewer) in &clients {
        viewer.plays(6).assert_whole();
        let got = |served: &Served| client.is_at(served.from) && is_segment(served) && served.bytes > 0;
        assert_eq!(origin.count(got), 0);
    }
}

#[test]
fn origin_that_dies_stops_no_viewer_while_a_peer_has_data() {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::public(&origin, &[]);
    let mut support = HlsNode::support(11, &transport.private_file(), &[]);
    let at = support.address();
    let mut early = HlsNode::client(31, &["--download-from", &at]);
    let viewer = early.watch(&transport.query());
    viewer.plays(8);

    origin.go_away();
    let mut late = HlsNode::client(32, &["--download-from", &at]);
    let newcomer = late.watch(&transport.query());
    newcomer.plays(3).assert_whole();

    origin.come_back();
    let number = origin.newest() + 2;
    for viewer in [&viewer, &newcomer] {
        let seen = viewer.reaches(number);
        seen.assert_numbered_as_the_origin();
        assert_eq!(seen.resets, 0, "{seen:?}");
    }
}

#[test]
fn support_node_that_is_restarted_in_the_middle_is_not_missed() {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::public(&origin, &[]);
    let port = lasting_port().to_string();
    let support = || HlsNode::support(11, &transport.public_file(), &["--port", &port]);
    let mut first = support();
    let at = first.address();
    let clients = watching_clients(31, 2, &transport.query(), |_| words(&["--download-from", &at]));
    for (_, viewer) in &clients {
        viewer.plays(3);
    }
    first.node.murder();
    let number = origin.newest() + 3;
    assert_all_reach(clients.iter().map(|(_, viewer)| viewer), number);
    let mut second = support();
    wait_until("they are connected again", || second.peers() == 2);
    assert_all_reach(clients.iter().map(|(_, viewer)| viewer), origin.newest() + 3);
}

#[test]
fn viewer_that_read_the_playlist_alone_is_not_thrown_back_by_the_first_word_of_a_signer() {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::public(&origin, &[]);
    let port = lasting_port().to_string();
    let mut client = HlsNode::client(31, &["--download-from", &format!("127.0.0.11:{port}")]);
    let viewer = client.watch(&transport.query());
    viewer.plays(3);
    let mut support = HlsNode::support(11, &transport.private_file(), &["--port", &port]);
    wait_until("they meet", || support.peers() == 1);
    assert_all_reach([&viewer], origin.newest() + 4);
    assert_eq!(client.node.log.count("begins anew"), 0, "{}", client.node.story());
}

#[test]
fn support_node_that_skips_data_reads_the_playlist_and_no_segment() {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::public(&origin, &[]);
    let words = ["--hls-broadcast-last-source-piece", "--hls-skip-data"];
    let mut support = HlsNode::support(11, &transport.public_file(), &words);
    let mut client = HlsNode::client(31, &["--download-from", &support.address()]);
    client.watch(&transport.query()).plays(6).assert_whole();
    let served = origin.served();
    let fetched: Vec<_> =
        served.iter().filter(|served| support.is_at(served.from) && is_segment(served)).collect();
    assert!(fetched.is_empty(), "{fetched:?}");
    assert!(origin.count(|served| support.is_at(served.from)) > 0);
}

#[test]
fn one_command_publishes_a_stream_and_prints_where_viewers_find_it() {
    let (origin, home) = (HlsOrigin::start(Plan::default()), Home::new());
    let dir = home.text();
    let words = ["--publish-hls-stream", "--url", &origin.url(), "--title", "Test Stream"];
    let places = [
        "--publish-dir",
        &dir,
        "--metadata-dir",
        &dir,
        "--pid-file-dir",
        &dir,
        "--bind",
        "127.0.0.11",
        "--port",
        "0",
    ];
    let mut publisher = Node::start([&words[..], &places].concat());
    publisher.port();
    wait_until("the public file", || home.file("test-stream.acelive").exists());
    let port = publisher.port();
    let at = format!("127.0.0.11:{port}");
    let mut client = HlsNode::client(31, &["--download-from", &at]);
    let query = format!("url=file://{}", home.file("test-stream.acelive").display());
    client.watch(&query).plays(5).assert_whole();
    let served = http::get(&format!("http://{at}/app/get_transport_file?format=raw")).expect("answers");
    assert_eq!(served.body, std::fs::read(home.file("test-stream.acelive")).expect("a file"));
}
