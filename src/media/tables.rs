//! Follows the PAT and PMTs of a stream, and keeps the packets that a player needs first.

use bytes::{Bytes, BytesMut};

use super::psi::{self, Elementary, Kind, PAT_PID, Pmt, Program, RawPacket, SectionReader};
use super::ts::Packet;

/// A table as it was last seen, and the reader of its packets.
#[derive(Debug)]
struct Table<T> {
    reader: SectionReader,
    packets: Vec<RawPacket>,
    content: Option<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { reader: SectionReader::default(), packets: Vec::new(), content: None }
    }
}

impl<T> Table<T> {
    fn push(&mut self, packet: Packet<'_>, parse: impl Fn(&[u8]) -> Option<T>) {
        let Self { reader, packets, content } = self;
        reader.push(packet, &mut |section, carriers| {
            if let Some(parsed) = parse(section) {
                *content = Some(parsed);
                carriers.clone_into(packets);
            }
        });
    }
}

/// The stream that decides where players can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    pub stream: Elementary,
    pub pcr_pid: u16,
}

/// The tables in force.
#[derive(Debug, Default)]
pub struct Tables {
    pat: Table<Vec<Program>>,
    pmts: Vec<(Program, Table<Pmt>)>,
    lead: Option<Lead>,
}

impl Tables {
    /// Reads a packet; `false` when it carries no table.
    pub fn push(&mut self, packet: Packet<'_>) -> bool {
        if packet.pid() == PAT_PID {
            self.pat.push(packet, psi::parse_pat);
            self.follow_programs();
            return true;
        }
        let mut is_table = false;
        for (program, table) in self.pmts.iter_mut().filter(|(program, _)| program.pmt_pid == packet.pid()) {
            let number = program.number;
            table.push(packet, |section| psi::parse_pmt(section).filter(|pmt| pmt.program == number));
            is_table = true;
        }
        if is_table {
            self.lead = self.choose_lead();
        }
        is_table
    }

    /// Forgets sections in progress, as after lost packets; complete tables stay.
    pub fn break_sections(&mut self) {
        self.pat.reader.reset();
        self.pmts.iter_mut().for_each(|(_, table)| table.reader.reset());
    }

    /// The first video of the programs in order, else the first audio, else the first of anything.
    /// `None` while a program that may still show a video has no map.
    pub fn lead(&self) -> Option<Lead> {
        self.lead
    }

    /// PAT and PMT packets, with counters such that the next packets of their identifiers follow on.
    pub fn packets(&self) -> Bytes {
        let mut out = BytesMut::new();
        append(&mut out, &self.pat.packets, &self.pat.reader);
        for (at, (program, table)) in self.pmts.iter().enumerate() {
            let shares = |(other, _): &&(Program, _)| other.pmt_pid == program.pmt_pid;
            if self.pmts[..at].iter().any(|entry| shares(&entry)) {
                continue;
            }
            let packets = self.pmts.iter().filter(shares).flat_map(|(_, table)| &table.packets);
            append(&mut out, packets, &table.reader);
        }
        out.freeze()
    }

    fn follow_programs(&mut self) {
        let Some(programs) = &self.pat.content else { return };
        if self.pmts.iter().map(|(program, _)| program).eq(programs) {
            return;
        }
        let mut known = std::mem::take(&mut self.pmts);
        for &program in programs {
            let same = known.iter().position(|(other, _)| *other == program);
            let table = same.map(|at| known.swap_remove(at).1).unwrap_or_default();
            self.pmts.push((program, table));
        }
        self.lead = self.choose_lead();
    }

    fn choose_lead(&self) -> Option<Lead> {
        let maps = || self.pmts.iter().filter_map(|(_, table)| table.content.as_ref());
        let first = |wanted: &dyn Fn(Kind) -> bool| {
            let streams = maps().flat_map(|pmt| pmt.streams.iter().map(move |stream| (pmt, stream)));
            let (pmt, stream) = streams.into_iter().find(|(_, stream)| wanted(stream.kind))?;
            Some(Lead { stream: *stream, pcr_pid: pmt.pcr_pid })
        };
        let all_known = maps().count() == self.pmts.len();
        let other = || first(&|kind| kind == Kind::Audio).or_else(|| first(&|_| true));
        first(&Kind::is_video).or_else(|| all_known.then(other)?)
    }
}

