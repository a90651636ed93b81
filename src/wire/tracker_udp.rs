//! Announces and scrapes over UDP (BEP 15), both sides. Options after an announce (BEP 41) and padding are
//! tolerated and not read. Connection ids are checked by whoever made them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::announce::{AnnounceEvent, AnnounceReply, AnnounceRequest};
use super::tracker_http::{ReplyParts, ScrapeCounts, unpacked_v4, unpacked_v6};
use crate::base::ids::{Infohash, PeerId};
use crate::base::limits::{SCRAPE_MAX, TRACKER_REPLY_PEERS_MAX};

/// What a connect carries where other requests carry a connection id.
pub const PROTOCOL_MAGIC: u64 = 0x0417_2710_1980;
/// Length of an announce without options.
pub const ANNOUNCE_BYTES: usize = 98;
/// Length of a connect.
pub const CONNECT_BYTES: usize = 16;

const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const SCRAPE: u32 = 2;
const ERROR: u32 = 3;

/// A datagram from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UdpRequest<'a> {
    Connect { transaction: u32 },
    Announce { connection_id: u64, transaction: u32, announce: UdpAnnounce },
    Scrape { connection_id: u64, transaction: u32, swarms: ScrapeList<'a> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpAnnounce {
    pub request: AnnounceRequest,
    /// Where the announcer says it is; `None` for the usual 0. Not to be believed from afar.
    pub ip: Option<Ipv4Addr>,
}

/// The swarms of a scrape, still in the datagram: 1 to [`SCRAPE_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrapeList<'a>(&'a [[u8; 20]]);

impl ScrapeList<'_> {
    pub fn iter(&self) -> impl Iterator<Item = Infohash> {
        self.0.iter().copied().map(Infohash)
    }
}

impl<'a> UdpRequest<'a> {
    /// `None` for what is no request, which is best not answered at all.
    pub fn decode(datagram: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(datagram);
        let connection_id = fields.u64()?;
        let action = fields.u32()?;
        let transaction = fields.u32()?;
        match action {
            CONNECT if connection_id == PROTOCOL_MAGIC => Some(Self::Connect { transaction }),
            ANNOUNCE => {
                let announce = decode_announce(&mut fields)?;
                Some(Self::Announce { connection_id, transaction, announce })
            }
            SCRAPE => {
                let (swarms, _padding) = fields.0.as_chunks();
                let swarms = ScrapeList(&swarms[..swarms.len().min(SCRAPE_MAX)]);
                (!swarms.0.is_empty()).then_some(Self::Scrape { connection_id, transaction, swarms })
            }
            _ => None,
        }
    }
}

fn decode_announce(fields: &mut Fields<'_>) -> Option<UdpAnnounce> {
    let infohash = Infohash(fields.array()?);
    let peer_id = PeerId(fields.array()?);
    let (downloaded, left, uploaded) = (fields.u64()?, fields.u64()?, fields.u64()?);
    let event = match fields.u32()? {
        1 => AnnounceEvent::Completed,
        2 => AnnounceEvent::Started,
        3 => AnnounceEvent::Stopped,
        _ => AnnounceEvent::None,
    };
    let ip = Some(Ipv4Addr::from(fields.u32()?)).filter(|ip| !ip.is_unspecified());
    let key = fields.u32()?;
    let num_want = fields.u32()?;
    let num_want = i32::try_from(num_want).is_ok().then_some(num_want);
    let port = u16::from_be_bytes(fields.array()?);
    let request =
        AnnounceRequest { infohash, peer_id, port, uploaded, downloaded, left, event, num_want, key };
    Some(UdpAnnounce { request, ip })
}

pub fn encode_connect(transaction: u32) -> [u8; CONNECT_BYTES] {
    let mut out = [0; CONNECT_BYTES];
    out[..8].copy_from_slice(&PROTOCOL_MAGIC.to_be_bytes());
    out[8..12].copy_from_slice(&CONNECT.to_be_bytes());
    out[12..].copy_from_slice(&transaction.to_be_bytes());
    out
}

/// The 98 bytes of an announce.
pub fn encode_announce(connection_id: u64, transaction: u32, request: &AnnounceRequest) -> Vec<u8> {
    let event: u32 = match request.event {
        AnnounceEvent::None => 0,
        AnnounceEvent::Completed => 1,
        AnnounceEvent::Started => 2,
        AnnounceEvent::Stopped => 3,
    };
    let num_want = request.num_want.map_or(u32::MAX, |number| number.min(i32::MAX as u32));
    let mut out = Vec::with_capacity(ANNOUNCE_BYTES);
    out.extend_from_slice(&connection_id.to_be_bytes());
    out.extend_from_slice(&ANNOUNCE.to_be_bytes());
    out.extend_from_slice(&transaction.to_be_bytes());
    out.extend_from_slice(&request.infohash.0);
    out.extend_from_slice(&request.peer_id.0);
    for amount in [request.downloaded, request.left, request.uploaded] {
        out.extend_from_slice(&amount.to_be_bytes());
    }
    for field in [event, 0, request.key, num_want] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    out.extend_from_slice(&request.port.to_be_bytes());
    out
}

