//! The newest packets of a stream, within a bound of bytes and of seconds, and the points to start at.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::base::limits::PLAYOUT_MAX_POINTS;
use crate::media::random_access::Point;
use crate::media::ts::PACKET_BYTES;

/// A run of whole packets.
#[derive(Debug)]
struct Run {
    /// Bytes of the stream before it.
    start: u64,
    /// Seconds of stream at its end.
    end_time: f64,
    packets: Bytes,
}

/// Offsets count the bytes of whole packets ever appended.
#[derive(Debug)]
pub struct Ring {
    runs: VecDeque<Run>,
    points: VecDeque<Point>,
    end: u64,
    max_bytes: u64,
    max_span: Duration,
}

impl Ring {
    pub fn new(max_bytes: u64, max_span: Duration) -> Self {
        Self { runs: VecDeque::new(), points: VecDeque::new(), end: 0, max_bytes, max_span }
    }

    /// The offset of the oldest byte held.
    pub fn start(&self) -> u64 {
        self.runs.front().map_or(self.end, |run| run.start)
    }

    /// Takes a run of whole packets that ends at `end_time` seconds of stream. The newest run is always
    /// kept, however large.
    pub fn append(&mut self, packets: Bytes, end_time: f64) {
        let start = self.end;
        self.end += packets.len() as u64;
        self.runs.push_back(Run { start, end_time, packets });
        while self.runs.len() > 1 && self.is_over(end_time) {
            self.runs.pop_front();
        }
        let oldest = self.start();
        while self.points.front().is_some_and(|point| point.offset < oldest) {
            self.points.pop_front();
        }
    }

    fn is_over(&self, now: f64) -> bool {
        let too_old = |run: &Run| now - run.end_time > self.max_span.as_secs_f64();
        self.end - self.start() > self.max_bytes || self.runs.front().is_some_and(too_old)
    }

    /// Takes a point whose packet was appended or comes next. Points out of order, or of packets that
    /// already left, are dropped; so is the oldest beyond the limit.
    pub fn add_point(&mut self, point: Point) {
        let is_newer = self.points.back().is_none_or(|last| last.offset < point.offset);
        if !is_newer || point.offset < self.start() {
            return;
        }
        if self.points.len() == PLAYOUT_MAX_POINTS {
            self.points.pop_front();
        }
        self.points.push_back(point);
    }

    /// The newest point at least `buffer` of stream before `now`, else the oldest held.
    pub fn point_before(&self, now: f64, buffer: Duration) -> Option<&Point> {
        let latest = now - buffer.as_secs_f64();
        let after = self.points.partition_point(|point| point.time <= latest);
        self.points.get(after.saturating_sub(1))
    }

    /// Whole packets from `offset` on, which must not be before the start: up to `max_bytes` but at least
    /// one, without copying. Returns the offset after them.
    pub fn read(&self, offset: u64, max_bytes: usize, out: &mut Vec<Bytes>) -> u64 {
        let first = self.runs.partition_point(|run| run.start + run.packets.len() as u64 <= offset);
        let mut room = (max_bytes / PACKET_BYTES).max(1) * PACKET_BYTES;
        let mut at = offset;
        for run in self.runs.range(first..) {
            if room == 0 {
                break;
            }
            let skip = at.saturating_sub(run.start) as usize;
            let taken = room.min(run.packets.len() - skip);
            out.push(run.packets.slice(skip..skip + taken));
            at += taken as u64;
            room -= taken;
        }
        at
    }
}
