#![allow(clippy::disallowed_methods, reason = "a test needs some instant to start from")]

use std::time::{Duration, Instant};

use start_engine::media::bitrate::{BitrateMeter, Estimate, MeasuredBy};
use start_engine::media::clock::PCR_MODULUS;
use start_engine::media::ts::PACKET_BYTES;

use crate::stream;

struct Measured {
    rate: f64,
    seconds: f64,
    by: MeasuredBy,
}

/// Feeds `bytes` as they arrive over `wall_seconds` until the meter is done.
fn measure(bytes: &[u8], wall_seconds: f64) -> Option<Measured> {
    let mut meter = BitrateMeter::default();
    let start = Instant::now();
    let packets = bytes.len() / PACKET_BYTES;
    for (index, packet) in bytes.chunks(PACKET_BYTES).enumerate() {
        let now = start + Duration::from_secs_f64(wall_seconds * index as f64 / packets as f64);
        meter.push(now, packet);
        if let Estimate::Done { bytes_per_second, seconds, by, .. } = meter.estimate(now) {
            return Some(Measured { rate: bytes_per_second, seconds, by });
        }
    }
    None
}

fn assert_near(rate: f64, expected: f64, tolerance: f64) {
    assert!((rate / expected - 1.0).abs() <= tolerance, "{rate} instead of {expected}");
}

/// Bytes a second of the whole stream of 25 pictures a second.
fn mean(bytes: &[u8], frames: usize) -> f64 {
    bytes.len() as f64 / (frames as f64 / 25.0)
}

#[test]
fn constant_rate_is_found_in_five_seconds_of_stream() {
    let bytes = stream::constant(250, 0, 40);
    let found = measure(&bytes, 10.0).expect("done");
    assert_near(found.rate, mean(&bytes, 250), 0.02);
    assert!(found.seconds <= 5.0, "{}", found.seconds);
    assert_eq!(found.by, MeasuredBy::Pcr);
}

#[test]
fn start_burst_does_not_disturb_the_clock() {
    let bytes = stream::constant(250, 0, 40);
    let found = measure(&bytes, 0.1).expect("done");
    assert_near(found.rate, mean(&bytes, 250), 0.02);
}

#[test]
fn clock_wraps_within_the_measurement() {
    let bytes = stream::constant(250, PCR_MODULUS - 2 * 27_000_000, 40);
    let found = measure(&bytes, 10.0).expect("done");
    assert_near(found.rate, mean(&bytes, 250), 0.02);
    assert!(found.seconds <= 5.0);
}

#[test]
fn jump_of_the_clock_belongs_to_no_interval() {
    let bytes = [stream::constant(40, 7_000_000, 40), stream::constant(200, 900_000_000_000, 40)].concat();
    let found = measure(&bytes, 10.0).expect("done");
    assert_near(found.rate, mean(&bytes, 240), 0.02);
}

#[test]
fn second_program_does_not_confuse_the_clock() {
    let (one, two) = (stream::constant(250, 0, 20), stream::constant(250, 999_000_000, 20));
    let mut both = Vec::new();
    for (a, b) in one.chunks(20 * PACKET_BYTES).zip(two.chunks(20 * PACKET_BYTES)) {
        both.extend_from_slice(a);
        let at = both.len();
        both.extend_from_slice(b);
        both[at..].chunks_mut(PACKET_BYTES).filter(|packet| packet[1] & 0x1f == 1).for_each(|p| p[2] = 0x77);
    }
    let found = measure(&both, 10.0).expect("done");
    assert_near(found.rate, mean(&both, 250), 0.02);
}

#[test]
fn gap_of_a_reconnect_does_not_count() {
    let mut meter = BitrateMeter::default();
    let start = Instant::now();
    meter.push(start, &stream::constant(50, 0, 40));
    meter.interrupt();
    let later = start + Duration::from_secs(8);
    meter.push(later, &stream::constant(100, 8 * 27_000_000, 40));
    let Estimate::Done { bytes_per_second, .. } = meter.estimate(later) else { panic!("not done") };
    assert_near(bytes_per_second, 40.0 * 188.0 * 25.0, 0.02);
}

/// One large picture in 25, ten times the others.
fn groups(frame: usize) -> usize {
    if frame.is_multiple_of(25) { 100 } else { 10 }
}

#[test]
fn groups_of_pictures_settle_on_the_mean() {
    let bytes = stream::variable(1500, 0, groups);
    let found = measure(&bytes, 60.0).expect("done");
    assert_near(found.rate, mean(&bytes, 1500), 0.05);
    assert!(found.seconds < 30.0, "{}", found.seconds);
}

#[test]
fn quiet_first_scene_is_not_taken_for_the_stream() {
    // four seconds of a still picture, then scenes of 3 to 8 s with up to six times the rate
    let scenes = [(100, 1), (75, 4), (200, 2), (125, 6), (150, 3), (100, 1), (200, 5), (175, 2), (600, 4)];
    let level = |frame: usize| {
        let mut end = 0;
        scenes
            .iter()
            .find(|(length, _)| {
                end += length;
                frame < end
            })
            .map_or(3, |scene| scene.1)
    };
    let bytes = stream::variable(1700, 0, |frame| groups(frame) * level(frame));
    let found = measure(&bytes, 68.0).expect("done");
    assert_near(found.rate, mean(&bytes[..], 1700), 0.10);
    assert!(found.seconds > 55.0, "{}", found.seconds);
}

#[test]
fn stream_without_clock_is_measured_by_arrival() {
    let mut writer = stream::Writer::default();
    (0..6_500).for_each(|_| writer.packet(0x64, false, None, &[1; 184]));
    let found = measure(&writer.bytes, 65.0).expect("done");
    assert_near(found.rate, 18_800.0, 0.05);
    assert_eq!(found.by, MeasuredBy::WallClock);
}

#[test]
fn slow_clock_ends_after_a_minute_of_wall_time() {
    let bytes = stream::variable(200, 0, |frame| 10 + frame);
    let found = measure(&bytes, 100.0).expect("done");
    assert_eq!(found.by, MeasuredBy::Pcr);
}

#[test]
fn nothing_received_is_no_estimate() {
    assert_eq!(BitrateMeter::default().estimate(Instant::now()), Estimate::Measuring);
}
