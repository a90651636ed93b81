//! The extended handshake and its signature.

use ed25519_dalek::Signer;
use sha2::{Digest, Sha256};
use start_engine::wire::bencode::{self, Dict};
use start_engine::wire::extended::{ExtendedError, ExtendedHandshake, LiveInfo, NodeKey};

use crate::support::{unhex, vector, vectors};

fn key() -> NodeKey {
    NodeKey::from_seed(std::array::from_fn(|at| at as u8))
}

/// What the synthetic source of the vectors says.
fn source() -> ExtendedHandshake {
    ExtendedHandshake {
        ut_metadata: Some(2),
        piece_table: None,
        ut_pex: None,
        metadata_size: None,
        live: LiveInfo::source(0, 102),
        lsp: 102,
        is_source: true,
        listen_port: 8621,
        counter_s: 12345,
        version: 3_021_100,
        your_ip: Some([192, 0, 2, 7].into()),
    }
}

#[test]
fn source_profile_is_signed_to_the_bytes_of_the_vectors() {
    let payload = vector(&["ext_handshake_source", "payload_hex"]);
    assert_eq!(source().sign(&key()), payload);
    assert_eq!(payload.len() as u64, vectors()["ext_handshake_source"]["payload_len"].as_u64().unwrap());
    let (node_id, read) = ExtendedHandshake::verify(&payload).unwrap();
    assert_eq!(node_id.to_string(), vectors()["ext_handshake_source"]["node_id"].as_str().unwrap());
    assert_eq!(read, source());
}

#[test]
fn digest_and_signature_of_the_vectors_are_inside_the_payload() {
    let mut payload = vector(&["ext_handshake_source", "payload_hex"]);
    let signature = vector(&["ext_handshake_source", "signature"]);
    let at = payload.windows(64).position(|window| window == signature).unwrap();
    payload[at..at + 64].fill(0);
    assert_eq!(Sha256::digest(&payload).as_slice(), vector(&["ext_handshake_source", "digest"]));
}

#[test]
fn seed_of_the_vectors_gives_its_node_id_and_stays_out_of_debug_output() {
    let seed = vector(&["ext_handshake_source", "seed_hex"]);
    let key = NodeKey::from_seed(seed.clone().try_into().unwrap());
    assert_eq!(key.seed().as_slice(), seed);
    assert_eq!(key.node_id().to_string(), vectors()["ext_handshake_source"]["node_id"].as_str().unwrap());
    assert_eq!(format!("{key:?}"), format!("NodeKey({})", key.node_id()));
}

