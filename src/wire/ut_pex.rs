//! `ut_pex` (BEP 11): who joined and who left, IPv4 and IPv6, in compact form.
//!
//! It decides the layout of the message. Whether an address may be dialled is for the roster.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{Buf, BufMut, Bytes};

use super::bencode::{self, Dict, Value};
use crate::base::limits;

/// The name in `m` of the extended handshake.
pub const UT_PEX_NAME: &str = "ut_pex";
/// The id under which we take the messages, and announce it.
pub const UT_PEX_ID: u8 = 1;

const V4_BYTES: usize = 6;
const V6_BYTES: usize = 18;

/// What changed since the last message to the same peer. Addresses are not yet filtered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerChanges {
    pub added: Vec<SocketAddr>,
    pub dropped: Vec<SocketAddr>,
}

impl PeerChanges {
    /// The canonical dict, with all six lists that BEP 11 names. The flags say nothing.
    pub fn encode(&self) -> Bytes {
        let (added4, added6) = compact(&self.added);
        let (dropped4, dropped6) = compact(&self.dropped);
        Dict::new()
            .bytes("added.f", vec![0; added4.len() / V4_BYTES])
            .bytes("added6.f", vec![0; added6.len() / V6_BYTES])
            .bytes("added", added4)
            .bytes("added6", added6)
            .bytes("dropped", dropped4)
            .bytes("dropped6", dropped6)
            .encode()
            .into()
    }

    /// Reads at most [`PEX_MAX_RECORDS`](limits::PEX_MAX_RECORDS) addresses of each list, which may be
    /// missing; `None` when it is no dict or a list is cut off.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let dict = bencode::parse_lenient(payload, limits::FRAME_MAX_BYTES).ok()?;
        dict.as_dict()?;
        let read = |v4: &str, v6: &str| {
            let mut addrs = addresses::<V4_BYTES>(&dict, v4, get_v4)?;
            addrs.extend(addresses::<V6_BYTES>(&dict, v6, get_v6)?);
            Some(addrs)
        };
        Some(Self { added: read("added", "added6")?, dropped: read("dropped", "dropped6")? })
    }
}

/// IPv4 and IPv6 apart.
fn compact(addrs: &[SocketAddr]) -> (Vec<u8>, Vec<u8>) {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for addr in addrs {
        match addr {
            SocketAddr::V4(addr) => {
                v4.put_u32(addr.ip().to_bits());
                v4.put_u16(addr.port());
            }
            SocketAddr::V6(addr) => {
                v6.put_u128(addr.ip().to_bits());
                v6.put_u16(addr.port());
            }
        }
    }
    (v4, v6)
}

fn addresses<const BYTES: usize>(
    dict: &Value<'_>,
    key: &str,
    get: fn(&[u8]) -> SocketAddr,
) -> Option<Vec<SocketAddr>> {
    let bytes = dict.get_bytes(key).unwrap_or_default();
    let records = bytes.chunks_exact(BYTES).take(limits::PEX_MAX_RECORDS);
    bytes.len().is_multiple_of(BYTES).then(|| records.map(get).collect())
}

/// `record` has [`V4_BYTES`].
fn get_v4(mut record: &[u8]) -> SocketAddr {
    (Ipv4Addr::from_bits(record.get_u32()), record.get_u16()).into()
}

/// `record` has [`V6_BYTES`].
fn get_v6(mut record: &[u8]) -> SocketAddr {
    (Ipv6Addr::from_bits(record.get_u128()), record.get_u16()).into()
}
