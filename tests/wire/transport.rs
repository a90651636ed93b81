//! Transport files: the facts of three descriptors, our own keys, and files that are refused.

use bytes::Bytes;
use sha1::{Digest, Sha1};
use start_engine::base::hex::Hex;
use start_engine::wire::bencode::{Dict, List};
use start_engine::wire::container;
use start_engine::wire::transport_file::{
    Descriptor, Details, Quality, StreamKey, TransportFile, TransportFileError, check_geometry,
};

use crate::support::{unhex, vector, vectors};

const PUBKEY_01: &str = "307a300d06092a864886f70d01010105000369003066026100c2abaf57ab41945d61e030f14757b60e169dc629b75cefe95746aa59a01da4ff5678f56f5d671fee0d0bf9e87ad9c9a364dad8dcda2081d36039198c384a3b404da408a798e6ed78345ecd1944cdeb343fb57d2090570e609290ed5b8560f703020103";
const PUBKEY_02: &str = "307a300d06092a864886f70d01010105000369003066026100db4d9390a926252a1bb0902732c6cb970527377a6ca80fab56e8fe814c9232cd76e328800f79b41a215226317120106ea7d4e9b3131af585eb039cbedaa0a76613ef11f45f807122087811eaefd6ba92c6b9a9c229a821d8158bf56afbdae79b020103";

/// The descriptor of vector 01, whose one tracker element holds two URLs.
fn dict_01() -> Dict {
    let trackers = "udp://tracker1.invalid:9006/announce udp://tracker2.invalid:1337/announce";
    Dict::new()
        .bytes("name", "Synthetic Live Channel 1080")
        .bytes("authmethod", "RSA")
        .bytes("pubkey", unhex(PUBKEY_01))
        .int("bitrate", 902_408)
        .int("piece_length", 1_048_576)
        .int("chunk_length", 16_384)
        .bytes("quality", "HD")
        .list("categories", List::new().bytes("amateur"))
        .int("allow_public_trackers", 1)
        .list("trackers", List::new().bytes(trackers))
}

fn descriptor_02() -> Descriptor {
    Descriptor {
        name: "Synthetic Demo Channel".into(),
        pubkey: unhex(PUBKEY_02).into(),
        piece_length: 131_072,
        chunk_length: 16_384,
        bitrate: 100_000,
        quality: Quality::Hd,
        trackers: vec!["udp://t1.torrentstream.org:2710/announce".into()],
        categories: vec!["entertaining".into()],
        allow_public_trackers: true,
        permanent: true,
        ..Descriptor::default()
    }
}

fn parse(dict: Dict) -> Result<TransportFile, TransportFileError> {
    TransportFile::parse(container::seal(&dict.encode()).into())
}

#[test]
fn vector_01_is_rebuilt_to_its_hashes() {
    let bytes = container::seal(&dict_01().encode());
    assert_eq!(bytes.len(), 436);
    let file = TransportFile::parse(bytes.into()).unwrap();
    assert_eq!(file.infohash.to_string(), "50e93529d3eb46a50506b14464185a15292d6e47");
    assert_eq!(file.content_id.to_string(), "34df422b80a4bd94ac1e51be9ede60364ec7a7dd");
    assert_eq!(file.descriptor.name, "Synthetic Live Channel 1080");
    assert_eq!((file.descriptor.quality, file.descriptor.bitrate), (Quality::Hd, 902_408));
    assert_eq!(
        file.descriptor.trackers,
        ["udp://tracker1.invalid:9006/announce", "udp://tracker2.invalid:1337/announce"]
    );
}

#[test]
fn vector_02_is_built_to_its_hashes() {
    let file = TransportFile::build(descriptor_02());
    assert_eq!(file.bytes.len(), 420);
    assert_eq!(file.infohash.to_string(), "685edf209ccfdf88977c0d317e1407baca486067");
    assert_eq!(file.content_id.to_string(), "ed2c05b3b022e9cc7b7c1ca46d20f10839dc4108");
    assert_eq!(TransportFile::parse(file.bytes.clone()).unwrap(), file);
}

#[test]
fn own_vector_is_read_and_rebuilt_byte_for_byte() {
    let bytes = Bytes::from(vector(&["container_hex"]));
    let plain = vector(&["plaintext_hex"]);
    assert_eq!(container::open(&bytes).unwrap(), plain);
    assert_eq!(container::seal(&plain), bytes);
    let file = TransportFile::parse(bytes.clone()).unwrap();
    assert_eq!(file.descriptor.pubkey, vector(&["pubkey_spki_hex"]));
    assert_eq!(file.infohash.to_string(), vectors()["infohash"].as_str().unwrap());
    assert_eq!(file.content_id.to_string(), vectors()["container_sha1"].as_str().unwrap());
    assert_eq!(TransportFile::build(file.descriptor).bytes, bytes);
}

