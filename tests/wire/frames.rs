//! Frames against captured and synthetic bytes.

use bytes::{Bytes, BytesMut};
use start_engine::base::limits::FRAME_MAX_BYTES;
use start_engine::wire::message::{Message, body_length};
use start_engine::wire::metadata::MetadataMessage;
use start_engine::wire::myinfo::MyInfo;

use crate::support::{frame, unhex, vector};

/// Both ways: the message is written as `bytes`, and `bytes` are read as the message.
fn is_on_the_wire(message: Message, bytes: &[u8]) {
    assert_eq!(frame(&message), bytes, "{message:?}");
    assert_eq!(message.frame_bytes(), bytes.len());
    let length = body_length(bytes[..4].try_into().unwrap()).unwrap();
    assert_eq!(length, bytes.len() - 4);
    assert_eq!(Message::decode(Bytes::copy_from_slice(&bytes[4..])), message);
}

/// The dict of one-letter integers that `a1 b-2` stands for.
fn letters(fields: &str) -> Vec<u8> {
    let dict: String = fields.split(' ').map(|field| format!("1:{}i{}e", &field[..1], &field[1..])).collect();
    format!("d{dict}e").into_bytes()
}

#[test]
fn synthetic_frames_are_read_and_written() {
    let bits = Bytes::from_static(&[0xff, 0x80]);
    let data = Bytes::from_static(&[0xaa, 0xbb, 0xcc]);
    let piece = Message::Piece { stream: 0, piece: 100, time: 1_700_000_000.25, chunk: 3, data };
    let request = MetadataMessage::Request { piece: 0 }.encode();
    let cases = [
        ("live_have p=103", Message::Have { stream: 0, piece: 103 }),
        ("live_bitfield first=0 count=9", Message::Bitfield { stream: 0, first: 0, count: 9, bits }),
        ("live_request p=100 c=3", Message::Request { stream: 0, piece: 100, chunk: 3 }),
        ("live_piece p=100 c=3 ts=1700000000.25 data=aabbcc", piece),
        ("trailing edge p=1", Message::TrailingEdge { stream: 0, piece: 1 }),
        ("ut_metadata request 0 (peer id 2)", Message::Extended { id: 2, payload: request }),
    ];
    for (name, message) in cases {
        is_on_the_wire(message, &vector(&["frames", name]));
    }
}

#[test]
fn synthetic_extended_handshake_has_its_frame_header() {
    let payload = vector(&["ext_handshake_source", "payload_hex"]);
    let bytes = [vector(&["ext_handshake_source", "frame_header_hex"]), payload.clone()].concat();
    is_on_the_wire(Message::ExtendedHandshake(payload.into()), &bytes);
}

#[test]
fn captured_payloads_are_read_and_written() {
    let piece = 0x5067f8;
    let bits = Bytes::from_static(&[0xff, 0x80]);
    let bitfield = Message::Bitfield { stream: 0, first: piece, count: 9, bits };
    let cases = [
        ("0000000b0600000000005067f80003", Message::Request { stream: 0, piece, chunk: 3 }),
        ("000000090400000000005067f8", Message::Have { stream: 0, piece }),
        ("0000000f0500000000005067f800000009ff80", bitfield),
    ];
    for (hex, message) in cases {
        is_on_the_wire(message, &unhex(hex));
    }
}

#[test]
fn captured_piece_times_rise_by_one_piece_each() {
    let captured = [
        "41da91522634c2ee",
        "41da915228a7f55b",
        "41da91522b1b2805",
        "41da91522d8e590f",
        "41da9152300187f6",
        "41da915232818873",
    ];
    let times: Vec<f64> = (110..).zip(captured).map(|(piece, hex)| piece_time(piece, hex)).collect();
    assert_eq!(times[0].floor(), 1_782_925_464.0);
    for pair in times.windows(2) {
        assert!((9.0..11.0).contains(&(pair[1] - pair[0])), "{pair:?}");
    }
}

/// The time that is read from, and written back to, a piece message with these eight bytes.
fn piece_time(expected_piece: u32, hex: &str) -> f64 {
    let body = unhex(&format!("0700000000{expected_piece:08x}{hex}0000aa"));
    let message = Message::decode(Bytes::from(body.clone()));
    assert_eq!(frame(&message)[4..], body);
    let Message::Piece { time, piece, .. } = message else { panic!("{message:?}") };
    assert_eq!(piece, expected_piece);
    time
}

