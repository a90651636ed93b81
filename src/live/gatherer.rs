//! Collects a media segment that this node reads from the origin itself, chunk after chunk.
//!
//! What the node fetched is what it believes: there is nothing to check it against. The result is the
//! content that others can check theirs against.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::assembler::content_digest;
use super::piece::VerifiedPiece;
use crate::base::ids::PieceId;
use crate::base::limits::SEGMENT_CHUNKS_MAX;
use crate::wire::hls::entry::{ChunkHash, Content};

/// A segment on its way from the origin.
#[derive(Debug)]
pub struct Gatherer {
    id: PieceId,
    chunks: Vec<Bytes>,
    hashes: Vec<ChunkHash>,
}

impl Gatherer {
    pub fn new(id: PieceId) -> Self {
        Self { id, chunks: Vec::new(), hashes: Vec::new() }
    }

    /// Chunks that are there.
    pub fn chunks(&self) -> u16 {
        self.chunks.len() as u16
    }

    pub fn chunk(&self, chunk: u16) -> Option<&Bytes> {
        self.chunks.get(usize::from(chunk))
    }

    /// Takes the next chunk; `false` when there are too many already.
    pub fn push(&mut self, data: Bytes) -> bool {
        let fits = self.chunks() < SEGMENT_CHUNKS_MAX;
        if fits {
            self.hashes.push(Sha256::digest(&data).into());
            self.chunks.push(data);
        }
        fits
    }

    /// The whole segment, which the origin showed at `time` (Unix seconds). `None` when it is empty or a
    /// chunk before the last one is not full.
    pub fn finish(self, time: f64) -> Option<(Content, VerifiedPiece)> {
        let length = self.chunks.iter().map(Bytes::len).sum::<usize>();
        let content = Content::new(length as u64, self.hashes)?;
        let is_even = (0..).zip(&self.chunks).all(|(n, data)| data.len() == content.chunk_bytes(n));
        let digest = content_digest(&content);
        let piece = VerifiedPiece::new(self.id, time, self.chunks.into(), length, digest);
        is_even.then_some((content, piece))
    }
}