#[test]
fn any_changed_byte_breaks_the_signature_or_the_form() {
    let signed = source().sign(&key());
    for at in 0..signed.len() {
        let mut changed = signed.to_vec();
        changed[at] ^= 0x01;
        assert!(ExtendedHandshake::verify(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn signature_of_zeros_of_another_key_or_over_another_address_is_refused() {
    let mut payload = source().sign(&key()).to_vec();
    let at = payload.windows(3).position(|window| window == b"64:").unwrap() + 3;
    payload[at..at + 64].fill(0);
    assert_eq!(ExtendedHandshake::verify(&payload), Err(ExtendedError::WrongSignature));
    let elsewhere = ExtendedHandshake { your_ip: Some([192, 0, 2, 8].into()), ..source() }.sign(&key());
    payload[at..at + 64].copy_from_slice(&elsewhere[at..at + 64]);
    assert_eq!(ExtendedHandshake::verify(&payload), Err(ExtendedError::WrongSignature));
    let other = source().sign(&NodeKey::from_seed([9; 32]));
    payload[at..at + 64].copy_from_slice(&other[at..at + 64]);
    assert_eq!(ExtendedHandshake::verify(&payload), Err(ExtendedError::WrongSignature));
}

#[test]
fn what_is_large_not_canonical_or_unsigned_is_refused_with_its_reason() {
    let too_large = vec![b'd'; 16 * 1024 + 1];
    assert_eq!(ExtendedHandshake::verify(&too_large), Err(ExtendedError::TooLarge(16 * 1024 + 1)));
    for form in [b"d1:b0:1:a0:e".as_slice(), b"d1:ai01ee", b"", b"de ", b"d1:a0:1:a0:e"] {
        assert_eq!(ExtendedHandshake::verify(form), Err(ExtendedError::NotCanonical), "{form:?}");
    }
    assert_eq!(ExtendedHandshake::verify(b"de"), Err(ExtendedError::Missing("node_id")));
    assert_eq!(ExtendedHandshake::verify(b"i1e"), Err(ExtendedError::Missing("node_id")));
    let unsigned = [b"d7:node_id32:".as_slice(), &[7; 32], b"e"].concat();
    assert_eq!(ExtendedHandshake::verify(&unsigned), Err(ExtendedError::Missing("signature")));
}

#[test]
fn leecher_without_data_has_exactly_nine_unknown_fields() {
    let leecher = ExtendedHandshake { live: LiveInfo::EMPTY, lsp: -1, is_source: false, ..source() };
    let signed = leecher.sign(&key());
    let dict = bencode::parse(&signed, signed.len()).unwrap();
    let live = dict.get("mi").unwrap().as_dict().unwrap();
    assert_eq!(live.len(), 17);
    assert_eq!(live.iter().filter(|(_, value)| value.as_int() == Some(-1)).count(), 9);
    assert!(dict.get("node_state").is_none());
    assert_eq!(ExtendedHandshake::verify(&signed).unwrap().1, leecher);
}

/// A dict as another engine composes it, signed by `key`.
fn signed(dict: Dict) -> Vec<u8> {
    let unsigned = dict.bytes("node_id", key().node_id().0).bytes("signature", [0; 64]);
    let digest = Sha256::digest(unsigned.encode());
    let signing_key = ed25519_dalek::SigningKey::from_bytes(&key().seed());
    unsigned.bytes("signature", signing_key.sign(&digest).to_bytes()).encode()
}

/// `mi` of an engine that holds nothing.
fn engine_live() -> Dict {
    let unknown = [
        "distance_from_source",
        "download_window_end",
        "lsp",
        "mam",
        "max_piece",
        "min_piece",
        "ping_from_source",
        "position",
        "time_from_source",
    ];
    let zero = [
        "down_rate",
        "is_accessible",
        "peer_type",
        "top_session_up_rate",
        "top_up_rate",
        "up_rate",
        "upload_rating",
    ];
    let dict = unknown.iter().fold(Dict::new(), |dict, key| dict.int(key, -1));
    zero.iter().fold(dict, |dict, key| dict.int(key, 0)).int("live_window_size", 774)
}

/// The captured dict, rebuilt from its facts, with `signature`.
fn captured_engine(signature: &[u8]) -> Vec<u8> {
    Dict::new()
        .int("ace_metadata_version", 1)
        .bytes("geoip_country", "ES")
        .int("lsp", -1)
        .dict("m", Dict::new().int("ut_metadata", 2))
        .dict("mi", engine_live())
        .bytes("node_id", unhex("40efe2ebc9eb5d73a5426a4725051800f0f533764938c0c01ca8baa24197615a"))
        .int("nt", 1)
        .int("p", 8621)
        .int("platform", 2)
        .int("pv", 2)
        .bytes("signature", signature)
        .dict("stream_statuses", Dict::new())
        .int("ts", 749_972)
        .bytes("tt", "bt")
        .int("v", 3_021_100)
        .bytes("yourip", [0xac, 0x17, 0x00, 0x01])
        .encode()
}

#[test]
fn captured_engine_handshake_is_rebuilt_and_verifies() {
    let digest = unhex("712d9c54a29b9f80eb8b2654d13ed81d492202efcc815389c5edd75f4870daa0");
    assert_eq!(Sha256::digest(captured_engine(&[0; 64])).as_slice(), digest);
    let captured = captured_engine(&unhex(concat!(
        "95ecf73d080efedd51b5c89d2fec3c80e563683ea5fd17446eaf69253f67a5c6",
        "86b1be055f65cab596a05dd897a015865378ab2b854abcabb2e62137c6ac9c02",
    )));
    assert_eq!(captured.len(), 614);
    let (node_id, read) = ExtendedHandshake::verify(&captured).unwrap();
    assert!(node_id.to_string().starts_with("40efe2eb"));
    let expected = ExtendedHandshake {
        live: LiveInfo { live_window_size: 774, ..LiveInfo::EMPTY },
        lsp: -1,
        is_source: false,
        counter_s: 749_972,
        your_ip: Some([172, 23, 0, 1].into()),
        ..source()
    };
    assert_eq!(read, expected);
}

#[test]
fn keys_and_values_of_others_count_for_the_signature_and_nothing_else() {
    let live = engine_live().int("distance_from_source", 1).int("down_rate", 1_274_580).bytes("mam", "?");
    let dict = Dict::new()
        .int("asn", 3352)
        .int("lsp", 14_691_020)
        .dict("m", Dict::new().int("ut_metadata", 256))
        .int("metadata_size", 2 * 1024 * 1024)
        .dict("mi", live)
        .int("p", 70_000)
        .dict("stream_statuses", Dict::new().dict("-1", Dict::new().int("x", 1)))
        .bytes("yourip", "five!");
    let bytes = signed(dict.clone());
    let (_, read) = ExtendedHandshake::verify(&bytes).unwrap();
    assert_eq!((read.lsp, read.live.distance_from_source, read.live.down_rate), (14_691_020, 1, 1_274_580));
    assert_eq!((read.live.mam, read.listen_port, read.counter_s, read.version), (-1, 0, 0, 0));
    assert_eq!((read.ut_metadata, read.metadata_size, read.your_ip), (None, None, None));
    let other = signed(dict.int("asn", 3353));
    let signature = |bytes: &[u8]| {
        let value = bencode::parse(bytes, bytes.len()).unwrap();
        value.get_bytes("signature").unwrap().to_vec()
    };
    assert_ne!(signature(&bytes), signature(&other));
}
