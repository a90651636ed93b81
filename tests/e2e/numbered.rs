//! A transport stream of constant rate in which every packet is a function of its number, so that each
//! one can be checked for identity and order wherever it arrives.
//!
//! Groups of 40 packets: PAT, PMT, the start of a video unit with the clock, 36 packets of video, and one
//! of padding. Every eighth unit is a marked key frame.

use std::sync::LazyLock;

use start_engine::media::psi::crc32;
use start_engine::media::ts::PACKET_BYTES;

const GROUP: u64 = 40;
const VIDEO_PER_GROUP: u64 = GROUP - 3;
const KEY_EVERY_GROUPS: u64 = 8;
const PMT_PID: u16 = 0x1000;
const VIDEO_PID: u16 = 0x100;
const PCR_HZ: u64 = 27_000_000;
const NUMBER_DIGITS: usize = 16;

pub type PacketBytes = [u8; PACKET_BYTES];

/// A stream of so many bytes a second, whose own clock runs so many times faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    pub bytes_per_second: u64,
    pub clock_speed: u64,
}

impl Numbered {
    /// Packet `n` of the stream.
    pub fn packet(self, n: u64) -> PacketBytes {
        let (group, place) = (n / GROUP, n % GROUP);
        match place {
            0 => with_counter(*PAT, group),
            1 => with_counter(*PMT, group),
            2 => self.unit_start(n, group),
            _ if place == GROUP - 1 => {
                let mut packet = head(0x1fff, false, 0x10, 0);
                number(&mut packet[4..], n);
                packet
            }
            _ => {
                let mut packet = head(VIDEO_PID, false, 0x10, video_counter(group, place));
                number(&mut packet[4..], n);
                packet
            }
        }
    }

    /// How many packets are due so long after packet 0.
    pub fn due(self, elapsed: std::time::Duration) -> u64 {
        (elapsed.as_secs_f64() * self.bytes_per_second as f64 / PACKET_BYTES as f64) as u64
    }

    /// Packets in so many seconds of the stream.
    pub fn packets_in(self, seconds: u64) -> u64 {
        seconds * self.bytes_per_second / PACKET_BYTES as u64
    }

    fn unit_start(self, n: u64, group: u64) -> PacketBytes {
        let is_key = group.is_multiple_of(KEY_EVERY_GROUPS);
        let mut packet = head(VIDEO_PID, true, 0x30, video_counter(group, 2));
        let hz = u128::from(PCR_HZ * self.clock_speed);
        let pcr = u128::from(n) * PACKET_BYTES as u128 * hz / u128::from(self.bytes_per_second);
        let (base, extension) = ((pcr / 300) as u64 & 0x1_ffff_ffff, (pcr % 300) as u64);
        packet[4] = 7;
        packet[5] = if is_key { 0x50 } else { 0x10 };
        packet[6..10].copy_from_slice(&((base >> 1) as u32).to_be_bytes());
        packet[10] = ((base & 1) << 7) as u8 | 0x7e | (extension >> 8) as u8;
        packet[11] = extension as u8;
        let nal = if is_key { 0x65 } else { 0x41 };
        packet[12..26].copy_from_slice(&[0, 0, 1, 0xe0, 0, 0, 0x80, 0, 0, 0, 0, 1, nal, 0x88]);
        number(&mut packet[26..], n);
        packet
    }
}

/// The number that a packet carries; tables carry none.
pub fn number_of(packet: &PacketBytes) -> Option<u64> {
    let pid = pid_of(packet);
    if pid != VIDEO_PID && pid != 0x1fff {
        return None;
    }
    let at = if packet[1] & 0x40 != 0 { 26 } else { 4 };
    let digits = std::str::from_utf8(&packet[at..at + NUMBER_DIGITS]).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

/// Counts continuity errors by the counters alone, as a player does.
#[derive(Debug, Default)]
pub struct Continuity {
    last: std::collections::BTreeMap<u16, u8>,
    pub errors: u64,
}

impl Continuity {
    pub fn push(&mut self, packet: &PacketBytes) {
        let has_payload = packet[3] & 0x10 != 0;
        if is_announcement(packet) {
            self.last.remove(&pid_of(packet));
        }
        if pid_of(packet) == 0x1fff || !has_payload {
            return;
        }
        let counter = packet[3] & 0x0f;
        let before = self.last.insert(pid_of(packet), counter);
        self.errors += u64::from(before.is_some_and(|before| (before + 1) & 0x0f != counter));
    }
}

/// Whether the packet carries nothing but the news that its PID begins anew.
pub fn is_announcement(packet: &PacketBytes) -> bool {
    packet[3] & 0x30 == 0x20 && packet[5] & 0x80 != 0
}

pub fn pid_of(packet: &PacketBytes) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]])
}

static PAT: LazyLock<PacketBytes> =
    LazyLock::new(|| section(0, &[0x00, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0x00]));
static PMT: LazyLock<PacketBytes> = LazyLock::new(|| {
    section(PMT_PID, &[0x02, 0xb0, 18, 0, 1, 0xc1, 0, 0, 0xe1, 0x00, 0xf0, 0, 0x1b, 0xe1, 0x00, 0xf0, 0])
});

fn section(pid: u16, section: &[u8]) -> PacketBytes {
    let mut packet = head(pid, true, 0x10, 0);
    let end = 5 + section.len();
    packet[4] = 0;
    packet[5..end].copy_from_slice(section);
    packet[end..end + 4].copy_from_slice(&crc32(section).to_be_bytes());
    packet
}

fn head(pid: u16, starts_unit: bool, control: u8, counter: u64) -> PacketBytes {
    let mut packet = [0xff; PACKET_BYTES];
    let [high, low] = pid.to_be_bytes();
    packet[..4].copy_from_slice(&[
        0x47,
        high | u8::from(starts_unit) << 6,
        low,
        control | (counter & 0x0f) as u8,
    ]);
    packet
}

fn with_counter(mut packet: PacketBytes, group: u64) -> PacketBytes {
    packet[3] |= (group & 0x0f) as u8;
    packet
}

fn video_counter(group: u64, place: u64) -> u64 {
    group * VIDEO_PER_GROUP + (place - 2)
}

/// Writes `n` in digits, which no start code can hide in, and fills the rest by it.
fn number(payload: &mut [u8], n: u64) {
    let digits = format!("{n:0width$x}", width = NUMBER_DIGITS);
    let (front, rest) = payload.split_at_mut(NUMBER_DIGITS);
    front.copy_from_slice(digits.as_bytes());
    rest.iter_mut().enumerate().for_each(|(at, byte)| *byte = 0x40 | (n as u8).wrapping_add(at as u8) & 0x3f);
}
