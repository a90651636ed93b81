//! The bitrate of a transport stream, by its own clock where it has one.
//!
//! Counts every byte of the stream, as it will be broadcast, against the time between the PCRs that
//! enclose it, so a server that sends its last seconds at once does not disturb it. Ends as soon
//! as the answer is safe:
//! - a constant rate shows in every short slot, which no variable encoder does by chance;
//! - a variable one must have been seen long enough that its slots, taken in blocks longer than a
//!   group of pictures, agree on the mean;
//! - else after [`BITRATE_MEASURE_MAX`]. A stream without PCR is measured by arrival until then.

use std::time::{Duration, Instant};

use super::clock::{PCR_HZ, PcrClock, Tick};
use super::ts::{PACKET_BYTES, Packet};
use crate::base::limits::BITRATE_MEASURE_MAX;

/// Stream time of one slot.
const SLOT_TICKS: u64 = PCR_HZ / 4;
/// Slots that must agree before the rate counts as constant: three seconds.
const CONSTANT_SLOTS: usize = 12;
/// How far a slot of a constant rate may be off: PCRs are written a packet early or late.
const CONSTANT_TOLERANCE: f64 = 0.01;
const CONSTANT_TOLERANCE_BYTES: f64 = 2.0 * PACKET_BYTES as f64;
/// Slots in a block of the test for variable rates: five seconds, longer than usual groups.
const BLOCK_SLOTS: usize = 20;
/// Blocks that the test needs, so that a quiet scene is not taken for the stream.
const BLOCKS_MIN: usize = 4;
/// Two standard errors of the mean of the blocks may be this part of it.
const VARIABLE_TOLERANCE: f64 = 0.04;
/// Arrivals of the first moments do not count for a stream without clock: servers send a burst.
const ARRIVAL_WARM_UP: Duration = Duration::from_secs(2);
/// Stream time below which the clock says nothing: the arrivals are used instead.
const CLOCK_MIN_TICKS: u64 = 2 * PCR_HZ;

/// What the bytes were measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeasuredBy {
    Pcr,
    WallClock,
}

/// The state of the measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Estimate {
    Measuring,
    Done { bytes_per_second: f64, bytes: u64, seconds: f64, by: MeasuredBy },
}

/// Bytes and stream time between PCRs.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    bytes: u64,
    ticks: u64,
}

impl Slot {
    fn add(&mut self, other: Slot) {
        self.bytes += other.bytes;
        self.ticks += other.ticks;
    }

    fn bytes_per_tick(&self) -> f64 {
        self.bytes as f64 / self.ticks.max(1) as f64
    }
}

/// Measures until [`BitrateMeter::estimate`] says `Done`; feeding more after that changes nothing
/// for the worse. Memory is bounded by the longest measurement.
#[derive(Debug, Default)]
pub struct BitrateMeter {
    clock: PcrClock,
    /// Bytes since the last PCR.
    pending_bytes: u64,
    /// The slot being filled.
    slot: Slot,
    slots: Vec<Slot>,
    total: Slot,
    started: Option<Instant>,
    arrived_bytes: u64,
}

impl BitrateMeter {
    /// Takes whole packets that arrived at `now`.
    pub fn push(&mut self, now: Instant, packets: &[u8]) {
        let started = *self.started.get_or_insert(now);
        let age = now.saturating_duration_since(started);
        if (ARRIVAL_WARM_UP..BITRATE_MEASURE_MAX).contains(&age) {
            self.arrived_bytes += packets.len() as u64;
        }
        for packet in packets.chunks_exact(PACKET_BYTES).filter_map(Packet::new) {
            self.count(&packet);
        }
    }

    /// The connection was lost and made again: bytes and time of the gap belong to no interval.
    pub fn interrupt(&mut self) {
        self.clock.interrupt();
        self.pending_bytes = 0;
    }

    pub fn estimate(&self, now: Instant) -> Estimate {
        let Some(started) = self.started else { return Estimate::Measuring };
        let age = now.saturating_duration_since(started);
        let is_late = age >= BITRATE_MEASURE_MAX;
        let is_long = self.total.ticks >= BITRATE_MEASURE_MAX.as_secs() * PCR_HZ;
        let by_clock = self.total.ticks >= CLOCK_MIN_TICKS && self.total.bytes > 0;
        if by_clock && (is_late || is_long || self.is_constant() || self.is_settled()) {
            return done(self.total.bytes, self.total.ticks as f64 / PCR_HZ as f64, MeasuredBy::Pcr);
        }
        if is_late && self.arrived_bytes > 0 {
            let seconds = (BITRATE_MEASURE_MAX - ARRIVAL_WARM_UP).as_secs_f64();
            return done(self.arrived_bytes, seconds, MeasuredBy::WallClock);
        }
        Estimate::Measuring
    }

    fn count(&mut self, packet: &Packet<'_>) {
        match self.clock.observe(packet) {
            Some(Tick::Step(ticks)) => {
                let span = Slot { bytes: std::mem::take(&mut self.pending_bytes), ticks };
                self.total.add(span);
                self.slot.add(span);
                self.close_slot();
            }
            Some(Tick::Start) => {
                self.pending_bytes = 0;
                self.slot = Slot::default();
            }
            None => {}
        }
        self.pending_bytes += PACKET_BYTES as u64;
    }

    fn close_slot(&mut self) {
        let slots_max = (BITRATE_MEASURE_MAX.as_secs() * PCR_HZ / SLOT_TICKS) as usize;
        if self.slot.ticks >= SLOT_TICKS {
            let slot = std::mem::take(&mut self.slot);
            if self.slots.len() < slots_max {
                self.slots.push(slot);
            }
        }
    }

    fn is_constant(&self) -> bool {
        let mean = self.total.bytes_per_tick();
        self.slots.len() >= CONSTANT_SLOTS
            && self.slots.iter().all(|slot| {
                let expected = mean * slot.ticks as f64;
                let allowed = expected * CONSTANT_TOLERANCE + CONSTANT_TOLERANCE_BYTES;
                (slot.bytes as f64 - expected).abs() <= allowed
            })
    }

    /// Whether blocks of slots agree on the mean: two standard errors are within the tolerance, and
    /// no block strays so far that more like it must be expected.
    fn is_settled(&self) -> bool {
        let rates: Vec<f64> = self.slots.chunks_exact(BLOCK_SLOTS).map(block_rate).collect();
        if rates.len() < BLOCKS_MIN {
            return false;
        }
        let count = rates.len() as f64;
        let mean = rates.iter().sum::<f64>() / count;
        let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let is_near = rates.iter().all(|rate| (rate - mean).abs() <= 2.0 * VARIABLE_TOLERANCE * mean);
        is_near && 2.0 * (variance / count).sqrt() <= VARIABLE_TOLERANCE * mean
    }
}

fn block_rate(slots: &[Slot]) -> f64 {
    let mut block = Slot::default();
    slots.iter().for_each(|slot| block.add(*slot));
    block.bytes_per_tick()
}

fn done(bytes: u64, seconds: f64, by: MeasuredBy) -> Estimate {
    Estimate::Done { bytes_per_second: bytes as f64 / seconds, bytes, seconds, by }
}
