//! AES-128-CBC of media segments, undone as the bytes come. The padding is known at the end only, so the
//! last block is always held back.

use aes::Aes128;
use aes::cipher::{Block, BlockModeDecrypt, KeyIvInit};

use super::error::OriginError;

/// Bytes of a block, a key and a vector.
pub(super) const BLOCK_BYTES: usize = 16;

pub(super) struct Decryptor {
    cipher: cbc::Decryptor<Aes128>,
    /// At least one byte of what was pushed, at most a block.
    held: Vec<u8>,
}

impl Decryptor {
    pub(super) fn new(key: &[u8; BLOCK_BYTES], iv: &[u8; BLOCK_BYTES]) -> Self {
        Self { cipher: cbc::Decryptor::new(key.into(), iv.into()), held: Vec::new() }
    }

    /// What can be told of the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let blocks = self.held.len().saturating_sub(1) / BLOCK_BYTES;
        let rest = self.held.split_off(blocks * BLOCK_BYTES);
        let mut clear = std::mem::replace(&mut self.held, rest);
        let (blocks, _) = Block::<Aes128>::slice_as_chunks_mut(&mut clear);
        self.cipher.decrypt_blocks(blocks);
        clear
    }

    /// What is left, without its padding.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, OriginError> {
        let mut clear = std::mem::take(&mut self.held);
        let block = clear.as_mut_slice().try_into().map_err(|_| OriginError::Undecryptable)?;
        self.cipher.decrypt_block(block);
        let padding = usize::from(clear.last().copied().unwrap_or_default());
        let kept = BLOCK_BYTES.checked_sub(padding).filter(|_| padding > 0);
        let kept = kept.ok_or(OriginError::Undecryptable)?;
        if clear[kept..].iter().any(|&byte| usize::from(byte) != padding) {
            return Err(OriginError::Undecryptable);
        }
        clear.truncate(kept);
        Ok(clear)
    }
}

#[cfg(test)]
mod tests {
    use aes::cipher::BlockModeEncrypt;
    use aes::cipher::block_padding::Pkcs7;
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 16] = [7; 16];
    const IV: [u8; 16] = [9; 16];

    fn encrypted(clear: &[u8]) -> Vec<u8> {
        cbc::Encryptor::<Aes128>::new(&KEY.into(), &IV.into()).encrypt_padded_vec::<Pkcs7>(clear)
    }

    proptest! {
        #[test]
        fn what_was_encrypted_comes_back_however_it_is_cut(clear: Vec<u8>, cut in 1usize..40) {
            let mut decryptor = Decryptor::new(&KEY, &IV);
            let mut got: Vec<u8> = Vec::new();
            for bytes in encrypted(&clear).chunks(cut) {
                got.extend(decryptor.push(bytes));
            }
            got.extend(decryptor.finish().unwrap());
            prop_assert_eq!(got, clear);
        }
    }

    #[test]
    fn damage_and_wrong_keys_are_noticed_at_the_end() {
        let cases = [(vec![], "empty"), (encrypted(b"abc")[..15].to_vec(), "cut"), (vec![1; 32], "noise")];
        for (bytes, what) in cases {
            let mut decryptor = Decryptor::new(&KEY, &IV);
            decryptor.push(&bytes);
            assert!(matches!(decryptor.finish(), Err(OriginError::Undecryptable)), "{what}");
        }
    }
}
