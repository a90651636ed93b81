//! Cuts a continuous byte stream, handed over in buffers of any length, into runs of whole packets.
//!
//! Runs are slices of the buffers; only a packet torn between two buffers, and what is read while the
//! packet boundary is being looked for, is copied.

use bytes::Bytes;

use crate::media::ts::{PACKET_BYTES, SYNC_BYTE};

/// Sync bytes in a row that make a boundary: four wrong ones by chance are one in four thousand million.
const SYNCS: usize = 5;
/// Bytes needed to see them.
const HUNT_BYTES: usize = (SYNCS - 1) * PACKET_BYTES + 1;
/// Bytes taken into the hunt at a time: enough to find the boundary in what one packet may shift it.
const HUNT_STEP_BYTES: usize = 2 * HUNT_BYTES;

/// The state between two buffers.
#[derive(Debug, Default)]
pub struct Joiner {
    is_synced: bool,
    /// Synced: the beginning of a torn packet. Otherwise: bytes that may hold a boundary.
    held: Vec<u8>,
}

impl Joiner {
    /// Drops the torn packet: the next buffer does not follow the last one.
    pub fn break_stream(&mut self) {
        self.held.clear();
        self.is_synced = false;
    }

    /// Takes the next bytes and appends runs of whole packets to `runs`, each beginning with a sync
    /// byte every 188 bytes. `false` when the packet boundary was lost on the way.
    pub fn push(&mut self, mut bytes: Bytes, runs: &mut Vec<Bytes>) -> bool {
        let mut kept_sync = true;
        while !bytes.is_empty() {
            if self.is_synced {
                self.take_packets(&mut bytes, runs);
                kept_sync &= self.is_synced;
            } else {
                self.hunt(&mut bytes, runs);
            }
        }
        kept_sync
    }

    fn take_packets(&mut self, bytes: &mut Bytes, runs: &mut Vec<Bytes>) {
        if !self.held.is_empty() {
            let missing = (PACKET_BYTES - self.held.len()).min(bytes.len());
            if !is_boundary(&bytes[missing..]) {
                // What follows is of another grid: a source that was started again, under the next number.
                return self.break_stream();
            }
            self.held.extend_from_slice(&bytes.split_to(missing));
            if self.held.len() == PACKET_BYTES {
                runs.push(std::mem::take(&mut self.held).into());
            }
            return;
        }
        let packets = bytes.chunks_exact(PACKET_BYTES).take_while(|packet| packet[0] == SYNC_BYTE).count();
        if packets > 0 {
            runs.push(bytes.split_to(packets * PACKET_BYTES));
        }
        match bytes.first() {
            Some(&SYNC_BYTE) => self.held.extend_from_slice(&std::mem::take(bytes)),
            Some(_) => self.break_stream(),
            None => {}
        }
    }

    fn hunt(&mut self, bytes: &mut Bytes, runs: &mut Vec<Bytes>) {
        let step = HUNT_STEP_BYTES.min(bytes.len());
        self.held.extend_from_slice(&bytes.split_to(step));
        let Some(last_start) = self.held.len().checked_sub(HUNT_BYTES) else { return };
        let Some(boundary) = (0..=last_start).find(|&at| is_boundary(&self.held[at..])) else {
            self.held.drain(..=last_start);
            return;
        };
        self.held.drain(..boundary);
        self.is_synced = true;
        let mut found = Bytes::from(std::mem::take(&mut self.held));
        while self.is_synced && !found.is_empty() {
            self.take_packets(&mut found, runs);
        }
        if !self.is_synced {
            self.held.extend_from_slice(&found);
        }
    }
}

fn is_boundary(bytes: &[u8]) -> bool {
    bytes.iter().step_by(PACKET_BYTES).take(SYNCS).all(|&byte| byte == SYNC_BYTE)
}
