//! Makes small transport streams whose every packet is known, and checks what came of them.

use start_engine::media::psi::crc32;
use start_engine::media::ts::{NULL_PID, PACKET_BYTES, Packet};

pub const PMT_PID: u16 = 0x1000;
pub const VIDEO_PID: u16 = 0x100;
pub const AUDIO_PID: u16 = 0x101;
/// Frames a second.
pub const FPS: u64 = 25;

/// What kind of stream to make.
#[derive(Debug, Clone)]
pub struct Recipe {
    pub frames: u64,
    /// Frames from one key frame to the next.
    pub gop: u64,
    /// Frames from one PAT and PMT to the next.
    pub tables_every: u64,
    pub video: bool,
    /// Whether key frames carry the random access indicator.
    pub marked: bool,
    pub pcr: bool,
    /// PMT stream type of the video.
    pub video_type: u8,
    /// Whether key frames begin with parameter sets.
    pub parameter_sets: bool,
    /// Packets of an ordinary frame.
    pub frame_packets: usize,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            frames: 250,
            gop: 25,
            tables_every: 5,
            video: true,
            marked: true,
            pcr: true,
            video_type: 0x1b,
            parameter_sets: true,
            frame_packets: 6,
        }
    }
}

#[derive(Default)]
struct Maker {
    out: Vec<u8>,
    counters: std::collections::BTreeMap<u16, u8>,
    filler: u32,
}

impl Maker {
    /// One packet: an adaptation field of `adaptation` (its flags first) and as much payload as fits.
    fn packet(&mut self, pid: u16, starts: bool, adaptation: &[u8], payload: &mut &[u8]) {
        let field_bytes = if adaptation.is_empty() { 0 } else { 1 + adaptation.len() };
        let taken = payload.len().min(184 - field_bytes);
        let stuffing = 184 - field_bytes - taken;
        let counter = self.counters.entry(pid).or_insert(pid as u8 & 0x0f);
        let has_field = !adaptation.is_empty() || stuffing > 0;
        let [high, low] = pid.to_be_bytes();
        let control = if has_field { 0x30 } else { 0x10 } | *counter;
        *counter = (*counter + 1) & 0x0f;
        self.out.extend([0x47, high | u8::from(starts) << 6, low, control]);
        if has_field {
            let mut field = adaptation.to_vec();
            field.resize(183 - taken, 0xff);
            if adaptation.is_empty() && !field.is_empty() {
                field[0] = 0;
            }
            self.out.push(field.len() as u8);
            self.out.extend(field);
        }
        self.out.extend(&payload[..taken]);
        *payload = &payload[taken..];
    }

    fn section(&mut self, pid: u16, table: u8, extension: u16, body: &[u8]) {
        let bytes = (9 + body.len()) as u16;
        let mut section = vec![table, 0xb0 | (bytes >> 8) as u8, bytes as u8];
        section.extend(extension.to_be_bytes());
        section.extend([0xc1, 0, 0]);
        section.extend(body);
        section.extend(crc32(&section).to_be_bytes());
        let mut payload = vec![0];
        payload.extend(section);
        payload.resize(184, 0xff);
        self.packet(pid, true, &[], &mut &payload[..]);
    }

    fn tables(&mut self, recipe: &Recipe) {
        let pid = |pid: u16| [0xe0 | (pid >> 8) as u8, pid as u8];
        self.section(0, 0, 1, &[&[0, 1][..], &pid(PMT_PID)].concat());
        let lead = if recipe.video { VIDEO_PID } else { AUDIO_PID };
        let mut map = [&pid(lead)[..], &[0xf0, 0]].concat();
        if recipe.video {
            map.extend([&[recipe.video_type][..], &pid(VIDEO_PID), &[0xf0, 0]].concat());
        }
        map.extend([&[0x0f][..], &pid(AUDIO_PID), &[0xf0, 0]].concat());
        self.section(PMT_PID, 2, 1, &map);
    }

    fn unit(&mut self, pid: u16, head: &[u8], packets: usize, flags: u8, frame: u64) {
        let mut bytes = vec![0, 0, 1, if pid == VIDEO_PID { 0xe0 } else { 0xc0 }, 0, 0, 0x80, 0, 0];
        bytes.extend(head);
        while bytes.len() < packets * 170 {
            self.filler = self.filler.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes.push((self.filler >> 24) as u8 | 1);
        }
        let mut adaptation = Vec::new();
        if flags != 0 {
            adaptation.push(flags);
        }
        if flags & 0x10 != 0 {
            let base = frame * 90_000 / FPS;
            adaptation.extend(((base >> 1) as u32).to_be_bytes());
            adaptation.extend([(base as u8 & 1) << 7 | 0x7e, 0]);
        }
        let (mut rest, mut starts) = (&bytes[..], true);
        while !rest.is_empty() {
            self.packet(pid, starts, &adaptation, &mut rest);
            adaptation.clear();
            starts = false;
        }
    }

    fn frame(&mut self, recipe: &Recipe, frame: u64) {
        let is_key = frame.is_multiple_of(recipe.gop);
        let pcr = if recipe.pcr { 0x10 } else { 0 };
        if recipe.video {
            let mark = if is_key && recipe.marked { 0x40 } else { 0 };
            let head: &[u8] = match is_key && recipe.parameter_sets {
                true => &[0, 0, 1, 9, 0x10, 0, 0, 1, 0x67, 0x42],
                false => &[0, 0, 1, 9, 0x30, 0, 0, 1, 0x41, 0x9a],
            };
            let packets = recipe.frame_packets * if is_key { 4 } else { 1 };
            self.unit(VIDEO_PID, head, packets, mark | pcr, frame);
        }
        self.unit(AUDIO_PID, &[0xff, 0xf1], 2, if recipe.video { 0 } else { pcr }, frame);
        let padding = [0xff; 184];
        self.packet(NULL_PID, false, &[], &mut &padding[..]);
    }
}

/// The stream of a recipe; it begins in the middle of a group of pictures.
pub fn make(recipe: &Recipe) -> Vec<u8> {
    let mut maker = Maker::default();
    for frame in 3..recipe.frames + 3 {
        if frame.is_multiple_of(recipe.tables_every) {
            maker.tables(recipe);
        }
        maker.frame(recipe, frame);
    }
    maker.out
}

/// Continuity errors over all packet identifiers but padding. Panics when `bytes` are not packets.
pub fn continuity_errors(bytes: &[u8]) -> usize {
    let mut last = std::collections::BTreeMap::new();
    let mut errors = 0;
    for packet in packets(bytes).filter(|packet| packet.pid() != NULL_PID && packet.has_payload()) {
        let counter = packet.continuity_counter();
        let before: Option<u8> = last.insert(packet.pid(), counter);
        errors += usize::from(before.is_some_and(|before| (before + 1) & 0x0f != counter));
    }
    errors
}

/// The packets of `bytes`.
pub fn packets(bytes: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    assert_eq!(bytes.len() % PACKET_BYTES, 0, "not whole packets");
    bytes.chunks_exact(PACKET_BYTES).map(|packet| Packet::new(packet).expect("a packet with its sync byte"))
}

/// Asserts that `bytes` begin with PAT, PMT and a marked key frame.
pub fn assert_clean_start(bytes: &[u8]) {
    let first: Vec<_> = packets(bytes).take(3).collect();
    assert_eq!(first.iter().map(Packet::pid).collect::<Vec<_>>(), [0, PMT_PID, VIDEO_PID]);
    assert!(first[2].is_random_access() && first[2].starts_unit());
}
