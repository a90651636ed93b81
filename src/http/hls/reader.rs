//! One player's way through one segment, which may still be growing.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::ids::PieceId;
use crate::base::limits::HLS_CHUNK_TIMEOUT;
use crate::http::hls::hub::{HlsHub, State};
use crate::http::hls::segment::{Part, Segment};
use crate::http::hls::unavailable::Unavailable;

/// Reads a segment in order. Holds nothing of it: what the hub drops meanwhile is lost for this reader too,
/// and a segment that later gets the same number is another one.
#[derive(Debug)]
pub struct SegmentReader {
    hub: Arc<HlsHub>,
    piece: PieceId,
    serial: u64,
    range: Range<u64>,
    has_asked: bool,
}

impl SegmentReader {
    /// A reader of the segment that now has this number.
    pub fn open(hub: &Arc<HlsHub>, piece: PieceId) -> Result<Self, Unavailable> {
        let segment = |state: &State| {
            let segment = state.holdings.segment(piece).ok_or(Unavailable::NoSuchSegment(piece))?;
            if segment.is_lost() { Err(Unavailable::Lost(piece)) } else { Ok(segment.serial) }
        };
        let serial = segment(&hub.lock())?;
        Ok(Self::of(hub, piece, serial))
    }

    /// A reader of the segment that has this serial.
    pub fn of(hub: &Arc<HlsHub>, piece: PieceId, serial: u64) -> Self {
        Self { hub: Arc::clone(hub), piece, serial, range: 0..u64::MAX, has_asked: false }
    }

    /// Reads only this part from now on.
    pub fn seek(&mut self, range: Range<u64>) {
        self.range = range;
    }

    /// What is known of the segment now; `None` once it is not held any more.
    pub fn look<T>(&self, at: impl FnOnce(&Segment) -> T) -> Option<T> {
        self.segment(&self.hub.lock()).map(at)
    }

    fn segment<'a>(&self, state: &'a State) -> Option<&'a Segment> {
        state.holdings.segment(self.piece).filter(|segment| segment.serial == self.serial)
    }

    /// Waits for the first byte, or the end.
    pub async fn ready(&mut self) -> Result<(), Unavailable> {
        self.part().await.map(drop)
    }

    /// The next bytes, as soon as there are any; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Unavailable> {
        if self.range.is_empty() {
            return Ok(None);
        }
        let Some(mut part) = self.part().await? else { return Ok(None) };
        let left = usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX);
        part.truncate(left);
        self.range.start += part.len() as u64;
        Ok(Some(part))
    }

    async fn part(&mut self) -> Result<Option<Bytes>, Unavailable> {
        let _watch = self.hub.watch(Some(self.piece.stream));
        let look = |state: &State| match self.segment(state).map_or(Part::Lost, |s| s.read(self.range.start))
        {
            Part::NotYet => None,
            part => Some(part),
        };
        if !self.has_asked && look(&self.hub.lock()).is_none() {
            self.hub.ask(self.piece);
        }
        let part = tokio::time::timeout(HLS_CHUNK_TIMEOUT, self.hub.wait_for(look)).await;
        self.has_asked = true;
        match part.map_err(|_| Unavailable::TimedOut(HLS_CHUNK_TIMEOUT))?? {
            Part::Data(data) => Ok(Some(data)),
            Part::End => Ok(None),
            Part::NotYet | Part::Lost => Err(Unavailable::Lost(self.piece)),
        }
    }
}
