//! One media segment on its way to players: its verified chunks, which come in any order and go out in
//! order.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::swarm::hls::event::{CHUNK_BYTES, SegmentInfo};

/// A segment that players were told of.
#[derive(Debug)]
pub struct Segment {
    /// Names it among all segments that the hub ever held; later ones have higher serials.
    pub serial: u64,
    pub info: Arc<SegmentInfo>,
    chunks: BTreeMap<u16, Bytes>,
    bytes: u64,
    length: Option<u64>,
    is_lost: bool,
}

/// What there is to read at some place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// At least one byte.
    Data(Bytes),
    NotYet,
    End,
    /// It will not come.
    Lost,
}

impl Segment {
    pub fn new(serial: u64, info: Arc<SegmentInfo>) -> Self {
        let (length, is_lost) = (info.length, info.tags.gap);
        Self { serial, info, chunks: BTreeMap::new(), bytes: 0, length, is_lost }
    }

    /// Takes what is newly known of the same segment.
    pub fn update(&mut self, info: Arc<SegmentInfo>) {
        self.length = info.length.or(self.length);
        self.info = info;
    }

    /// Takes a chunk; the first one of a number stays. Returns the bytes held in addition.
    pub fn put(&mut self, chunk: u16, data: Bytes) -> u64 {
        if self.is_lost || self.chunks.contains_key(&chunk) {
            return 0;
        }
        let added = data.len() as u64;
        self.bytes += added;
        self.chunks.insert(chunk, data);
        added
    }

    pub fn complete(&mut self, length: u64) {
        self.length = Some(length);
    }

    /// Gives the segment up. Returns the bytes that are held no longer.
    pub fn lose(&mut self) -> u64 {
        self.is_lost = true;
        self.chunks.clear();
        std::mem::take(&mut self.bytes)
    }

    pub fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of the whole segment, once known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// What comes at byte `at`, up to the end of its chunk.
    pub fn read(&self, at: u64) -> Part {
        if self.is_lost {
            return Part::Lost;
        }
        if self.length.is_some_and(|length| at >= length) {
            return Part::End;
        }
        let chunk = u16::try_from(at / CHUNK_BYTES as u64).ok().and_then(|chunk| self.chunks.get(&chunk));
        let skipped = (at % CHUNK_BYTES as u64) as usize;
        match chunk {
            Some(data) if skipped < data.len() => Part::Data(data.slice(skipped..)),
            _ => Part::NotYet,
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::base::ids::PieceId;
    use crate::wire::hls::segment::Tags;

    /// What is said of a segment of two seconds, in a playlist of four.
    pub fn info(stream: u32, number: u64) -> SegmentInfo {
        SegmentInfo {
            piece: PieceId { stream, number },
            duration_us: 2_000_000,
            tags: Tags::default(),
            init: None,
            key: None,
            length: None,
            target_duration_s: 2,
            discontinuities_before: 0,
            listed_count: 4,
        }
    }

    fn segment() -> Segment {
        Segment::new(1, Arc::new(info(0, 7)))
    }

    #[test]
    fn chunks_that_come_in_any_order_are_read_in_order() {
        let mut segment = segment();
        assert_eq!(segment.put(1, Bytes::from_static(b"end")), 3);
        assert_eq!(segment.read(0), Part::NotYet);
        segment.put(0, Bytes::from(vec![7; CHUNK_BYTES]));
        assert_eq!(segment.read(5), Part::Data(Bytes::from(vec![7; CHUNK_BYTES - 5])));
        let end = CHUNK_BYTES as u64;
        assert_eq!(segment.read(end + 1), Part::Data(Bytes::from_static(b"nd")));
        assert_eq!(segment.read(end + 3), Part::NotYet, "nobody said that this was all");
        segment.complete(end + 3);
        assert_eq!(segment.read(end + 3), Part::End);
        assert_eq!(segment.read(u64::MAX), Part::End);
    }

    #[test]
    fn chunk_that_comes_again_changes_nothing() {
        let mut segment = segment();
        segment.put(0, Bytes::from_static(b"first"));
        assert_eq!(segment.put(0, Bytes::from_static(b"second")), 0);
        assert_eq!((segment.read(0), segment.bytes()), (Part::Data(Bytes::from_static(b"first")), 5));
    }

    #[test]
    fn lost_segment_holds_nothing_and_takes_nothing() {
        let mut segment = segment();
        segment.put(0, Bytes::from_static(b"first"));
        assert_eq!(segment.lose(), 5);
        assert_eq!(segment.put(1, Bytes::from_static(b"late")), 0);
        assert_eq!((segment.read(0), segment.bytes()), (Part::Lost, 0));
    }

    #[test]
    fn place_beyond_all_chunks_is_not_there() {
        assert_eq!(segment().read(u64::MAX), Part::NotYet);
    }
}
