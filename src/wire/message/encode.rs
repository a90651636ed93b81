//! Writes frames. Bulk data is handed back, not copied: the caller sends it after the head.

use bytes::{BufMut, Bytes, BytesMut};

use super::{LENGTH_BYTES, Message, id};
use crate::wire::{pex, source_announce};

/// First field of telemetry in everything seen.
const TELEMETRY_KIND: u32 = 1;

impl Message {
    /// Appends length, id and all fields but bulk data to `out` and returns the bulk data that must
    /// follow it on the wire (empty when all is in `out`). [`Message::Unknown`] writes nothing.
    pub fn encode_head(&self, out: &mut BytesMut) -> Bytes {
        let start = out.len();
        out.put_u32(0);
        let Some(bulk) = self.put_body(out) else {
            out.truncate(start);
            return Bytes::new();
        };
        let body_bytes = out.len() - start - LENGTH_BYTES + bulk.len();
        out[start..start + LENGTH_BYTES].copy_from_slice(&(body_bytes as u32).to_be_bytes());
        bulk
    }

    /// Length of the whole frame on the wire, the length field included; 0 for [`Message::Unknown`],
    /// which is not written.
    pub fn frame_bytes(&self) -> usize {
        let payload = match self {
            Self::KeepAlive => return LENGTH_BYTES,
            Self::Unknown { .. } => return 0,
            Self::Choke | Self::Unchoke | Self::Interested | Self::NotInterested | Self::KeepAliveLike => 0,
            Self::Have { .. } | Self::TrailingEdge { .. } | Self::Telemetry { .. } => 8,
            Self::Request { .. } => 10,
            Self::Bitfield { bits, .. } => 12 + bits.len(),
            Self::Piece { data, .. } => 18 + data.len(),
            Self::MyInfo(info) => info.encode().len(),
            Self::PeerExchange(records) => pex::encoded_bytes(records.len()),
            Self::ExtendedHandshake(dict) => 1 + dict.len(),
            Self::Extended { payload, .. } => 1 + payload.len(),
            Self::SourceAnnounce { .. } => source_announce::PAYLOAD_BYTES,
        };
        LENGTH_BYTES + 1 + payload
    }

    /// Appends id and fields, and returns the bulk data; `None` for what is never written.
    fn put_body(&self, out: &mut BytesMut) -> Option<Bytes> {
        match self {
            Self::KeepAlive => {}
            Self::Unknown { .. } => return None,
            Self::Choke => out.put_u8(id::CHOKE),
            Self::Unchoke => out.put_u8(id::UNCHOKE),
            Self::Interested => out.put_u8(id::INTERESTED),
            Self::NotInterested => out.put_u8(id::NOT_INTERESTED),
            Self::KeepAliveLike => out.put_u8(id::KEEP_ALIVE_LIKE),
            Self::Have { stream, piece } => put_pair(out, id::HAVE, *stream, *piece),
            Self::TrailingEdge { stream, piece } => put_pair(out, id::TRAILING_EDGE, *stream, *piece),
            Self::Telemetry { counter } => put_pair(out, id::TELEMETRY, TELEMETRY_KIND, *counter),
            Self::Request { stream, piece, chunk } => {
                put_pair(out, id::REQUEST, *stream, *piece);
                out.put_u16(*chunk);
            }
            Self::MyInfo(info) => put_payload(out, id::MY_INFO, &info.encode()),
            Self::PeerExchange(records) => put_payload(out, id::PEER_EXCHANGE, &pex::encode(records)),
            Self::SourceAnnounce { address, peer_id } => {
                put_payload(out, id::SOURCE_ANNOUNCE, &source_announce::encode(*address, peer_id));
            }
            _ => return Some(self.put_bulk_head(out)),
        }
        Some(Bytes::new())
    }

    fn put_bulk_head(&self, out: &mut BytesMut) -> Bytes {
        match self {
            Self::Bitfield { stream, first, count, bits } => {
                put_pair(out, id::BITFIELD, *stream, *first);
                out.put_u32(*count);
                bits.clone()
            }
            Self::Piece { stream, piece, time, chunk, data } => {
                put_pair(out, id::PIECE, *stream, *piece);
                out.put_f64(*time);
                out.put_u16(*chunk);
                data.clone()
            }
            Self::ExtendedHandshake(dict) => {
                out.put_slice(&[id::EXTENDED, 0]);
                dict.clone()
            }
            Self::Extended { id, payload } => {
                out.put_slice(&[id::EXTENDED, *id]);
                payload.clone()
            }
            _ => Bytes::new(),
        }
    }
}

fn put_pair(out: &mut BytesMut, id: u8, first: u32, second: u32) {
    out.put_u8(id);
    out.put_u32(first);
    out.put_u32(second);
}

fn put_payload(out: &mut BytesMut, id: u8, payload: &[u8]) {
    out.put_u8(id);
    out.put_slice(payload);
}
