//! Metadata messages and their bounds.

use bytes::Bytes;
use start_engine::base::limits::TRANSPORT_FILE_MAX_BYTES;
use start_engine::wire::metadata::{METADATA_PIECE_BYTES, MetadataMessage, piece_bytes, piece_count};

fn decode(payload: &[u8]) -> Option<MetadataMessage> {
    MetadataMessage::decode(Bytes::copy_from_slice(payload))
}

#[test]
fn request_reject_and_data_have_the_standard_form() {
    let data = Bytes::from_static(b"abc");
    let cases = [
        (MetadataMessage::Request { piece: 1 }, b"d8:msg_typei0e5:piecei1ee".as_slice()),
        (MetadataMessage::Reject { piece: 1 }, b"d8:msg_typei2e5:piecei1ee"),
        (
            MetadataMessage::Data { piece: 0, total_bytes: 3, data },
            b"d8:msg_typei1e5:piecei0e10:total_sizei3eeabc",
        ),
    ];
    for (message, bytes) in cases {
        assert_eq!(message.encode(), bytes);
        assert_eq!(decode(bytes), Some(message));
    }
}

#[test]
fn keys_of_others_are_skipped() {
    let payload = b"d8:msg_typei0e5:piecei0e5:usersldelee1:zi1ee";
    assert_eq!(decode(payload), Some(MetadataMessage::Request { piece: 0 }));
}

#[test]
fn data_that_does_not_fill_its_piece_is_refused() {
    for payload in [
        b"d8:msg_typei1e5:piecei0e10:total_sizei3eeab".as_slice(),
        b"d8:msg_typei1e5:piecei0e10:total_sizei3eeabcd",
        b"d8:msg_typei1e5:piecei1e10:total_sizei3eeabc",
        b"d8:msg_typei1e5:piecei0eeabc",
        b"d8:msg_typei1e5:piecei0e10:total_sizei0ee",
    ] {
        assert_eq!(decode(payload), None);
    }
}

#[test]
fn other_types_and_forms_are_refused() {
    for payload in [
        b"d8:msg_typei3e5:piecei0ee".as_slice(),
        b"d8:msg_typei0e5:piecei-1ee",
        b"d8:msg_typei0e5:piecei4294967296ee",
        b"d8:msg_typei0ee",
        b"d8:msg_typei0e5:piecei0eetrailing",
        b"le",
        b"",
    ] {
        assert_eq!(decode(payload), None, "{}", payload.escape_ascii());
    }
    assert_eq!(decode(&vec![b'l'; 32 * 1024]), None);
}

#[test]
fn pieces_of_a_file_add_up_and_a_large_file_has_none() {
    let total = METADATA_PIECE_BYTES as u32 + 1;
    assert_eq!(piece_count(total as usize), 2);
    assert_eq!(piece_bytes(0, total), Some(METADATA_PIECE_BYTES));
    assert_eq!(piece_bytes(1, total), Some(1));
    assert_eq!(piece_bytes(2, total), None);
    assert_eq!(piece_bytes(u32::MAX, total), None);
    assert_eq!(piece_bytes(0, TRANSPORT_FILE_MAX_BYTES as u32 + 1), None);
}
