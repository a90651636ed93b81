//! The extended handshake and its signature.

use start_engine::wire::bencode;
use start_engine::wire::extended::{ExtendedError, ExtendedHandshake, LiveInfo, NodeKey};

use crate::support::{unhex, vector, vectors};

fn key() -> NodeKey {
    NodeKey::from_seed(std::array::from_fn(|at| at as u8))
}

/// What the synthetic source of the vectors says.
fn source() -> ExtendedHandshake {
    ExtendedHandshake {
        ut_metadata: Some(2),
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
    use sha2::{Digest, Sha256};
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
fn captured_engine_signature_is_valid_over_its_digest() {
    let node_id = unhex("40efe2ebc9eb5d73a5426a4725051800f0f533764938c0c01ca8baa24197615a");
    let digest = unhex("712d9c54a29b9f80eb8b2654d13ed81d492202efcc815389c5edd75f4870daa0");
    let signature = unhex(concat!(
        "95ecf73d080efedd51b5c89d2fec3c80e563683ea5fd17446eaf69253f67a5c6",
        "86b1be055f65cab596a05dd897a015865378ab2b854abcabb2e62137c6ac9c02",
    ));
    let key = ed25519_dalek::VerifyingKey::from_bytes(&node_id.try_into().unwrap()).unwrap();
    let signature = ed25519_dalek::Signature::from_bytes(&signature.try_into().unwrap());
    assert!(key.verify_strict(&digest, &signature).is_ok());
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
