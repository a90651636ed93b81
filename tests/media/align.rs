use bytes::Bytes;
use proptest::prelude::*;
use start_engine::base::limits::NOT_TS_AFTER_BYTES;
use start_engine::media::align::Aligner;
use start_engine::media::ts::PACKET_BYTES;

use crate::stream;

/// Aligns `input` cut at pieces of the given sizes, in turn.
fn align(input: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut aligner = Aligner::default();
    let mut out = Vec::new();
    let mut rest = input;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (head, tail) = rest.split_at((*size).clamp(1, rest.len()));
        aligner.push(Bytes::copy_from_slice(head)).iter().for_each(|run| out.extend_from_slice(run));
        rest = tail;
    }
    out.extend(aligner.finish().unwrap_or_default());
    out
}

/// Puts something before and behind every packet.
fn framed(packets: &[u8], before: usize, behind: usize) -> Vec<u8> {
    let units = packets.chunks(PACKET_BYTES);
    units.flat_map(|packet| [&vec![0x11; before][..], packet, &vec![0x22; behind][..]].concat()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_chunking_gives_the_same_packets(
        sizes in prop::collection::vec(1usize..3000, 1..8),
        lead in 0usize..400,
        (before, behind) in prop::sample::select(vec![(0, 0), (4, 0), (0, 16)]),
    ) {
        let packets = stream::variable(8, 0, |frame| 1 + frame * 3);
        let input = [vec![0x33; lead], framed(&packets, before, behind)].concat();
        prop_assert!(align(&input, &sizes) == packets);
    }

    #[test]
    fn garbage_costs_only_the_packet_it_damages_or_follows(
        sizes in prop::collection::vec(1usize..3000, 1..8),
        place in 5 * PACKET_BYTES..110 * PACKET_BYTES,
        // a whole packet of garbage inside a packet looks like one damaged sync byte
        garbage in (1usize..2000).prop_filter("keeps the grid", |length| length % PACKET_BYTES != 0),
    ) {
        let packets = stream::constant(12, 0, 10);
        let input = [&packets[..place], &vec![0x33; garbage], &packets[place..]].concat();
        let got = align(&input, &sizes);
        let damaged = (place - 1) / PACKET_BYTES * PACKET_BYTES;
        let expected = [&packets[..damaged], &packets[damaged + PACKET_BYTES..]].concat();
        prop_assert!(got == expected, "{} of {} bytes", got.len(), expected.len());
    }

    #[test]
    fn missing_bytes_cost_only_the_packet_they_are_missing_from(
        sizes in prop::collection::vec(1usize..3000, 1..8),
        packet in 5usize..110,
        cut in 1usize..187,
    ) {
        let packets = stream::constant(12, 0, 10);
        let at = packet * PACKET_BYTES;
        let input = [&packets[..at + 1], &packets[at + 1 + cut..]].concat();
        let expected = [&packets[..at], &packets[at + PACKET_BYTES..]].concat();
        prop_assert!(align(&input, &sizes) == expected);
    }

    #[test]
    fn anything_at_all_gives_whole_packets_and_a_full_account(
        input in prop::collection::vec(prop::sample::select(vec![0x47u8, 0, 1]), 0..4000),
    ) {
        let mut aligner = Aligner::default();
        let mut packets = 0;
        for chunk in input.chunks(97) {
            for run in aligner.push(Bytes::copy_from_slice(chunk)) {
                prop_assert!(run.chunks(PACKET_BYTES).all(|packet| packet.len() == 188 && packet[0] == 0x47));
                packets += run.len();
            }
        }
        prop_assert!(packets as u64 + aligner.skipped_bytes() <= input.len() as u64);
    }
}

#[test]
fn damaged_sync_byte_costs_one_packet() {
    let mut packets = stream::constant(4, 0, 10);
    packets[10 * PACKET_BYTES] = 0;
    let expected = [&packets[..10 * PACKET_BYTES], &packets[11 * PACKET_BYTES..]].concat();
    assert!(align(&packets, &[1000]) == expected);
}

#[test]
fn aligned_input_is_passed_on_without_copying() {
    let packets = Bytes::from(stream::constant(4, 0, 10));
    let runs = Aligner::default().push(packets.clone());
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].as_ptr(), packets.as_ptr());
}

#[test]
fn text_is_told_from_a_transport_stream() {
    let mut aligner = Aligner::default();
    let page = Bytes::from("<html>Good morning, Gentlemen.</html>\n".repeat(2000));
    assert!(aligner.push(page).is_empty());
    assert!(aligner.unsynced_bytes() > NOT_TS_AFTER_BYTES);
}
