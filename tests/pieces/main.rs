//! Pieces of the live stream: cut, signed, verified, kept, against captured and synthetic facts.

mod assembly;
mod disk_cache;
mod keys;
mod signatures;
mod windows;

use bytes::Bytes;
use rsa::rand_core::OsRng;
use start_engine::base::hex;
use start_engine::live::cutter::Cutter;
use start_engine::live::geometry::Geometry;
use start_engine::live::piece::VerifiedPiece;
use start_engine::live::source_key::SourceKey;
use start_engine::live::verifier::Verifier;

/// The key of `own-vectors.json`: minting one takes long in an unoptimised build.
pub fn vector_key() -> SourceKey {
    let (key, _) = SourceKey::from_pem(&vector_pem(), &mut OsRng).expect("the vector's key");
    key
}

pub fn vector_pem() -> String {
    use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
    let der = unhex(vectors()["private_pkcs1_der_hex"].as_str().expect("a string"));
    let key = rsa::RsaPrivateKey::from_pkcs1_der(&der).expect("a key");
    key.to_pkcs1_pem(rsa::pkcs1::LineEnding::LF).expect("pem").to_string()
}

pub fn vectors() -> serde_json::Value {
    serde_json::from_str(include_str!("../vectors/own-vectors.json")).expect("json")
}

pub fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("ascii"));
    pairs.map(|pair| hex::decode::<1>(pair).expect("hex")[0]).collect()
}

/// Four chunks of 16 KiB, 96 bytes of signature.
pub fn geometry() -> Geometry {
    Geometry::new(65536, 16384, 96).expect("a geometry")
}

pub fn verifier() -> Verifier {
    vector_key().verifier()
}

/// `count` pieces from `first` on, each with other bytes.
pub fn make_pieces(first: u64, count: u64) -> Vec<VerifiedPiece> {
    let mut cutter = Cutter::new(geometry(), vector_key(), OsRng, first);
    let make = |number: u64| {
        let media: Vec<u8> = (0..65440u64).map(|i| (i * 7 + number * 13) as u8).collect();
        let mut pieces = cutter.push(Bytes::from(media), 1000.0 + number as f64).expect("signs");
        assert_eq!(pieces.len(), 1);
        pieces.remove(0)
    };
    (first..first + count).map(make).collect()
}