#[test]
fn messages_without_fields_are_their_id_alone() {
    let cases = [
        (Message::KeepAlive, "00000000"),
        (Message::Choke, "0000000100"),
        (Message::Unchoke, "0000000101"),
        (Message::Interested, "0000000102"),
        (Message::NotInterested, "0000000103"),
        (Message::KeepAliveLike, "000000010d"),
        (Message::Telemetry { counter: 7 }, "00000009220000000100000007"),
    ];
    for (message, hex) in cases {
        is_on_the_wire(message, &unhex(hex));
    }
}

#[test]
fn other_layouts_and_ids_are_unknown_not_fatal() {
    let four_byte_have = "0400000001";
    let block_request = "06000000010000000200000003";
    let choke_with_payload = "0001";
    let short_bitfield = "05000000000000000000000009ff";
    let (reject, unused_id) = ("10", "63aa");
    for hex in [four_byte_have, block_request, choke_with_payload, short_bitfield, reject, unused_id] {
        let body = Bytes::from(unhex(hex));
        let unknown = Message::Unknown { id: body[0], payload_bytes: body.len() - 1 };
        assert_eq!(Message::decode(body), unknown);
        assert!(frame(&unknown).is_empty());
        assert_eq!(unknown.frame_bytes(), 0);
    }
}

#[test]
fn bulk_data_is_a_slice_of_the_frame_both_ways() {
    let body = Bytes::from(unhex("07000000000000006441d954fc401000000003aabbcc"));
    let Message::Piece { data, .. } = Message::decode(body.clone()) else { panic!("not a piece") };
    assert_eq!(data.as_ptr(), body[body.len() - 3..].as_ptr());
    let message = Message::Piece { stream: 0, piece: 1, time: 1.0, chunk: 0, data: data.clone() };
    let bulk = message.encode_head(&mut BytesMut::new());
    assert_eq!(bulk.as_ptr(), data.as_ptr());
}

#[test]
fn frames_follow_each_other_in_one_buffer() {
    let mut out = BytesMut::new();
    for message in [Message::Unchoke, Message::KeepAlive, Message::Have { stream: 0, piece: 9 }] {
        assert!(message.encode_head(&mut out).is_empty());
    }
    assert_eq!(out[..], unhex("00000001010000000000000009040000000000000009"));
}

#[test]
fn frame_that_declares_too_much_is_refused_before_it_is_read() {
    let limit = FRAME_MAX_BYTES as u32;
    assert_eq!(body_length(limit.to_be_bytes()), Ok(FRAME_MAX_BYTES));
    assert_eq!(body_length((limit + 1).to_be_bytes()).unwrap_err().declared_bytes, limit + 1);
    let error = body_length([0xff; 4]).unwrap_err().to_string();
    assert_eq!(error, "frame of 4294967295 bytes is longer than the 131072 allowed");
}

#[test]
fn compact_state_of_a_live_relay_is_read() {
    let sample = letters(
        "a1 b0 c2199 d2138041 e5542682 f0 g14718270 h100 i14718220 j14718269 k1 l0 m-1 n0 o0 p0 q1 \
         r14718269 s14718269 t-1",
    );
    let Message::MyInfo(info) = Message::decode([b"\x0b".as_slice(), &sample].concat().into()) else {
        panic!("not compact state")
    };
    assert_eq!((info.min_piece, info.max_piece, info.position), (14_718_220, 14_718_269, 14_718_269));
    assert_eq!((info.down_rate, info.live_window_size, info.distance_from_source), (2_138_041, 100, 1));
    assert_eq!(info.download_window_end, info.max_piece + 1);
}

#[test]
fn compact_state_without_data_is_the_captured_one() {
    let expected = letters("a0 b0 c0 d0 e0 f0 g-1 h0 i-1 j-1 k-1 l-1 m-1 n0 o0 p0 q0 r-1 s-1 t-1");
    assert_eq!(MyInfo::EMPTY.encode(), expected);
    assert_eq!(MyInfo::decode(&expected), Some(MyInfo::EMPTY));
}

#[test]
fn compact_state_without_its_head_or_of_odd_form_is_unknown() {
    for payload in [b"de".as_slice(), b"d1:ji1e", b"d1:j1:1e", b"le", b""] {
        let body = [b"\x0b".as_slice(), payload].concat();
        let unknown = Message::Unknown { id: 11, payload_bytes: payload.len() };
        assert_eq!(Message::decode(body.into()), unknown);
    }
}
