//! The private keys of a stream and their file.

use rsa::rand_core::OsRng;
use start_engine::live::source_key::{SourceKey, SourceKeyError, is_certified};

use crate::{vector_key, vector_pem};

#[test]
fn file_of_another_engine_gets_a_second_key_once() {
    let (key, minted) = SourceKey::from_pem(&vector_pem(), &mut OsRng).expect("reads");
    assert!(minted);
    let whole = key.to_pem().expect("pem");
    assert!(whole.starts_with(&vector_pem()));
    let (again, minted) = SourceKey::from_pem(&whole, &mut OsRng).expect("reads");
    assert!(!minted);
    assert_eq!(again.to_pem().expect("pem"), whole);
}

#[test]
fn stream_key_is_vouched_for_by_the_rsa_key_alone() {
    let key = vector_key();
    let mut certified = key.certified_stream_key(&mut OsRng).expect("signs");
    assert!(is_certified(&certified, &key.verifier()));
    certified.public_key[0] ^= 1;
    assert!(!is_certified(&certified, &key.verifier()));
}

#[test]
fn minted_key_has_the_size_asked_for_and_the_usual_exponent() {
    let key = SourceKey::generate(768, &mut OsRng).expect("mints");
    assert_eq!(key.verifier().signature_length(), 96);
    let der = key.public_spki_der().expect("der");
    assert_eq!(der.len(), 124);
    assert_eq!(der[121..], [0x02, 0x01, 0x03][..], "the exponent is the last integer");
}

#[test]
fn other_texts_are_refused_with_their_reason() {
    let read = |text: &str| SourceKey::from_pem(text, &mut OsRng).err();
    assert_eq!(read(""), Some(SourceKeyError::NoRsaKey));
    assert_eq!(read("-----BEGIN RSA PRIVATE KEY-----\n"), Some(SourceKeyError::NoRsaKey));
    let damaged = vector_pem().replace("MIIBy", "MIIBx");
    assert!(matches!(read(&damaged), Some(SourceKeyError::BadRsaKey(_))));
    let with_bad_second =
        format!("{}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", vector_pem());
    assert!(matches!(read(&with_bad_second), Some(SourceKeyError::BadStreamKey(_))));
}
