use std::collections::BTreeMap;
use std::time::Duration;

use start_engine::media::align::Aligner;
use start_engine::media::clock::{PCR_MODULUS, ticks_between};
use start_engine::media::looper::{DueRun, Looper};
use start_engine::media::pes_time;
use start_engine::media::span::{SpanError, SpanScan};
use start_engine::media::ts::{NULL_PID, PACKET_BYTES, Packet};

use crate::stream;

const CLIP: &[u8] = include_bytes!("../../src/node/demo/clip.ts");

fn span_of(clip: &[u8]) -> Result<u64, SpanError> {
    let mut scan = SpanScan::default();
    scan.push(clip);
    scan.finish()
}

fn play(clip: &[u8], rounds: usize) -> Vec<DueRun> {
    let mut looper = Looper::new(span_of(clip).expect("a clip"));
    let mut runs = Vec::new();
    for _ in 0..rounds {
        runs.extend(looper.play(clip));
        looper.restart();
    }
    runs
}

fn joined(runs: &[DueRun]) -> Vec<u8> {
    runs.iter().flat_map(|run| run.packets.iter().copied()).collect()
}

fn packets(bytes: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    bytes.chunks(PACKET_BYTES).map(|packet| Packet::new(packet).expect("a packet"))
}

/// Steps between the decoding times of each PID.
fn steps(bytes: &[u8]) -> BTreeMap<u16, Vec<u64>> {
    let mut last = BTreeMap::new();
    let mut steps = BTreeMap::<u16, Vec<u64>>::new();
    for packet in packets(bytes) {
        let Some(places) = pes_time::find(&packet) else { continue };
        let stamp = pes_time::read(packet.bytes(), places.dts.unwrap_or(places.pts));
        if let Some(last) = last.insert(packet.pid(), stamp) {
            steps.entry(packet.pid()).or_default().push(stamp.wrapping_sub(last) % pes_time::STAMP_MODULUS);
        }
    }
    steps
}

fn assert_continuous(bytes: &[u8]) {
    let mut counters = BTreeMap::new();
    for packet in packets(bytes).filter(|packet| packet.pid() != NULL_PID) {
        let counter = packet.continuity_counter();
        if let Some(last) = counters.insert(packet.pid(), counter) {
            let expected = (last + u8::from(packet.has_payload())) & 0x0f;
            assert_eq!(counter, expected, "PID {:#x}", packet.pid());
        }
    }
}

#[test]
fn demo_clip_is_aligned_and_eight_seconds_long() {
    let mut aligner = Aligner::default();
    aligner.push(CLIP.into());
    aligner.finish();
    assert_eq!(aligner.skipped_bytes(), 0);
    assert_eq!(span_of(CLIP), Ok(8 * 90_000));
}

#[test]
fn clip_plays_over_the_seam_without_a_break() {
    let bytes = joined(&play(CLIP, 3));
    assert_eq!(bytes.len(), 3 * CLIP.len());
    assert_continuous(&bytes);
    let steps = steps(&bytes);
    assert_eq!(steps.len(), 2, "picture and sound");
    assert!(steps[&0x100].iter().all(|&step| step == 3600), "25 pictures a second");
    // 1024 samples of 48 kHz are 1920 ticks; quiet frames travel several to a packet
    let sound = &steps[&0x101];
    assert!(sound.iter().all(|&step| step % 1920 == 0 && step <= 13 * 1920), "{sound:?}");
    let per_round = (sound.len() + 1) / 3;
    assert_eq!(sound[..per_round].iter().sum::<u64>(), 8 * 90_000);
}

#[test]
fn clip_is_due_at_a_constant_rate_over_the_seam() {
    let runs = play(CLIP, 3);
    let rate = CLIP.len() as f64 / 8.0;
    let mut sent = 0;
    for run in &runs {
        // packets before the first clock reference of a round are due with the last of the one before
        let late = run.due.as_secs_f64() - sent as f64 / rate;
        assert!(late.abs() < 0.03, "{late} s at byte {sent}");
        sent += run.packets.len();
    }
    assert!(runs.windows(2).all(|pair| pair[0].due <= pair[1].due));
    assert!(runs.last().expect("runs").due > Duration::from_millis(23_900));
}

#[test]
fn clocks_and_stamps_wrap_where_they_must() {
    let clip = stream::variable(50, PCR_MODULUS - 27_000_000, |frame| 1 + frame % 4);
    let bytes = joined(&play(&clip, 4));
    assert_continuous(&bytes);
    assert!(steps(&bytes)[&stream::VIDEO_PID].iter().all(|&step| step == 3600));
    let clocks: Vec<u64> = packets(&bytes).filter_map(|packet| packet.pcr()).collect();
    assert_eq!(clocks.len(), 200);
    assert!(clocks.windows(2).all(|pair| ticks_between(pair[0], pair[1]) == 1_080_000));
}

#[test]
fn rounds_differ_only_in_clocks_stamps_and_counters() {
    let clip = stream::variable(50, 0, |_| 3);
    let bytes = joined(&play(&clip, 2));
    assert!(bytes[..clip.len()] == clip);
    let payloads = |bytes| -> Vec<u8> {
        let plain = packets(bytes).filter(|packet: &Packet<'_>| !packet.starts_unit());
        plain.flat_map(|packet| packet.payload().to_vec()).collect()
    };
    assert!(payloads(&bytes[clip.len()..]) == payloads(&clip));
}

#[test]
fn clip_without_clock_or_stamps_cannot_be_played() {
    let mut writer = stream::Writer::default();
    writer.packet(5, false, None, &[]);
    assert_eq!(span_of(&writer.bytes), Err(SpanError::NoClock { pcrs: 0 }));
    writer.packet(5, false, Some(0), &[]);
    writer.packet(5, false, Some(9), &[]);
    assert_eq!(span_of(&writer.bytes), Err(SpanError::NoStamps));
}
