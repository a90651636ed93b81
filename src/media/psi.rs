//! Program tables: PAT and PMT sections, put together across packets and checked by their CRC.
//!
//! Reads what a stranger's stream claims, so every length is checked and every list is bounded; a
//! section that does not check is as if it had never come.

use super::ts::{PACKET_BYTES, Packet};
use crate::base::limits::{ELEMENTARY_STREAMS_MAX, PROGRAMS_MAX, SECTION_MAX_BYTES};

/// The packet identifier of the PAT.
pub const PAT_PID: u16 = 0;
const PAT_TABLE: u8 = 0x00;
const PMT_TABLE: u8 = 0x02;
const STUFFING: u8 = 0xff;
/// Table id and section length.
const HEAD_BYTES: usize = 3;
const CRC_BYTES: usize = 4;

/// One packet, kept to be sent again.
pub type RawPacket = [u8; PACKET_BYTES];

/// Puts the sections of one packet identifier together.
#[derive(Debug, Default)]
pub struct SectionReader {
    bytes: Vec<u8>,
    packets: Vec<RawPacket>,
    counter: Option<u8>,
    collecting: bool,
}

impl SectionReader {
    /// The continuity counter of the last packet pushed.
    pub fn last_counter(&self) -> Option<u8> {
        self.counter
    }

    /// Forgets the section in progress, as after lost packets.
    pub fn reset(&mut self) {
        self.bytes.clear();
        self.packets.clear();
        self.collecting = false;
    }

    /// Reads one packet of the identifier and calls `each` with every section that it completes, CRC
    /// checked, and the packets that carried the section.
    pub fn push(&mut self, packet: Packet<'_>, each: &mut dyn FnMut(&[u8], &[RawPacket])) {
        let previous = self.counter.replace(packet.continuity_counter());
        let payload = packet.payload();
        if payload.is_empty() {
            return;
        }
        if !packet.starts_unit() {
            return self.continue_section(packet, previous, payload, each);
        }
        let (pointer, rest) = (usize::from(payload[0]), &payload[1..]);
        let Some((tail, fresh)) = rest.split_at_checked(pointer) else { return self.reset() };
        if self.collecting && follows(previous, packet) {
            self.collect(packet, tail, each);
        }
        self.reset();
        self.collecting = true;
        self.collect(packet, fresh, each);
    }

    fn continue_section(
        &mut self,
        packet: Packet<'_>,
        previous: Option<u8>,
        payload: &[u8],
        each: &mut dyn FnMut(&[u8], &[RawPacket]),
    ) {
        if previous == Some(packet.continuity_counter()) {
            return;
        }
        match self.collecting && follows(previous, packet) {
            true => self.collect(packet, payload, each),
            false => self.reset(),
        }
    }

    fn collect(&mut self, packet: Packet<'_>, bytes: &[u8], each: &mut dyn FnMut(&[u8], &[RawPacket])) {
        self.bytes.extend_from_slice(bytes);
        self.packets.push(*packet.bytes());
        while let Some(total) = self.complete_bytes() {
            let section = &self.bytes[..total];
            if crc32(section) == 0 {
                each(section, &self.packets);
            }
            self.bytes.drain(..total);
            self.packets.drain(..self.packets.len() - 1);
        }
    }

    /// The length of the first section in the buffer if all of it is there. Ends the collection at
    /// stuffing and at a length that no table of ours has.
    fn complete_bytes(&mut self) -> Option<usize> {
        if self.bytes.first() == Some(&STUFFING) {
            self.reset();
        }
        let head = self.bytes.first_chunk::<HEAD_BYTES>()?;
        let total = HEAD_BYTES + usize::from(u16::from_be_bytes([head[1] & 0x0f, head[2]]));
        if total > SECTION_MAX_BYTES {
            self.reset();
            return None;
        }
        (self.bytes.len() >= total).then_some(total)
    }
}

fn follows(previous: Option<u8>, packet: Packet<'_>) -> bool {
    previous.is_some_and(|counter| (counter + 1) & 0x0f == packet.continuity_counter())
}

/// The CRC of sections; 0 over a section that ends in its own CRC.
pub fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| match crc & 0x8000_0000 {
            0 => crc << 1,
            _ => crc << 1 ^ 0x04c1_1db7,
        })
    })
}

/// One entry of the PAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    pub number: u16,
    pub pmt_pid: u16,
}

