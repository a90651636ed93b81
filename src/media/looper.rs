//! Endless playing of a clip: clocks, time stamps and continuity counters are rewritten, so that
//! players see one stream without a seam. Says when each packet is due; never waits itself.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::clock::{PCR_MODULUS, PcrClock, duration_of};
use super::pes_time::{self, STAMP_MODULUS};
use super::ts::{NULL_PID, PACKET_BYTES, Packet};

/// Packets that are due together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRun {
    /// Stream time since the first packet of the first round.
    pub due: Duration,
    pub packets: Bytes,
}

/// Rewrites round after round of one clip.
#[derive(Debug)]
pub struct Looper {
    /// By how much each round is later than the one before, 90 kHz.
    span: u64,
    /// By how much this round is later than the clip, 90 kHz.
    shift: u64,
    counters: BTreeMap<u16, Counter>,
    clock: PcrClock,
}

/// Continuity of one PID over the rounds.
#[derive(Debug, Default)]
struct Counter {
    /// What is added to the clip's counter in this round.
    offset: u8,
    /// The last counter that was written.
    last: u8,
    round_is_new: bool,
}

impl Looper {
    /// `span` in ticks of 90 kHz, as [`super::span::SpanScan`] finds it.
    pub fn new(span: u64) -> Self {
        Self { span, shift: 0, counters: BTreeMap::new(), clock: PcrClock::default() }
    }

    /// The clip begins again.
    pub fn restart(&mut self) {
        self.shift = (self.shift + self.span) % STAMP_MODULUS;
        self.counters.values_mut().for_each(|counter| counter.round_is_new = true);
    }

    /// Rewrites the next whole packets of the clip, cut at clock references.
    pub fn play(&mut self, packets: &[u8]) -> Vec<DueRun> {
        let mut rest = BytesMut::from(packets);
        rest.truncate(packets.len() / PACKET_BYTES * PACKET_BYTES);
        let mut runs = Vec::new();
        let mut at = 0;
        let mut due = self.clock.elapsed_ticks();
        while let Some(packet) = rest[at..].first_chunk_mut::<PACKET_BYTES>() {
            self.rewrite(packet);
            let now = self.clock.elapsed_ticks();
            if now != due && at > 0 {
                runs.push(DueRun { due: duration_of(due), packets: rest.split_to(at).freeze() });
                at = 0;
            }
            due = now;
            at += PACKET_BYTES;
        }
        if !rest.is_empty() {
            runs.push(DueRun { due: duration_of(due), packets: rest.freeze() });
        }
        runs
    }

    fn rewrite(&mut self, bytes: &mut [u8; PACKET_BYTES]) {
        let Some(packet) = Packet::new(bytes) else { return };
        let (pid, has_payload, pcr) = (packet.pid(), packet.has_payload(), packet.pcr());
        let counter = packet.continuity_counter();
        let stamps = pes_time::find(&packet);
        if pid != NULL_PID {
            let counter = self.counters.entry(pid).or_default().follow(counter, has_payload);
            bytes[3] = bytes[3] & 0xf0 | counter;
        }
        if let Some(pcr) = pcr {
            write_pcr(bytes, (pcr + self.shift * 300) % PCR_MODULUS);
        }
        for place in stamps.iter().flat_map(|places| [Some(places.pts), places.dts]).flatten() {
            let stamp = pes_time::read(bytes, place);
            pes_time::write(bytes, place, (stamp + self.shift) % STAMP_MODULUS);
        }
        if let Some(packet) = Packet::new(bytes) {
            self.clock.observe(&packet);
        }
    }
}

impl Counter {
    fn follow(&mut self, counter: u8, has_payload: bool) -> u8 {
        if std::mem::take(&mut self.round_is_new) {
            let expected = self.last + u8::from(has_payload);
            self.offset = expected.wrapping_sub(counter) & 0x0f;
        }
        self.last = counter.wrapping_add(self.offset) & 0x0f;
        self.last
    }
}

/// Overwrites the clock reference of a packet that has one.
fn write_pcr(bytes: &mut [u8; PACKET_BYTES], pcr: u64) {
    let (base, extension) = (pcr / 300, pcr % 300);
    bytes[6..10].copy_from_slice(&((base >> 1) as u32).to_be_bytes());
    bytes[10] = ((base & 1) << 7) as u8 | bytes[10] & 0x7e | (extension >> 8) as u8;
    bytes[11] = extension as u8;
}
