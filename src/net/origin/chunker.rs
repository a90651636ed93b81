//! Cuts the bytes of a segment into its chunks. A full chunk is held while it may be the last one.

use bytes::Bytes;

use super::error::OriginError;
use crate::base::limits::SEGMENT_MAX_BYTES;
use crate::swarm::hls::event::CHUNK_BYTES;

/// A chunk of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub chunk: u16,
    pub data: Bytes,
    pub is_last: bool,
}

pub(super) struct Chunker {
    /// Number of the chunk that is being filled.
    chunk: u16,
    filling: Vec<u8>,
    /// The segment is surely so long.
    at_least: u64,
}

impl Chunker {
    pub(super) fn new(first_chunk: u16, at_least: u64) -> Self {
        Self { chunk: first_chunk, filling: Vec::with_capacity(CHUNK_BYTES), at_least }
    }

    /// The chunks that the next bytes complete.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<Cut>, OriginError> {
        let mut cuts = Vec::new();
        while !bytes.is_empty() {
            if self.filling.len() == CHUNK_BYTES {
                cuts.push(self.cut(false));
            }
            let room = CHUNK_BYTES - self.filling.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.filling.extend_from_slice(now);
            bytes = later;
            if self.end() > SEGMENT_MAX_BYTES {
                return Err(OriginError::TooLarge { max_bytes: SEGMENT_MAX_BYTES });
            }
        }
        if self.filling.len() == CHUNK_BYTES && self.end() < self.at_least {
            cuts.push(self.cut(false));
        }
        Ok(cuts)
    }

    /// The last chunk.
    pub(super) fn finish(mut self) -> Result<Cut, OriginError> {
        if self.filling.is_empty() {
            return Err(OriginError::Short);
        }
        Ok(self.cut(true))
    }

    fn end(&self) -> u64 {
        u64::from(self.chunk) * CHUNK_BYTES as u64 + self.filling.len() as u64
    }

    fn cut(&mut self, is_last: bool) -> Cut {
        let next = if is_last { Vec::new() } else { Vec::with_capacity(CHUNK_BYTES) };
        let data = std::mem::replace(&mut self.filling, next);
        let cut = Cut { chunk: self.chunk, data: Bytes::from(data), is_last };
        // bounded by the longest segment
        self.chunk = self.chunk.saturating_add(1);
        cut
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut_all(segment: &[u8], step: usize, at_least: u64) -> Vec<Cut> {
        let mut chunker = Chunker::new(0, at_least);
        let mut cuts: Vec<Cut> =
            segment.chunks(step).flat_map(|bytes| chunker.push(bytes).unwrap()).collect();
        cuts.push(chunker.finish().unwrap());
        cuts
    }

    proptest! {
        #[test]
        fn chunks_are_the_segment_and_only_the_last_is_shorter(
            length in prop_oneof![1usize..100_000, Just(2 * CHUNK_BYTES), Just(CHUNK_BYTES)],
            step in 1usize..40_000,
            is_length_known: bool,
        ) {
            let segment: Vec<u8> = (0..length).map(|at| (at / 7) as u8).collect();
            let cuts = cut_all(&segment, step, if is_length_known { length as u64 } else { 0 });
            prop_assert_eq!(cuts.iter().flat_map(|cut| cut.data.to_vec()).collect::<Vec<_>>(), segment);
            for (index, cut) in cuts.iter().enumerate() {
                let is_last = index == cuts.len() - 1;
                prop_assert_eq!((usize::from(cut.chunk), cut.is_last), (index, is_last));
                prop_assert!(is_last || cut.data.len() == CHUNK_BYTES);
            }
        }
    }

    #[test]
    fn chunk_goes_on_at_once_when_more_is_sure_to_follow() {
        let full = vec![1; CHUNK_BYTES];
        assert_eq!(Chunker::new(0, CHUNK_BYTES as u64 + 1).push(&full).unwrap().len(), 1);
        assert_eq!(Chunker::new(0, CHUNK_BYTES as u64).push(&full).unwrap().len(), 0);
    }

    #[test]
    fn segments_beyond_the_limit_are_refused() {
        let mut chunker = Chunker::new((SEGMENT_MAX_BYTES / CHUNK_BYTES as u64) as u16, 0);
        assert!(matches!(chunker.push(&[0]), Err(OriginError::TooLarge { .. })));
        assert!(matches!(Chunker::new(0, 0).finish(), Err(OriginError::Short)));
    }
}
