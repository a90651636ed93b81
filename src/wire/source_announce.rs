//! Id 36: where the source of a stream is said to be. Only a hint of an address; it proves nothing.

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::{Buf, BufMut};

use crate::base::ids::PeerId;

/// Length of the payload.
pub const PAYLOAD_BYTES: usize = 80;

/// The four leading 16-bit fields of the message as engines send it.
const LEAD: [u16; 4] = [0x0002, 0x0034, 0x003f, 0x0040];

/// `None` when the payload is not 80 bytes long. The leading fields are not checked: their meaning is
/// unknown.
pub fn decode(payload: &[u8]) -> Option<(SocketAddrV4, PeerId)> {
    if payload.len() != PAYLOAD_BYTES {
        return None;
    }
    let mut rest = payload.get(2 * LEAD.len()..)?;
    let address = SocketAddrV4::new(Ipv4Addr::from_bits(rest.get_u32()), rest.get_u16());
    let mut peer_id = [0; 20];
    rest.copy_to_slice(&mut peer_id);
    Some((address, PeerId(peer_id)))
}

/// The payload with zeros in the fields whose meaning is unknown.
pub fn encode(address: SocketAddrV4, peer_id: &PeerId) -> Vec<u8> {
    let mut out = Vec::with_capacity(PAYLOAD_BYTES);
    LEAD.iter().for_each(|field| out.put_u16(*field));
    out.put_u32(address.ip().to_bits());
    out.put_u16(address.port());
    out.put_slice(&peer_id.0);
    out.resize(PAYLOAD_BYTES, 0);
    out
}
