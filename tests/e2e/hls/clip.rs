//! Media segments for an origin to offer: the carried clip, one group of pictures each, played in rounds
//! without a seam. Every segment begins with its tables and a key frame and ends with a packet that says
//! which segment it is, so that no two are alike and each one can be checked wherever it arrives.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use start_engine::media::looper::Looper;
use start_engine::media::ts::PACKET_BYTES;

static CLIP: &[u8] = include_bytes!("../../../src/node/demo/clip.ts");
/// 8 s of 90 kHz.
const ROUND_TICKS: u64 = 8 * 90_000;
const GROUP_PACKETS: usize = 400;
/// Numbers that are so far apart hold the same pictures.
pub const SEGMENTS: u64 = 128;
/// Packets of padding that stream 0 has and the others lack: two chunks.
const HIGH_PADDING: usize = 160;
const MARK: &str = "segment ";
const MARK_AT: usize = 4;

/// A segment among all that an origin ever offers. Numbers are used again in another era.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId {
    pub stream: u32,
    pub era: u32,
    pub number: u64,
}

static GROUPS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(cut);

/// The bytes of a segment.
pub fn segment(id: SegmentId) -> Vec<u8> {
    let mut bytes = GROUPS[(id.number % SEGMENTS) as usize].clone();
    let padding = if id.stream == 0 { HIGH_PADDING } else { 0 };
    bytes.extend(null_packet("").repeat(padding));
    bytes.extend(null_packet(&format!("{MARK}{} {} {};", id.stream, id.era, id.number)));
    bytes
}

/// Which segment these bytes say they are.
pub fn identity(bytes: &[u8]) -> Option<SegmentId> {
    let mark = bytes.rchunks_exact(PACKET_BYTES).next()?.get(MARK_AT..)?;
    let text = std::str::from_utf8(mark.split(|byte| *byte == b';').next()?).ok()?;
    let mut words = text.strip_prefix(MARK)?.split(' ');
    let (stream, era, number) = (words.next()?, words.next()?, words.next()?);
    Some(SegmentId { stream: stream.parse().ok()?, era: era.parse().ok()?, number: number.parse().ok()? })
}

fn cut() -> Vec<Vec<u8>> {
    let mut looper = Looper::new(ROUND_TICKS);
    let mut counters = BTreeMap::new();
    let tables = &CLIP[PACKET_BYTES..3 * PACKET_BYTES];
    let mut groups = Vec::new();
    while groups.len() < SEGMENTS as usize {
        for group in CLIP.chunks_exact(GROUP_PACKETS * PACKET_BYTES) {
            let mut bytes = tables.to_vec();
            looper.play(group).iter().for_each(|run| bytes.extend_from_slice(&run.packets));
            bytes.chunks_exact_mut(PACKET_BYTES).for_each(|packet| count(packet, &mut counters));
            groups.push(bytes);
        }
        looper.restart();
    }
    groups
}

/// Makes the packet's continuity counter follow the one before, as the tables in front upset them.
fn count(packet: &mut [u8], counters: &mut BTreeMap<u16, u8>) {
    let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
    if pid == 0x1fff {
        return;
    }
    let counter = counters.entry(pid).or_insert(0x0f);
    if packet[3] & 0x10 != 0 {
        *counter = (*counter + 1) & 0x0f;
    }
    packet[3] = packet[3] & 0xf0 | *counter;
}

fn null_packet(text: &str) -> Vec<u8> {
    let mut packet = vec![0xff; PACKET_BYTES];
    packet[..MARK_AT].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
    packet[MARK_AT..MARK_AT + text.len()].copy_from_slice(text.as_bytes());
    packet
}
