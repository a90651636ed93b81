//! Several inputs of one broadcast: viewers see one stream, whichever of them is read.

use crate::harness::{DEADLINE, get, monitor, wait_for, wait_until};
use crate::node::{Home, Node};
use crate::origin::{FixedServer, Mood, Origin};
use crate::viewer::Viewer;

/// 4 Mbit/s.
const RATE: u64 = 500_000;
const SOON: [&str; 4] = ["--source-read-timeout", "1", "--source-reconnect-interval", "0"];

fn field(node: &mut Node, name: &str) -> u64 {
    let port = node.port();
    wait_for(name, || monitor(port)?[name].as_u64())
}

fn reads(source: &mut Node, input: u64) {
    wait_until("the input is read", || field(source, "source_input") == input);
}

/// The viewer has what is on the air, in order, and every break was announced.
fn follows(viewer: &Viewer, origin: &Origin) {
    let seen = viewer.reaches(origin.on_air(), DEADLINE);
    assert_eq!(seen.continuity_errors, 0, "{seen:?}");
}

#[test]
fn backup_takes_over_and_the_first_input_is_read_again_once_it_is_steady() {
    let (first, home, viewer_home) = (Origin::start(RATE), Home::new(), Home::new());
    let backup = first.twin();
    let more = [&["--source", &backup.url()], &SOON[..]].concat();
    let mut source = home.quick_source(&first, &more);
    let infohash = source.last_word("infohash: ");
    let mut client = viewer_home.client(&[]);
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), first.stream);
    follows(&viewer, &first);
    assert_eq!((field(&mut source, "source_input"), backup.requests()), (1, 0));
    assert_eq!(viewer.seen().announcements, 0);

    first.set_mood(Mood::Unavailable);
    first.hang_up();
    reads(&mut source, 2);
    follows(&viewer, &backup);
    let marks = viewer.seen().announcements;
    assert!(marks >= 3, "PAT, PMT and video: {marks}");
    assert_eq!(field(&mut source, "source_switches"), 1);
    assert_eq!(monitor(source.port()).expect("answers")["source_url"], backup.url());
    let metrics = get(source.port(), "/metrics").expect("answers").1;
    assert!(String::from_utf8_lossy(&metrics).contains("source_switches_total 1"));

    let tried = first.requests();
    wait_until("the first is tried on the side", || first.requests() > tried);
    assert_eq!(field(&mut source, "source_input"), 2);
    first.set_mood(Mood::Live);
    reads(&mut source, 1);
    source.line("is back and takes over");
    follows(&viewer, &first);
    assert!(viewer.seen().announcements > marks);
    assert_eq!(field(&mut source, "source_switches"), 2);
    assert_eq!((source.last_word("infohash: "), source.log.count("infohash: ")), (infohash, 1));
    assert_eq!(field(&mut source, "pieces_skipped"), 0);
}

#[test]
fn input_that_is_silent_or_gives_no_transport_stream_is_left_for_the_next() {
    let (first, home, viewer_home) = (Origin::start(RATE), Home::new(), Home::new());
    let garbage =
        FixedServer::start([b"HTTP/1.0 200 OK\r\n\r\n<html>".as_slice(), &[b'x'; 100_000]].concat());
    let last = first.twin();
    let more = [&["--source", &garbage.url(), "--source", &last.url()], &SOON[..]].concat();
    let mut source = home.quick_source(&first, &more);
    let mut client = viewer_home.client(&[]);
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), first.stream);
    follows(&viewer, &first);
    first.set_mood(Mood::Stalled);
    reads(&mut source, 3);
    follows(&viewer, &last);
    assert!(source.log.find("no packet within 1s").is_some(), "{}", source.story());
    assert!(source.log.find("is no MPEG transport stream").is_some(), "{}", source.story());
}

#[test]
fn bitrate_is_measured_on_the_first_input_that_works() {
    let (dead, live, home) = (Origin::start(RATE), Origin::start(RATE), Home::new());
    dead.set_mood(Mood::Unavailable);
    let mut source = home.source(&dead.url(), &[&["--source", &live.url()], &SOON[..]].concat());
    let bitrate: u64 = source.last_word("|acestream.streamer|bitrate: ").parse().expect("a number");
    assert!(bitrate.abs_diff(RATE) <= RATE / 50, "{bitrate}");
    assert_eq!((field(&mut source, "source_input"), field(&mut source, "source_switches")), (2, 0));
}

#[test]
fn inputs_of_which_none_can_ever_work_end_the_node() {
    let (home, pages) = (Home::new(), [(); 2].map(|()| FixedServer::start("HTTP/1.0 404 Not Found\r\n\r\n")));
    let refusal = home.source(&pages[0].url(), &["--source", &pages[1].url()]).refusal();
    assert!(refusal.starts_with(&format!("source {}: the server answered 404", pages[0].url())), "{refusal}");
    let refusal = home.source(&pages[0].url(), &["--source", "-"]).refusal();
    assert!(refusal.starts_with("--source -: "), "{refusal}");
}
