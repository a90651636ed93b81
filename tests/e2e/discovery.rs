//! Finding a broadcast: by its transport file over HTTP or from a file, by infohash, by content id; peers
//! through the source's own tracker alone.

use std::time::Duration;

use crate::harness::{DEADLINE, wait_until};
use crate::node::{Home, Node, address_of, transport_url_of};
use crate::origin::Origin;
use crate::viewer::{Seen, Viewer};

/// 2 Mbit/s.
const RATE: u64 = 250_000;

fn assert_whole(seen: &Seen) {
    assert_eq!((seen.status, seen.continuity_errors, seen.gaps.len()), (200, 0, 0), "{seen:?}");
}

fn tracker_of(source: &mut Node) -> String {
    format!("http://127.0.0.1:{}/announce", source.port())
}

#[test]
fn source_support_and_client_meet_through_the_internal_tracker() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &[]);
    let mut support = home.support(&transport_url_of(&mut source), &[]);
    wait_until("the support node is connected", || source.monitor()["connected_peers_count"] == 1);
    let mut client = home.client(&[]);
    let viewer = Viewer::of_url(&mut client, &transport_url_of(&mut support), origin.stream);
    assert_whole(&viewer.plays(origin.stream.packets_in(3)));
    wait_until("the client knows both", || {
        source.monitor()["connected_peers_count"] == 2 && support.monitor()["connected_peers_count"] == 2
    });
}

#[test]
fn broadcast_is_found_by_infohash_and_by_content_id_through_a_tracker() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &[]);
    let (infohash, content_id) = (source.last_word("infohash: "), source.last_word("content id: "));
    for query in [format!("infohash={infohash}"), format!("content_id={content_id}")] {
        let client_home = Home::new();
        let mut client = client_home.client(&["--tracker", &tracker_of(&mut source)]);
        let viewer = Viewer::open(client.player_port(), &query, origin.stream);
        assert_whole(&viewer.plays(100));
    }
}

#[test]
fn broadcast_is_found_by_infohash_content_id_and_id_at_a_known_node() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &["--skip-internal-tracker"]);
    let (infohash, content_id) = (source.last_word("infohash: "), source.last_word("content id: "));
    let address = address_of(&mut source);
    for query in [
        format!("infohash={infohash}"),
        format!("content_id={content_id}"),
        format!("id={content_id}"),
        format!("id={}", content_id.to_uppercase()),
    ] {
        let client_home = Home::new();
        let mut client = client_home.client(&["--download-from", &address]);
        let viewer = Viewer::open(client.player_port(), &query, origin.stream);
        assert_whole(&viewer.plays(100));
    }
}

#[test]
fn broadcast_is_found_by_content_id_at_a_support_node() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &["--skip-internal-tracker"]);
    let content_id = source.last_word("content id: ");
    let from_source = ["--download-from", &address_of(&mut source)];
    let mut support = home.support(&transport_url_of(&mut source), &from_source);
    let mut client = home.client(&["--download-from", &address_of(&mut support)]);
    let viewer = Viewer::open(client.player_port(), &format!("content_id={content_id}"), origin.stream);
    assert_whole(&viewer.plays(100));
}

#[test]
fn transport_file_on_disk_is_enough() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let _source = home.quick_source(&origin, &[]);
    let path = home.file("test.acelive");
    let mut support = home.support(path.to_str().expect("text"), &[]);
    support.line("relay \"Test Stream\"");
    let mut client = home.client(&[]);
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);
    assert_whole(&viewer.plays(100));
}

#[test]
fn two_players_get_the_same_stream_through_one_swarm() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &[]);
    let mut client = home.client(&[]);
    let url = transport_url_of(&mut source);
    let viewers = [(); 2].map(|()| Viewer::of_url(&mut client, &url, origin.stream));
    // every viewer checks each packet, so those of the same numbers are the same
    viewers.iter().for_each(|viewer| assert_whole(&viewer.plays(origin.stream.packets_in(2))));
    let [first, second] = viewers.map(|viewer| viewer.seen());
    assert!(first.first.max(second.first) < first.last.min(second.last), "{first:?} {second:?}");
    assert_eq!(source.monitor()["connected_peers_count"], 1);
}

#[test]
fn player_that_pauses_loses_its_own_data_and_nobody_elses() {
    // 60 s of the stream, all that is kept for a slow player, pass in 3 s, and exceed what sockets hold
    let (origin, home) = (Origin::start_fast(2_000_000, 20), Home::new());
    let _source = home.quick_source(&origin, &[]);
    let mut client = home.client(&["--live-buffer-time", "0"]);
    let url = home.transport_url();
    let steady = Viewer::of_url(&mut client, &url, origin.stream);
    let slow = Viewer::of_url(&mut client, &url, origin.stream);
    [&steady, &slow].into_iter().for_each(|viewer| _ = viewer.plays(100));
    slow.pause();
    assert_whole(&steady.plays(origin.stream.packets_in(9)));
    slow.resume();
    let seen = slow.wait_until("it skipped ahead", DEADLINE, |seen| !seen.gaps.is_empty());
    assert_eq!(seen.wrong, Vec::<String>::new());
    slow.plays(1000);
    assert_whole(&steady.plays(1000));
}

#[test]
fn what_cannot_be_played_is_refused_with_a_status_and_a_line() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut client = home.client(&[]);
    let port = client.player_port();
    std::fs::write(home.file("garbage"), "no transport file").expect("writes");
    let garbage = format!("url=file://{}", home.file("garbage").display());
    for (query, status, words) in [
        ("", 400, "expected one of content_id=, id=, infohash="),
        ("infohash=zz", 400, "infohash=zz: expected 40 hexadecimal digits"),
        ("url=ftp://host/x", 400, "expected http://"),
        ("url=file:///nowhere/x.acelive", 404, "does not exist"),
        ("url=http://127.0.0.1:9/x.acelive", 502, "cannot be fetched"),
        (&garbage, 502, "not a transport file"),
        ("infohash=0123456789012345678901234567890123456789", 404, "no tracker and no peer to ask"),
    ] {
        let seen = Viewer::open(port, query, origin.stream).ended();
        assert_eq!(seen.status, status, "{query}: {seen:?}");
        assert!(seen.refusal.contains(words) && seen.refusal.lines().count() == 1, "{query}: {seen:?}");
    }
    assert!(client.is_running());
    assert!(client.end("TERM").took < Duration::from_secs(2));
}
