//! Captured signatures of an official source node, and the synthetic vector.

use bytes::Bytes;
use rsa::rand_core::OsRng;
use sha1::{Digest, Sha1};
use start_engine::base::hex;
use start_engine::live::cutter::Cutter;
use start_engine::live::verifier::Verifier;

use crate::{geometry, make_pieces, unhex, vector_key, vectors, verifier};

const CAPTURED_KEY: &str = "307a300d06092a864886f70d01010105000369003066026100b4ca12d5503177669880b49c7426ab81ed8f4862aaa4c25267145dd13b08a05dfdce0a1ff0a395b04829c697f9e0e54a732c75f364477b7ccf9548480d8d7a36491811a0be7ae832227330983967018ebc80a8c6ec176f4201a68d9589cf6cfd020103";
const CAPTURED: [(&str, &str); 2] = [
    (
        "d1bb7a94a7c1dd8592209b550aebdf907d1c5bdb",
        "174a80ffcf7e22cd66384988e70fe44770fdfb9ded4145f42214b035f2362227a5aabb83f0aeaa44397a9b080e8dd6eb9b854a6bd7636385b0261fae8707fa74df7b17a939b4def19b76f1c07d6f1470fe45aead3a634dbdd5214ae41b486421",
    ),
    (
        "4337259f752ea85f96f9b47471e994acc7cfc8cd",
        "3427f90d94d6eaf0a701be32f5c047431106c10feefd08930dc8affb8816957e2194cfd9635e17d032b1f8332a1fbed939b6289278e1a6629d7f657e9de903a457f7e224b319164011a6490a2359de443be864cce060d84882f01918dc45538b",
    ),
];

#[test]
fn captured_signatures_of_an_official_source_verify() {
    let verifier = Verifier::from_spki_der(&unhex(CAPTURED_KEY)).expect("the captured key");
    assert_eq!(verifier.signature_length(), 96);
    for (digest, signature) in CAPTURED {
        let digest = hex::decode(digest).expect("a digest");
        let signature = unhex(signature);
        assert!(verifier.is_valid(&digest, &signature));
        for bit in [0, 1, 383, 767] {
            let mut damaged = signature.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!verifier.is_valid(&digest, &damaged), "bit {bit}");
        }
        assert!(!verifier.is_valid(&[0; 20], &signature));
        assert!(!verifier.is_valid(&digest, &signature[..95]));
        assert!(!verifier.is_valid(&digest, &[]));
    }
}

#[test]
fn cutter_signs_the_synthetic_vector_to_the_byte() {
    let piece = &vectors()["piece"];
    let media: Vec<u8> = (0..65440u32).map(|i| (7 * i + 3) as u8).collect();
    assert_eq!(hex::Hex(&Sha1::digest(&media)).to_string(), piece["payload_sha1"].as_str().expect("hex"));
    let mut cutter = Cutter::new(geometry(), vector_key(), OsRng, 0);
    let made = cutter.push(Bytes::from(media), 1.0).expect("signs").remove(0);
    let whole: Vec<u8> = made.chunks().flatten().copied().collect();
    assert_eq!(whole.len(), 65536);
    assert_eq!(hex::Hex(&whole[65440..]).to_string(), piece["signature_hex"].as_str().expect("hex"));
    assert_eq!(hex::Hex(&Sha1::digest(&whole)).to_string(), piece["piece_sha1"].as_str().expect("hex"));
}

#[test]
fn public_key_of_the_vector_is_what_the_descriptor_holds() {
    let der = vector_key().public_spki_der().expect("der");
    assert_eq!(hex::Hex(&der).to_string(), vectors()["pubkey_spki_hex"].as_str().expect("hex"));
}

#[test]
fn payload_of_pieces_is_one_continuous_stream() {
    let media: Vec<u8> = (0..3 * 65440u32).map(|i| (i % 251) as u8).collect();
    let mut cutter = Cutter::new(geometry(), vector_key(), OsRng, 7);
    let mut pieces = Vec::new();
    for run in media.chunks(188 * 7) {
        pieces.extend(cutter.push(Bytes::copy_from_slice(run), 5.0).expect("signs"));
    }
    let numbers: Vec<_> = pieces.iter().map(|piece| piece.number()).collect();
    assert_eq!(numbers, [7, 8, 9]);
    let payload: Vec<u8> = pieces.iter().flat_map(|piece| piece.payload()).flatten().collect();
    assert_eq!(payload, media);
    let times: Vec<_> = pieces.iter().map(|piece| piece.time()).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "times rise though the clock stood still: {times:?}");
    assert_eq!(cutter.next_number(), 10);
}

#[test]
fn garbage_is_no_public_key() {
    assert!(Verifier::from_spki_der(b"abc").is_err());
    assert!(Verifier::from_spki_der(&[]).is_err());
    assert!(verifier().signature_length() == 96 && make_pieces(0, 1).len() == 1);
}
