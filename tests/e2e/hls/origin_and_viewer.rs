//! The origin and the viewer of these tests, held against each other with nothing in between.

use std::net::Ipv4Addr;

use start_engine::media::ts::PACKET_BYTES;

use super::clip::{self, SegmentId};
use super::http;
use super::origin::{Asked, HlsOrigin, Plan, PlaylistMood, SegmentMood, Served};
use super::viewer::HlsViewer;
use crate::harness::wait_until;
use crate::numbered::Continuity;

fn is_segment(served: &Served) -> bool {
    matches!(served.asked, Asked::Segment(_))
}

/// The address of the newest segment.
fn newest_segment(origin: &HlsOrigin) -> String {
    let viewer = HlsViewer::open(&origin.url());
    viewer.plays(3).got[2].url.clone()
}

#[test]
fn segments_are_playable_by_themselves_one_after_the_other_and_all_different() {
    let id = |stream, number| SegmentId { stream, era: 3, number };
    let mut continuity = Continuity::default();
    for number in 0..2 * clip::SEGMENTS / 3 {
        let bytes = clip::segment(id(1, number));
        let packets = bytes.as_chunks::<PACKET_BYTES>().0;
        let pids = [0, 1].map(|at| crate::numbered::pid_of(&packets[at]));
        assert_eq!(pids, [0, 0x1000], "tables stand in front");
        packets.iter().for_each(|packet| continuity.push(packet));
        assert_eq!(clip::identity(&bytes), Some(id(1, number)));
    }
    assert_eq!(continuity.errors, 0);
    assert_ne!(clip::segment(id(0, 1)).len(), clip::segment(id(1, 1)).len());
    assert_ne!(clip::segment(id(1, 1)), clip::segment(id(1, 1 + clip::SEGMENTS)));
    assert_eq!(clip::identity(b"nothing"), None);
}

#[test]
fn viewer_follows_a_live_playlist_and_the_origin_counts_one_copy() {
    let origin = HlsOrigin::start(Plan { discontinuity_every: 4, ..Plan::default() });
    let viewer = HlsViewer::open(&origin.url());
    let seen = viewer.plays(6);
    seen.assert_whole();
    assert!(seen.variants.is_empty() && seen.playlist.entries.len() == 6, "{seen:?}");
    let first = seen.got[0].number;
    for got in &seen.got {
        assert_eq!(got.about, origin.about(got.number));
    }
    let discontinuities = seen.got.iter().filter(|got| got.about.is_discontinuity).count();
    assert!((1..=2).contains(&discontinuities), "{seen:?}");
    let copies = origin.copies(0, first..first + 6);
    assert!((copies - 1.0).abs() < f64::EPSILON, "{copies}");
}

#[test]
fn viewer_plays_either_variant_of_a_master_playlist() {
    let origin = HlsOrigin::start(Plan { is_master: true, ..Plan::default() });
    for variant in 0..2 {
        let viewer = HlsViewer::open_variant(&origin.url(), variant);
        let seen = viewer.plays(3);
        seen.assert_whole();
        assert_eq!(seen.variants.len(), 2);
        assert!(seen.got.iter().all(|got| got.id.stream as usize == variant), "{seen:?}");
    }
}

#[test]
fn viewer_unlocks_what_is_locked() {
    for names_iv in [false, true] {
        let origin = HlsOrigin::start(Plan { is_locked: true, names_iv, ..Plan::default() });
        let seen = HlsViewer::open(&origin.url()).plays(4);
        seen.assert_whole();
        assert_eq!(seen.got[3].about.key.as_ref().expect("a key").iv.is_some(), names_iv);
        assert!(origin.count(|served| served.asked == Asked::Key) > 0);
    }
}

#[test]
fn viewer_notices_what_is_lost_what_begins_anew_and_what_jumps() {
    let origin = HlsOrigin::start(Plan::default());
    let viewer = HlsViewer::open(&origin.url());
    viewer.plays(3);
    origin.set_segments(SegmentMood::Half);
    viewer.wait_until("a segment is lost", |seen| !seen.lost.is_empty());
    origin.set_segments(SegmentMood::Fine);
    origin.restart_at(70, true);
    let seen = viewer.enters_era(1);
    assert_eq!(seen.resets, 1);
    seen.assert_numbered_as_the_origin();
    let jump = origin.newest() + 1_000;
    origin.restart_at(jump, false);
    let seen = viewer.reaches(jump);
    assert_eq!(seen.skipped.last().map(|range| range.end), Some(jump), "{seen:?}");
}

