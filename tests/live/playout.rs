//! What players get from the window, whatever the pieces look like.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use start_engine::live::playout::{Cursor, Playout, Read};
use start_engine::media::ts::{PACKET_BYTES, Packet};

use crate::ts_maker::{
    AUDIO_PID, PMT_PID, Recipe, VIDEO_PID, assert_clean_start, continuity_errors, make, packets,
};

const PAYLOAD_BYTES: usize = 65_440;
const CHUNK_BYTES: usize = 16_384;
const NO_BUFFER: Duration = Duration::ZERO;
/// More than any stream here: such a reader starts at the first point.
const ALL: Duration = Duration::from_secs(60);

fn drain(playout: &Playout, cursor: &mut Cursor, max_bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while let Read::Data(packets) = playout.read(cursor, max_bytes) {
        packets.iter().for_each(|bytes| out.extend_from_slice(bytes));
    }
    out
}

/// Cuts the stream into the payloads of pieces: `payload_bytes` each, in buffers of `chunk_bytes`.
fn pieces(stream: &[u8], payload_bytes: usize, chunk_bytes: usize) -> Vec<Vec<Bytes>> {
    let stream = Bytes::copy_from_slice(stream);
    let slices = |range: std::ops::Range<usize>, step: usize| {
        range.clone().step_by(step).map(move |at| at..(at + step).min(range.end))
    };
    let cut = |piece| slices(piece, chunk_bytes).map(|chunk| stream.slice(chunk)).collect();
    slices(0..stream.len(), payload_bytes).map(cut).collect()
}

fn filled(stream: &[u8]) -> Playout {
    let mut playout = Playout::default();
    push_all(&mut playout, 100, &pieces(stream, PAYLOAD_BYTES, CHUNK_BYTES));
    playout
}

fn push_all(playout: &mut Playout, first: u64, pieces: &[Vec<Bytes>]) {
    for (number, piece) in (first..).zip(pieces) {
        playout.push(number, number as f64, piece);
    }
}

