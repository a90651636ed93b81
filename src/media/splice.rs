//! The seam between two inputs: says to players, in the stream itself, that clock and counters begin anew.
//!
//! After a seam, each PID is silent until a unit begins in it, so that no frame is sewn together of two, and
//! a packet of its own announces the break before that. Changes one flag of packets with a clock, nothing
//! else.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use super::ts::{NULL_PID, PACKET_BYTES, Packet, SYNC_BYTE};

/// A PID in which no unit begins within so many packets has none.
const UNIT_PATIENCE_PACKETS: u32 = 4096;

/// So many packets after a seam all PIDs that matter have gone on.
const SEAM_PACKETS: usize = 50_000;

/// Passes packets on, and marks seams.
#[derive(Debug, Default)]
pub struct Splicer {
    seam: BTreeMap<u16, Resumed>,
    /// Packets that are still looked at; 0: nothing to do.
    left: usize,
}

/// A PID after a seam.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resumed {
    /// So many packets were left out.
    Waits(u32),
    /// Goes on; the next clock reference is to be marked, too.
    WithoutClock,
    Whole,
}

impl Splicer {
    /// What comes next is of another input.
    pub fn cut(&mut self) {
        self.seam.clear();
        self.left = SEAM_PACKETS;
    }

    /// Passes whole packets on.
    pub fn push(&mut self, packets: Bytes) -> Bytes {
        if self.left == 0 {
            return packets;
        }
        self.left = self.left.saturating_sub(packets.len() / PACKET_BYTES);
        let mut out = BytesMut::with_capacity(packets.len() + 8 * PACKET_BYTES);
        for bytes in packets.as_chunks::<PACKET_BYTES>().0 {
            match Packet::new(bytes) {
                Some(packet) if packet.pid() != NULL_PID => resume(&mut self.seam, &packet, &mut out),
                _ => out.extend_from_slice(bytes),
            }
        }
        out.freeze()
    }
}

fn resume(seam: &mut BTreeMap<u16, Resumed>, packet: &Packet<'_>, out: &mut BytesMut) {
    let state = seam.entry(packet.pid()).or_insert(Resumed::Waits(0));
    if let Resumed::Waits(left_out) = *state {
        let is_start = packet.starts_unit() || !packet.has_payload();
        if !is_start && left_out < UNIT_PATIENCE_PACKETS {
            *state = Resumed::Waits(left_out + 1);
            return;
        }
        // a packet without payload carries a clock at most: units are still waited for
        if packet.has_payload() {
            out.extend_from_slice(&announcement(packet));
            *state = Resumed::WithoutClock;
        }
    }
    let at = out.len();
    out.extend_from_slice(packet.bytes());
    if packet.pcr().is_some() && *state != Resumed::Whole {
        out[at + 5] |= 0x80;
        if *state == Resumed::WithoutClock {
            *state = Resumed::Whole;
        }
    }
}

/// A packet without payload that announces a break before `first`, whose counter goes on from it.
fn announcement(first: &Packet<'_>) -> [u8; PACKET_BYTES] {
    let mut bytes = [0xff; PACKET_BYTES];
    let pid = first.pid().to_be_bytes();
    let counter = first.continuity_counter().wrapping_sub(1) & 0x0f;
    bytes[..6].copy_from_slice(&[SYNC_BYTE, pid[0], pid[1], 0x20 | counter, 183, 0x80]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pid: u16, head: &[u8]) -> [u8; PACKET_BYTES] {
        let mut bytes = [0x55; PACKET_BYTES];
        bytes[..3].copy_from_slice(&[SYNC_BYTE, (pid >> 8) as u8, pid as u8]);
        bytes[3..3 + head.len()].copy_from_slice(head);
        bytes
    }

    fn start(mut packet: [u8; PACKET_BYTES]) -> [u8; PACKET_BYTES] {
        packet[1] |= 0x40;
        packet
    }

    fn pushed(splicer: &mut Splicer, packets: &[[u8; PACKET_BYTES]]) -> Vec<[u8; PACKET_BYTES]> {
        splicer.push(packets.concat().into()).as_chunks::<PACKET_BYTES>().0.to_vec()
    }

    #[test]
    fn without_a_seam_nothing_is_touched() {
        let bytes = Bytes::from(packet(256, &[0x17]).to_vec());
        let passed = Splicer::default().push(bytes.clone());
        assert_eq!((passed.as_ptr(), passed.len()), (bytes.as_ptr(), bytes.len()));
    }

    #[test]
    fn each_pid_waits_for_a_unit_and_announces_the_break_before_it() {
        let mut splicer = Splicer::default();
        splicer.cut();
        let first = start(packet(256, &[0x15]));
        let table = start(packet(0, &[0x13]));
        let padding = packet(NULL_PID, &[0x10]);
        let given = [packet(256, &[0x14]), padding, first, table, packet(256, &[0x16]), packet(0, &[0x14])];
        let passed = pushed(&mut splicer, &given);
        assert_eq!(passed.len(), 7, "one is left out, two are new");
        let heads: Vec<_> =
            passed.iter().map(|p| (Packet::new(p).unwrap().pid(), p[3], p[5] == 0x80)).collect();
        assert_eq!(heads[0], (NULL_PID, 0x10, false));
        assert_eq!(heads[1..3], [(256, 0x24, true), (256, 0x15, false)]);
        assert_eq!(heads[3..5], [(0, 0x22, true), (0, 0x13, false)]);
        assert!(Packet::new(&passed[1]).unwrap().is_discontinuity());
        assert_eq!(passed[5..], given[4..]);
    }

    #[test]
    fn first_clock_after_the_seam_is_marked_and_no_later_one() {
        let mut splicer = Splicer::default();
        splicer.cut();
        let clock = start(packet(256, &[0x31, 7, 0x10, 0, 0, 0, 1, 0, 0]));
        let passed = pushed(&mut splicer, &[clock, clock]);
        let marks: Vec<_> = passed.iter().map(|p| Packet::new(p).unwrap().is_discontinuity()).collect();
        assert_eq!(marks, [true, true, false]);
        assert_eq!(Packet::new(&passed[1]).unwrap().pcr(), Packet::new(&clock).unwrap().pcr());
    }

    #[test]
    fn pid_without_units_is_not_silent_for_ever() {
        let mut splicer = Splicer::default();
        splicer.cut();
        let packets = vec![packet(300, &[0x10]); UNIT_PATIENCE_PACKETS as usize + 2];
        assert_eq!(pushed(&mut splicer, &packets).len(), 3);
    }
}
