//! One stream: its segments from the oldest kept to the newest known, and the ones held whole.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::segment::Segment;
use crate::live::window::Window;

/// Where a node joins: so many segments before the newest, as players do.
const JOIN_SEGMENTS: u64 = 3;
/// Kept whatever the bounds.
pub const KEPT_MIN: usize = 3;
/// Segments remembered of one stream, whatever their durations.
pub const SEGMENTS_MAX: usize = 256;
/// Entries of a stream that others tell us come in a burst: so long until the newest is known.
const SETTLING: Duration = Duration::from_millis(100);

pub struct Stream {
    pub epoch: u64,
    pub segments: BTreeMap<u64, Segment>,
    pub held: Window,
    /// The first segment that this node wants; `None` before it joined.
    pub start: Option<u64>,
    /// When it may join.
    pub joins_at: Instant,
    /// The next segment to tell players of.
    pub next_listed: u64,
    /// The origin's newest as peers tell it.
    pub newest_told: Option<u64>,
}

impl Stream {
    pub fn new(now: Instant, epoch: u64) -> Self {
        Self {
            epoch,
            segments: BTreeMap::new(),
            held: Window::new(SEGMENTS_MAX),
            start: None,
            joins_at: now + SETTLING,
            next_listed: 0,
            newest_told: None,
        }
    }

    pub fn newest(&self) -> Option<u64> {
        self.segments.last_key_value().map(|(&number, _)| number)
    }

    /// Joins behind the newest segment known; `false` when there is none or it joined before.
    pub fn join(&mut self) -> bool {
        let Some(newest) = self.newest().filter(|_| self.start.is_none()) else { return false };
        let behind = (newest + 1).saturating_sub(JOIN_SEGMENTS);
        let Some((&start, _)) = self.segments.range(behind..).next() else { return false };
        self.start = Some(start);
        self.next_listed = start;
        true
    }

    /// The segment was dropped for good: an origin whose playlist reaches further back than our window shows
    /// it again with every reading.
    pub fn leave_behind(&mut self, number: u64) {
        self.start = self.start.map(|start| start.max(number.saturating_add(1)));
    }

    /// Numbers of segments that are wanted, and neither here nor given up.
    pub fn open(&self) -> Vec<u64> {
        let Some(start) = self.start else { return Vec::new() };
        let open = self.segments.range(start..).filter(|(_, segment)| segment.is_open());
        open.map(|(&number, _)| number).collect()
    }

    /// Whether something after `number` is here.
    pub fn has_later(&self, number: u64) -> bool {
        self.held.newest().is_some_and(|newest| newest > number)
    }

    /// The number after a hole that lasted long enough: segments come in order, but some never do.
    pub fn next_after_hole(&self, now: Instant) -> Option<u64> {
        let (&number, _) = self.segments.range(self.next_listed..).next()?;
        self.hole_ends_at().is_some_and(|at| now >= at).then_some(number)
    }

    /// When a hole before the next known segment is given up.
    pub fn hole_ends_at(&self) -> Option<Instant> {
        let (_, later) = self.segments.range(self.next_listed..).next()?;
        Some(later.since + later.duration())
    }

    pub fn held_bytes(&self) -> u64 {
        let pieces = self.held.newest_numbers(0).filter_map(|number| self.held.get(number));
        pieces.map(|piece| piece.payload_length() as u64).sum()
    }

    /// The oldest segment that is to go: beyond `span` of stream, or too many.
    pub fn surplus(&self, span: Duration) -> Option<u64> {
        if self.segments.len() <= KEPT_MIN {
            return None;
        }
        let (&oldest, _) = self.segments.first_key_value()?;
        let newer: Duration = self.segments.values().skip(1).map(Segment::duration).sum();
        (newer >= span || self.segments.len() > SEGMENTS_MAX).then_some(oldest)
    }
}
