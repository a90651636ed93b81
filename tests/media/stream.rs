//! Transport streams made by hand: frames of chosen sizes, a clock, counters.

use start_engine::media::clock::PCR_MODULUS;
use start_engine::media::ts::PACKET_BYTES;

pub const VIDEO_PID: u16 = 0x100;
/// Bytes of payload in a packet without adaptation field.
const PAYLOAD_BYTES: usize = PACKET_BYTES - 4;

/// Writes packets of several PIDs with proper counters.
#[derive(Default)]
pub struct Writer {
    pub bytes: Vec<u8>,
    counters: std::collections::BTreeMap<u16, u8>,
}

impl Writer {
    /// A packet with payload; the PCR, where there is one, in 27 MHz.
    pub fn packet(&mut self, pid: u16, starts_unit: bool, pcr: Option<u64>, payload: &[u8]) {
        let counter = self.counters.entry(pid).or_insert(15);
        *counter = (*counter + 1) & 0x0f;
        let start = self.bytes.len();
        let flags = if pcr.is_some() { 0x30 } else { 0x10 };
        let pid_bytes = pid.to_be_bytes();
        self.bytes.extend([0x47, pid_bytes[0] | u8::from(starts_unit) << 6, pid_bytes[1], flags | *counter]);
        if let Some(pcr) = pcr {
            self.bytes.extend([7, 0x10]);
            self.bytes.extend(pcr_field(pcr));
        }
        self.bytes.extend_from_slice(payload);
        self.bytes.resize(start + PACKET_BYTES, 0xaa);
    }

    pub fn null_packets(&mut self, count: usize) {
        for _ in 0..count {
            self.bytes.extend([0x47, 0x1f, 0xff, 0x10]);
            self.bytes.resize(self.bytes.len() + PAYLOAD_BYTES, 0xff);
        }
    }

    /// A picture of `packets` packets: clock and time stamps in the first.
    pub fn frame(&mut self, pid: u16, pcr: Option<u64>, dts: u64, packets: usize) {
        let mut head = vec![0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10];
        head.extend(stamp_field(3, dts + 3600));
        head.extend(stamp_field(1, dts));
        self.packet(pid, true, pcr.map(|pcr| pcr % PCR_MODULUS), &head);
        for _ in 1..packets {
            self.packet(pid, false, None, &[0x55; PAYLOAD_BYTES]);
        }
    }
}

/// A stream of 25 pictures a second, `packets(n)` packets in the nth, the clock starting at `pcr`.
pub fn variable(frames: usize, pcr: u64, packets: impl Fn(usize) -> usize) -> Vec<u8> {
    let mut writer = Writer::default();
    for frame in 0..frames {
        let time = frame as u64 * 1_080_000;
        writer.frame(VIDEO_PID, Some(pcr + time), (pcr + time) / 300 + 63_000, packets(frame).max(1));
    }
    writer.bytes
}

/// A stream of constant rate: `packets` packets a picture, most of them padding.
pub fn constant(frames: usize, pcr: u64, packets: usize) -> Vec<u8> {
    let mut writer = Writer::default();
    for frame in 0..frames {
        let time = frame as u64 * 1_080_000;
        let filled = if frame % 25 == 0 { packets } else { packets / 3 };
        writer.frame(VIDEO_PID, Some(pcr + time), (pcr + time) / 300 + 63_000, filled);
        writer.null_packets(packets - filled);
    }
    writer.bytes
}

fn pcr_field(pcr: u64) -> [u8; 6] {
    let (base, extension) = (pcr / 300, pcr % 300);
    let high = ((base >> 1) as u32).to_be_bytes();
    [
        high[0],
        high[1],
        high[2],
        high[3],
        ((base & 1) << 7) as u8 | 0x7e | (extension >> 8) as u8,
        extension as u8,
    ]
}

fn stamp_field(prefix: u8, stamp: u64) -> [u8; 5] {
    let stamp = stamp % (1 << 33);
    [
        prefix << 4 | ((stamp >> 30) as u8) << 1 | 1,
        (stamp >> 22) as u8,
        ((stamp >> 15) as u8) << 1 | 1,
        (stamp >> 7) as u8,
        (stamp as u8) << 1 | 1,
    ]
}
