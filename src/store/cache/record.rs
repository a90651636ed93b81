//! How a piece lies on disk: a head that names it, and the piece as it goes over the wire.
//!
//! The source's signature covers neither number nor time: the head has a check of its own, and names the
//! content, so that a head and a piece of two writes never pass as one.

use sha1::{Digest, Sha1};

use crate::base::ids::Infohash;
use crate::live::archive::KeptPiece;
use crate::live::piece::VerifiedPiece;

/// Changes with the layout: files of another one are written over.
const MAGIC: &[u8; 8] = b"ACLIVE01";
const NAMED_BYTES: usize = 64;
/// Bytes before the piece.
pub const HEAD_BYTES: usize = NAMED_BYTES + 20;

/// The bytes of a piece's record.
pub fn encode(infohash: Infohash, piece: &VerifiedPiece) -> Vec<u8> {
    let length: usize = piece.chunks().map(|chunk| chunk.len()).sum();
    let mut record = Vec::with_capacity(HEAD_BYTES + length);
    record.extend_from_slice(MAGIC);
    record.extend_from_slice(&infohash.0);
    record.extend_from_slice(&piece.number().to_be_bytes());
    record.extend_from_slice(&piece.time().to_be_bytes());
    record.extend_from_slice(piece.digest());
    let check = Sha1::digest(&record);
    record.extend_from_slice(&check);
    piece.chunks().for_each(|chunk| record.extend_from_slice(chunk));
    record
}

/// What a head says; `None` unless it is whole and of this broadcast.
pub fn read_head(infohash: Infohash, record: &[u8]) -> Option<KeptPiece> {
    let (named, rest) = record.split_at_checked(NAMED_BYTES)?;
    let (magic, named_fields) = named.split_first_chunk::<8>()?;
    let (of, fields) = named_fields.split_first_chunk::<20>()?;
    let (number, fields) = fields.split_first_chunk::<8>()?;
    let (time, digest) = fields.split_first_chunk::<8>()?;
    let is_whole = rest.get(..20) == Some(&Sha1::digest(named)[..]);
    let is_ours = magic == MAGIC && *of == infohash.0;
    (is_whole && is_ours).then_some(KeptPiece {
        number: u64::from_be_bytes(*number),
        time: f64::from_be_bytes(*time),
        digest: digest.try_into().ok()?,
    })
}
