//! How a stream is cut: pieces, their chunks, and the signature at the end of each piece.

use std::ops::Range;
use std::time::Duration;

use crate::base::limits::{CHUNK_LENGTH_MAX_BYTES, CHUNK_LENGTH_MIN_BYTES, PIECE_LENGTH_MAX_BYTES};

/// Chunk length of every stream seen in the wild.
pub const DEFAULT_CHUNK_LENGTH: u32 = 16 * 1024;
const CHOSEN_PIECE_LENGTH: Range<u32> = 64 * 1024..1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    #[error(
        "chunk length {0} is not a power of two from {CHUNK_LENGTH_MIN_BYTES} to {CHUNK_LENGTH_MAX_BYTES}"
    )]
    ChunkLength(u32),
    #[error(
        "piece length {piece_length} is not a multiple of chunk length {chunk_length}, of at most {PIECE_LENGTH_MAX_BYTES}"
    )]
    PieceLength { piece_length: u32, chunk_length: u32 },
    #[error("piece length {piece_length} leaves no room beside a signature of {signature_length} bytes")]
    SignatureLength { piece_length: u32, signature_length: u32 },
}

/// Lengths in bytes, valid together: at least one chunk a piece, at most 65,535, and room for payload
/// beside the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    piece_length: u32,
    chunk_length: u32,
    signature_length: u32,
}

impl Geometry {
    pub fn new(piece_length: u32, chunk_length: u32, signature_length: u32) -> Result<Self, GeometryError> {
        if !chunk_length.is_power_of_two()
            || !(CHUNK_LENGTH_MIN_BYTES..=CHUNK_LENGTH_MAX_BYTES).contains(&chunk_length)
        {
            return Err(GeometryError::ChunkLength(chunk_length));
        }
        let chunks = piece_length / chunk_length;
        if !piece_length.is_multiple_of(chunk_length)
            || piece_length > PIECE_LENGTH_MAX_BYTES
            || !(1..=u32::from(u16::MAX)).contains(&chunks)
        {
            return Err(GeometryError::PieceLength { piece_length, chunk_length });
        }
        if signature_length == 0 || signature_length >= piece_length {
            return Err(GeometryError::SignatureLength { piece_length, signature_length });
        }
        Ok(Self { piece_length, chunk_length, signature_length })
    }

    /// The power of two nearest to one second of media, from 64 KiB to 1 MiB.
    pub fn choose_piece_length(bytes_per_second: u64) -> u32 {
        let (smallest, largest) = (u64::from(CHOSEN_PIECE_LENGTH.start), u64::from(CHOSEN_PIECE_LENGTH.end));
        let target = bytes_per_second.clamp(smallest, largest);
        let above = target.next_power_of_two();
        let below = above / 2;
        let nearest = if above - target <= target - below { above } else { below };
        nearest.clamp(smallest, largest) as u32
    }

    pub fn piece_length(&self) -> usize {
        self.piece_length as usize
    }

    pub fn chunk_length(&self) -> usize {
        self.chunk_length as usize
    }

    pub fn signature_length(&self) -> usize {
        self.signature_length as usize
    }

    /// Bytes of media in a piece: all but the signature.
    pub fn payload_length(&self) -> usize {
        (self.piece_length - self.signature_length) as usize
    }

    pub fn chunks_per_piece(&self) -> u16 {
        (self.piece_length / self.chunk_length) as u16
    }

    /// Where chunk `chunk` lies in its piece; `None` beyond the last one.
    pub fn chunk_range(&self, chunk: u16) -> Option<Range<usize>> {
        let start = usize::from(chunk) * self.chunk_length();
        (chunk < self.chunks_per_piece()).then(|| start..start + self.chunk_length())
    }

    /// How long a piece plays at `bytes_per_second`, between 10 ms and 60 s; 1 s when it is unknown (0).
    pub fn piece_duration(&self, bytes_per_second: u64) -> Duration {
        if bytes_per_second == 0 {
            return Duration::from_secs(1);
        }
        let seconds = self.payload_length() as f64 / bytes_per_second as f64;
        Duration::from_secs_f64(seconds.clamp(0.01, 60.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn piece_length_of_observed_broadcasts_is_chosen() {
        for (bitrate, piece_length) in
            [(0, 65536), (8_375, 65536), (100_000, 131_072), (295_972, 262_144), (902_408, 1_048_576)]
        {
            assert_eq!(Geometry::choose_piece_length(bitrate), piece_length, "at {bitrate}");
        }
        assert_eq!(Geometry::choose_piece_length(u64::MAX), 1_048_576);
    }

    #[test]
    fn absurd_lengths_are_refused() {
        assert_eq!(Geometry::new(65536, 1000, 96), Err(GeometryError::ChunkLength(1000)));
        assert_eq!(Geometry::new(65536, 512, 96), Err(GeometryError::ChunkLength(512)));
        for piece_length in [0, 8192, 65537, PIECE_LENGTH_MAX_BYTES * 2] {
            let error = GeometryError::PieceLength { piece_length, chunk_length: 16384 };
            assert_eq!(Geometry::new(piece_length, 16384, 96), Err(error));
        }
        assert!(matches!(Geometry::new(1024, 1024, 1024), Err(GeometryError::SignatureLength { .. })));
    }

    #[test]
    fn chunks_tile_the_piece() {
        let geometry = Geometry::new(65536, 16384, 96).unwrap();
        assert_eq!(geometry.chunks_per_piece(), 4);
        assert_eq!(geometry.chunk_range(3), Some(49152..65536));
        assert_eq!(geometry.chunk_range(4), None);
        assert_eq!(geometry.payload_length(), 65440);
    }

    #[test]
    fn duration_follows_the_bitrate() {
        let geometry = Geometry::new(65536, 16384, 96).unwrap();
        assert_eq!(geometry.piece_duration(65440), Duration::from_secs(1));
        assert_eq!(geometry.piece_duration(0), Duration::from_secs(1));
        assert_eq!(geometry.piece_duration(1), Duration::from_secs(60));
    }
}
