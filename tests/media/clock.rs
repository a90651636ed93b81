use std::time::Duration;

use start_engine::media::clock::{PCR_HZ, PCR_MODULUS, PcrClock, Tick, duration_of, ticks_between};
use start_engine::media::ts::{PACKET_BYTES, Packet};

use crate::stream::Writer;

/// What the clock says to PCRs of these PIDs.
fn ticks(references: &[(u16, u64)], clock: &mut PcrClock) -> Vec<Option<Tick>> {
    let mut writer = Writer::default();
    references.iter().for_each(|&(pid, pcr)| writer.packet(pid, false, Some(pcr), &[]));
    let packets = writer.bytes.chunks(PACKET_BYTES).filter_map(Packet::new);
    packets.map(|packet| clock.observe(&packet)).collect()
}

#[test]
fn time_passes_over_the_wrap() {
    assert_eq!(ticks_between(PCR_MODULUS - 5, 7), 12);
    assert_eq!(ticks_between(7, PCR_MODULUS - 5), PCR_MODULUS - 12);
    assert_eq!(duration_of(PCR_HZ * 3 + 27), Duration::from_secs(3) + Duration::from_micros(1));
}

#[test]
fn jumps_in_either_direction_count_as_no_time() {
    let mut clock = PcrClock::default();
    let seen =
        ticks(&[(1, 5_000), (1, 6_000), (1, 900 * PCR_HZ), (1, 900 * PCR_HZ + 50), (1, 3)], &mut clock);
    let expected = [Tick::Start, Tick::Step(1_000), Tick::Start, Tick::Step(50), Tick::Start];
    assert_eq!(seen, expected.map(Some));
    assert_eq!(clock.elapsed_ticks(), 1_050);
}

#[test]
fn announced_break_counts_as_no_time() {
    let mut writer = Writer::default();
    writer.packet(1, false, Some(1_000), &[]);
    writer.packet(1, false, Some(2_000), &[]);
    writer.bytes[PACKET_BYTES + 5] |= 0x80;
    let mut clock = PcrClock::default();
    for packet in writer.bytes.chunks(PACKET_BYTES).filter_map(Packet::new) {
        assert_eq!(clock.observe(&packet), Some(Tick::Start));
    }
}

#[test]
fn other_program_is_followed_only_when_ours_is_gone() {
    let mut clock = PcrClock::default();
    let both = [(1, 0), (2, 77), (1, 10), (2, 88), (1, 20)];
    let seen = ticks(&both, &mut clock);
    assert_eq!(seen, [Some(Tick::Start), None, Some(Tick::Step(10)), None, Some(Tick::Step(10))]);
    let alone: Vec<(u16, u64)> = (0..60).map(|index| (2, 1_000 + index * 10)).collect();
    let seen = ticks(&alone, &mut clock);
    let first = seen.iter().position(Option::is_some).expect("followed");
    assert_eq!(seen[first], Some(Tick::Start));
    assert!(seen[first + 1..].iter().all(|&tick| tick == Some(Tick::Step(10))));
}