/// The programs of a current PAT section, in its order, without the network entry; at most
/// [`PROGRAMS_MAX`]. `None` for another table.
pub fn parse_pat(section: &[u8]) -> Option<Vec<Program>> {
    let (_, body) = table_body(section, PAT_TABLE)?;
    let programs = body.as_chunks::<4>().0.iter().map(|entry| Program {
        number: u16::from_be_bytes([entry[0], entry[1]]),
        pmt_pid: pid(entry[2], entry[3]),
    });
    Some(programs.filter(|program| program.number != 0).take(PROGRAMS_MAX).collect())
}

/// What an elementary stream carries, as far as finding a place to start needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Mpeg2Video,
    H264,
    H265,
    /// Video of a codec whose bytes are not looked into.
    OtherVideo,
    Audio,
    Other,
}

impl Kind {
    pub fn is_video(self) -> bool {
        matches!(self, Self::Mpeg2Video | Self::H264 | Self::H265 | Self::OtherVideo)
    }
}

/// One elementary stream of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elementary {
    pub pid: u16,
    pub kind: Kind,
}

/// A program's map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pmt {
    pub program: u16,
    pub pcr_pid: u16,
    /// At most [`ELEMENTARY_STREAMS_MAX`], in the table's order.
    pub streams: Vec<Elementary>,
}

/// Reads a current PMT section; `None` for another table or lengths that lead out of it.
pub fn parse_pmt(section: &[u8]) -> Option<Pmt> {
    let (program, body) = table_body(section, PMT_TABLE)?;
    let (head, body) = body.split_first_chunk::<4>()?;
    let info_bytes = usize::from(u16::from_be_bytes([head[2] & 0x0f, head[3]]));
    let mut rest = body.get(info_bytes..)?;
    let mut streams = Vec::new();
    while let Some((entry, after)) = rest.split_first_chunk::<5>() {
        let info_bytes = usize::from(u16::from_be_bytes([entry[3] & 0x0f, entry[4]]));
        let (info, next) = after.split_at_checked(info_bytes)?;
        if streams.len() < ELEMENTARY_STREAMS_MAX {
            streams.push(Elementary { pid: pid(entry[1], entry[2]), kind: kind(entry[0], info) });
        }
        rest = next;
    }
    Some(Pmt { program, pcr_pid: pid(head[0], head[1]), streams })
}

/// The table id extension and what lies between the section's head and its CRC.
fn table_body(section: &[u8], table: u8) -> Option<(u16, &[u8])> {
    let (head, rest) = section.split_first_chunk::<8>()?;
    let is_current = head[5] & 1 != 0;
    let body = rest.get(..rest.len().checked_sub(CRC_BYTES)?)?;
    (head[0] == table && is_current).then_some((u16::from_be_bytes([head[3], head[4]]), body))
}

fn pid(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high & 0x1f, low])
}

fn kind(stream_type: u8, descriptors: &[u8]) -> Kind {
    match stream_type {
        0x01 | 0x02 => Kind::Mpeg2Video,
        0x1b => Kind::H264,
        0x24 => Kind::H265,
        0x10 | 0x20 | 0x21 | 0x33 | 0x42 | 0xd1 | 0xd2 | 0xd4 | 0xea => Kind::OtherVideo,
        0x03 | 0x04 | 0x0f | 0x11 | 0x1c | 0x80..=0x85 | 0x87 | 0x8a => Kind::Audio,
        0x06 => private_kind(descriptors),
        _ => Kind::Other,
    }
}

