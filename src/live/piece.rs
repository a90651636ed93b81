//! A piece whose signature or hashes were checked. The type is the proof.

use std::sync::Arc;

use bytes::Bytes;

use super::verifier::PayloadDigest;
use crate::base::ids::PieceId;

/// A piece of the stream, verified. Only the signer ([`super::cutter`]), the verifier
/// ([`super::assembler`]), the reader of an origin ([`super::gatherer`]) and who proves again what was kept
/// ([`super::archive`]) make one; everything that serves, stores or plays takes this type. Cloning shares the
/// bytes.
#[derive(Debug, Clone)]
pub struct VerifiedPiece(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: PieceId,
    time: f64,
    chunks: Box<[Bytes]>,
    payload_length: usize,
    digest: PayloadDigest,
}

impl VerifiedPiece {
    pub(super) fn new(
        id: PieceId,
        time: f64,
        chunks: Box<[Bytes]>,
        payload_length: usize,
        digest: PayloadDigest,
    ) -> Self {
        Self(Arc::new(Inner { id, time, chunks, payload_length, digest }))
    }

    pub fn id(&self) -> PieceId {
        self.0.id
    }

    pub fn number(&self) -> u64 {
        self.0.id.number
    }

    pub fn chunk_count(&self) -> u16 {
        self.0.chunks.len() as u16
    }

    /// Bytes of media.
    pub fn payload_length(&self) -> usize {
        self.0.payload_length
    }

    /// When the source made the piece, or the origin showed it, Unix seconds. An MPEG-TS piece's signature
    /// does not cover it.
    pub fn time(&self) -> f64 {
        self.0.time
    }

    /// Names the content: SHA-1 over the payload of an MPEG-TS piece; of a media segment, the first bytes of
    /// SHA-256 over its chunks' hashes.
    pub fn digest(&self) -> &PayloadDigest {
        &self.0.digest
    }

    /// A chunk as it goes over the wire, the signature's bytes included.
    pub fn chunk(&self, chunk: u16) -> Option<&Bytes> {
        self.0.chunks.get(usize::from(chunk))
    }

    /// All chunks in order.
    pub fn chunks(&self) -> impl Iterator<Item = &Bytes> {
        self.0.chunks.iter()
    }

    /// The media bytes in order, without the signature.
    pub fn payload(&self) -> Vec<Bytes> {
        let mut left = self.0.payload_length;
        let parts = self.0.chunks.iter().map(|chunk| {
            let part = chunk.slice(..chunk.len().min(left));
            left -= part.len();
            part
        });
        parts.filter(|part| !part.is_empty()).collect()
    }
}
