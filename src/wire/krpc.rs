//! Messages of the mainline DHT: queries and answers, each a bencoded dict in one datagram (BEP 5), with the
//! IPv6 nodes of BEP 32, the `ip` of BEP 42 and the `ro` of BEP 43.
//!
//! It decides their form and how much of one is read. Which node may be asked or believed is for the DHT.

mod encode;

pub use encode::{encode_error, pack_nodes};

use std::net::SocketAddr;

use super::bencode::{BencodeError, Value, parse_lenient};
use super::tracker_udp::{unpack_v4, unpack_v6};
use crate::base::ids::{DhtId, Infohash};
use crate::base::limits::{
    DHT_DATAGRAM_MAX_BYTES, DHT_REPLY_NODES_MAX, DHT_REPLY_PEERS_MAX, DHT_TRANSACTION_MAX_BYTES,
};

/// Code of an answer to a query whose arguments, or token, are wrong.
pub const ERROR_PROTOCOL: i64 = 203;
/// Code of an answer to a query of an unknown kind.
pub const ERROR_METHOD_UNKNOWN: i64 = 204;

/// Bytes of a node's id, address and port.
const NODE_V4_BYTES: usize = 26;
const NODE_V6_BYTES: usize = 38;

/// A node as others tell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contact {
    pub id: DhtId,
    pub addr: SocketAddr,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query<'a> {
    Ping,
    FindNode {
        target: DhtId,
    },
    GetPeers {
        infohash: Infohash,
    },
    AnnouncePeer {
        infohash: Infohash,
        port: u16,
        /// The datagram's own port counts, not `port`.
        is_port_implied: bool,
        token: &'a [u8],
    },
}

/// Families of the nodes that are wanted (BEP 32).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    pub v4: bool,
    pub v6: bool,
}

/// A query and who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    pub from: DhtId,
    pub query: Query<'a>,
    /// `None`: the family that the question came over.
    pub want: Option<Want>,
    /// The asker answers no queries itself.
    pub is_read_only: bool,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<'a> {
    pub from: DhtId,
    /// IPv4 first.
    pub nodes: Vec<Contact>,
    pub peers: Vec<SocketAddr>,
    /// To announce with.
    pub token: Option<&'a [u8]>,
    /// Where the question came from.
    pub seen_at: Option<SocketAddr>,
}

/// What one datagram holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<'a> {
    Query(Asked<'a>),
    /// A query that only [`encode_error`] can answer, with this code.
    BadQuery(i64),
    Answer(Answer<'a>),
    Error(i64),
}

/// One datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// Made by who asks, and repeated in the answer.
    pub transaction: &'a [u8],
    pub body: Body<'a>,
}

/// Why a datagram is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KrpcError {
    #[error("datagram is no bencode: {0}")]
    NotBencode(#[from] BencodeError),
    #[error("message has no transaction of 1 to {DHT_TRANSACTION_MAX_BYTES} bytes")]
    NoTransaction,
    #[error("message is neither query nor answer nor error")]
    UnknownKind,
    #[error("answer lacks its dict or the id of its node")]
    NoId,
}

/// Whether a datagram on a port shared with a tracker is meant for the DHT: a dict whose first key has one or
/// two letters. A tracker's begin with a number of 64 bits, which looks like this one time in billions.
pub fn is_krpc(datagram: &[u8]) -> bool {
    matches!(datagram, [b'd', b'1' | b'2', b':', .., b'e'])
}

impl<'a> Message<'a> {
    /// Reads one datagram. Keys in any order are taken, unknown ones are passed over, and of long lists the
    /// first entries are read.
    ///
    /// # Errors
    /// It is no message that could be answered or that answers anything.
    pub fn decode(datagram: &'a [u8]) -> Result<Self, KrpcError> {
        let root = parse_lenient(datagram, DHT_DATAGRAM_MAX_BYTES)?;
        let is_sane = |name: &&[u8]| (1..=DHT_TRANSACTION_MAX_BYTES).contains(&name.len());
        let transaction = root.get_bytes("t").filter(is_sane).ok_or(KrpcError::NoTransaction)?;
        let body = match root.get_bytes("y") {
            Some(b"q") => read_query(&root),
            Some(b"r") => Body::Answer(read_answer(&root).ok_or(KrpcError::NoId)?),
            Some(b"e") => Body::Error(read_error(&root)),
            _ => return Err(KrpcError::UnknownKind),
        };
        Ok(Self { transaction, body })
    }
}

