//! Stream time from program clock references: one PCR PID, wraps, breaks. Never wall time.

use std::time::Duration;

use super::ts::Packet;

/// Ticks of the program clock in a second.
pub const PCR_HZ: u64 = 27_000_000;
/// Where the program clock starts again from zero: about 26.5 hours.
pub const PCR_MODULUS: u64 = (1 << 33) * 300;
/// PCRs come every 100 ms, some senders stretch to seconds; more is a break of the clock.
const STEP_MAX_TICKS: u64 = 10 * PCR_HZ;
/// PCRs of another PID, in a row, after which ours counts as gone.
const OTHERS_BEFORE_SWITCH: u32 = 50;

/// Ticks from one PCR to a later one, over the wrap.
pub fn ticks_between(from: u64, to: u64) -> u64 {
    (to % PCR_MODULUS + PCR_MODULUS - from % PCR_MODULUS) % PCR_MODULUS
}

/// Ticks of 27 MHz as a time.
pub fn duration_of(ticks: u64) -> Duration {
    Duration::from_secs(ticks / PCR_HZ) + Duration::from_nanos(ticks % PCR_HZ * 1000 / 27)
}

/// What one PCR said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// The first of the clock, or the first after a break: no time can be told from it.
    Start,
    /// So many ticks passed since the previous one.
    Step(u64),
}

/// Follows the clock of one program through wraps and breaks.
#[derive(Debug, Clone, Default)]
pub struct PcrClock {
    pid: Option<u16>,
    last: Option<u64>,
    elapsed_ticks: u64,
    others: u32,
}

impl PcrClock {
    /// `None` when the packet carries no PCR of the program that is followed.
    pub fn observe(&mut self, packet: &Packet<'_>) -> Option<Tick> {
        let pcr = packet.pcr().filter(|_| !packet.has_transport_error())?;
        self.follow(packet.pid())?;
        let previous = self.last.replace(pcr);
        let step = previous.map(|previous| ticks_between(previous, pcr));
        match step.filter(|&step| step <= STEP_MAX_TICKS && !packet.is_discontinuity()) {
            Some(step) => {
                self.elapsed_ticks += step;
                Some(Tick::Step(step))
            }
            None => Some(Tick::Start),
        }
    }

    /// Stream time since the first PCR; breaks of the clock count as no time.
    pub fn elapsed_ticks(&self) -> u64 {
        self.elapsed_ticks
    }

    /// The connection was lost: the next PCR starts anew, what was counted stays.
    pub fn interrupt(&mut self) {
        (self.last, self.pid, self.others) = (None, None, 0);
    }

    /// Whether `pid` is the one to follow, which changes when the followed one falls silent.
    fn follow(&mut self, pid: u16) -> Option<()> {
        if *self.pid.get_or_insert(pid) == pid {
            self.others = 0;
            return Some(());
        }
        self.others += 1;
        if self.others < OTHERS_BEFORE_SWITCH {
            return None;
        }
        (self.pid, self.last, self.others) = (Some(pid), None, 0);
        Some(())
    }
}
