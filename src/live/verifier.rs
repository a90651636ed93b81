//! Checks that payload came from the source: RSASSA-PKCS1-v1_5 over SHA-1, any key size.

use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Sign, RsaPublicKey};

/// SHA-1 over the payload of a piece.
pub type PayloadDigest = [u8; 20];

/// The DER prefix that PKCS#1 v1.5 puts before a SHA-1 digest.
const SHA1_PREFIX: [u8; 15] =
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];

pub(super) fn scheme() -> Pkcs1v15Sign {
    Pkcs1v15Sign { hash_len: Some(20), prefix: SHA1_PREFIX.into() }
}

/// The descriptor's public key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("public key of the stream is not a usable RSA key: {0}")]
pub struct PublicKeyError(String);

/// The source's RSA public key.
#[derive(Debug, Clone)]
pub struct Verifier {
    key: RsaPublicKey,
}

impl Verifier {
    /// Reads an X.509 SubjectPublicKeyInfo in DER, as the descriptor holds it.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, PublicKeyError> {
        let key =
            RsaPublicKey::from_public_key_der(der).map_err(|error| PublicKeyError(error.to_string()))?;
        Ok(Self { key })
    }

    pub(super) fn from_key(key: RsaPublicKey) -> Self {
        Self { key }
    }

    /// Bytes of a signature: the length of the modulus.
    pub fn signature_length(&self) -> usize {
        self.key.size()
    }

    pub fn is_valid(&self, digest: &PayloadDigest, signature: &[u8]) -> bool {
        self.key.verify(scheme(), digest, signature).is_ok()
    }
}
