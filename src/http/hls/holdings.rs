//! All that a broadcast holds for players, as the swarm delivers it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::base::ids::PieceId;
use crate::base::limits::{HLS_HELD_MAX_BYTES, HLS_HELD_MAX_SPAN, HLS_INITS_MAX, HLS_STREAMS_MAX};
use crate::http::hls::segment::Segment;
use crate::http::hls::shelf::Shelf;
use crate::swarm::hls::event::HlsDelivery;
use crate::wire::hls::catalog::Catalog;
use crate::wire::hls::segment::InitId;

/// What is held at most, beside the few segments that every stream needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Of all streams together.
    pub max_bytes: u64,
    /// Of each stream.
    pub max_span: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { max_bytes: HLS_HELD_MAX_BYTES, max_span: HLS_HELD_MAX_SPAN }
    }
}

/// The streams and their segments.
#[derive(Debug)]
pub struct Holdings {
    bounds: Bounds,
    catalog: Option<Arc<Catalog>>,
    /// Oldest first.
    inits: VecDeque<(InitId, Bytes)>,
    shelves: BTreeMap<u32, Shelf>,
    next_serial: u64,
}

impl Holdings {
    pub fn new(bounds: Bounds) -> Self {
        let (inits, shelves) = (VecDeque::new(), BTreeMap::new());
        Self { bounds, catalog: None, inits, shelves, next_serial: 0 }
    }

    /// Takes what the swarm delivers. What is said of a segment that was not listed before, or of a stream
    /// that is not in the catalog, is ignored.
    pub fn take(&mut self, delivery: HlsDelivery) {
        match delivery {
            HlsDelivery::Catalog(catalog) => self.set_catalog(catalog),
            HlsDelivery::Init { id, bytes } => self.put_init(id, bytes),
            HlsDelivery::Listed(info) if self.may_have_stream(info.piece.stream) => {
                let shelf = self.shelves.entry(info.piece.stream).or_default();
                shelf.list(info, self.next_serial);
                self.next_serial += 1;
                shelf.prune(self.bounds.max_span);
            }
            HlsDelivery::Listed(_) => {}
            HlsDelivery::Chunk { piece, chunk, data } => {
                self.of(piece.stream, |shelf| shelf.put(piece.number, chunk, data));
                self.make_room();
            }
            HlsDelivery::Complete { piece, length } => {
                self.of(piece.stream, |shelf| shelf.complete(piece.number, length));
            }
            HlsDelivery::Lost { piece } => self.of(piece.stream, |shelf| shelf.lose(piece.number)),
            HlsDelivery::Reset { stream, .. } => self.forget(stream),
        }
    }

    fn set_catalog(&mut self, catalog: Arc<Catalog>) {
        self.shelves.retain(|&stream, _| (stream as usize) < catalog.streams.len());
        self.catalog = Some(catalog);
    }

    fn put_init(&mut self, id: InitId, bytes: Bytes) {
        self.inits.retain(|(known, _)| *known != id);
        self.inits.push_back((id, bytes));
        if self.inits.len() > HLS_INITS_MAX {
            let in_use = |id: &InitId| self.all_segments().any(|segment| segment.info.init == Some(*id));
            let spare = self.inits.iter().position(|(id, _)| !in_use(id)).unwrap_or_default();
            self.inits.remove(spare);
        }
    }

    fn all_segments(&self) -> impl Iterator<Item = &Segment> {
        self.shelves.values().flat_map(Shelf::segments)
    }

    fn of(&mut self, stream: u32, change: impl FnOnce(&mut Shelf)) {
        if let Some(shelf) = self.shelves.get_mut(&stream) {
            change(shelf);
        }
    }

    fn make_room(&mut self) {
        while self.shelves.values().map(Shelf::bytes).sum::<u64>() > self.bounds.max_bytes {
            let mut by_bytes: Vec<_> = self.shelves.values_mut().collect();
            by_bytes.sort_by_key(|shelf| std::cmp::Reverse(shelf.bytes()));
            if !by_bytes.into_iter().any(Shelf::drop_oldest) {
                return;
            }
        }
    }

    /// Drops all that is held of a stream.
    pub fn forget(&mut self, stream: u32) {
        self.shelves.remove(&stream);
    }