#[test]
fn infohash_covers_six_values_and_nothing_else() {
    let test = Descriptor {
        name: "Test".into(),
        pubkey: Bytes::from_static(b"abc"),
        piece_length: 1_048_576,
        chunk_length: 16_384,
        bitrate: 100_000,
        ..Descriptor::default()
    };
    assert_eq!(test.infohash().to_string(), "926e8118334dfa31a45d5bd902306d42aea7f88c");
    let mut other = descriptor_02();
    other.trackers.clear();
    other.startup_nodes = vec!["192.0.2.1:8621".parse().unwrap()];
    other.quality = Quality::Sd;
    assert_eq!(other.infohash(), descriptor_02().infohash());
    assert_ne!(Descriptor { bitrate: 100_001, ..descriptor_02() }.infohash(), descriptor_02().infohash());
}

#[test]
fn piece_of_the_vectors_has_its_digests() {
    let payload: Vec<u8> = (0..65_440u32).map(|at| (7 * at + 3) as u8).collect();
    let digest = |bytes: &[u8]| Hex(&Sha1::digest(bytes)).to_string();
    assert_eq!(digest(&payload), vectors()["piece"]["payload_sha1"].as_str().unwrap());
    let piece = [payload, vector(&["piece", "signature_hex"])].concat();
    assert_eq!(digest(&piece), vectors()["piece"]["piece_sha1"].as_str().unwrap());
}

#[test]
fn startup_nodes_are_read_in_each_of_four_forms_and_written_as_text() {
    let pair = List::new().bytes("192.0.2.2").int(2);
    let dict = Dict::new().bytes("host", "192.0.2.3").int("port", 3);
    let name = List::new().bytes("tracker.invalid").int(9);
    let nodes = List::new()
        .bytes("192.0.2.1:1")
        .list(pair)
        .dict(dict)
        .bytes([192, 0, 2, 4, 0, 4])
        .bytes("[2001:db8::1]:5")
        .list(name)
        .int(7);
    let file = parse(dict_01().list("startup_nodes", nodes)).unwrap();
    let read: Vec<String> = file.descriptor.startup_nodes.iter().map(ToString::to_string).collect();
    let expected = ["192.0.2.1:1", "192.0.2.2:2", "192.0.2.3:3", "192.0.2.4:4", "[2001:db8::1]:5"];
    assert_eq!(read, expected);
    let rebuilt = TransportFile::parse(TransportFile::build(file.descriptor.clone()).bytes).unwrap();
    assert_eq!(rebuilt.descriptor, file.descriptor);
    let compact = [192, 0, 2, 4, 0, 4, 192, 0, 2, 5, 0, 5];
    let file = parse(dict_01().bytes("startup_nodes", compact)).unwrap();
    assert_eq!(file.descriptor.startup_nodes.len(), 2);
}

#[test]
fn own_keys_survive_and_are_plain_bencode() {
    let details = Details {
        tags: vec!["news".into(), "local".into()],
        description: Some("What happens here".into()),
        logo_url: Some("http://example.com/logo.png".into()),
        date_start_s: Some(1_700_000_000),
        date_end_s: Some(1_700_003_600),
        provider_key: Some("0123456789abcdef0123456789abcdef".into()),
        sid: Some("stream-1".into()),
        timeshift_s: Some(3600),
        metatrackers: vec!["http://meta.example.com/announce".into()],
        deinterlacing_mode: Some("yadif".into()),
        stream_key: Some(StreamKey { public_key: [7; 32], signature: Bytes::from(vec![9; 96]) }),
    };
    let file = TransportFile::build(Descriptor { details, ..descriptor_02() });
    assert_eq!(TransportFile::parse(file.bytes.clone()).unwrap(), file);
    assert_eq!(file.infohash, TransportFile::build(descriptor_02()).infohash);
    let plain = file.descriptor.encode();
    let text = String::from_utf8_lossy(&plain);
    for pair in [
        "10:date_starti1700000000e",
        "8:date_endi1700003600e",
        "9:timeshifti3600e",
        "4:tagsl4:news5:locale",
        "3:sid8:stream-1",
        "18:deinterlacing_mode5:yadif",
        "12:x_stream_key128:",
    ] {
        assert!(text.contains(pair), "{pair} in {text}");
    }
}

#[test]
fn keys_of_others_are_written_back_as_they_were() {
    let foreign = dict_01()
        .dict("vendor", Dict::new().int("x", 1))
        .bytes("date_start", "2030-01-01")
        .bytes("quality", "UHD")
        .bytes("x_stream_key", "too short")
        .list("trackers", List::new().bytes("udp://tracker1.invalid:9006/announce"));
    let plain = foreign.clone().encode();
    let file = parse(foreign).unwrap();
    assert_eq!(file.descriptor.quality, Quality::Auto);
    assert_eq!(file.descriptor.details, Details::default());
    assert_eq!(file.descriptor.other.len(), 4);
    assert_eq!(file.descriptor.encode(), plain);
}

#[test]
fn unusual_chunk_length_is_noticed() {
    let file = parse(dict_01().int("chunk_length", 32_768)).unwrap();
    assert!(!file.descriptor.has_usual_chunk_length());
    assert!(descriptor_02().has_usual_chunk_length());
    assert_eq!(check_geometry(1_048_576, 32_768), Ok((1_048_576, 32_768)));
}