pub fn encode_scrape(connection_id: u64, transaction: u32, swarms: &[Infohash]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + 20 * swarms.len());
    out.extend_from_slice(&connection_id.to_be_bytes());
    out.extend_from_slice(&SCRAPE.to_be_bytes());
    out.extend_from_slice(&transaction.to_be_bytes());
    swarms.iter().for_each(|swarm| out.extend_from_slice(&swarm.0));
    out
}

pub fn encode_connect_reply(out: &mut Vec<u8>, transaction: u32, connection_id: u64) {
    encode_head(out, CONNECT, transaction);
    out.extend_from_slice(&connection_id.to_be_bytes());
}

/// Appends the answer with the addresses of one family: that of `reply.v6` when `v6`.
pub fn encode_announce_reply(out: &mut Vec<u8>, transaction: u32, reply: &ReplyParts<'_>, v6: bool) {
    encode_head(out, ANNOUNCE, transaction);
    for field in [reply.interval_s, reply.leechers, reply.seeders] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    let packed = if v6 { reply.v6.as_flattened() } else { reply.v4.as_flattened() };
    out.extend_from_slice(packed);
}

/// Appends the head of a scrape's answer; [`encode_scrape_counts`] follows for each swarm asked for.
pub fn encode_scrape_reply(out: &mut Vec<u8>, transaction: u32) {
    encode_head(out, SCRAPE, transaction);
}

pub fn encode_scrape_counts(out: &mut Vec<u8>, counts: ScrapeCounts) {
    for field in [counts.seeders, counts.completed, counts.leechers] {
        out.extend_from_slice(&field.to_be_bytes());
    }
}

pub fn encode_error(out: &mut Vec<u8>, transaction: u32, reason: &str) {
    encode_head(out, ERROR, transaction);
    out.extend_from_slice(reason.as_bytes());
}

fn encode_head(out: &mut Vec<u8>, action: u32, transaction: u32) {
    out.extend_from_slice(&action.to_be_bytes());
    out.extend_from_slice(&transaction.to_be_bytes());
}

/// A datagram from a tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UdpReply {
    Connect { connection_id: u64 },
    Announce(AnnounceReply),
    Scrape(Vec<ScrapeCounts>),
    Error(String),
}

impl UdpReply {
    /// Reads the reply to `transaction`; `v6` says over which family it came. `None` for anything else,
    /// which may be a late or forged packet and is best ignored.
    pub fn decode(datagram: &[u8], transaction: u32, v6: bool) -> Option<Self> {
        let mut fields = Fields(datagram);
        let action = fields.u32()?;
        if fields.u32()? != transaction {
            return None;
        }
        match action {
            CONNECT => Some(Self::Connect { connection_id: fields.u64()? }),
            ANNOUNCE => {
                let interval = Duration::from_secs(u64::from(fields.u32()?));
                let (leechers, seeders) = (fields.u32()?, fields.u32()?);
                let peers = if v6 { unpack_v6(fields.0) } else { unpack_v4(fields.0) };
                Some(Self::Announce(AnnounceReply { interval, min_interval: None, seeders, leechers, peers }))
            }
            SCRAPE => Some(Self::Scrape(decode_scrape_counts(fields))),
            ERROR => Some(Self::Error(String::from_utf8_lossy(fields.0).into_owned())),
            _ => None,
        }
    }
}

fn decode_scrape_counts(mut fields: Fields<'_>) -> Vec<ScrapeCounts> {
    std::iter::from_fn(|| {
        let (seeders, completed, leechers) = (fields.u32()?, fields.u32()?, fields.u32()?);
        Some(ScrapeCounts { seeders, leechers, completed })
    })
    .take(SCRAPE_MAX)
    .collect()
}

/// Reads addresses of 6 bytes; a torn last one and those without a port are left out.
pub fn unpack_v4(packed: &[u8]) -> Vec<SocketAddr> {
    let records = packed.as_chunks::<6>().0.iter().take(TRACKER_REPLY_PEERS_MAX);
    records.map(|&record| SocketAddr::V4(unpacked_v4(record))).filter(usable).collect()
}

/// Reads addresses of 18 bytes.
pub fn unpack_v6(packed: &[u8]) -> Vec<SocketAddr> {
    let records = packed.as_chunks::<18>().0.iter().take(TRACKER_REPLY_PEERS_MAX);
    records.map(|&record| SocketAddr::V6(unpacked_v6(record))).filter(usable).collect()
}

/// Whether an address from a tracker can be dialled at all.
pub fn usable(address: &SocketAddr) -> bool {
    let multicast_or_nobody = match address.ip() {
        IpAddr::V4(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast(),
    };
    address.port() != 0 && !multicast_or_nobody
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}
