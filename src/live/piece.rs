//! A piece whose signature was checked. The type is the proof.

use std::sync::Arc;

use bytes::Bytes;

use super::geometry::Geometry;
use super::verifier::PayloadDigest;

/// A signed piece of the stream, verified. Only the signer ([`super::cutter`]) and the verifier
/// ([`super::assembler`]) make one; everything that serves, stores or plays takes this type. Cloning
/// shares the bytes.
#[derive(Debug, Clone)]
pub struct VerifiedPiece(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    number: u64,
    time: f64,
    chunks: Box<[Bytes]>,
    payload_length: usize,
    digest: PayloadDigest,
}

impl VerifiedPiece {
    pub(super) fn new(
        number: u64,
        time: f64,
        chunks: Box<[Bytes]>,
        geometry: &Geometry,
        digest: PayloadDigest,
    ) -> Self {
        Self(Arc::new(Inner { number, time, chunks, payload_length: geometry.payload_length(), digest }))
    }

    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// When the source made the piece, Unix seconds. Not covered by the signature.
    pub fn time(&self) -> f64 {
        self.0.time
    }

    /// SHA-1 over the payload.
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
