//! The time stamps in the head of a PES packet: where they stand, reading and rewriting them.

use super::ts::{PACKET_BYTES, Packet};

/// Where the 33-bit clock of PTS and DTS starts again from zero.
pub const STAMP_MODULUS: u64 = 1 << 33;
/// Ticks of PTS and DTS in a second.
pub const STAMP_HZ: u64 = 90_000;
/// Bytes of the fixed part of a PES head with optional fields.
const PES_HEAD_BYTES: usize = 9;
const STAMP_BYTES: usize = 5;

/// Places of the stamps within the transport packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StampPlaces {
    pub pts: usize,
    pub dts: Option<usize>,
    pub is_video: bool,
}

/// Finds the stamps; `None` when no PES packet with stamps begins in this one, or it is scrambled.
pub fn find(packet: &Packet<'_>) -> Option<StampPlaces> {
    let payload = packet.payload();
    let is_clear = packet.bytes()[3] & 0xc0 == 0;
    let head = payload.get(..PES_HEAD_BYTES).filter(|_| packet.starts_unit() && is_clear)?;
    let has_stamps = matches!(head[3], 0xbd | 0xc0..=0xef | 0xfd);
    if head[..3] != [0, 0, 1] || !has_stamps || head[6] & 0xc0 != 0x80 {
        return None;
    }
    let pts = PACKET_BYTES - payload.len() + PES_HEAD_BYTES;
    let (has_pts, has_dts) = (head[7] & 0x80 != 0, head[7] & 0xc0 == 0xc0);
    let end = pts + STAMP_BYTES * (1 + usize::from(has_dts));
    (has_pts && end <= PACKET_BYTES).then_some(StampPlaces {
        pts,
        dts: has_dts.then_some(pts + STAMP_BYTES),
        is_video: matches!(head[3], 0xe0..=0xef),
    })
}

/// Reads the stamp at `place`, which [`find`] returned.
pub fn read(packet: &[u8; PACKET_BYTES], place: usize) -> u64 {
    let byte = |index: usize| u64::from(packet.get(place + index).copied().unwrap_or(0));
    (byte(0) >> 1 & 7) << 30 | byte(1) << 22 | (byte(2) >> 1) << 15 | byte(3) << 7 | byte(4) >> 1
}

/// Writes `stamp` at `place`, which [`find`] returned; marker and prefix bits stay.
pub fn write(packet: &mut [u8; PACKET_BYTES], place: usize, stamp: u64) {
    let Some(field) = packet.get_mut(place..place + STAMP_BYTES) else { return };
    field[0] = field[0] & 0xf1 | ((stamp >> 30 & 7) as u8) << 1;
    field[1] = (stamp >> 22) as u8;
    field[2] = field[2] & 1 | ((stamp >> 15 & 0x7f) as u8) << 1;
    field[3] = (stamp >> 7) as u8;
    field[4] = field[4] & 1 | ((stamp & 0x7f) as u8) << 1;
}
