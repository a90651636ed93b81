//! Peer exchange (id 12): who else is in the swarm.
//!
//! It decides the layout of the message. Whether an address may be dialled is for the roster.

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::{Buf, BufMut};

use crate::base::ids::PeerId;
use crate::base::limits;

/// Length of the part before the records.
pub const HEADER_BYTES: usize = 16;
/// Length of one record.
pub const RECORD_BYTES: usize = 108;

/// Constants of the header in everything seen.
const LEAD: u8 = 5;
const FIELD: u32 = 17;

/// What we read of one 108-byte record. The address is not yet filtered.
#[derive(Debug, Clone, PartialEq)]
pub struct PexRecord {
    pub address: SocketAddrV4,
    pub peer_id: PeerId,
    /// -1: the peer holds nothing.
    pub min_piece: i64,
    pub max_piece: i64,
    pub distance_from_source: i32,
    /// The piece that the peer plays, -1 for none.
    pub position: i64,
    /// Engine build, as in the extended handshake.
    pub version: u32,
}

/// Length of a message's payload.
pub fn encoded_bytes(records: usize) -> usize {
    HEADER_BYTES + RECORD_BYTES * records.min(limits::PEX_MAX_RECORDS)
}

/// Reads at most [`PEX_MAX_RECORDS`](limits::PEX_MAX_RECORDS) records; `None` when the lengths in the
/// header do not agree with the payload's.
pub fn decode(payload: &[u8]) -> Option<Vec<PexRecord>> {
    let (mut header, records) = payload.split_at_checked(HEADER_BYTES)?;
    header.advance(1);
    let (count, _, record_bytes) = (header.get_u16(), header.get_u32(), header.get_u32());
    let fits = records.len() == usize::from(count) * RECORD_BYTES;
    if !fits || record_bytes != RECORD_BYTES as u32 {
        return None;
    }
    Some(records.chunks_exact(RECORD_BYTES).take(limits::PEX_MAX_RECORDS).map(decode_record).collect())
}

/// Writes at most [`PEX_MAX_RECORDS`](limits::PEX_MAX_RECORDS) records, with neutral values in the
/// fields that [`PexRecord`] does not have.
pub fn encode(records: &[PexRecord]) -> Vec<u8> {
    let records = records.get(..limits::PEX_MAX_RECORDS).unwrap_or(records);
    let mut out = Vec::with_capacity(encoded_bytes(records.len()));
    out.put_u8(LEAD);
    out.put_u16(records.len() as u16);
    out.put_u32(FIELD);
    out.put_u32(RECORD_BYTES as u32);
    out.put_bytes(0, 5);
    records.iter().for_each(|record| put_record(&mut out, record));
    out
}

/// `record` has [`RECORD_BYTES`].
fn decode_record(mut record: &[u8]) -> PexRecord {
    let fields = &mut record;
    fields.advance(11);
    let address = SocketAddrV4::new(Ipv4Addr::from_bits(fields.get_u32()), fields.get_u16());
    fields.advance(6);
    let (min_piece, max_piece) = (fields.get_i64(), fields.get_i64());
    let mut peer_id = PeerId([0; 20]);
    fields.copy_to_slice(&mut peer_id.0);
    let distance_from_source = fields.get_i32();
    fields.advance(16);
    let position = fields.get_i64();
    fields.advance(9);
    let version = fields.get_u32();
    PexRecord { address, peer_id, min_piece, max_piece, distance_from_source, position, version }
}

fn put_record(out: &mut Vec<u8>, record: &PexRecord) {
    out.put_bytes(0, 11);
    out.put_u32(record.address.ip().to_bits());
    out.put_u16(record.address.port());
    out.put_u8(1);
    out.put_bytes(0, 5);
    out.put_i64(record.min_piece);
    out.put_i64(record.max_piece);
    out.put_slice(&record.peer_id.0);
    out.put_i32(record.distance_from_source);
    // time and ping from the source: unknown
    out.put_i32(-1);
    out.put_i32(-1);
    out.put_i64(record.max_piece);
    out.put_i64(record.position);
    out.put_i64(record.max_piece);
    // platform: Linux
    out.put_u8(2);
    out.put_u32(record.version);
    // network and countries: unknown
    out.put_i32(-1);
    out.put_slice(b"----");
}
