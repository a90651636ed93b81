//! AES-128 as segments are locked with it, for an origin that locks and a player that unlocks.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};

pub const KEY: [u8; 16] = *b"sixteen is a key";

/// The initialisation vector of a segment whose playlist names none.
pub fn iv_of(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

pub fn lock(bytes: &[u8], iv: [u8; 16]) -> Vec<u8> {
    cbc::Encryptor::<aes::Aes128>::new(&KEY.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(bytes)
}

pub fn unlock(bytes: &[u8], key: [u8; 16], iv: [u8; 16]) -> Option<Vec<u8>> {
    cbc::Decryptor::<aes::Aes128>::new(&key.into(), &iv.into()).decrypt_padded_vec::<Pkcs7>(bytes).ok()
}