/// Offsets of the packets that satisfy `wanted`.
fn offsets(stream: &[u8], wanted: impl Fn(&Packet<'_>) -> bool) -> Vec<usize> {
    let found = packets(stream).enumerate().filter(|(_, packet)| wanted(packet));
    found.map(|(at, _)| at * PACKET_BYTES).collect()
}

fn key_frames(stream: &[u8]) -> Vec<usize> {
    offsets(stream, |packet| packet.is_random_access())
}

/// What follows the injected tables.
fn after_tables(bytes: &[u8]) -> &[u8] {
    &bytes[2 * PACKET_BYTES..]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_into_pieces_gives_the_same_packets(
        payload_bytes in 200usize..90_000,
        chunk_bytes in 1usize..20_000,
        read_bytes in 1usize..300_000,
    ) {
        let stream = make(&Recipe { frames: 60, ..Recipe::default() });
        let mut playout = Playout::default();
        let mut cursor = playout.join(ALL);
        let mut out = Vec::new();
        for (number, piece) in (7..).zip(pieces(&stream, payload_bytes, chunk_bytes)) {
            playout.push(number, 0.0, &piece);
            out.extend(drain(&playout, &mut cursor, read_bytes));
        }
        assert_clean_start(&out);
        prop_assert_eq!(continuity_errors(&out), 0);
        prop_assert!(after_tables(&out) == &stream[key_frames(&stream)[0]..], "other packets");
    }

    #[test]
    fn lost_pieces_cost_their_own_packets_and_the_torn_ones(
        payload_bytes in 5_000usize..40_000,
        lost in proptest::collection::btree_set(4u64..30, 1..6),
    ) {
        let stream = make(&Recipe::default());
        let pieces = pieces(&stream, payload_bytes, CHUNK_BYTES);
        // The last piece may be too short to show where packets begin.
        let lost: BTreeSet<u64> = lost.into_iter().filter(|&number| number < pieces.len() as u64 - 2).collect();
        let mut playout = Playout::default();
        let mut cursor = playout.join(ALL);
        let mut out = Vec::new();
        for (number, piece) in (0..).zip(&pieces).filter(|(number, _)| !lost.contains(number)) {
            playout.push(number, 0.0, piece);
            out.extend(drain(&playout, &mut cursor, usize::MAX));
        }
        let arrived = |packet: &usize| {
            let piece = |at: usize| (at / payload_bytes) as u64;
            let (first, last) = (piece(packet * PACKET_BYTES), piece((packet + 1) * PACKET_BYTES - 1));
            (first..=last).all(|number| !lost.contains(&number))
        };
        let first = key_frames(&stream).into_iter().map(|at| at / PACKET_BYTES).find(arrived).unwrap();
        let expected: Vec<u8> = (first..stream.len() / PACKET_BYTES)
            .filter(arrived)
            .flat_map(|packet| stream[packet * PACKET_BYTES..][..PACKET_BYTES].to_vec())
            .collect();
        prop_assert!(after_tables(&out) == expected, "other packets");
    }

    #[test]
    fn packets_with_any_fields_do_no_harm(
        heads in proptest::collection::vec((0u16..4, any::<[u8; 24]>()), 5..200),
    ) {
        let mut stream = make(&Recipe { frames: 4, ..Recipe::default() });
        for (pid, bytes) in heads {
            let mut packet = [0xff; PACKET_BYTES];
            packet[..24].copy_from_slice(&bytes);
            let [high, low] = [0, PMT_PID, VIDEO_PID, AUDIO_PID][usize::from(pid)].to_be_bytes();
            packet[..3].copy_from_slice(&[0x47, bytes[1] & 0xe0 | high, low]);
            stream.extend(packet);
        }
        let playout = filled(&stream);
        let out = drain(&playout, &mut playout.join(ALL), usize::MAX);
        prop_assert_eq!(out.len() % PACKET_BYTES, 0);
    }

    #[test]
    fn garbage_never_breaks_alignment(
        garbage in proptest::collection::vec(any::<u8>(), 1..3_000),
        at in 60_000usize..120_000,
    ) {
        let mut stream = make(&Recipe::default());
        let rest = stream.split_off(at);
        let playout = filled(&[stream.clone(), garbage, rest.clone()].concat());
        let mut cursor = playout.join(ALL);
        let out = drain(&playout, &mut cursor, usize::MAX);
        prop_assert!(packets(&out).count() > 0);
        prop_assert!(out.ends_with(&rest[rest.len() - rest.len() / 2 / PACKET_BYTES * PACKET_BYTES..]));
    }
}

#[test]
fn reader_joined_before_the_first_point_starts_with_it() {
    let stream = make(&Recipe::default());
    let mut playout = Playout::default();
    let mut early = playout.join(ALL);
    assert_eq!(playout.read(&mut early, usize::MAX), Read::NothingYet);
    let mut out = Vec::new();
    for (number, piece) in (0..).zip(pieces(&stream, 5_000, 1_000)) {
        playout.push(number, 0.0, &piece);
        out.extend(drain(&playout, &mut early, 4_096));
    }
    assert!(after_tables(&out) == &stream[key_frames(&stream)[0]..], "other packets");
}

#[test]
fn join_starts_at_the_newest_point_behind_its_buffer() {
    let stream = make(&Recipe::default());
    let (playout, points) = (filled(&stream), key_frames(&stream));
    let start = |buffer_s: f64| {
        let mut cursor = playout.join(Duration::from_secs_f64(buffer_s));
        let out = drain(&playout, &mut cursor, usize::MAX);
        assert_clean_start(&out);
        assert_eq!(continuity_errors(&out), 0);
        points.iter().rposition(|&point| stream[point..] == *after_tables(&out)).unwrap()
    };
    assert_eq!(start(0.0), points.len() - 1);
    assert_eq!(start(3.0), points.len() - 1 - 3);
    assert_eq!(start(60.0), 0);
}

#[test]
fn slow_reader_loses_its_own_data_and_starts_again_cleanly() {
    let stream = make(&Recipe::default());
    let mut playout = Playout::new(200_000, Duration::from_secs(60));
    let (mut slow, mut quick) = (playout.join(ALL), playout.join(ALL));
    let mut seen_by_quick = Vec::new();
    let pieces = pieces(&stream, 20_000, CHUNK_BYTES);
    let (early, late) = pieces.split_at(5);
    push_all(&mut playout, 0, early);
    assert!(matches!(playout.read(&mut slow, 1), Read::Data(_)));
    seen_by_quick.extend(drain(&playout, &mut quick, usize::MAX));
    for (number, piece) in (5..).zip(late) {
        playout.push(number, 0.0, piece);
        seen_by_quick.extend(drain(&playout, &mut quick, usize::MAX));
    }
    assert!(after_tables(&seen_by_quick) == &stream[key_frames(&stream)[0]..], "other packets");
    assert!(matches!(playout.read(&mut slow, 1), Read::Skipped { lost_bytes } if lost_bytes > 0));
    let out = drain(&playout, &mut slow, usize::MAX);
    assert_clean_start(&out);
    assert!(stream.ends_with(after_tables(&out)));
}

#[test]
fn window_holds_no_more_than_its_bytes_and_seconds() {
    let stream = make(&Recipe::default());
    for (bytes, seconds) in [(100_000, 60), (u64::MAX, 2)] {
        let mut playout = Playout::new(bytes, Duration::from_secs(seconds));
        push_all(&mut playout, 0, &pieces(&stream, 9_000, CHUNK_BYTES));
        let mut oldest = playout.join(ALL);
        let held = drain(&playout, &mut oldest, usize::MAX);
        assert_clean_start(&held);
        assert!(held.len() as u64 <= bytes.min(stream.len() as u64 / 3), "{} held", held.len());
    }
}

#[test]
fn number_that_comes_again_is_ignored() {
    let stream = make(&Recipe::default());
    let pieces = pieces(&stream, PAYLOAD_BYTES, CHUNK_BYTES);
    let mut playout = Playout::default();
    let mut cursor = playout.join(ALL);
    for (number, piece) in (1..).zip(&pieces) {
        playout.push(number, 0.0, piece);
        playout.push(number, 0.0, piece);
    }
    assert!(
        after_tables(&drain(&playout, &mut cursor, usize::MAX)) == &stream[key_frames(&stream)[0]..],
        "other packets"
    );
    assert_eq!(playout.gaps(), 0);
}

#[test]
fn stream_that_begins_anew_goes_on_behind_a_tear() {
    let stream = make(&Recipe::default());
    let pieces = pieces(&stream, PAYLOAD_BYTES, CHUNK_BYTES);
    let mut playout = Playout::default();
    let mut cursor = playout.join(ALL);
    push_all(&mut playout, 1_000, &pieces);
    push_all(&mut playout, 0, &pieces);
    let out = drain(&playout, &mut cursor, usize::MAX);
    assert_eq!((playout.gaps(), out.len() % PACKET_BYTES), (1, 0));
    assert!(out.len() > stream.len() && out.ends_with(&stream[key_frames(&stream)[0]..]));
}

#[test]
fn source_that_starts_again_under_the_next_number_forges_no_packet_at_the_seam() {
    let stream = make(&Recipe::default());
    let (before, after) = (pieces(&stream, PAYLOAD_BYTES, CHUNK_BYTES), stream[3 * PAYLOAD_BYTES..].to_vec());
    let resumed_at = (3 * PAYLOAD_BYTES).next_multiple_of(PACKET_BYTES) - 3 * PAYLOAD_BYTES;
    let after = pieces(&after[resumed_at..], PAYLOAD_BYTES, CHUNK_BYTES);
    let mut playout = Playout::default();
    let mut cursor = playout.join(ALL);
    push_all(&mut playout, 0, &before[..2]);
    push_all(&mut playout, 2, &after);
    let genuine: BTreeSet<_> = packets(&stream).map(|packet| packet.bytes().to_vec()).collect();
    let out = drain(&playout, &mut cursor, usize::MAX);
    assert!(out.len() > PAYLOAD_BYTES && packets(&out).all(|packet| genuine.contains(&packet.bytes()[..])));
}

#[test]
fn unmarked_key_frames_are_recognised_by_their_parameter_sets() {
    let marked = make(&Recipe::default());
    let stream = make(&Recipe { marked: false, ..Recipe::default() });
    let playout = filled(&stream);
    let out = drain(&playout, &mut playout.join(NO_BUFFER), usize::MAX);
    let starts = offsets(&stream, |packet| packet.pid() == VIDEO_PID && packet.starts_unit());
    let at = stream.len() - after_tables(&out).len();
    assert!(starts.contains(&at) && stream[at..] == *after_tables(&out));
    assert_eq!(at, *key_frames(&marked).last().unwrap());
}

#[test]
fn audio_alone_starts_at_any_unit_and_without_a_clock_counts_piece_times() {
    let recipe = Recipe { video: false, pcr: false, frames: 2_000, ..Recipe::default() };
    let stream = make(&recipe);
    let mut playout = Playout::default();
    push_all(&mut playout, 0, &pieces(&stream, 50_000, CHUNK_BYTES));
    let out = drain(&playout, &mut playout.join(Duration::from_secs(4)), usize::MAX);
    let first: Vec<_> = packets(&out).take(3).map(|packet| (packet.pid(), packet.starts_unit())).collect();
    assert_eq!(first, [(0, true), (PMT_PID, true), (AUDIO_PID, true)]);
    assert_eq!(continuity_errors(&out), 0);
    let sent = after_tables(&out).len();
    assert!((150_000..=300_000).contains(&sent), "{sent} bytes for four seconds of 50000");
}

#[test]
fn video_without_any_known_point_is_entered_at_some_frame_in_the_end() {
    for recipe in [
        Recipe { marked: false, parameter_sets: false, frames: 400, ..Recipe::default() },
        Recipe { marked: false, video_type: 0xea, frames: 400, ..Recipe::default() },
        Recipe { tables_every: 1_000_000, frames: 400, ..Recipe::default() },
    ] {
        let playout = filled(&make(&recipe));
        let out = drain(&playout, &mut playout.join(NO_BUFFER), usize::MAX);
        assert!(packets(&out).any(|packet| packet.starts_unit()), "{recipe:?}");
    }
}

#[test]
fn whole_packets_are_not_copied() {
    let piece = Bytes::from(make(&Recipe::default()));
    let mut playout = Playout::default();
    playout.push(0, 0.0, std::slice::from_ref(&piece));
    let Read::Data(out) = playout.read(&mut playout.join(NO_BUFFER), usize::MAX) else {
        panic!("a point to start at")
    };
    let held = piece.as_ptr_range();
    assert!(out[1..].iter().all(|bytes| held.contains(&bytes.as_ptr())) && out.len() == 2);
}
