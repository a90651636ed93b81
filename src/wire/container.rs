//! The container of a transport file: magic, version, and the descriptor under AES-128-CBC.
//!
//! Key and vector are the same for every file: they hide nothing, they are the format.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};

use super::transport_file::TransportFileError;
use crate::base::limits::TRANSPORT_FILE_MAX_BYTES;

/// What every transport file begins with.
pub const MAGIC: &[u8; 18] = b"AceStreamTransport";
/// The only version of the format that is known.
pub const VERSION: u16 = 2;

const HEADER_BYTES: usize = MAGIC.len() + 2;
const BLOCK_BYTES: usize = 16;
const KEY: [u8; 16] =
    [0xa5, 0x0c, 0x4e, 0x33, 0xa2, 0xf4, 0x8c, 0xc5, 0x0c, 0xe2, 0x75, 0xc9, 0xff, 0x3a, 0x31, 0xbf];
const INITIAL_VECTOR: [u8; 16] =
    [0x74, 0xe9, 0xcd, 0xd6, 0x39, 0x1b, 0xcb, 0xd5, 0x65, 0xf9, 0x95, 0x03, 0x31, 0x33, 0x29, 0xa3];

/// The bencoded descriptor inside `file`.
pub fn open(file: &[u8]) -> Result<Vec<u8>, TransportFileError> {
    let bytes = file.len();
    if bytes > TRANSPORT_FILE_MAX_BYTES {
        return Err(TransportFileError::TooLarge { bytes, max_bytes: TRANSPORT_FILE_MAX_BYTES });
    }
    if !file.iter().zip(MAGIC).all(|(a, b)| a == b) || file.is_empty() {
        return Err(TransportFileError::NotATransportFile);
    }
    let (header, body) =
        file.split_at_checked(HEADER_BYTES).ok_or(TransportFileError::Truncated { bytes })?;
    let found = header.iter().skip(MAGIC.len()).fold(0, |version, byte| version << 8 | u16::from(*byte));
    if found != VERSION {
        return Err(TransportFileError::WrongVersion { found, expected: VERSION });
    }
    if body.is_empty() || body.len() % BLOCK_BYTES != 0 {
        return Err(TransportFileError::Truncated { bytes });
    }
    cbc::Decryptor::<aes::Aes128>::new(&KEY.into(), &INITIAL_VECTOR.into())
        .decrypt_padded_vec::<Pkcs7>(body)
        .map_err(|_| TransportFileError::Corrupt)
}

/// The file around a bencoded descriptor.
pub fn seal(descriptor: &[u8]) -> Vec<u8> {
    let body = cbc::Encryptor::<aes::Aes128>::new(&KEY.into(), &INITIAL_VECTOR.into())
        .encrypt_padded_vec::<Pkcs7>(descriptor);
    [MAGIC.as_slice(), &VERSION.to_be_bytes(), &body].concat()
}