    pub fn catalog(&self) -> Option<&Arc<Catalog>> {
        self.catalog.as_ref()
    }

    fn may_have_stream(&self, stream: u32) -> bool {
        let count = self.catalog.as_ref().map_or(HLS_STREAMS_MAX as usize, |catalog| catalog.streams.len());
        (stream as usize) < count
    }

    /// The segments of a stream; `None` before the first one was listed.
    pub fn shelf(&self, stream: u32) -> Option<&Shelf> {
        self.shelves.get(&stream)
    }

    /// A segment that players were told of and that is still held.
    pub fn segment(&self, piece: PieceId) -> Option<&Segment> {
        self.shelf(piece.stream)?.get(piece.number)
    }

    pub fn init(&self, id: InitId) -> Option<&Bytes> {
        self.inits.iter().find(|(known, _)| *known == id).map(|(_, bytes)| bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::hls::segment::tests::info;
    use crate::swarm::hls::event::SegmentInfo;
    use crate::wire::hls::catalog::{Stream, Variant};

    fn holdings(streams: usize) -> Holdings {
        let mut holdings = Holdings::new(Bounds { max_bytes: 100, max_span: Duration::from_secs(90) });
        holdings.take(catalog(streams));
        holdings
    }

    fn catalog(streams: usize) -> HlsDelivery {
        let streams = vec![Stream::Variant(Variant::default()); streams];
        HlsDelivery::Catalog(Arc::new(Catalog { streams, ..Catalog::default() }))
    }

    fn list(holdings: &mut Holdings, info: SegmentInfo) {
        holdings.take(HlsDelivery::Listed(Arc::new(info)));
    }

    fn put(holdings: &mut Holdings, stream: u32, number: u64, bytes: usize) {
        list(holdings, info(stream, number));
        let piece = PieceId { stream, number };
        holdings.take(HlsDelivery::Chunk { piece, chunk: 0, data: vec![0; bytes].into() });
    }

    #[test]
    fn stream_that_holds_most_makes_room() {
        let mut holdings = holdings(2);
        (1..=4).for_each(|number| put(&mut holdings, 0, number, 5));
        (1..=5).for_each(|number| put(&mut holdings, 1, number, 18));
        let held = |stream| holdings.shelf(stream).map(|shelf| (shelf.segments().count(), shelf.bytes()));
        assert_eq!((held(0), held(1)), (Some((4, 20)), Some((4, 72))));
    }

    #[test]
    fn three_segments_of_each_stream_are_held_however_large() {
        let mut holdings = holdings(1);
        (1..=5).for_each(|number| put(&mut holdings, 0, number, 1_000));
        assert_eq!(holdings.shelf(0).map(Shelf::bytes), Some(3_000));
    }

    #[test]
    fn initialisation_sections_in_use_outlive_those_that_are_not() {
        let mut holdings = holdings(1);
        let id = |n: usize| InitId([n as u8; 32]);
        for n in 0..HLS_INITS_MAX + 2 {
            holdings.take(HlsDelivery::Init { id: id(n), bytes: Bytes::new() });
            if n == 0 {
                list(&mut holdings, SegmentInfo { init: Some(id(0)), ..info(0, 1) });
            }
        }
        let held: Vec<_> = (0..4).map(|n| holdings.init(id(n)).is_some()).collect();
        assert_eq!(held, [true, false, false, true]);
    }

    #[test]
    fn streams_are_those_of_the_newest_catalog() {
        let mut holdings = holdings(2);
        put(&mut holdings, 1, 1, 5);
        put(&mut holdings, 2, 1, 5);
        assert!(holdings.shelf(1).is_some() && holdings.shelf(2).is_none());
        holdings.take(catalog(1));
        put(&mut holdings, 1, 2, 5);
        assert!(holdings.shelf(1).is_none());
    }

    #[test]
    fn segments_may_be_listed_before_the_streams_are_known() {
        let mut holdings = Holdings::new(Bounds::default());
        put(&mut holdings, 1, 1, 5);
        put(&mut holdings, HLS_STREAMS_MAX, 1, 5);
        holdings.take(catalog(2));
        assert_eq!(holdings.shelf(1).map(Shelf::bytes), Some(5));
        assert!(holdings.shelf(HLS_STREAMS_MAX).is_none());
    }
}
