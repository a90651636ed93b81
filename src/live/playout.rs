//! The window that all players of one broadcast share: verified payload in, whole packets out.
//!
//! Decides where a player starts, and what a player that is too slow loses: only its own data. Never
//! hands out part of a packet, and never changes one; the tables put before a start carry counters
//! that the stream's own tables continue.

mod joiner;
mod ring;

use std::time::Duration;

use bytes::Bytes;

use crate::base::limits::{PLAYOUT_MAX_BYTES, PLAYOUT_MAX_SPAN};
use crate::media::random_access::Scanner;
use crate::media::ts::{PACKET_BYTES, Packet};
use joiner::Joiner;
use ring::Ring;

/// One player's place in the window.
#[derive(Debug)]
pub struct Cursor {
    buffer: Duration,
    place: Option<Place>,
}

#[derive(Debug)]
struct Place {
    /// Tables to send before the packet at `offset`.
    first: Bytes,
    offset: u64,
}

/// What a player gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// Whole packets, in order.
    Data(Vec<Bytes>),
    /// Everything there is was read, or there is no point to start at so far.
    NothingYet,
    /// The player was too slow: so many bytes of its own are gone, and the next read begins anew at a
    /// point to start at.
    Skipped { lost_bytes: u64 },
}

/// The window of one broadcast.
#[derive(Debug)]
pub struct Playout {
    joiner: Joiner,
    scanner: Scanner,
    ring: Ring,
    last_number: Option<u64>,
    max_span: Duration,
    gaps: u64,
}

impl Default for Playout {
    fn default() -> Self {
        Self::new(PLAYOUT_MAX_BYTES, PLAYOUT_MAX_SPAN)
    }
}

impl Playout {
    /// A window that holds at most `max_bytes` and `max_span` of stream, whichever is less.
    pub fn new(max_bytes: u64, max_span: Duration) -> Self {
        Self {
            joiner: Joiner::default(),
            scanner: Scanner::default(),
            ring: Ring::new(max_bytes, max_span),
            last_number: None,
            max_span,
            gaps: 0,
        }
    }

    /// Takes the payload of a verified piece, its signature cut off, in as many buffers as it lies in.
    /// `time` is the piece's, in seconds. The same number again is ignored. One that does
    /// not follow, since pieces were lost or the stream began anew, tears the stream: the incomplete
    /// packets on both sides are dropped.
    pub fn push(&mut self, number: u64, time: f64, payload: &[Bytes]) {
        let follows = self.last_number.is_none_or(|last| last.checked_add(1) == Some(number));
        if self.last_number == Some(number) {
            return;
        }
        self.last_number = Some(number);
        if !follows {
            self.gaps += 1;
            self.joiner.break_stream();
            self.scanner.note_gap();
        }
        self.scanner.note_piece(time);
        let mut runs = Vec::new();
        for bytes in payload {
            if !self.joiner.push(bytes.clone(), &mut runs) {
                self.scanner.note_gap();
            }
            runs.drain(..).for_each(|run| self.append(run));
        }
    }

    fn append(&mut self, run: Bytes) {
        let mut points = Vec::new();
        let packets = run.chunks_exact(PACKET_BYTES).filter_map(Packet::new);
        points.extend(packets.filter_map(|packet| self.scanner.push(packet)));
        self.ring.append(run, self.scanner.seconds());
        points.into_iter().for_each(|point| self.ring.add_point(point));
    }

    /// A place for a new player: the newest point to start at that is at least `buffer` of stream
    /// behind the newest data, else the oldest point held, else the first one that comes.
    pub fn join(&self, buffer: Duration) -> Cursor {
        let mut cursor = Cursor { buffer, place: None };
        self.is_ready(&mut cursor);
        cursor
    }

    /// Whether the player has a point to start at, which it is given if there is one.
    pub fn is_ready(&self, cursor: &mut Cursor) -> bool {
        if cursor.place.is_none() {
            let point = self.ring.point_before(self.scanner.seconds(), cursor.buffer);
            cursor.place = point.map(|point| Place { first: point.tables.clone(), offset: point.offset });
        }
        cursor.place.is_some()
    }

    /// What comes next for the player: up to `max_bytes` (beside the tables at a start), at least one
    /// packet.
    pub fn read(&self, cursor: &mut Cursor, max_bytes: usize) -> Read {
        if !self.is_ready(cursor) {
            return Read::NothingYet;
        }
        let Some(place) = &mut cursor.place else { return Read::NothingYet };
        let oldest = self.ring.start();
        if place.offset < oldest {
            let lost_bytes = oldest - place.offset;
            cursor.place = None;
            cursor.buffer = cursor.buffer.min(self.max_span / 2);
            return Read::Skipped { lost_bytes };
        }
        let mut out = Vec::new();
        let end = self.ring.read(place.offset, max_bytes, &mut out);
        if out.is_empty() {
            return Read::NothingYet;
        }
        place.offset = end;
        let first = std::mem::take(&mut place.first);
        if !first.is_empty() {
            out.insert(0, first);
        }
        Read::Data(out)
    }

    /// Seconds of stream taken in so far.
    pub fn seconds(&self) -> f64 {
        self.scanner.seconds()
    }

    /// How often the numbers skipped some.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }
}
