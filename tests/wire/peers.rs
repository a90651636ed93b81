//! Peer exchange and the announce of a source, by their captured layouts.

use bytes::Bytes;
use start_engine::base::ids::PeerId;
use start_engine::base::limits::PEX_MAX_RECORDS;
use start_engine::wire::message::Message;
use start_engine::wire::pex::{self, PexRecord};

use crate::support::{frame, unhex};

/// Windows of the five captured records; -1 where the peer had none.
const CAPTURED: [(i64, i64); 5] = [
    (7_428_906, 7_428_963),
    (7_406_250, 7_428_942),
    (7_428_906, 7_428_963),
    (7_428_906, 7_428_970),
    (7_428_961, -1),
];

/// A record laid out by offset, apart from the codec: every other field holds `0xee`.
fn record(host: u8, min_piece: i64, position: i64) -> Vec<u8> {
    let mut bytes = vec![0xee; 108];
    bytes[11..15].copy_from_slice(&[192, 0, 2, host]);
    bytes[15..17].copy_from_slice(&8621u16.to_be_bytes());
    bytes[23..31].copy_from_slice(&min_piece.to_be_bytes());
    bytes[31..39].copy_from_slice(&(min_piece + 60).to_be_bytes());
    bytes[39..59].copy_from_slice(b"R30------Ef2V8QOgmt4");
    bytes[59..63].copy_from_slice(&1i32.to_be_bytes());
    bytes[79..87].copy_from_slice(&position.to_be_bytes());
    bytes[96..100].copy_from_slice(&3_021_900u32.to_be_bytes());
    bytes
}

fn payload(records: &[Vec<u8>]) -> Vec<u8> {
    let header = format!("05{:04x}000000110000006c0000000000", records.len());
    [unhex(&header), records.concat()].concat()
}

#[test]
fn five_records_of_the_captured_layout_are_read() {
    let records: Vec<_> = (1..).zip(CAPTURED).map(|(host, (min, at))| record(host, min, at)).collect();
    let payload = payload(&records);
    assert_eq!(payload.len(), 556);
    let body = Bytes::from([&[12], payload.as_slice()].concat());
    let Message::PeerExchange(read) = Message::decode(body) else { panic!("not peer exchange") };
    for (record, (min_piece, position)) in read.iter().zip(CAPTURED) {
        assert_eq!((record.min_piece, record.position), (min_piece, position));
        assert_eq!((record.address.port(), record.version), (8621, 3_021_900));
        assert_eq!((record.max_piece, record.distance_from_source), (min_piece + 60, 1));
        assert_eq!(record.peer_id, PeerId(*b"R30------Ef2V8QOgmt4"));
    }
    assert_eq!(read.len(), 5);
    assert_eq!(read[4].address.to_string(), "192.0.2.5:8621");
}

#[test]
fn written_message_has_the_captured_lengths_and_header() {
    let record = pex::decode(&payload(&[record(1, 5, 6)])).unwrap().remove(0);
    for (count, bytes) in [(5, 556), (31, 3364), (50, 5416)] {
        let encoded = pex::encode(&vec![record.clone(); count]);
        assert_eq!(encoded.len(), bytes);
        assert_eq!(encoded.len(), pex::encoded_bytes(count));
        assert_eq!(encoded[..11], unhex(&format!("05{count:04x}000000110000006c")));
        assert_eq!(pex::decode(&encoded).unwrap(), vec![record.clone(); count]);
    }
}

#[test]
fn lengths_that_disagree_are_refused() {
    let good = payload(&[record(1, 5, 6)]);
    assert!(pex::decode(&good).is_some());
    assert!(pex::decode(&good[..good.len() - 1]).is_none());
    assert!(pex::decode(&good[..15]).is_none());
    for (at, byte) in [(2, 2), (10, 107)] {
        let mut wrong = good.clone();
        wrong[at] = byte;
        assert!(pex::decode(&wrong).is_none(), "byte {at}");
    }
}

#[test]
fn records_beyond_the_limit_are_neither_read_nor_written() {
    let records = vec![record(1, 5, 6); PEX_MAX_RECORDS + 1];
    let read = pex::decode(&payload(&records)).unwrap();
    assert_eq!(read.len(), PEX_MAX_RECORDS);
    let many: Vec<PexRecord> = read.iter().chain(&read).cloned().collect();
    assert_eq!(pex::decode(&pex::encode(&many)).unwrap(), read);
}

#[test]
fn source_announce_has_the_captured_lead_and_offsets() {
    let address = "192.0.2.9:7764".parse().unwrap();
    let message = Message::SourceAnnounce { address, peer_id: PeerId(*b"R30------gGwaDryAo5A") };
    let bytes = frame(&message);
    assert_eq!(bytes[..5], unhex("0000005124"));
    let payload = &bytes[5..];
    assert_eq!(payload.len(), 80);
    assert_eq!(payload[..8], unhex("00020034003f0040"));
    assert_eq!(payload[8..14], [192, 0, 2, 9, 0x1e, 0x54]);
    assert_eq!(&payload[14..34], b"R30------gGwaDryAo5A");
    assert_eq!(Message::decode(bytes.slice(4..)), message);
    let short = Message::Unknown { id: 36, payload_bytes: 79 };
    assert_eq!(Message::decode(bytes.slice(4..bytes.len() - 1)), short);
}
