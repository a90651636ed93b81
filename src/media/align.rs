//! Arbitrary bytes in, whole transport stream packets out.
//!
//! Finds the packet grid of plain (188), M2TS (192) and Reed-Solomon (204) streams, strips what is
//! not packet, and finds the grid again after garbage. A packet passes only when the grid goes on
//! behind it, so a packet that was cut or filled with garbage is dropped, never passed on. Holds
//! back less than six packets, whatever comes in; input that is already aligned is not copied.

use bytes::Bytes;

use super::ts::{PACKET_BYTES, SYNC_BYTE};

/// Distances between sync bytes: bare packets, packets with a time code, packets with parity.
const STRIDES: [usize; 3] = [PACKET_BYTES, 192, 204];
/// Sync bytes in a row that make a grid: five at random are one in 10^12.
const GRID_SYNCS: usize = 5;
/// Bytes behind a position that any decision about it can need.
const LOOKAHEAD_BYTES: usize = (GRID_SYNCS - 1) * 204 + 1;

/// Turns chunks of any size into runs of whole packets.
#[derive(Debug, Default)]
pub struct Aligner {
    /// Undecided bytes: the end of what was pushed.
    tail: Vec<u8>,
    stride: Option<usize>,
    skipped_bytes: u64,
    unsynced_bytes: u64,
}

/// What is decided about the byte at a position.
enum Step {
    /// A good packet starts here.
    Packet { stride: usize },
    /// Not part of a good packet.
    Skip { bytes: usize },
    /// Too few bytes to say.
    Wait,
}

impl Aligner {
    /// Takes the next bytes of the stream; returns runs of whole 188-byte packets, in order.
    pub fn push(&mut self, chunk: Bytes) -> Vec<Bytes> {
        let mut runs = Vec::new();
        let mut start = 0;
        if !self.tail.is_empty() {
            let old = self.tail.len();
            let head = chunk.len().min(LOOKAHEAD_BYTES);
            let mut seam = std::mem::take(&mut self.tail);
            seam.extend_from_slice(&chunk[..head]);
            let seam = Bytes::from(seam);
            let reached = self.advance(&seam, old, &mut runs);
            if reached < old {
                self.tail = seam[reached..].to_vec();
                return runs;
            }
            start = reached - old;
        }
        let reached = self.advance(&chunk.slice(start..), chunk.len(), &mut runs);
        self.tail = chunk[start + reached..].to_vec();
        runs
    }

    /// Ends the stream: the packets that were waiting for their successors, if they are whole. What
    /// comes next starts afresh.
    pub fn finish(&mut self) -> Option<Bytes> {
        let tail = std::mem::take(&mut self.tail);
        let (stride, packets_needed) = match self.stride.take() {
            Some(stride) => (stride, 1),
            None => (PACKET_BYTES, 2),
        };
        let packets: Vec<u8> = tail
            .chunks(stride)
            .filter_map(|unit| unit.get(..PACKET_BYTES))
            .take_while(|packet| packet[0] == SYNC_BYTE)
            .flatten()
            .copied()
            .collect();
        self.skipped_bytes += (tail.len() - packets.len()) as u64;
        (packets.len() >= packets_needed * PACKET_BYTES).then(|| packets.into())
    }

    /// Bytes that were in no packet, since the start.
    pub fn skipped_bytes(&self) -> u64 {
        self.skipped_bytes
    }

    /// Bytes since the last good packet. Above [`crate::base::limits::NOT_TS_AFTER_BYTES`] the input
    /// is surely no transport stream.
    pub fn unsynced_bytes(&self) -> u64 {
        self.unsynced_bytes + self.tail.len() as u64
    }

    /// Decides positions of `bytes` from the start up to `until`; returns the first undecided one.
    fn advance(&mut self, bytes: &Bytes, until: usize, runs: &mut Vec<Bytes>) -> usize {
        let mut at = 0;
        let mut run = Run { start: 0, end: 0 };
        let mut stripped = Vec::new();
        while at < until.min(bytes.len()) {
            match self.decide(&bytes[at..]) {
                Step::Packet { stride } => {
                    self.stride = Some(stride);
                    self.unsynced_bytes = 0;
                    if stride == PACKET_BYTES {
                        flush_copied(&mut stripped, runs);
                        run.extend(at, bytes, runs);
                    } else {
                        run.flush(bytes, runs);
                        stripped.extend_from_slice(&bytes[at..at + PACKET_BYTES]);
                    }
                    at += stride;
                }
                Step::Skip { bytes } => {
                    self.skipped_bytes += bytes as u64;
                    self.unsynced_bytes += bytes as u64;
                    at += bytes;
                }
                Step::Wait => break,
            }
        }
        run.flush(bytes, runs);
        flush_copied(&mut stripped, runs);
        at
    }

    fn decide(&mut self, ahead: &[u8]) -> Step {
        if let Some(stride) = self.stride {
            match on_grid(ahead, stride) {
                Some(true) => return Step::Packet { stride },
                Some(false) if ahead.first() != Some(&SYNC_BYTE) => match grid_from(ahead, stride, 1) {
                    Some(true) => return Step::Skip { bytes: stride },
                    Some(false) => self.stride = None,
                    None => return Step::Wait,
                },
                Some(false) => self.stride = None,
                None => return Step::Wait,
            }
        }
        self.search(ahead)
    }

    /// Looks for the start of a grid at or behind the first byte.
    fn search(&self, ahead: &[u8]) -> Step {
        if ahead.first() != Some(&SYNC_BYTE) {
            let next = ahead.iter().position(|&byte| byte == SYNC_BYTE);
            return Step::Skip { bytes: next.unwrap_or(ahead.len()) };
        }
        if ahead.len() < LOOKAHEAD_BYTES {
            return Step::Wait;
        }
        match STRIDES.into_iter().find(|&stride| grid_from(ahead, stride, 0) == Some(true)) {
            Some(stride) => Step::Packet { stride },
            None => Step::Skip { bytes: 1 },
        }
    }
}

/// Whether a good packet starts here: a sync byte here, and the grid going on behind it, be it
/// after one packet whose sync byte was damaged. `None`: more bytes are needed.
fn on_grid(ahead: &[u8], stride: usize) -> Option<bool> {
    if *ahead.first()? != SYNC_BYTE {
        return Some(false);
    }
    if *ahead.get(stride)? == SYNC_BYTE {
        return Some(true);
    }
    grid_from(ahead, stride, 2)
}

/// Whether sync bytes stand at the places `first..GRID_SYNCS` of the grid. Answers only when all
/// are there, so that the answer does not depend on how the input was cut.
fn grid_from(ahead: &[u8], stride: usize, first: usize) -> Option<bool> {
    ahead.get((GRID_SYNCS - 1) * stride)?;
    Some((first..GRID_SYNCS).all(|place| ahead[place * stride] == SYNC_BYTE))
}

fn flush_copied(packets: &mut Vec<u8>, runs: &mut Vec<Bytes>) {
    if !packets.is_empty() {
        runs.push(std::mem::take(packets).into());
    }
}

/// Neighbouring packets that leave as one slice.
struct Run {
    start: usize,
    end: usize,
}

impl Run {
    fn extend(&mut self, at: usize, bytes: &Bytes, runs: &mut Vec<Bytes>) {
        if at != self.end {
            self.flush(bytes, runs);
            self.start = at;
        }
        self.end = at + PACKET_BYTES;
    }

    fn flush(&mut self, bytes: &Bytes, runs: &mut Vec<Bytes>) {
        if self.end > self.start {
            runs.push(bytes.slice(self.start..self.end));
        }
        self.start = self.end;
    }
}
