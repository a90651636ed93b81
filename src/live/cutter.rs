//! The source's side: a byte stream in, signed pieces out.

use bytes::{Bytes, BytesMut};
use rsa::rand_core::CryptoRngCore;
use sha1::{Digest, Sha1};

use super::geometry::Geometry;
use super::piece::VerifiedPiece;
use super::source_key::{SourceKey, SourceKeyError};
use crate::base::ids::PieceId;

/// Cuts the stream into pieces and signs them. Numbers rise by one and times never fall.
pub struct Cutter<R> {
    geometry: Geometry,
    key: SourceKey,
    rng: R,
    next: u64,
    last_time: f64,
    /// Media of the piece that is being filled.
    filling: BytesMut,
}

/// Smallest step between the times of two pieces, so that they rise even if the clock does not.
const TIME_STEP_S: f64 = 1e-6;

impl<R: CryptoRngCore> Cutter<R> {
    /// `next` is the number of the first piece to be made; `rng` blinds the signatures.
    pub fn new(geometry: Geometry, key: SourceKey, rng: R, next: u64) -> Self {
        let filling = BytesMut::with_capacity(geometry.piece_length());
        Self { geometry, key, rng, next, last_time: 0.0, filling }
    }

    /// The number of the piece that is being filled.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// Takes media bytes that arrived at `time` (Unix seconds) and returns the pieces they complete.
    pub fn push(&mut self, mut media: Bytes, time: f64) -> Result<Vec<VerifiedPiece>, SourceKeyError> {
        let mut pieces = Vec::new();
        while !media.is_empty() {
            let room = self.geometry.payload_length() - self.filling.len();
            self.filling.extend_from_slice(&media.split_to(media.len().min(room)));
            if self.filling.len() == self.geometry.payload_length() {
                pieces.push(self.finish(time)?);
            }
        }
        Ok(pieces)
    }

    fn finish(&mut self, time: f64) -> Result<VerifiedPiece, SourceKeyError> {
        let digest = Sha1::digest(&self.filling).into();
        let signature = self.key.sign(&digest, &mut self.rng)?;
        self.filling.extend_from_slice(&signature);
        let next_buffer = BytesMut::with_capacity(self.geometry.piece_length());
        let bytes = std::mem::replace(&mut self.filling, next_buffer).freeze();
        let ranges = (0..).map_while(|chunk| self.geometry.chunk_range(chunk));
        let chunks = ranges.map(|range| bytes.slice(range)).collect();

        self.last_time = time.max(self.last_time + TIME_STEP_S);
        let id = PieceId { stream: 0, number: self.next };
        let piece = VerifiedPiece::new(id, self.last_time, chunks, self.geometry.payload_length(), digest);
        self.next += 1;
        Ok(piece)
    }
}
