//! The newest segments of one stream, within bounds: what its playlist tells, and what slow players may
//! still ask for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::base::limits::{HLS_HELD_EXTRA_SEGMENTS, HLS_HELD_MAX_SEGMENTS, HLS_HELD_MIN_SEGMENTS};
use crate::http::hls::segment::Segment;
use crate::swarm::hls::event::SegmentInfo;

/// Segments in the order of their numbers, which have holes where some were never listed.
#[derive(Debug, Default)]
pub struct Shelf {
    segments: VecDeque<Segment>,
    bytes: u64,
}

impl Shelf {
    /// Takes a new segment, or what is newly known of one that is held. One that is older than the newest
    /// and not held is ignored.
    pub fn list(&mut self, info: Arc<SegmentInfo>, serial: u64) {
        let number = info.piece.number;
        if let Some(segment) = self.get_mut(number) {
            return segment.update(info);
        }
        if self.newest().is_none_or(|newest| newest.info.piece.number < number) {
            self.segments.push_back(Segment::new(serial, info));
        }
    }

    /// Takes a chunk of a segment that is held.
    pub fn put(&mut self, number: u64, chunk: u16, data: Bytes) {
        let added = self.get_mut(number).map_or(0, |segment| segment.put(chunk, data));
        self.bytes += added;
    }

    /// Learns that a segment was delivered whole.
    pub fn complete(&mut self, number: u64, length: u64) {
        if let Some(segment) = self.get_mut(number) {
            segment.complete(length);
        }
    }

    /// Gives a segment up.
    pub fn lose(&mut self, number: u64) {
        let freed = self.get_mut(number).map_or(0, Segment::lose);
        self.bytes -= freed;
    }

    pub fn get(&self, number: u64) -> Option<&Segment> {
        self.place(number).map(|at| &self.segments[at])
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut Segment> {
        self.place(number).map(|at| &mut self.segments[at])
    }

    fn place(&self, number: u64) -> Option<usize> {
        self.segments.binary_search_by_key(&number, |segment| segment.info.piece.number).ok()
    }

    pub fn newest(&self) -> Option<&Segment> {
        self.segments.back()
    }

    /// Those held, oldest first.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.segments.iter()
    }

    /// Those that the playlist tells of: of the newest numbers, as many as the origin lists, from the first
    /// one that is not lost on. Numbers may be missing between them.
    pub fn listed(&self) -> impl Iterator<Item = &Segment> {
        let first = self.newest().map_or(0, |newest| {
            let count = u64::from(newest.info.listed_count).min(HLS_HELD_MAX_SEGMENTS as u64);
            newest.info.piece.number.saturating_sub(count.saturating_sub(1))
        });
        let is_past = move |segment: &&Segment| segment.info.piece.number < first || segment.is_lost();
        self.segments.iter().skip_while(is_past)
    }

    /// Drops what is beyond the bounds.
    pub fn prune(&mut self, max_span: Duration) {
        while (self.is_long() || self.span() > max_span) && self.drop_oldest() {}
    }

    fn is_long(&self) -> bool {
        let listed = self.newest().map_or(0, |segment| segment.info.listed_count as usize);
        self.segments.len() > listed.saturating_add(HLS_HELD_EXTRA_SEGMENTS).min(HLS_HELD_MAX_SEGMENTS)
    }

    fn span(&self) -> Duration {
        let total = self.segments.iter().fold(0_u64, |sum, one| sum.saturating_add(one.info.duration_us));
        Duration::from_micros(total)
    }

    /// Drops the oldest segment, if there is one to spare.
    pub fn drop_oldest(&mut self) -> bool {
        let dropped = match self.segments.len() > HLS_HELD_MIN_SEGMENTS {
            true => self.segments.pop_front(),
            false => None,
        };
        self.bytes -= dropped.as_ref().map_or(0, Segment::bytes);
        dropped.is_some()
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::hls::segment::tests::info;

    fn shelf(numbers: impl IntoIterator<Item = u64>) -> Shelf {
        let mut shelf = Shelf::default();
        for number in numbers {
            shelf.list(Arc::new(info(0, number)), number);
            shelf.prune(Duration::from_secs(90));
        }
        shelf
    }

    fn numbers<'a>(segments: impl Iterator<Item = &'a Segment>) -> Vec<u64> {
        segments.map(|segment| segment.info.piece.number).collect()
    }

    #[test]
    fn playlist_tells_as_many_as_the_origin_and_three_more_are_held() {
        let shelf = shelf(1..=20);
        assert_eq!(numbers(shelf.listed()), [17, 18, 19, 20]);
        assert_eq!(numbers(shelf.segments()), [14, 15, 16, 17, 18, 19, 20]);
    }

    #[test]
    fn jump_of_the_numbers_leaves_the_past_behind() {
        let shelf = shelf([1, 2, 3, 1_000_000_000, u64::MAX - 1]);
        assert_eq!(numbers(shelf.listed()), [u64::MAX - 1]);
    }

    #[test]
    fn hole_leaves_room_for_the_missing_numbers() {
        assert_eq!(numbers(shelf([1, 2, 3, 4, 7]).listed()), [4, 7]);
    }

    #[test]
    fn lost_segments_at_the_front_are_told_no_more() {
        let mut shelf = shelf(1..=4);
        shelf.lose(1);
        shelf.lose(3);
        assert_eq!(numbers(shelf.listed()), [2, 3, 4]);
    }

    #[test]
    fn older_numbers_are_ignored_and_the_same_number_is_updated() {
        let mut shelf = shelf([5, 6]);
        shelf.list(Arc::new(info(0, 4)), 9);
        shelf.list(Arc::new(SegmentInfo { length: Some(3), ..info(0, 5) }), 9);
        assert_eq!(numbers(shelf.segments()), [5, 6]);
        assert_eq!(shelf.get(5).map(|segment| (segment.serial, segment.length())), Some((5, Some(3))));
    }

    #[test]
    fn long_segments_leave_at_least_three() {
        let mut shelf = Shelf::default();
        for number in 1..=9 {
            shelf.list(Arc::new(SegmentInfo { duration_us: u64::MAX, ..info(0, number) }), number);
            shelf.prune(Duration::from_secs(90));
        }
        assert_eq!(numbers(shelf.segments()), [7, 8, 9]);
    }

    #[test]
    fn many_tiny_segments_are_bounded() {
        let mut shelf = Shelf::default();
        for number in 0..1_000 {
            let tiny = SegmentInfo { duration_us: 0, listed_count: u32::MAX, ..info(0, number) };
            shelf.list(Arc::new(tiny), number);
            shelf.prune(Duration::from_secs(90));
        }
        assert_eq!(shelf.segments().count(), HLS_HELD_MAX_SEGMENTS);
    }

    #[test]
    fn room_is_made_from_the_oldest_until_three_are_left() {
        let mut shelf = shelf(1..=5);
        shelf.put(1, 0, Bytes::from_static(b"four"));
        shelf.put(9, 0, Bytes::from_static(b"of a segment not held"));
        assert_eq!(shelf.bytes(), 4);
        assert_eq!([shelf.drop_oldest(), shelf.drop_oldest(), shelf.drop_oldest()], [true, true, false]);
        assert_eq!((numbers(shelf.segments()), shelf.bytes()), (vec![3, 4, 5], 0));
    }
}
