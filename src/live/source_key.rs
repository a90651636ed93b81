//! The keys that sign a stream, as `<name>.sauth` holds them: RSA for every engine, Ed25519 for ours.

use bytes::Bytes;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa::pkcs8::EncodePublicKey;
use rsa::rand_core::CryptoRngCore;
use rsa::{BigUint, RsaPrivateKey};

use super::verifier::{PayloadDigest, Verifier, scheme};
use crate::wire::descriptor::StreamKey;

/// Sizes of RSA keys that can be minted.
pub const KEY_BITS_RANGE: std::ops::RangeInclusive<usize> = 768..=4096;
/// What other engines mint, and the only size that they are known to read.
pub const DEFAULT_KEY_BITS: usize = 768;
const PUBLIC_EXPONENT: u8 = 3;
const RSA_BEGIN: &str = "-----BEGIN RSA PRIVATE KEY-----";
const STREAM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
/// What the RSA key signs to vouch for the stream's Ed25519 key.
const CERTIFICATE_DOMAIN: &[u8] = b"start-engine stream key v1\0";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceKeyError {
    #[error("no RSA private key in PKCS#1 PEM form")]
    NoRsaKey,
    #[error("RSA private key is damaged: {0}")]
    BadRsaKey(String),
    #[error("stream key is damaged: {0}")]
    BadStreamKey(String),
    #[error("cannot make an RSA key of {bits} bits: {why}")]
    Generate { bits: usize, why: String },
    #[error("cannot write the key: {0}")]
    Encode(String),
}

/// Both private keys of a stream.
pub struct SourceKey {
    rsa: RsaPrivateKey,
    stream: ed25519_dalek::SigningKey,
}

impl SourceKey {
    /// Mints both keys; takes some milliseconds at 768 bits, seconds at 4096.
    pub fn generate(bits: usize, rng: &mut impl CryptoRngCore) -> Result<Self, SourceKeyError> {
        let rsa = RsaPrivateKey::new_with_exp(rng, bits, &BigUint::from(PUBLIC_EXPONENT))
            .map_err(|error| SourceKeyError::Generate { bits, why: error.to_string() })?;
        Ok(Self { rsa, stream: mint_stream_key(rng) })
    }

    /// Reads PEM text: an RSA key, and the Ed25519 key unless another engine wrote the file. The flag
    /// says whether the second key was missing and has been minted, so that the file wants writing.
    pub fn from_pem(text: &str, rng: &mut impl CryptoRngCore) -> Result<(Self, bool), SourceKeyError> {
        let rsa_pem = block(text, RSA_BEGIN).ok_or(SourceKeyError::NoRsaKey)?;
        let rsa = RsaPrivateKey::from_pkcs1_pem(rsa_pem)
            .map_err(|error| SourceKeyError::BadRsaKey(error.to_string()))?;
        let Some(stream_pem) = block(text, STREAM_BEGIN) else {
            return Ok((Self { rsa, stream: mint_stream_key(rng) }, true));
        };
        let stream = ed25519_dalek::SigningKey::from_pkcs8_pem(stream_pem)
            .map_err(|error| SourceKeyError::BadStreamKey(error.to_string()))?;
        Ok((Self { rsa, stream }, false))
    }

    /// The content of a `.sauth` file.
    pub fn to_pem(&self) -> Result<String, SourceKeyError> {
        let rsa = self.rsa.to_pkcs1_pem(rsa::pkcs1::LineEnding::LF);
        let rsa = rsa.map_err(|error| SourceKeyError::Encode(error.to_string()))?;
        let stream = self.stream.to_pkcs8_pem(LineEnding::LF);
        let stream = stream.map_err(|error| SourceKeyError::Encode(error.to_string()))?;
        Ok(format!("{}{}", rsa.as_str(), stream.as_str()))
    }

    /// The RSA public key as the descriptor holds it.
    pub fn public_spki_der(&self) -> Result<Bytes, SourceKeyError> {
        let der = self.rsa.to_public_key().to_public_key_der();
        der.map(|der| Bytes::from(der.into_vec())).map_err(|error| SourceKeyError::Encode(error.to_string()))
    }

    pub fn verifier(&self) -> Verifier {
        Verifier::from_key(self.rsa.to_public_key())
    }

    /// The stream's Ed25519 public key with the RSA signature that vouches for it.
    pub fn certified_stream_key(&self, rng: &mut impl CryptoRngCore) -> Result<StreamKey, SourceKeyError> {
        let public_key = self.stream.verifying_key().to_bytes();
        let signature = self.sign(&certificate_digest(&public_key), rng)?.into();
        Ok(StreamKey { public_key, signature })
    }

    /// Signs a digest; always the same bytes for the same digest, `rng` only blinds the arithmetic.
    pub fn sign(
        &self,
        digest: &PayloadDigest,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Vec<u8>, SourceKeyError> {
        let signature = self.rsa.sign_with_rng(rng, scheme(), digest);
        signature.map_err(|error| SourceKeyError::Encode(error.to_string()))
    }
}

/// Whether the holder of the RSA key vouched for the stream key.
pub fn is_certified(key: &StreamKey, verifier: &Verifier) -> bool {
    verifier.is_valid(&certificate_digest(&key.public_key), &key.signature)
}

fn certificate_digest(public: &[u8; 32]) -> PayloadDigest {
    use sha1::{Digest, Sha1};
    Sha1::new().chain_update(CERTIFICATE_DOMAIN).chain_update(public).finalize().into()
}

fn mint_stream_key(rng: &mut impl CryptoRngCore) -> ed25519_dalek::SigningKey {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    ed25519_dalek::SigningKey::from_bytes(&seed)
}

/// The PEM block of `text` that begins with the line `begin`.
fn block<'a>(text: &'a str, begin: &str) -> Option<&'a str> {
    let text = &text[text.find(begin)?..];
    let end_line = begin.replace("BEGIN", "END");
    let end = text.find(&end_line)? + end_line.len();
    Some(&text[..end])
}
