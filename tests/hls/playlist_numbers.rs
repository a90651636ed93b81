use proptest::prelude::*;
use start_engine::base::limits::MEDIA_SEQUENCE_MAX;
use start_engine::media::playlist::sequencer::{Bad, Numbering, Sequencer};
use start_engine::media::playlist::{Media, Segment};
use start_engine::wire::hls::segment::{Key, Resource, Tags};

const MAX_ERRORS: u32 = 3;
const MONOTONIC: Numbering = Numbering::Monotonic { last_number: None };

/// A playlist of the segments `first..=last`, whose addresses say which life of the origin made them.
fn listed(life: &str, first: u64, last: u64) -> Media {
    let segment = |sequence| Segment {
        sequence,
        duration_us: 2_000_000,
        at: Resource { url: format!("http://origin/{life}/{sequence}.ts").into(), range: None },
        init: None,
        key: None,
        tags: Tags::default(),
    };
    Media {
        target_duration_s: 2,
        discontinuity_sequence: 0,
        is_ended: false,
        segments: (first..=last).map(segment).collect(),
    }
}

fn sequencer(numbering: Numbering) -> Sequencer {
    Sequencer::new(numbering, MAX_ERRORS)
}

/// First and last number of a good playlist that resets nothing.
fn numbers(sequencer: &mut Sequencer, media: &Media) -> (u64, u64) {
    let numbered = sequencer.take(media).expect("a good playlist");
    assert!(!numbered.is_reset);
    let numbers: Vec<_> = numbered.media.segments.iter().map(|segment| segment.sequence).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    (numbers[0], numbers[numbers.len() - 1])
}

/// Hands over a playlist that went back as often as it is refused.
fn refuse(sequencer: &mut Sequencer, media: &Media) {
    for _ in 1..MAX_ERRORS {
        sequencer.take(media).expect_err("a bad playlist");
    }
}

#[test]
fn numbers_are_those_of_the_origin() {
    let mut sequencer = sequencer(Numbering::Origin);
    let media = listed("a", 40, 45);
    assert_eq!(sequencer.take(&media).map(|numbered| numbered.media), Ok(media));
    assert_eq!(numbers(&mut sequencer, &listed("a", 42, 47)), (42, 47));
    assert_eq!(sequencer.last_number(), Some(47));
}

#[test]
fn playlist_that_is_stuck_is_no_error() {
    for numbering in [Numbering::Origin, MONOTONIC] {
        let mut sequencer = sequencer(numbering);
        for _ in 0..20 {
            assert_eq!(numbers(&mut sequencer, &listed("a", 40, 45)), (40, 45));
        }
    }
}

#[test]
fn window_may_shrink_and_widen_at_its_start() {
    let mut sequencer = sequencer(Numbering::Origin);
    for (first, last) in [(40, 45), (44, 45), (38, 45), (45, 45), (44, 46)] {
        assert_eq!(numbers(&mut sequencer, &listed("a", first, last)), (first, last));
    }
}

#[test]
fn segments_that_were_shown_cannot_be_taken_back() {
    let mut sequencer = sequencer(Numbering::Origin);
    numbers(&mut sequencer, &listed("a", 40, 45));
    assert!(sequencer.take(&listed("a", 40, 44)).is_err());
}

#[test]
fn sequence_that_goes_back_is_bad_and_a_good_one_makes_up_for_it() {
    let mut sequencer = sequencer(Numbering::Origin);
    numbers(&mut sequencer, &listed("a", 40, 45));
    for _ in 0..5 {
        let bad = Bad { before: 45, now: 44, in_a_row: 1, max_errors: MAX_ERRORS };
        assert_eq!(sequencer.take(&listed("a", 39, 44)), Err(bad));
        assert_eq!(numbers(&mut sequencer, &listed("a", 40, 45)), (40, 45));
    }
}

#[test]
fn bad_playlist_says_so_in_one_line() {
    let bad = Bad { before: 45, now: 2, in_a_row: 1, max_errors: 5 };
    assert_eq!(bad.to_string(), "the media sequence went back from 45 to 2 (1 of 5 in a row)");
}

