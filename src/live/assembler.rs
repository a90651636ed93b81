//! The receiver's side: chunks in, a verified piece or the names of those who sent it out.

use bytes::Bytes;
use sha1::{Digest, Sha1};

use super::geometry::Geometry;
use super::piece::VerifiedPiece;
use super::verifier::Verifier;
use crate::base::ids::LinkId;

/// What became of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    Stored,
    /// Every chunk is there: verify now.
    Complete,
    Duplicate,
    /// Not a chunk of this geometry, or a time that is no time.
    Malformed,
}

/// Who sent a chunk of a piece that failed, and what it hashed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contribution {
    pub chunk: u16,
    pub from: LinkId,
    pub digest: [u8; 20],
}

/// A piece whose signature is wrong: somebody lied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forged {
    pub contributions: Vec<Contribution>,
}

struct Received {
    data: Bytes,
    from: LinkId,
    time: f64,
}

/// A piece that is being collected. Its bytes cannot be read until they are verified.
pub struct Assembly {
    number: u64,
    chunks: Vec<Option<Received>>,
    missing: usize,
}

impl Assembly {
    pub fn new(number: u64, geometry: &Geometry) -> Self {
        let count = usize::from(geometry.chunks_per_piece());
        Self { number, chunks: (0..count).map(|_| None).collect(), missing: count }
    }

    pub fn has(&self, chunk: u16) -> bool {
        self.chunks.get(usize::from(chunk)).is_some_and(Option::is_some)
    }

    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }

    pub fn add(&mut self, geometry: &Geometry, chunk: u16, data: Bytes, time: f64, from: LinkId) -> Added {
        let Some(slot) = self.chunks.get_mut(usize::from(chunk)) else { return Added::Malformed };
        let is_time = time.is_finite() && time > 0.0;
        if data.len() != geometry.chunk_length() || !is_time {
            return Added::Malformed;
        }
        if slot.is_some() {
            return Added::Duplicate;
        }
        *slot = Some(Received { data, from, time });
        self.missing -= 1;
        if self.missing == 0 { Added::Complete } else { Added::Stored }
    }

    /// Who sent each chunk, in order.
    pub fn senders(&self) -> Vec<LinkId> {
        self.chunks.iter().flatten().map(|part| part.from).collect()
    }

    /// Checks the signature over all chunks. Call when [`Assembly::is_complete`]; an incomplete piece
    /// counts as forged.
    pub fn verify(self, geometry: &Geometry, verifier: &Verifier) -> Result<VerifiedPiece, Forged> {
        let time = self.most_frequent_time();
        let received: Vec<Received> = self.chunks.into_iter().flatten().collect();
        let mut payload_left = geometry.payload_length();
        let mut hash = Sha1::new();
        let mut signature = Vec::with_capacity(geometry.signature_length());
        for part in &received {
            let (payload, tail) = part.data.split_at(part.data.len().min(payload_left));
            hash.update(payload);
            payload_left -= payload.len();
            signature.extend_from_slice(tail);
        }
        let digest = hash.finalize().into();
        if !verifier.is_valid(&digest, &signature) {
            let parts = received.iter().map(|part| (part.from, &part.data));
            return Err(Forged { contributions: contributions(parts) });
        }
        let chunks = received.into_iter().map(|part| part.data).collect();
        Ok(VerifiedPiece::new(self.number, time, chunks, geometry, digest))
    }

    /// The time is not signed: what most chunks say stands, the earliest of equals.
    fn most_frequent_time(&self) -> f64 {
        let mut times: Vec<f64> = self.chunks.iter().flatten().map(|part| part.time).collect();
        times.sort_by(f64::total_cmp);
        let mut best = (0, 0.0);
        for run in times.chunk_by(|a, b| a == b) {
            if run.len() > best.0 {
                best = (run.len(), run[0]);
            }
        }
        best.1
    }
}

/// What each sender gave to a piece.
pub fn contributions<'a>(parts: impl Iterator<Item = (LinkId, &'a Bytes)>) -> Vec<Contribution> {
    let contribution = |(chunk, (from, data)): (usize, (LinkId, &Bytes))| Contribution {
        chunk: chunk as u16,
        from,
        digest: Sha1::digest(data).into(),
    };
    parts.enumerate().map(contribution).collect()
}