fn append<'a>(
    out: &mut BytesMut,
    packets: impl IntoIterator<Item = &'a RawPacket, IntoIter: Clone>,
    reader: &SectionReader,
) {
    let packets = packets.into_iter();
    let before_first = reader.last_counter().unwrap_or(0).wrapping_sub(packets.clone().count() as u8);
    for (at, packet) in packets.enumerate() {
        let start = out.len();
        out.extend_from_slice(packet);
        let counter = before_first.wrapping_add(at as u8 + 1) & 0x0f;
        out[start + 3] = out[start + 3] & 0xf0 | counter;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::psi::tests::{packets, section};
    use crate::media::ts::PACKET_BYTES;

    fn pat(programs: &[(u8, u8)]) -> Vec<u8> {
        let entry = |&(number, pid): &(u8, u8)| [0, number, 0xe0, pid];
        section(0, 1, &programs.iter().flat_map(entry).collect::<Vec<_>>())
    }

    fn pmt(program: u16, stream_type: u8, pid: u8) -> Vec<u8> {
        section(2, program, &[0xe0, pid, 0xf0, 0, stream_type, 0xe0, pid, 0xf0, 0])
    }

    fn push(tables: &mut Tables, pid: u16, counter: u8, unit: &[u8]) {
        for packet in packets(pid, counter, unit) {
            assert!(tables.push(Packet::new(&packet).unwrap()));
        }
    }

    fn pids_and_counters(packets: &[u8]) -> Vec<(u16, u8)> {
        let packets = packets.chunks(PACKET_BYTES).map(|packet| Packet::new(packet).unwrap());
        packets.map(|packet| (packet.pid(), packet.continuity_counter())).collect()
    }

    #[test]
    fn video_of_any_program_leads_and_audio_only_when_no_video_can_come() {
        let mut tables = Tables::default();
        push(&mut tables, PAT_PID, 0, &pat(&[(0, 16), (1, 32), (2, 33)]));
        push(&mut tables, 32, 0, &pmt(1, 0x0f, 40));
        assert_eq!(tables.lead(), None);
        push(&mut tables, 33, 0, &pmt(2, 0x1b, 41));
        assert_eq!(tables.lead().map(|lead| (lead.stream.pid, lead.pcr_pid)), Some((41, 41)));
        push(&mut tables, 33, 1, &pmt(2, 0x03, 42));
        assert_eq!(tables.lead().map(|lead| lead.stream.pid), Some(40));
        push(&mut tables, PAT_PID, 1, &pat(&[(2, 33)]));
        assert_eq!(tables.lead().map(|lead| lead.stream.pid), Some(42));
    }

    #[test]
    fn counters_of_tables_lead_up_to_the_last_ones_seen() {
        let mut tables = Tables::default();
        push(&mut tables, PAT_PID, 15, &pat(&[(1, 32), (2, 32), (3, 33)]));
        push(&mut tables, 32, 3, &pmt(1, 0x1b, 40));
        push(&mut tables, 32, 4, &pmt(2, 0x1b, 41));
        push(&mut tables, 32, 5, &section(0x40, 9, &[]));
        assert_eq!(pids_and_counters(&tables.packets()), [(PAT_PID, 15), (32, 4), (32, 5)]);
    }

    #[test]
    fn map_of_another_program_on_the_same_identifier_is_not_taken() {
        let mut tables = Tables::default();
        push(&mut tables, PAT_PID, 0, &pat(&[(1, 32)]));
        push(&mut tables, 32, 0, &pmt(9, 0x1b, 40));
        assert_eq!(tables.lead(), None);
    }
}
