//! The receiver's side: chunks in, a verified piece or the names of those who sent it out.

use bytes::Bytes;
use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::geometry::Geometry;
use super::piece::VerifiedPiece;
use super::verifier::{PayloadDigest, Verifier};
use crate::base::ids::{LinkId, PieceId};
use crate::wire::hls::entry::Content;

/// What became of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    Stored,
    /// Every chunk is there: verify now.
    Complete,
    Duplicate,
    /// Not a chunk of this shape, or a time that is no time.
    Malformed,
    /// Its hash is another one.
    False,
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

/// How a piece is cut, and what proves it.
#[derive(Debug, Clone)]
pub enum Shape {
    /// MPEG-TS: all pieces alike, a signature at the end of each.
    Signed(Geometry),
    /// HLS: a segment of any length, a hash for each chunk.
    Hashed(Content),
}

impl Shape {
    pub fn chunks(&self) -> u16 {
        match self {
            Self::Signed(geometry) => geometry.chunks_per_piece(),
            Self::Hashed(content) => content.chunks(),
        }
    }

    fn chunk_bytes(&self, chunk: u16) -> usize {
        match self {
            Self::Signed(geometry) => geometry.chunk_length(),
            Self::Hashed(content) => content.chunk_bytes(chunk),
        }
    }
}

struct Received {
    data: Bytes,
    from: LinkId,
    time: f64,
}

/// A piece that is being collected. Bytes that were not verified cannot be read.
pub struct Assembly {
    id: PieceId,
    shape: Shape,
    chunks: Vec<Option<Received>>,
    missing: usize,
}

impl Assembly {
    pub fn new(id: PieceId, shape: Shape) -> Self {
        let count = usize::from(shape.chunks());
        Self { id, shape, chunks: (0..count).map(|_| None).collect(), missing: count }
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    pub fn has(&self, chunk: u16) -> bool {
        self.chunks.get(usize::from(chunk)).is_some_and(Option::is_some)
    }

    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// Takes a chunk. Where chunks have hashes it is checked now.
    pub fn add(&mut self, chunk: u16, data: Bytes, time: f64, from: LinkId) -> Added {
        let Some(slot) = self.chunks.get_mut(usize::from(chunk)) else { return Added::Malformed };
        let is_time = time.is_finite() && time > 0.0;
        if data.len() != self.shape.chunk_bytes(chunk) || !is_time {
            return Added::Malformed;
        }
        if let Some(known) = slot {
            let is_false = matches!(self.shape, Shape::Hashed(_)) && known.data != data;
            return if is_false { Added::False } else { Added::Duplicate };
        }
        if let Shape::Hashed(content) = &self.shape
            && content.hash(chunk) != Some(&Sha256::digest(&data).into())
        {
            return Added::False;
        }
        *slot = Some(Received { data, from, time });
        self.missing -= 1;
        if self.missing == 0 { Added::Complete } else { Added::Stored }
    }

    /// Who sent each chunk, in order.
    pub fn senders(&self) -> Vec<LinkId> {
        self.chunks.iter().flatten().map(|part| part.from).collect()
    }

    /// A chunk whose hash was checked; none of a piece that is signed as a whole.
    pub fn verified_chunk(&self, chunk: u16) -> Option<&Bytes> {
        let part = self.chunks.get(usize::from(chunk))?.as_ref();
        part.filter(|_| matches!(self.shape, Shape::Hashed(_))).map(|part| &part.data)
    }

    /// All chunks whose hashes were checked.
    pub fn verified_chunks(&self) -> impl Iterator<Item = (u16, &Bytes)> {
        (0..self.shape.chunks()).filter_map(|chunk| Some((chunk, self.verified_chunk(chunk)?)))
    }

    /// The piece, once all its chunks were checked; `time` is when the origin showed it.
    pub fn join(self, time: f64) -> Option<VerifiedPiece> {
        let Shape::Hashed(content) = &self.shape else { return None };
        let chunks: Option<Box<[Bytes]>> =
            self.chunks.into_iter().map(|part| part.map(|part| part.data)).collect();
        let digest = content_digest(content);
        Some(VerifiedPiece::new(self.id, time, chunks?, content.length() as usize, digest))
    }

    /// Checks the signature over all chunks. Call when [`Assembly::is_complete`]; an incomplete piece
    /// counts as forged.
    pub fn verify(self, verifier: &Verifier) -> Result<VerifiedPiece, Forged> {
        let time = self.most_frequent_time();
        let received: Vec<Received> = self.chunks.into_iter().flatten().collect();
        let forged = |received: &[Received]| {
            let parts = received.iter().map(|part| (part.from, &part.data));
            Err(Forged { contributions: contributions(parts) })
        };
        let Shape::Signed(geometry) = &self.shape else { return forged(&received) };
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
            return forged(&received);
        }
        let chunks = received.into_iter().map(|part| part.data).collect();
        Ok(VerifiedPiece::new(self.id, time, chunks, geometry.payload_length(), digest))
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

/// The verified chunks that are here, a bit each, most significant first.
pub fn chunk_bits(assembly: &Assembly) -> Bytes {
    let mut bits = vec![0; usize::from(assembly.shape.chunks()).div_ceil(8)];
    for (chunk, _) in assembly.verified_chunks() {
        bits[usize::from(chunk / 8)] |= 0x80 >> (chunk % 8);
    }
    bits.into()
}

/// Names a content in as many bytes as a payload's digest has.
pub(super) fn content_digest(content: &Content) -> PayloadDigest {
    let hashes = (0..content.chunks()).filter_map(|chunk| content.hash(chunk));
    let digest = hashes.fold(Sha256::new(), |digest, hash| digest.chain_update(hash)).finalize();
    std::array::from_fn(|at| digest[at])
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
