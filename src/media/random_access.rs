//! Finds the points of a continuous transport stream at which a player can start.
//!
//! A point is a packet after which a decoder needs nothing earlier but the tables: of the video, a
//! marked or recognised key frame; of a stream without video, the start of any unit. A stream that
//! shows none of these for a bounded time is entered at any unit rather than never.

use bytes::Bytes;

use super::frame_start;
use super::psi::Kind;
use super::tables::{Lead, Tables};
use super::timeline::Timeline;
use super::ts::{NULL_PID, PACKET_BYTES, Packet};
use crate::base::limits::{
    CLEAN_POINT_LONG_PATIENCE_S, CLEAN_POINT_PATIENCE_BYTES, CLEAN_POINT_PATIENCE_S, CLOSED_CODEC_PATIENCE_S,
    FRAME_LOOK_MAX_BYTES, UNIT_POINT_SPACING_S,
};

/// A place to start.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Bytes of the stream before it, whole packets from the first one scanned.
    pub offset: u64,
    /// Seconds of stream before it.
    pub time: f64,
    /// The PAT and PMT packets to send first; empty for a stream that has none.
    pub tables: Bytes,
}

/// A frame whose beginning is still being looked at.
#[derive(Debug)]
struct Candidate {
    point: Point,
    pid: u16,
    kind: Kind,
    pes: Vec<u8>,
}

/// Scans the packets of one stream in order.
#[derive(Debug, Default)]
pub struct Scanner {
    tables: Tables,
    timeline: Timeline,
    pcr_pid: Option<u16>,
    offset: u64,
    candidate: Option<Candidate>,
    /// Where the last point, or the search for the first one, began.
    last_offset: u64,
    last_time: f64,
    seen_key_frame: bool,
    seen_point: bool,
}

impl Scanner {
    /// Bytes of all packets scanned.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Seconds of stream scanned.
    pub fn seconds(&self) -> f64 {
        self.timeline.seconds()
    }

    /// Notes the time of the piece whose packets come next, for streams without a clock.
    pub fn note_piece(&mut self, time: f64) {
        self.timeline.note_piece(time);
    }

    /// Says that packets are missing before the next one.
    pub fn note_gap(&mut self) {
        self.candidate = None;
        self.tables.break_sections();
    }

    /// Reads the next packet. The point returned may lie a few packets back.
    pub fn push(&mut self, packet: Packet<'_>) -> Option<Point> {
        let at = self.offset;
        self.offset += PACKET_BYTES as u64;
        if packet.pid() == NULL_PID || packet.has_transport_error() {
            return None;
        }
        self.note_clock(packet);
        if self.tables.push(packet) {
            return None;
        }
        match self.tables.lead() {
            Some(lead) if lead.stream.pid == packet.pid() => self.look(packet, at, lead),
            Some(_) => None,
            None => {
                let enter = packet.starts_unit() && self.is_out_of_patience(at, CLEAN_POINT_PATIENCE_S);
                enter.then(|| self.accept(self.point(at)))
            }
        }
    }

    fn note_clock(&mut self, packet: Packet<'_>) {
        let Some(pcr) = packet.pcr() else { return };
        let wanted = self.tables.lead().map(|lead| lead.pcr_pid).or(self.pcr_pid).unwrap_or(packet.pid());
        if packet.pid() != wanted {
            return;
        }
        if self.pcr_pid.replace(wanted).is_some_and(|before| before != wanted) {
            self.timeline.break_clock();
        }
        self.timeline.note_pcr(pcr);
    }

    fn look(&mut self, packet: Packet<'_>, at: u64, lead: Lead) -> Option<Point> {
        let kind = lead.stream.kind;
        if packet.starts_unit() {
            self.candidate = None;
        }
        if kind.is_video() && packet.is_random_access() {
            self.candidate = None;
            return Some(self.accept_key_frame(self.point(at)));
        }
        if packet.starts_unit() {
            if self.any_unit_will_do(at, kind, is_scrambled(packet)) {
                return Some(self.accept(self.point(at)));
            }
            let point = self.point(at);
            self.candidate = Some(Candidate { point, pid: packet.pid(), kind, pes: Vec::new() });
        }
        let found = self.candidate.as_mut().is_some_and(|candidate| candidate.grow(packet));
        let point = self.candidate.take_if(|candidate| found || candidate.is_spent())?.point;
        found.then(|| self.accept_key_frame(point))
    }

    fn any_unit_will_do(&self, at: u64, kind: Kind, is_scrambled: bool) -> bool {
        if !kind.is_video() {
            return !self.seen_point || self.seconds() - self.last_time >= UNIT_POINT_SPACING_S;
        }
        let patience_s = match (self.seen_key_frame, is_scrambled || kind == Kind::OtherVideo) {
            (true, _) => CLEAN_POINT_LONG_PATIENCE_S,
            (false, true) => CLOSED_CODEC_PATIENCE_S,
            (false, false) => CLEAN_POINT_PATIENCE_S,
        };
        self.is_out_of_patience(at, patience_s)
    }

    fn is_out_of_patience(&self, at: u64, patience_s: f64) -> bool {
        let patience_s = match self.seen_point && !self.seen_key_frame {
            true => UNIT_POINT_SPACING_S,
            false => patience_s,
        };
        self.seconds() - self.last_time >= patience_s || at - self.last_offset >= CLEAN_POINT_PATIENCE_BYTES
    }

    fn point(&self, offset: u64) -> Point {
        Point { offset, time: self.seconds(), tables: self.tables.packets() }
    }

    fn accept_key_frame(&mut self, point: Point) -> Point {
        self.seen_key_frame = true;
        self.accept(point)
    }

    fn accept(&mut self, point: Point) -> Point {
        self.seen_point = true;
        (self.last_offset, self.last_time) = (point.offset, point.time);
        point
    }
}

/// Whether the payload is encrypted, so that only marks outside it can be read.
fn is_scrambled(packet: Packet<'_>) -> bool {
    packet.bytes()[3] & 0xc0 != 0
}

impl Candidate {
    /// Looks at one more packet; `true` once the frame is known to be a place to start.
    fn grow(&mut self, packet: Packet<'_>) -> bool {
        if packet.pid() != self.pid {
            return false;
        }
        let room = FRAME_LOOK_MAX_BYTES - self.pes.len();
        self.pes.extend(packet.payload().iter().take(room));
        frame_start::is_random_access(self.kind, &self.pes)
    }

    fn is_spent(&self) -> bool {
        self.pes.len() >= FRAME_LOOK_MAX_BYTES
    }
}
