//! How long a clip is: the time by which its next round follows, so that no stream of it overlaps
//! itself and the picture keeps its pace over the seam.

use std::collections::BTreeMap;

use super::clock::{PCR_MODULUS, ticks_between};
use super::pes_time::{self, STAMP_MODULUS};
use super::ts::{PACKET_BYTES, Packet};

/// What a clip lacks for being played endlessly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    #[error("it has {pcrs} program clock references, at least 2 are needed to pace it")]
    NoClock { pcrs: u64 },
    #[error("it has no stream with time stamps")]
    NoStamps,
}

/// Collects what a span is told from. Feed the clip, or only its two ends.
#[derive(Debug, Default)]
pub struct SpanScan {
    streams: BTreeMap<u16, StreamSpan>,
    pcr_pid: Option<u16>,
    pcr_first: u64,
    pcr_last: u64,
    pcrs: u64,
}

/// Decoding times of one stream, 90 kHz.
#[derive(Debug)]
struct StreamSpan {
    is_video: bool,
    first: u64,
    last: u64,
    /// Time between the last two units.
    step: u64,
}

impl SpanScan {
    pub fn push(&mut self, packets: &[u8]) {
        for packet in packets.chunks_exact(PACKET_BYTES).filter_map(Packet::new) {
            self.note_clock(&packet);
            self.note_stamp(&packet);
        }
    }

    /// The span in ticks of 90 kHz: that of the picture (of the first stream, where there is none), or
    /// more where another stream or the clock needs it.
    pub fn finish(&self) -> Result<u64, SpanError> {
        if self.pcrs < 2 {
            return Err(SpanError::NoClock { pcrs: self.pcrs });
        }
        let leader = self.streams.values().find(|stream| stream.is_video);
        let leader = leader.or(self.streams.values().next()).ok_or(SpanError::NoStamps)?;
        let others = self.streams.values().map(|stream| stream.length() + 1).max();
        let clock = ticks_between(self.pcr_first, self.pcr_last) / 300 + 1;
        let span = (leader.length() + leader.step).max(others.unwrap_or(0)).max(clock);
        Ok(span % STAMP_MODULUS)
    }

    fn note_clock(&mut self, packet: &Packet<'_>) {
        let Some(pcr) = packet.pcr() else { return };
        if *self.pcr_pid.get_or_insert(packet.pid()) != packet.pid() {
            return;
        }
        if self.pcrs == 0 {
            self.pcr_first = pcr;
        }
        self.pcr_last = pcr % PCR_MODULUS;
        self.pcrs += 1;
    }

    fn note_stamp(&mut self, packet: &Packet<'_>) {
        let Some(places) = pes_time::find(packet) else { return };
        let stamp = pes_time::read(packet.bytes(), places.dts.unwrap_or(places.pts));
        let stream = self.streams.entry(packet.pid()).or_insert(StreamSpan {
            is_video: places.is_video,
            first: stamp,
            last: stamp,
            step: 0,
        });
        stream.step = stamp.wrapping_sub(stream.last) % STAMP_MODULUS;
        stream.last = stamp;
    }
}

impl StreamSpan {
    fn length(&self) -> u64 {
        self.last.wrapping_sub(self.first) % STAMP_MODULUS
    }
}