#[test]
fn origin_sends_parts_when_it_answers_ranges_and_the_whole_when_it_does_not() {
    for (answers_ranges, status) in [(true, 206), (false, 200)] {
        let origin = HlsOrigin::start(Plan { answers_ranges, ..Plan::default() });
        let url = newest_segment(&origin);
        let whole = http::get(&url).expect("answers").body;
        let part = http::get_with(&url, &["Range: bytes=16384-32767"]).expect("answers");
        assert_eq!(part.status, status);
        let expected = if answers_ranges { &whole[16_384..32_768] } else { &whole[..] };
        assert!(part.body == expected && part.is_whole);
    }
}

#[test]
fn origin_answers_an_unchanged_playlist_with_304() {
    let origin = HlsOrigin::start(Plan::default());
    origin.set_playlists(PlaylistMood::Stuck);
    let first = http::get(&origin.url()).expect("answers");
    let tag = format!("If-None-Match: {}", first.head.field("etag").expect("a tag"));
    assert_eq!(http::get_with(&origin.url(), &[&tag]).expect("answers").status, 304);
    origin.set_playlists(PlaylistMood::Fine);
    wait_until("a new segment", || {
        http::get_with(&origin.url(), &[&tag]).is_ok_and(|answer| answer.status == 200)
    });
}

#[test]
fn origin_refuses_those_that_are_not_admitted_and_counts_nothing_for_them() {
    let origin = HlsOrigin::start(Plan::default());
    origin.admit(&[Ipv4Addr::new(127, 0, 0, 99)]);
    assert_eq!(HlsViewer::open(&origin.url()).refusal().0, 403);
    assert_eq!(origin.bytes(|_| true), 0);
    assert_eq!(origin.count(|served| served.status == 403), 1);
}

#[test]
fn origin_misbehaves_as_it_is_told() {
    let origin = HlsOrigin::start(Plan::default());
    let url = newest_segment(&origin);
    let broken = |mood| {
        origin.set_segments(mood);
        http::get(&url).map(|answer| (answer.status, answer.is_whole))
    };
    assert_eq!(broken(SegmentMood::Status(404)).expect("answers"), (404, true));
    assert_eq!(broken(SegmentMood::Status(503)).expect("answers"), (503, true));
    assert_eq!(broken(SegmentMood::Half).expect("answers"), (200, false));
    assert_eq!(broken(SegmentMood::TooLongLength).expect("answers"), (200, false));
    assert!(broken(SegmentMood::RedirectLoop).is_err());
    origin.set_segments(SegmentMood::Fine);

    let playlist = |mood| {
        origin.set_playlists(mood);
        http::get(&origin.url()).expect("answers").text()
    };
    let fine = playlist(PlaylistMood::Fine);
    assert!(playlist(PlaylistMood::Html).starts_with("<!DOCTYPE"));
    assert_eq!(playlist(PlaylistMood::NoSegments).matches("#EXTINF").count(), 0);
    assert!(playlist(PlaylistMood::Endless).matches("#EXTINF").count() > 10_000);
    let sequence = |text: &str| super::playlist::media(text, "http://x/").expect("a playlist").first;
    assert!(sequence(&playlist(PlaylistMood::WentBack(50))) < sequence(&fine));
}

#[test]
fn origin_that_went_away_answers_nobody_until_it_is_back() {
    let origin = HlsOrigin::start(Plan::default());
    let viewer = HlsViewer::open(&origin.url());
    viewer.plays(1);
    origin.go_away();
    viewer.wait_until("playlists fail", |seen| seen.failures > 1);
    let sent = origin.count(is_segment);
    assert!(http::get(&origin.url()).is_err());
    origin.come_back();
    viewer.plays(2);
    assert!(origin.count(is_segment) >= sent + 2);
}
