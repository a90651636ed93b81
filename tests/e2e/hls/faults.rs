//! Origins that fail while somebody watches: each kind of trouble is told once, and survived.

use std::collections::BTreeMap;

use super::nodes::{HlsNode, Transport, wait_for_requests};
use super::origin::{Asked, HlsOrigin, Plan, PlaylistMood, SegmentMood, Served};
use super::viewer::HlsViewer;
use crate::harness::wait_until;

/// How every complaint about an origin goes.
const COMPLAINT: &str = "cannot be had from the origin";
/// What a client uses at most, unoptimised: a fraction of what the worst origin sends.
const RESIDENT_MAX_KB: u64 = 160 * 1024;
/// No segment is read further than to the limit of its size, and what the sockets hold beyond.
const HUGE_MAX_BYTES: u64 = 64 << 20;

/// A client alone with an origin, and somebody who watches.
struct Watch {
    origin: HlsOrigin,
    client: HlsNode,
    viewer: HlsViewer,
    _transport: Transport,
}

impl Watch {
    fn start() -> Self {
        let origin = HlsOrigin::start(Plan::default());
        let transport = Transport::public(&origin, &[]);
        let mut client = HlsNode::client(31, &[]);
        let viewer = client.watch(&transport.query());
        viewer.plays(3);
        Self { origin, client, viewer, _transport: transport }
    }

    /// What the client could not get and why, numbers and addresses left out, and how often it said so.
    fn complaints(&self) -> BTreeMap<String, usize> {
        let mut reasons = BTreeMap::new();
        for line in self.client.node.log.all() {
            let message = line.splitn(4, '|').last().unwrap_or_default();
            let Some((what, why)) = message.split_once(COMPLAINT) else { continue };
            let kind = what.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ');
            let reason = why.split_once(": ").map_or(why, |(_, reason)| reason);
            *reasons.entry(format!("{kind}: {reason}")).or_default() += 1;
        }
        reasons
    }

    /// The client said why in a line of its own with this word in it, and said nothing twice.
    fn assert_told_once(&self, word: &str) {
        let complaints = self.complaints();
        assert!(complaints.keys().any(|reason| reason.contains(word)), "no {word:?} in {complaints:?}");
        assert!(complaints.values().all(|times| *times == 1), "{complaints:?}");
    }

    fn assert_goes_on(&mut self) {
        let seen = self.viewer.reaches(self.origin.newest() + 2);
        seen.assert_numbered_as_the_origin();
        assert_eq!(seen.resets, 0, "{seen:?}");
        let resident_kb = self.client.node.resident_kb();
        assert!(resident_kb < RESIDENT_MAX_KB && self.client.node.is_running(), "{resident_kb} KB");
        assert_eq!(self.client.node.errors.all(), Vec::<String>::new());
    }

    /// Lets segments be bad until the client has asked for more than one and complained, and good again.
    fn suffers_segments(&mut self, mood: SegmentMood, word: &str) {
        let begin = self.origin.newest() + 1;
        self.origin.set_segments(mood);
        let is_bad =
            |served: &Served, number| matches!(served.asked, Asked::Segment(id) if id.number == number);
        for number in begin..begin + 2 {
            wait_until("a bad segment is asked for", || {
                self.origin.count(|served| is_bad(served, number)) > 0
            });
        }
        wait_until("a complaint", || self.complaints().keys().any(|reason| reason.contains(word)));
        self.origin.set_segments(SegmentMood::Fine);
        self.assert_goes_on();
        self.assert_told_once(word);
    }

    fn suffers_playlists(&mut self, mood: PlaylistMood, word: &str) {
        self.origin.set_playlists(mood);
        wait_until("a complaint", || self.complaints().keys().any(|reason| reason.contains(word)));
        let is_playlist = |served: &Served| matches!(served.asked, Asked::Media(_));
        wait_for_requests(&self.origin, "it tries again", 2, is_playlist);
        self.origin.set_playlists(PlaylistMood::Fine);
        self.assert_goes_on();
        self.assert_told_once(word);
    }
}

#[test]
fn segments_that_are_not_there_are_told_once_and_survived() {
    Watch::start().suffers_segments(SegmentMood::Status(404), "404");
}

#[test]
fn segments_that_the_server_fails_to_give_are_told_once_and_survived() {
    Watch::start().suffers_segments(SegmentMood::Status(503), "503");
}

#[test]
fn segments_that_break_off_are_told_once_and_survived() {
    let mut watch = Watch::start();
    watch.suffers_segments(SegmentMood::Half, "");
    assert_eq!(watch.viewer.seen().wrong, Vec::<String>::new());
}

#[test]
fn segments_with_a_length_that_is_wrong_are_told_once_and_survived() {
    Watch::start().suffers_segments(SegmentMood::TooLongLength, "");
    Watch::start().suffers_segments(SegmentMood::TwoLengths, "");
}

#[test]
fn segments_of_500_megabytes_are_refused_beyond_a_limit() {
    for mood in [SegmentMood::Huge, SegmentMood::Endless] {
        let mut watch = Watch::start();
        watch.suffers_segments(mood, "more than");
        let largest = watch.origin.served().iter().map(|served| served.bytes).max();
        assert!(largest < Some(HUGE_MAX_BYTES), "{largest:?} bytes of one segment were read");
    }
}

#[test]
fn segments_that_lead_round_in_circles_are_told_once_and_survived() {
    Watch::start().suffers_segments(SegmentMood::RedirectLoop, "redirects");
}

#[test]
fn segments_that_come_a_byte_a_second_are_given_up() {
    Watch::start().suffers_segments(SegmentMood::Trickle, "");
}

#[test]
fn playlists_that_cannot_be_had_are_told_once_and_tried_again() {
    Watch::start().suffers_playlists(PlaylistMood::Status(404), "404");
    Watch::start().suffers_playlists(PlaylistMood::Status(503), "503");
    Watch::start().suffers_playlists(PlaylistMood::RedirectLoop, "redirects");
}

#[test]
fn playlists_that_are_none_are_told_once_and_tried_again() {
    Watch::start().suffers_playlists(PlaylistMood::Html, "");
    Watch::start().suffers_playlists(PlaylistMood::NoSegments, "");
}

#[test]
fn playlist_that_comes_a_byte_a_second_is_given_up() {
    Watch::start().suffers_playlists(PlaylistMood::Trickle, "");
}

#[test]
fn origin_that_goes_away_is_told_once_and_found_again() {
    let mut watch = Watch::start();
    watch.origin.go_away();
    wait_until("a complaint", || !watch.complaints().is_empty());
    watch.origin.come_back();
    watch.assert_goes_on();
    watch.assert_told_once("");
}

#[test]
fn origin_without_ranges_serves_as_well() {
    let origin = HlsOrigin::start(Plan { answers_ranges: false, ..Plan::default() });
    let transport = Transport::public(&origin, &[]);
    let mut support = HlsNode::support(11, &transport.public_file(), &[]);
    let mut client = HlsNode::client(31, &["--download-from", &support.address()]);
    client.watch(&transport.query()).plays(8).assert_whole();
    assert_eq!(origin.count(|served| served.status == 206), 0);
}

#[test]
fn playlist_is_asked_for_by_what_changed_since() {
    let watch = Watch::start();
    watch.origin.set_playlists(PlaylistMood::Stuck);
    wait_until("nothing is new", || watch.origin.count(|served| served.status == 304) >= 2);
}
