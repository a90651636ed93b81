//! What the playlists of a broadcast say: the origin's segments, durations and tags, with addresses of this
//! node. A segment that is lost keeps its place as a gap, so that all others keep their numbers.

use std::iter::repeat_n;

use crate::base::ids::Infohash;
use crate::http::hls::holdings::Holdings;
use crate::http::hls::segment::Segment;
use crate::http::hls::shelf::Shelf;
use crate::media::playlist::write::{self, WriteMap, WriteMedia, WriteSegment};
use crate::swarm::hls::event::SegmentInfo;
use crate::wire::hls::catalog::Catalog;
use crate::wire::hls::segment::{InitId, Tags};

/// Boxes that an initialisation section which is not encrypted begins with.
const FIRST_BOXES: [&[u8]; 6] = [b"ftyp", b"styp", b"moov", b"free", b"sidx", b"emsg"];

/// The master playlist.
pub fn master(infohash: Infohash, catalog: &Catalog) -> String {
    write::master(catalog, |stream| format!("/ace/m/{infohash}/{stream}.m3u8"))
}

/// The media playlist of a stream; `None` as long as there is nothing to tell.
pub fn media(infohash: Infohash, holdings: &Holdings, stream: u32) -> Option<String> {
    let listed: Vec<_> = holdings.shelf(stream).map(Shelf::listed)?.collect();
    let (first, newest) = (listed.first()?, listed.last()?);
    let writer = Writer { infohash, holdings };
    Some(write::media(WriteMedia {
        target_duration_s: newest.info.target_duration_s,
        first_number: first.info.piece.number,
        discontinuity_sequence: first.info.discontinuities_before,
        segments: writer.segments(&listed),
    }))
}

struct Writer<'a> {
    infohash: Infohash,
    holdings: &'a Holdings,
}

impl Writer<'_> {
    fn segments(&self, listed: &[&Segment]) -> Vec<WriteSegment> {
        let mut segments = Vec::new();
        let mut before: Option<&SegmentInfo> = None;
        for segment in listed {
            if let Some(before) = before {
                segments.extend(self.missing(before, &segment.info));
            }
            segments.push(self.segment(segment));
            before = Some(&segment.info);
        }
        segments
    }

    fn segment(&self, segment: &Segment) -> WriteSegment {
        let info = &segment.info;
        WriteSegment {
            uri: self.uri(info, info.piece.number),
            duration_us: info.duration_us,
            tags: Tags { gap: info.tags.gap || segment.is_lost(), ..info.tags.clone() },
            map: info.init.map(|id| self.map(id, info)),
            key: info.key.clone(),
        }
    }

    /// Stand-ins for the numbers between two segments, with the discontinuities that were among them.
    fn missing(&self, before: &SegmentInfo, after: &SegmentInfo) -> impl Iterator<Item = WriteSegment> {
        let numbers = before.piece.number + 1..after.piece.number;
        let told = before.discontinuities_before.saturating_add(u64::from(before.tags.discontinuity));
        let untold = after.discontinuities_before.saturating_sub(told);
        let untold = usize::try_from(untold).unwrap_or(usize::MAX);
        let discontinuities = repeat_n(true, untold).chain(std::iter::repeat(false));
        numbers.zip(discontinuities).map(|(number, discontinuity)| WriteSegment {
            uri: self.uri(after, number),
            duration_us: after.duration_us,
            tags: Tags { discontinuity, gap: true, program_date_time: None },
            map: after.init.map(|id| self.map(id, after)),
            key: after.key.clone(),
        })
    }

    fn uri(&self, info: &SegmentInfo, number: u64) -> String {
        let suffix = if info.init.is_some() { "m4s" } else { "ts" };
        format!("/ace/c/{}/{}/{number}.{suffix}", self.infohash, info.piece.stream)
    }

    /// An initialisation section that is no plain one is locked like the segments that it belongs to.
    fn map(&self, id: InitId, info: &SegmentInfo) -> WriteMap {
        let is_plain = self
            .holdings
            .init(id)
            .is_none_or(|bytes| bytes.get(4..8).is_some_and(|first_box| FIRST_BOXES.contains(&first_box)));
        let key = info.key.clone().filter(|_| !is_plain);
        WriteMap { uri: format!("/ace/c/{}/init/{id}.mp4", self.infohash), key }
    }
}
