//! Media sequences that stand still, go back, begin anew, jump, or grow beyond 32 bits.

use super::nodes::{HlsNode, Transport, wait_for_requests};
use super::origin::{Asked, HlsOrigin, Plan, PlaylistMood, Served};
use super::viewer::HlsViewer;

const HASTY: [&str; 4] = ["--hls-bad-manifest-max-errors", "3", "--hls-bad-manifest-retry-interval", "1"];

fn is_playlist(served: &Served) -> bool {
    matches!(served.asked, Asked::Media(_))
}

/// A private broadcast with one node that knows the origin and one client that watches.
fn private_watch(origin: &HlsOrigin) -> (HlsNode, HlsNode, HlsViewer, Transport) {
    let transport = Transport::private(origin, &[]);
    let mut knowing = HlsNode::support(21, &transport.private_file(), &HASTY);
    let mut client = HlsNode::client(31, &["--download-from", &knowing.address()]);
    let viewer = client.watch(&transport.query());
    viewer.plays(3);
    (knowing, client, viewer, transport)
}

/// A public broadcast that one client alone watches.
fn lone_watch(origin: &HlsOrigin) -> (HlsNode, HlsViewer, Transport) {
    let transport = Transport::public(origin, &[]);
    let mut client = HlsNode::client(31, &[]);
    let viewer = client.watch(&transport.query());
    viewer.plays(3);
    (client, viewer, transport)
}

#[test]
fn bad_manifests_that_are_fewer_than_the_limit_are_passed_over() {
    let origin = HlsOrigin::start(Plan::default());
    let (knowing, _client, viewer, _transport) = private_watch(&origin);
    origin.set_playlists(PlaylistMood::WentBack(40));
    wait_for_requests(&origin, "a bad manifest is read", 1, is_playlist);
    origin.set_playlists(PlaylistMood::Fine);
    viewer.reaches(origin.newest() + 2).assert_whole();
    assert_eq!(knowing.node.log.count("begins anew"), 0, "{}", knowing.node.story());
}

#[test]
fn bad_manifests_that_last_make_the_stream_begin_anew() {
    let origin = HlsOrigin::start(Plan::default());
    let (_knowing, _client, viewer, _transport) = private_watch(&origin);
    origin.restart_at(70, true);
    let seen = viewer.enters_era(1);
    assert_eq!(seen.resets, 1, "{seen:?}");
    seen.assert_numbered_as_the_origin();
}

#[test]
fn stream_begins_anew_at_every_node_of_a_public_broadcast() {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::public(&origin, &[]);
    let mut support = HlsNode::support(11, &transport.public_file(), &HASTY);
    let at = support.address();
    let mut clients = [31, 32].map(|last| HlsNode::client(last, &["--download-from", &at]));
    let viewers = clients.each_mut().map(|client| client.watch(&transport.query()));
    viewers.iter().for_each(|viewer| _ = viewer.plays(3));
    // the same numbers, with other bytes
    origin.restart_at(origin.newest() - 40, true);
    for viewer in &viewers {
        let seen = viewer.enters_era(1);
        seen.assert_numbered_as_the_origin();
        assert_eq!(seen.resets, 1, "{seen:?}");
    }
}

#[test]
fn sequence_that_jumps_by_a_thousand_million_is_followed() {
    let origin = HlsOrigin::start(Plan::default());
    let (client, viewer, _transport) = lone_watch(&origin);
    let before = client.node.resident_kb();
    let jumped = origin.newest() + 1_000_000_000;
    origin.restart_at(jumped, false);
    viewer.reaches(jumped + 2).assert_numbered_as_the_origin();
    let grown = client.node.resident_kb().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KB more than before");
}

#[test]
fn numbers_cross_the_end_of_32_bits_without_a_gap() {
    let origin = HlsOrigin::start(Plan { first: (1 << 32) - 10, ..Plan::default() });
    let transport = Transport::private(&origin, &[]);
    let mut knowing = HlsNode::support(21, &transport.private_file(), &[]);
    let mut client = HlsNode::client(31, &["--download-from", &knowing.address()]);
    client.watch(&transport.query()).reaches((1 << 32) + 3).assert_whole();
}

#[test]
fn playlist_that_stands_still_is_waited_for() {
    let origin = HlsOrigin::start(Plan::default());
    let (_client, viewer, _transport) = lone_watch(&origin);
    origin.set_playlists(PlaylistMood::Stuck);
    wait_for_requests(&origin, "it is read on", 4, is_playlist);
    origin.set_playlists(PlaylistMood::Fine);
    let seen = viewer.reaches(origin.newest() + 1);
    assert!(seen.wrong.is_empty() && seen.resets == 0 && seen.lost.is_empty(), "{seen:?}");
}

#[test]
fn playlist_that_never_drops_anything_is_survived() {
    let origin = HlsOrigin::start(Plan::default());
    let (mut client, viewer, _transport) = lone_watch(&origin);
    origin.set_playlists(PlaylistMood::Endless);
    wait_for_requests(&origin, "it is read on", 4, is_playlist);
    viewer.reaches(origin.newest() + 2).assert_whole();
    assert!(client.node.resident_kb() < 160 * 1024 && client.node.is_running());
}