fn read_query<'a>(root: &Value<'a>) -> Body<'a> {
    let Some(arguments) = root.get("a") else { return Body::BadQuery(ERROR_PROTOCOL) };
    let query = match root.get_bytes("q") {
        Some(b"ping") => Some(Query::Ping),
        Some(b"find_node") => read_id(arguments, "target").map(|target| Query::FindNode { target }),
        Some(b"get_peers") => read_infohash(arguments).map(|infohash| Query::GetPeers { infohash }),
        Some(b"announce_peer") => read_announce(arguments),
        _ => return Body::BadQuery(ERROR_METHOD_UNKNOWN),
    };
    match (query, read_id(arguments, "id")) {
        (Some(query), Some(from)) => Body::Query(Asked {
            from,
            query,
            want: read_want(arguments),
            is_read_only: root.get_int("ro") == Some(1),
        }),
        _ => Body::BadQuery(ERROR_PROTOCOL),
    }
}

fn read_announce<'a>(arguments: &Value<'a>) -> Option<Query<'a>> {
    let is_port_implied = arguments.get_int("implied_port").is_some_and(|flag| flag != 0);
    let port = arguments.get_int("port").and_then(|port| u16::try_from(port).ok());
    Some(Query::AnnouncePeer {
        infohash: read_infohash(arguments)?,
        port: if is_port_implied { port.unwrap_or_default() } else { port.filter(|&port| port != 0)? },
        is_port_implied,
        token: arguments.get_bytes("token")?,
    })
}

fn read_want(arguments: &Value<'_>) -> Option<Want> {
    let list = arguments.get("want")?.as_list()?;
    let has = |name: &[u8]| list.iter().any(|entry| entry.as_bytes() == Some(name));
    Some(Want { v4: has(b"n4"), v6: has(b"n6") })
}

fn read_answer<'a>(root: &Value<'a>) -> Option<Answer<'a>> {
    let body = root.get("r")?;
    let mut nodes = unpack_v4_nodes(body.get_bytes("nodes").unwrap_or_default(), DHT_REPLY_NODES_MAX);
    nodes.extend(unpack_v6_nodes(body.get_bytes("nodes6").unwrap_or_default(), DHT_REPLY_NODES_MAX));
    let peers = body.get("values").and_then(Value::as_list).unwrap_or_default();
    let peers = peers.iter().filter_map(|peer| read_address(peer.as_bytes()?));
    Some(Answer {
        from: read_id(body, "id")?,
        nodes,
        peers: peers.take(DHT_REPLY_PEERS_MAX).collect(),
        token: body.get_bytes("token"),
        seen_at: root.get_bytes("ip").and_then(read_address),
    })
}

/// The code of an error that a node tells; 0 when it tells none.
fn read_error(root: &Value<'_>) -> i64 {
    let code = root.get("e").and_then(Value::as_list).and_then(|list| list.first()?.as_int());
    code.unwrap_or_default()
}

fn read_id(dict: &Value<'_>, key: &str) -> Option<DhtId> {
    dict.get_bytes(key)?.try_into().ok().map(DhtId)
}

fn read_infohash(arguments: &Value<'_>) -> Option<Infohash> {
    arguments.get_bytes("info_hash")?.try_into().ok().map(Infohash)
}

/// Nodes of 26 bytes, at most `max`; a torn last one and those without a port are left out.
pub fn unpack_v4_nodes(packed: &[u8], max: usize) -> Vec<Contact> {
    packed.as_chunks::<NODE_V4_BYTES>().0.iter().filter_map(|node| read_node(node)).take(max).collect()
}

/// Nodes of 38 bytes.
pub fn unpack_v6_nodes(packed: &[u8], max: usize) -> Vec<Contact> {
    packed.as_chunks::<NODE_V6_BYTES>().0.iter().filter_map(|node| read_node(node)).take(max).collect()
}

fn read_node(packed: &[u8]) -> Option<Contact> {
    let (id, addr) = packed.split_first_chunk::<20>()?;
    Some(Contact { id: DhtId(*id), addr: read_address(addr)? })
}

/// 6 or 18 bytes; `None` for what cannot be sent to, and for IPv4 in the form of IPv6.
fn read_address(packed: &[u8]) -> Option<SocketAddr> {
    let addresses = match packed.len() {
        6 => unpack_v4(packed),
        18 => unpack_v6(packed),
        _ => return None,
    };
    addresses.first().copied().filter(|addr| addr.ip() == addr.ip().to_canonical())
}