#[test]
fn as_many_bad_playlists_in_a_row_as_are_allowed_reset_the_stream() {
    let mut sequencer = sequencer(Numbering::Origin);
    numbers(&mut sequencer, &listed("a", 40, 45));
    refuse(&mut sequencer, &listed("b", 0, 2));
    let numbered = sequencer.take(&listed("b", 1, 3)).expect("a new run");
    assert!(numbered.is_reset);
    assert_eq!(numbered.media, listed("b", 1, 3));
    assert_eq!(numbers(&mut sequencer, &listed("b", 2, 4)), (2, 4));
}

#[test]
fn growing_playlist_that_starts_anew_is_seen_to_go_back() {
    let mut sequencer = sequencer(Numbering::Origin);
    numbers(&mut sequencer, &listed("a", 0, 45));
    refuse(&mut sequencer, &listed("b", 0, 2));
    assert!(sequencer.take(&listed("b", 0, 3)).expect("a new run").is_reset);
}

#[test]
fn zero_errors_allowed_is_one() {
    let mut sequencer = Sequencer::new(Numbering::Origin, 0);
    numbers(&mut sequencer, &listed("a", 40, 45));
    assert!(sequencer.take(&listed("b", 0, 2)).expect("a new run").is_reset);
}

#[test]
fn leap_forwards_of_a_billion_is_taken() {
    for numbering in [Numbering::Origin, MONOTONIC] {
        let mut sequencer = sequencer(numbering);
        numbers(&mut sequencer, &listed("a", 40, 45));
        let far = 1_000_000_045;
        assert_eq!(numbers(&mut sequencer, &listed("a", far - 5, far)), (far - 5, far));
    }
}

#[test]
fn leap_beyond_what_the_wire_can_tell_begins_a_new_run_at_once() {
    let far = 1 << 40;
    let mut plain = sequencer(Numbering::Origin);
    numbers(&mut plain, &listed("a", 40, 45));
    assert!(plain.take(&listed("a", far, far + 5)).expect("a new run").is_reset);
    let mut monotonic = sequencer(MONOTONIC);
    numbers(&mut monotonic, &listed("a", 40, 45));
    assert_eq!(numbers(&mut monotonic, &listed("a", far, far + 5)), (46, 51));
}

#[test]
fn monotonic_numbers_go_on_through_resets() {
    let mut sequencer = sequencer(MONOTONIC);
    assert_eq!(numbers(&mut sequencer, &listed("a", 40, 45)), (40, 45));
    refuse(&mut sequencer, &listed("b", 0, 2));
    assert_eq!(numbers(&mut sequencer, &listed("b", 0, 3)), (46, 49));
    assert_eq!(numbers(&mut sequencer, &listed("b", 2, 5)), (48, 51));
    refuse(&mut sequencer, &listed("c", 0, 1));
    assert_eq!(numbers(&mut sequencer, &listed("c", 1, 2)), (52, 53));
    assert_eq!(sequencer.last_number(), Some(53));
}

#[test]
fn monotonic_numbers_go_on_after_a_restart() {
    let mut sequencer = sequencer(Numbering::Monotonic { last_number: Some(100) });
    assert_eq!(sequencer.last_number(), Some(100));
    assert_eq!(numbers(&mut sequencer, &listed("a", 40, 45)), (101, 106));
    assert_eq!(numbers(&mut sequencer, &listed("a", 42, 47)), (103, 108));
}

#[test]
fn segments_below_the_start_of_a_monotonic_run_are_left_out() {
    let mut sequencer = sequencer(Numbering::Monotonic { last_number: Some(100) });
    numbers(&mut sequencer, &listed("a", 40, 45));
    assert_eq!(numbers(&mut sequencer, &listed("a", 20, 45)), (101, 106));
}

#[test]
fn segments_that_are_merely_counted_anew_keep_their_numbers() {
    let mut sequencer = sequencer(MONOTONIC);
    numbers(&mut sequencer, &listed("a", 40, 45));
    let mut anew = listed("a", 43, 47);
    for (segment, sequence) in anew.segments.iter_mut().zip(0..) {
        segment.sequence = sequence;
    }
    refuse(&mut sequencer, &anew);
    let numbered = sequencer.take(&anew).expect("a new run").media;
    assert_eq!(numbered, listed("a", 43, 47));
}

