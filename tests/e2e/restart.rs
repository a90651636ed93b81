//! A source that is killed and started again: the same stream goes on, under new numbers.

use std::fs;
use std::time::{Duration, Instant};

use crate::harness::{DEADLINE, lasting_port, monitor, wait_for, wait_until};
use crate::node::{Home, Node, address_of, transport_url_of};
use crate::origin::Origin;
use crate::viewer::Viewer;

/// 4 Mbit/s: eight pieces of 64 KiB a second.
const RATE: u64 = 500_000;
/// What viewers may wait for, counted from the start of the new process.
const GOES_ON_WITHIN: Duration = Duration::from_secs(3);

fn saved_number(home: &Home) -> u64 {
    fs::read_to_string(home.file("test.restart")).expect("a file").parse().expect("a number")
}

fn newest_piece(node: &mut Node) -> u64 {
    piece(node, "last_piece")
}

fn oldest_piece(node: &mut Node) -> u64 {
    piece(node, "first_piece")
}

fn piece(node: &mut Node, which: &str) -> u64 {
    let port = node.port();
    wait_for(which, || monitor(port)?[which].as_u64())
}

/// Of a node that lists its peers.
fn is_connected_to_source(node: &mut Node) -> bool {
    let state = node.monitor();
    let mut peers = state["connected_peers"].as_array().expect("a list").iter();
    peers.any(|peer| peer["is_source"] == true)
}

#[test]
fn source_that_is_killed_goes_on_where_it_was_and_its_viewers_with_it() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let port = lasting_port().to_string();
    let on_port = ["--port", &port, "--skip-internal-tracker"];
    let mut source = home.quick_source(&origin, &on_port);
    let infohash = source.last_word("infohash: ");
    let address = address_of(&mut source);
    let from_source = ["--download-from", &address, "--stats-report-peers"];
    let mut support = home.support(&transport_url_of(&mut source), &from_source);
    let mut client = home.client(&["--download-from", &address_of(&mut support)]);
    let near_home = Home::new();
    let mut near_client = near_home.client(&["--download-from", &address]);
    let url = home.transport_url();
    let viewers = [&mut client, &mut near_client].map(|client| Viewer::of_url(client, &url, origin.stream));

    for round in 0..3 {
        viewers.iter().for_each(|viewer| _ = viewer.plays(origin.stream.packets_in(1)));
        let made = newest_piece(&mut source);
        source.murder();
        let saved = saved_number(&home);
        assert!(saved >= made, "round {round}: {saved} is saved, {made} was made");
        let relayed = newest_piece(&mut support);
        assert!(relayed <= saved, "round {round}: {relayed} was relayed, {saved} is saved");
        // what is on its way arrives before the new start
        wait_until("the support node has noticed", || !is_connected_to_source(&mut support));

        let (start, on_air) = (Instant::now(), origin.on_air());
        source = home.quick_source(&origin, &on_port);
        let left = GOES_ON_WITHIN.saturating_sub(start.elapsed());
        viewers.iter().for_each(|viewer| _ = viewer.reaches(on_air, left));
        assert_eq!(source.last_word("infohash: "), infohash);
        assert_eq!(
            oldest_piece(&mut source),
            saved + 1,
            "round {round}: a number was used again, or one was left out"
        );
    }
    for viewer in &viewers {
        let seen = viewer.plays(origin.stream.packets_in(1));
        assert!((1..=3).contains(&seen.gaps.len()), "only what was never made is missing: {seen:?}");
    }
}

#[test]
fn broadcast_with_a_measured_bitrate_keeps_its_identity() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.source(&origin.url(), &["--bitrate", "0"]);
    source.line("started input thread");
    let infohash = source.last_word("infohash: ");
    let bitrate: u64 = source.last_word("|acestream.streamer|bitrate: ").parse().expect("a number");
    assert!(bitrate.abs_diff(RATE) <= RATE / 50, "{bitrate} is not within 2 % of {RATE}");
    let last = newest_piece(&mut source);
    assert_eq!(source.end("INT").code, Some(0));

    let mut source = home.source(&origin.url(), &[]);
    source.line("the infohash stays");
    assert_eq!(source.last_word("infohash: "), infohash);
    assert_eq!(source.log.find("start bitrate detection"), None);
    assert!(newest_piece(&mut source) > last);
}

#[test]
fn keys_and_number_moved_to_another_directory_continue_the_stream() {
    let (origin, old, new) = (Origin::start(RATE), Home::new(), Home::new());
    let mut source = old.quick_source(&origin, &[]);
    let infohash = source.last_word("infohash: ");
    newest_piece(&mut source);
    assert_eq!(source.end("TERM").code, Some(0));
    let saved = saved_number(&old);
    for name in ["test.sauth", "test.restart"] {
        fs::copy(old.file(name), new.file(name)).expect("copies");
    }

    let mut source = new.quick_source(&origin, &[]);
    assert_eq!(source.last_word("infohash: "), infohash);
    assert_eq!(oldest_piece(&mut source), saved + 1);
}

#[test]
fn source_that_is_stopped_saves_the_last_number_it_made() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &[]);
    let mut client = home.client(&[]);
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);
    viewer.plays(100);
    let made = newest_piece(&mut source);
    assert_eq!(source.end("TERM").code, Some(0));
    let saved = saved_number(&home);
    // pieces take 130 ms
    assert!((made..made + 40).contains(&saved), "{saved} is saved, {made} was made some moments before");
    let mut next = home.quick_source(&origin, &[]);
    assert_eq!(oldest_piece(&mut next), saved + 1);
}

#[test]
fn source_whose_server_goes_away_keeps_its_swarm_and_counts_on() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &["--source-reconnect-interval", "0"]);
    let mut client = home.client(&[]);
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);
    viewer.plays(100);
    for lost in 1..=3 {
        origin.hang_up();
        wait_until("it asks again", || origin.requests() > lost);
        viewer.reaches(origin.on_air(), DEADLINE);
    }
    assert_eq!(source.log.count("trying again in"), 3, "a line each");
    assert_eq!(oldest_piece(&mut source), 0, "pieces are numbered on");
    assert_eq!(source.log.count("infohash: "), 1);
}
