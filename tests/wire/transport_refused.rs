//! Transport files that are refused, each with the cause that an operator can act on.

use bytes::Bytes;
use start_engine::base::limits;
use start_engine::wire::bencode::{BencodeError, Dict, List};
use start_engine::wire::container;
use start_engine::wire::transport_file::{TransportFile, TransportFileError, check_geometry};

fn dict() -> Dict {
    Dict::new()
        .bytes("name", "Test")
        .bytes("authmethod", "RSA")
        .bytes("pubkey", "abc")
        .int("bitrate", 100_000)
        .int("piece_length", 131_072)
        .int("chunk_length", 16_384)
}

fn refusal_of(bencoded: &[u8]) -> TransportFileError {
    TransportFile::parse(container::seal(bencoded).into()).unwrap_err()
}

fn refusal(dict: Dict) -> TransportFileError {
    refusal_of(&dict.encode())
}

#[test]
fn smallest_descriptor_is_accepted() {
    let file = TransportFile::parse(container::seal(&dict().encode()).into()).unwrap();
    assert_eq!(file.descriptor.name, "Test");
    assert!(!file.descriptor.allow_public_trackers && !file.descriptor.permanent);
}

#[test]
fn what_is_no_container_is_told_apart_from_a_damaged_one() {
    let file = container::seal(&dict().encode());
    let parse = |bytes: &[u8]| TransportFile::parse(Bytes::copy_from_slice(bytes)).unwrap_err();
    assert_eq!(parse(b"<html>not found</html>"), TransportFileError::NotATransportFile);
    assert_eq!(parse(b""), TransportFileError::NotATransportFile);
    for bytes in [5, 19, 20, file.len() - 1] {
        assert_eq!(parse(&file[..bytes]), TransportFileError::Truncated { bytes });
    }
    // a whole block is missing: the padding is elsewhere, or by chance the dict is short
    let cut = parse(&file[..file.len() - 16]);
    assert!(matches!(cut, TransportFileError::Corrupt | TransportFileError::Bencode(_)), "{cut}");
    let mut newer = file.clone();
    newer[19] = 3;
    assert_eq!(parse(&newer), TransportFileError::WrongVersion { found: 3, expected: 2 });
    let large = [file.as_slice(), &vec![0; limits::TRANSPORT_FILE_MAX_BYTES]].concat();
    let max_bytes = limits::TRANSPORT_FILE_MAX_BYTES;
    assert_eq!(parse(&large), TransportFileError::TooLarge { bytes: large.len(), max_bytes });
}

#[test]
fn malformed_descriptor_is_refused_with_the_place() {
    let max_depth = limits::BENCODE_MAX_DEPTH;
    let deep = [b"d1:x".as_slice(), &[b'l'; 40], &[b'e'; 41]].concat();
    let error = BencodeError::TooDeep { at: 4 + max_depth - 1, max_depth };
    assert_eq!(refusal_of(&deep), TransportFileError::Bencode(error));
    assert_eq!(refusal_of(b"le"), TransportFileError::NotADict);
    let unsorted = refusal_of(b"d1:bi1e1:ai1ee");
    assert_eq!(
        unsorted.to_string(),
        "transport file's descriptor is malformed: bencode key at byte 7 is out of order or repeated"
    );
}

#[test]
fn missing_and_mistyped_keys_are_named() {
    for key in ["name", "authmethod", "pubkey", "bitrate", "piece_length", "chunk_length"] {
        let mistyped = refusal(dict().list(key, List::new()));
        assert_eq!(mistyped, TransportFileError::WrongType(key));
        let full = dict().encode();
        let at = full.windows(key.len()).position(|window| window == key.as_bytes()).unwrap();
        let mut renamed = full;
        renamed[at + key.len() - 1] += 1;
        let missing = refusal_of(&renamed);
        assert_eq!(missing, TransportFileError::Missing(key), "{missing}");
    }
    assert_eq!(refusal(dict().int("bitrate", -1)), TransportFileError::WrongType("bitrate"));
    assert_eq!(refusal(dict().int("trackers", 1)), TransportFileError::WrongType("trackers"));
    assert_eq!(refusal(dict().int("startup_nodes", 1)), TransportFileError::WrongType("startup_nodes"));
    assert_eq!(refusal(dict().bytes("name", [0xff])), TransportFileError::NameNotUtf8);
    assert_eq!(refusal(dict().bytes("pubkey", "")), TransportFileError::Missing("pubkey"));
}

#[test]
fn broadcasts_of_another_kind_are_refused_by_name() {
    let hls = refusal(dict().bytes("transport_type", "hls"));
    assert_eq!(hls.to_string(), "not an MPEG-TS live transport: its type is hls");
    let on_demand = Dict::new().bytes("name", "film").int("length", 9).bytes("pieces", [0; 20]);
    assert!(matches!(refusal(on_demand), TransportFileError::NotMpegTsLive { .. }));
    let auth = refusal(dict().bytes("authmethod", "ECC\n"));
    assert_eq!(auth, TransportFileError::UnknownAuthMethod("ECC\\n".into()));
}

#[test]
fn absurd_geometry_is_refused_with_its_numbers() {
    let chunks = [0, -1, 1000, 512, 128 * 1024, i64::MAX];
    for chunk_length in chunks {
        let error = refusal(dict().int("chunk_length", chunk_length));
        assert_eq!(error, TransportFileError::ChunkLength { chunk_length, min: 1024, max: 65_536 });
    }
    let pieces = [0, -16_384, 16_383, 16_385, 8192, 8 * 1024 * 1024 + 16_384, i64::MAX];
    for piece_length in pieces {
        let error = refusal(dict().int("piece_length", piece_length));
        let (chunk_length, max) = (16_384, 8 * 1024 * 1024);
        assert_eq!(error, TransportFileError::PieceLength { piece_length, chunk_length, max });
    }
    assert_eq!(check_geometry(8 * 1024 * 1024, 1024), Ok((8 * 1024 * 1024, 1024)));
    assert_eq!(check_geometry(3 * 16_384, 16_384), Ok((3 * 16_384, 16_384)));
}

#[test]
fn lists_and_texts_are_bounded() {
    let list = |count: usize, bytes: usize| (0..count).map(|_| "x".repeat(bytes)).collect::<List>();
    let many = |key, count, max| TransportFileError::TooMany { key, count, max };
    let long = |key, bytes, max_bytes| TransportFileError::TooLong { key, bytes, max_bytes };
    assert_eq!(refusal(dict().list("trackers", list(65, 1))), many("trackers", 65, 64));
    assert_eq!(refusal(dict().list("trackers", list(1, 257))), long("trackers", 257, 256));
    let spaced = List::new().bytes("a ".repeat(65));
    assert_eq!(refusal(dict().list("trackers", spaced)), many("trackers", 65, 64));
    assert_eq!(refusal(dict().list("categories", list(33, 1))), many("categories", 33, 32));
    assert_eq!(refusal(dict().list("categories", list(1, 129))), long("categories", 129, 128));
    assert_eq!(refusal(dict().bytes("name", "x".repeat(257))), long("name", 257, 256));
    assert_eq!(refusal(dict().bytes("pubkey", "x".repeat(1025))), long("pubkey", 1025, 1024));
    let nodes = (0..65).map(|port| format!("192.0.2.1:{port}")).collect::<List>();
    assert_eq!(refusal(dict().list("startup_nodes", nodes)), many("startup_nodes", 65, 64));
}
