//! Whatever bytes come, nothing panics, and what is accepted is within its bounds.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use start_engine::base::limits;
use start_engine::wire::bencode;
use start_engine::wire::container;
use start_engine::wire::extended::ExtendedHandshake;
use start_engine::wire::lsd::{LongSearch, Search};
use start_engine::wire::message::Message;
use start_engine::wire::metadata::{METADATA_PIECE_BYTES, MetadataMessage};
use start_engine::wire::pex;
use start_engine::wire::sniff::{Sniffed, sniff};
use start_engine::wire::transport_file::{Descriptor, TransportFile};
use start_engine::wire::ut_pex::PeerChanges;

use crate::support::{frame, vector};

/// Bytes that look like bencode much of the time.
fn bencode_like() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(b"d".to_vec()),
        Just(b"l".to_vec()),
        Just(b"e".to_vec()),
        Just(b"i0e".to_vec()),
        Just(b"i-1e".to_vec()),
        Just(b"4:name".to_vec()),
        Just(b"8:msg_typei1e".to_vec()),
        Just(b"5:piecei0e".to_vec()),
        Just(b"9999999999:".to_vec()),
        vec(any::<u8>(), 0..4),
    ];
    vec(token, 0..60).prop_map(|tokens| tokens.concat())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..700), bencode_like()]
}

/// Changes some bytes of something valid.
fn damaged(valid: Vec<u8>, changes: &[(usize, u8)]) -> Vec<u8> {
    let mut bytes = valid;
    for (at, byte) in changes {
        let at = at % bytes.len();
        bytes[at] = *byte;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_frame_is_read_and_what_is_known_is_written_back(id: u8, payload in bytes()) {
        let body = Bytes::from([[id].as_slice(), &payload].concat());
        let message = Message::decode(body.clone());
        let written = frame(&message);
        prop_assert_eq!(written.len(), message.frame_bytes());
        if let Message::Unknown { id: read, payload_bytes } = message {
            prop_assert_eq!((read, payload_bytes), (id, payload.len()));
        } else {
            prop_assert!(matches!(Message::decode(written.slice(4..)), ref again if same(again, &message)));
        }
    }

    #[test]
    fn any_input_to_the_bencode_reader_is_bounded(input in bytes()) {
        let canonical = bencode::parse(&input, input.len());
        if let Ok(value) = &canonical {
            prop_assert_eq!(value.raw, input.as_slice());
            prop_assert_eq!(bencode::parse_lenient(&input, input.len()), canonical.clone());
        }
        if let Ok(value) = bencode::parse_prefix(&input, 64) {
            prop_assert!(value.raw.len() <= 64 && input.starts_with(value.raw));
        }
        prop_assert!(input.is_empty() || bencode::parse(&input, input.len() - 1).is_err());
    }

    #[test]
    fn any_peer_changes_are_bounded_and_survive_another_round(payload in bytes()) {
        if let Some(changes) = PeerChanges::decode(&payload) {
            prop_assert!(changes.added.len() <= 2 * limits::PEX_MAX_RECORDS);
            prop_assert_eq!(PeerChanges::decode(&changes.encode()), Some(changes));
        }
    }

    #[test]
    fn any_datagram_of_local_discovery_is_refused_or_read(
        datagram in bytes(),
        changes in vec((any::<usize>(), any::<u8>()), 0..4),
    ) {
        let valid = LongSearch { port: 1, infohashes: vec![start_engine::base::ids::Infohash([7; 20])], cookie: None };
        for datagram in [datagram, damaged(valid.encode("h:1"), &changes)] {
            if let Some(Search::Long(search)) = Search::decode(&datagram) {
                let again = Search::decode(&search.encode("h:1"));
                prop_assert_eq!(again, Some(Search::Long(search)));
            }
        }
    }

    #[test]
    fn any_metadata_payload_is_bounded(payload in bytes()) {
        if let Some(MetadataMessage::Data { total_bytes, data, .. }) = MetadataMessage::decode(payload.into()) {
            prop_assert!(data.len() <= METADATA_PIECE_BYTES);
            prop_assert!(total_bytes as usize <= limits::TRANSPORT_FILE_MAX_BYTES);
        }
    }

    #[test]
    fn any_peer_exchange_is_bounded(payload in bytes()) {
        if let Some(records) = pex::decode(&payload) {
            prop_assert_eq!(payload.len(), pex::encoded_bytes(records.len()));
        }
    }

    #[test]
    fn any_descriptor_that_is_accepted_encodes_to_one_that_is_accepted(plain in bytes()) {
        if let Ok(descriptor) = Descriptor::decode(&plain) {
            prop_assert_eq!(Descriptor::decode(&descriptor.encode()), Ok(descriptor));
        }
        let bytes = Bytes::from(container::seal(&plain));
        prop_assert_eq!(container::open(&bytes), Ok(plain));
        let _ = TransportFile::parse(bytes);
    }

    #[test]
    fn damaged_descriptor_never_panics_and_stays_bounded(changes in vec(any::<(usize, u8)>(), 1..4)) {
        if let Ok(descriptor) = Descriptor::decode(&damaged(vector(&["plaintext_hex"]), &changes)) {
            prop_assert!(descriptor.piece_length <= limits::PIECE_LENGTH_MAX_BYTES);
            prop_assert!(descriptor.piece_length.is_multiple_of(descriptor.chunk_length));
            prop_assert_eq!(Descriptor::decode(&descriptor.encode()), Ok(descriptor));
        }
        let _ = TransportFile::parse(damaged(vector(&["container_hex"]), &changes).into());
    }

    #[test]
    fn damaged_or_random_extended_handshake_never_verifies(
        random in bytes(),
        changes in vec(any::<(usize, u8)>(), 1..4),
    ) {
        prop_assert!(ExtendedHandshake::verify(&random).is_err());
        let valid = vector(&["ext_handshake_source", "payload_hex"]);
        let changed = damaged(valid.clone(), &changes);
        prop_assert_eq!(ExtendedHandshake::verify(&changed).is_ok(), changed == valid);
    }

    #[test]
    fn more_bytes_never_change_one_protocol_into_the_other(input in bytes()) {
        let last = sniff(&input);
        for end in 1..input.len().min(20) {
            let early = sniff(&input[..end]);
            prop_assert!(early == last || last == Sniffed::Unknown);
        }
    }
}

/// Equal, where a piece time that is not a number equals itself.
fn same(a: &Message, b: &Message) -> bool {
    match (a, b) {
        (Message::Piece { time: a, .. }, Message::Piece { time: b, .. }) if a.is_nan() => b.is_nan(),
        _ => a == b,
    }
}

#[test]
fn hostile_nesting_of_a_whole_frame_is_harmless_everywhere() {
    for unit in [b"l".as_slice(), b"d1:a", b"d0:"] {
        let deep = Bytes::from(unit.repeat(limits::FRAME_MAX_BYTES / unit.len()));
        assert!(ExtendedHandshake::verify(&deep).is_err());
        assert!(ExtendedHandshake::verify(&deep[..16 * 1024]).is_err());
        assert_eq!(MetadataMessage::decode(deep.clone()), None);
        let body = Bytes::from([b"\x0b".as_slice(), &deep].concat());
        assert!(matches!(Message::decode(body), Message::Unknown { id: 11, .. }));
        assert!(TransportFile::parse(container::seal(&deep).into()).is_err());
    }
}