#[test]
fn tear_is_shown_before_the_first_segment_of_a_run_and_counted_once_it_is_gone() {
    let mut sequencer = sequencer(MONOTONIC);
    let mut before = listed("a", 40, 45);
    before.discontinuity_sequence = 7;
    before.segments[5].tags.discontinuity = true;
    sequencer.take(&before).expect("a good playlist");
    refuse(&mut sequencer, &listed("b", 0, 3));
    let torn = |media: &Media| -> Vec<bool> {
        media.segments.iter().map(|segment| segment.tags.discontinuity).collect()
    };
    let first = sequencer.take(&listed("b", 0, 3)).expect("a new run").media;
    assert_eq!((torn(&first), first.discontinuity_sequence), (vec![true, false, false, false], 8));
    let same = sequencer.take(&listed("b", 0, 3)).expect("a good playlist").media;
    assert_eq!(same, first);
    let later = sequencer.take(&listed("b", 1, 3)).expect("a good playlist").media;
    assert_eq!((torn(&later), later.discontinuity_sequence), (vec![false, false, false], 9));
}

#[test]
fn vector_that_follows_from_the_sequence_stays_the_origins() {
    let mut sequencer = sequencer(Numbering::Monotonic { last_number: Some(100) });
    let mut media = listed("a", 40, 41);
    let given = Key { url: "http://origin/k".into(), iv: Some([9; 16]) };
    media.segments[0].key = Some(Key { iv: None, ..given.clone() });
    media.segments[1].key = Some(given.clone());
    let numbered = sequencer.take(&media).expect("a good playlist").media;
    let vectors: Vec<_> = numbered.segments.iter().map(|segment| segment.key.clone().unwrap().iv).collect();
    assert_eq!(vectors, [Some(40u128.to_be_bytes()), Some([9; 16])]);
}

#[test]
fn absurd_last_number_of_an_earlier_life_breaks_nothing() {
    let mut sequencer = sequencer(Numbering::Monotonic { last_number: Some(u64::MAX) });
    let (first, last) = numbers(&mut sequencer, &listed("a", 40, 45));
    assert_eq!(last - first, 5);
}

/// Playlists of an origin that goes on, stands still, goes back, leaps or starts anew.
fn any_playlists() -> impl Strategy<Value = Vec<Media>> {
    let first = prop_oneof![0u64..40, 0u64..1 << 33, Just(MEDIA_SEQUENCE_MAX)];
    let playlist = (first, 0u64..8, 0u64..4, prop::sample::select(vec!["a", "b"]), any::<u8>());
    let playlist = playlist.prop_map(|(first, more, discontinuity_sequence, life, torn)| {
        let mut media = listed(life, first, first + more);
        media.discontinuity_sequence = discontinuity_sequence;
        for (at, segment) in media.segments.iter_mut().enumerate() {
            segment.tags.discontinuity = torn >> at & 1 == 1;
        }
        media
    });
    prop::collection::vec(playlist, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn monotonic_numbers_rise_whatever_the_origin_says(
        playlists in any_playlists(),
        last_number in prop::option::of(0u64..1 << 40),
    ) {
        let mut sequencer = sequencer(Numbering::Monotonic { last_number });
        let mut highest = last_number;
        for media in &playlists {
            let Ok(numbered) = sequencer.take(media) else { continue };
            prop_assert!(!numbered.is_reset);
            let numbers: Vec<_> = numbered.media.segments.iter().map(|segment| segment.sequence).collect();
            prop_assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
            prop_assert!(sequencer.last_number() >= highest);
            highest = sequencer.last_number();
        }
    }

    #[test]
    fn numbers_of_the_origin_are_never_altered(playlists in any_playlists()) {
        let mut sequencer = sequencer(Numbering::Origin);
        let mut bad_in_a_row = 0;
        for media in &playlists {
            match sequencer.take(media) {
                Ok(numbered) => {
                    prop_assert_eq!(&numbered.media, media);
                    bad_in_a_row = 0;
                }
                Err(bad) => {
                    bad_in_a_row += 1;
                    prop_assert_eq!(bad.in_a_row, bad_in_a_row);
                    prop_assert!(bad_in_a_row < MAX_ERRORS);
                }
            }
        }
    }
}
