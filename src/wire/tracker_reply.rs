//! Reads what an HTTP tracker answers to an announce (BEP 3, 7, 23): packed addresses or listed ones, IPv4
//! and IPv6. Nothing here believes a count or a length.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::announce::AnnounceReply;
use super::bencode::{BencodeError, Value, parse_lenient};
use super::tracker_udp::{unpack_v4, unpack_v6, usable};
use crate::base::limits::{ANNOUNCE_INTERVAL, TRACKER_REPLY_MAX_BYTES, TRACKER_REPLY_PEERS_MAX};

/// Why a reply is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    #[error("tracker tells a failure: {0}")]
    Failure(String),
    #[error("reply is not a tracker's: {0}")]
    NotBencode(#[from] BencodeError),
    #[error("reply is not a dict")]
    NotADict,
}

/// Reads the body of a reply. A reply without `interval` gets our own; one without peers is empty.
pub fn decode(body: &[u8]) -> Result<AnnounceReply, ReplyError> {
    // aquatic ends its replies with a line break
    let reply = parse_lenient(body.trim_ascii_end(), TRACKER_REPLY_MAX_BYTES)?;
    if reply.as_dict().is_none() {
        return Err(ReplyError::NotADict);
    }
    if let Some(reason) = reply.get_bytes("failure reason") {
        return Err(ReplyError::Failure(String::from_utf8_lossy(reason).into_owned()));
    }
    let mut peers = reply.get("peers").map(read_peers).unwrap_or_default();
    peers.extend(reply.get_bytes("peers6").map(unpack_v6).unwrap_or_default());
    peers.truncate(TRACKER_REPLY_PEERS_MAX);
    Ok(AnnounceReply {
        interval: seconds(&reply, "interval").unwrap_or(ANNOUNCE_INTERVAL),
        min_interval: seconds(&reply, "min interval"),
        seeders: count(&reply, "complete"),
        leechers: count(&reply, "incomplete"),
        peers,
    })
}

fn seconds(reply: &Value<'_>, key: &str) -> Option<Duration> {
    let seconds = u32::try_from(reply.get_int(key)?).ok()?;
    (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
}

fn count(reply: &Value<'_>, key: &str) -> u32 {
    reply.get_int(key).and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
}

fn read_peers(peers: &Value<'_>) -> Vec<SocketAddr> {
    match (peers.as_bytes(), peers.as_list()) {
        (Some(packed), _) => unpack_v4(packed),
        (_, Some(list)) => list.iter().filter_map(read_peer).take(TRACKER_REPLY_PEERS_MAX).collect(),
        _ => Vec::new(),
    }
}

/// A listed peer; names instead of addresses are not looked up.
fn read_peer(peer: &Value<'_>) -> Option<SocketAddr> {
    let ip: IpAddr = peer.get_str("ip")?.parse().ok()?;
    let port = u16::try_from(peer.get_int("port")?).ok()?;
    Some(SocketAddr::new(ip, port)).filter(usable)
}
