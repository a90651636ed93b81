//! Broadcasts with a time: nothing is read before it, and the node ends with it.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::harness::{get, monitor, wait_for, wait_until};
use crate::node::{Home, transport_url_of};
use crate::origin::Origin;
use crate::viewer::Viewer;

/// 4 Mbit/s.
const RATE: u64 = 500_000;

fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

#[test]
fn node_is_up_before_the_broadcast_begins_and_ends_with_it() {
    let (origin, home, viewer_home) = (Origin::start(RATE), Home::new(), Home::new());
    let (start, end) = (unix_s() + 8, unix_s() + 20);
    let (start_text, end_text) = (start.to_string(), end.to_string());
    let more = ["--date-start", &start_text, "--date-end", &end_text];
    let mut source = home.waiting_source(&origin, &more);
    source.line("the broadcast begins at ");
    source.last_word("infohash: ");
    let port = source.port();
    let (status, _) = wait_for("health", || get(port, "/app/healthz"));
    let mut client = viewer_home.client(&[]);
    let viewer = Viewer::of_url(&mut client, &transport_url_of(&mut source), origin.stream);
    client.line("the broadcast begins at ");
    let pieces = monitor(port).expect("answers")["last_piece"].clone();
    let requests = origin.requests();
    if unix_s() < start {
        assert_eq!((status, requests, pieces.is_null(), viewer.packets()), (200, 0, true, 0));
    }
    source.line("the broadcast begins as scheduled");
    assert!(unix_s() >= start);
    let seen = viewer.plays(origin.stream.packets_in(2));
    assert_eq!((seen.status, seen.gaps.len()), (200, 0), "who came before did not come in vain: {seen:?}");
    assert_eq!(source.wait().code(), Some(0), "{}", source.story());
    assert!(unix_s() >= end);
    assert!(source.log.find("the broadcast ends as scheduled").is_some());
}

#[test]
fn broadcast_whose_bitrate_is_unknown_is_published_when_it_begins() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let start = (unix_s() + 4).to_string();
    let mut source = home.source(&origin.url(), &["--date-start", &start]);
    source.line("the transport file is written then");
    source.line("started input thread");
    assert!(unix_s() >= start.parse().expect("a number"));
    wait_until("pieces are made", || monitor(source.port()).is_some_and(|m| m["last_piece"].is_u64()));
}

#[test]
fn times_that_make_no_broadcast_are_refused_in_one_line() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let refusal = home.source(&origin.url(), &["--date-end", "2020-01-01T00:00:00Z"]).refusal();
    assert_eq!(refusal, "--date-end 2020-01-01T00:00:00Z is in the past");
    let refusal = home.source(&origin.url(), &["--date-start", "4000000000", "--date-end", "4000000000"]);
    assert_eq!(refusal.refusal(), "--date-end is not after --date-start");
    assert_eq!(origin.requests(), 0);
}

#[test]
fn waiting_node_stops_when_it_is_told_to() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let start = (unix_s() + 3600).to_string();
    for bitrate in ["0", "500000"] {
        let mut source = home.source(&origin.url(), &["--bitrate", bitrate, "--date-start", &start]);
        source.line("the broadcast begins at ");
        assert_eq!(source.end("TERM").code, Some(0), "{}", source.story());
    }
    assert_eq!(origin.requests(), 0);
}