/// Private data says what it is by its descriptors.
fn private_kind(mut descriptors: &[u8]) -> Kind {
    while let Some(([tag, bytes], rest)) = descriptors.split_first_chunk::<2>() {
        let Some((body, next)) = rest.split_at_checked(usize::from(*bytes)) else { break };
        match (tag, body) {
            (0x6a | 0x7a | 0x7b | 0x7c, _) => return Kind::Audio,
            (0x05, b"AC-3" | b"EAC3" | b"Opus" | b"DTS1" | b"DTS2" | b"DTS3" | b"BSSD") => {
                return Kind::Audio;
            }
            (0x05, b"HEVC") => return Kind::H265,
            (0x05, b"AV01" | b"VC-1" | b"drac") => return Kind::OtherVideo,
            _ => descriptors = next,
        }
    }
    Kind::Other
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn section(table: u8, extension: u16, body: &[u8]) -> Vec<u8> {
        let bytes = (5 + body.len() + CRC_BYTES) as u16;
        let mut section = vec![table, 0xb0 | (bytes >> 8) as u8, bytes as u8];
        section.extend(extension.to_be_bytes());
        section.extend([0xc1, 0, 0]);
        section.extend(body);
        section.extend(crc32(&section).to_be_bytes());
        section
    }

    pub fn packets(pid: u16, mut counter: u8, unit: &[u8]) -> Vec<RawPacket> {
        let mut bytes = vec![0];
        bytes.extend(unit);
        let mut first = true;
        let cut = bytes.chunks(184).map(|part| {
            let mut packet = [0xff; PACKET_BYTES];
            let [high, low] = pid.to_be_bytes();
            packet[..4].copy_from_slice(&[0x47, high | u8::from(first) << 6, low, 0x10 | counter & 0x0f]);
            packet[4..4 + part.len()].copy_from_slice(part);
            (first, counter) = (false, counter + 1);
            packet
        });
        cut.collect()
    }

    fn read(packets: &[RawPacket]) -> Vec<(Vec<u8>, usize)> {
        let mut reader = SectionReader::default();
        let mut sections = Vec::new();
        for packet in packets {
            let packet = Packet::new(packet).unwrap();
            reader.push(packet, &mut |section, packets| sections.push((section.to_vec(), packets.len())));
        }
        sections
    }

    fn long_pmt() -> Vec<u8> {
        let mut body = vec![0xe1, 0x00, 0xf0, 0x00];
        for pid in 0..60u8 {
            body.extend([0x1b, 0xe1, pid, 0xf0, 0x03, 0x52, 0x01, pid]);
        }
        section(PMT_TABLE, 7, &body)
    }

    #[test]
    fn pat_of_an_encoder_checks_and_reads() {
        let captured =
            [0x00, 0xb0, 0x0d, 0x00, 0x01, 0xc1, 0x00, 0x00, 0x00, 0x01, 0xf0, 0x00, 0x2a, 0xb1, 0x04, 0xb2];
        assert_eq!(crc32(&captured), 0);
        assert_eq!(parse_pat(&captured), Some(vec![Program { number: 1, pmt_pid: 0x1000 }]));
        assert_eq!(parse_pmt(&captured), None);
    }

    #[test]
    fn section_over_three_packets_is_put_together() {
        let pmt = long_pmt();
        let sections = read(&packets(0x20, 14, &pmt));
        assert_eq!(sections, [(pmt, 3)]);
        let parsed = parse_pmt(&sections[0].0).unwrap();
        assert_eq!((parsed.program, parsed.pcr_pid, parsed.streams.len()), (7, 0x100, 60));
        assert_eq!(parsed.streams[59], Elementary { pid: 0x13b, kind: Kind::H264 });
    }

    #[test]
    fn section_with_a_lost_packet_or_a_flipped_bit_never_comes() {
        let mut cut = packets(0x20, 0, &long_pmt());
        cut[1][100] ^= 1;
        assert!(read(&cut).is_empty());
        cut.remove(1);
        assert!(read(&cut).is_empty());
    }

    #[test]
    fn two_sections_in_one_packet_both_come() {
        let (one, two) =
            (section(PMT_TABLE, 1, &[0xe0, 9, 0xf0, 0]), section(PMT_TABLE, 2, &[0xe0, 9, 0xf0, 0]));
        let sections = read(&packets(0x20, 3, &[one.clone(), two.clone()].concat()));
        assert_eq!(sections, [(one, 1), (two, 1)]);
    }

    #[test]
    fn absurd_lengths_hold_no_memory() {
        let mut endless = packets(0x20, 0, &[0x02, 0xbf, 0xff]);
        endless.extend(packets(0x20, 1, &[0u8; 184 * 40]).into_iter().skip(1));
        assert!(read(&endless).is_empty());
        assert_eq!(parse_pmt(&section(PMT_TABLE, 1, &[0xe0, 9, 0xf0, 0xff])), None);
        assert_eq!(parse_pmt(&[0x02]), None);
    }

    #[test]
    fn private_streams_say_what_they_are_by_descriptor() {
        assert_eq!(kind(0x06, &[0x0a, 1, 0, 0x6a, 0]), Kind::Audio);
        assert_eq!(kind(0x06, b"\x05\x04HEVC"), Kind::H265);
        assert_eq!(kind(0x06, &[0x05, 9]), Kind::Other);
    }
}
