//! Announces and scrapes over HTTP (BEP 3, 7, 23, 48): queries read and written, replies written. Replies
//! of other trackers are read in `tracker_reply`. Nothing here decides who gets which peers.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use super::announce::{AnnounceEvent, AnnounceRequest};
use super::tracker_url::TrackerUrl;
use crate::base::ids::{Infohash, PeerId};
use crate::base::limits::SCRAPE_MAX;

/// An announce as it came over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpAnnounce {
    pub request: AnnounceRequest,
    /// `ip`: where the announcer says it is. Not to be believed from afar.
    pub ip: Option<IpAddr>,
    /// Whether addresses may be packed; false only when the client refuses it.
    pub compact: bool,
}

/// What makes a query unusable; the text goes to the client as failure reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is not 20 bytes long")]
    NotAnId(&'static str),
    #[error("{0} is not a number")]
    NotANumber(&'static str),
    #[error("more than {SCRAPE_MAX} info_hash in one scrape")]
    TooManyInfohashes,
}

/// Reads the query of an announce: what follows `?`.
pub fn parse_announce(query: &str) -> Result<HttpAnnounce, QueryError> {
    let (mut infohash, mut peer_id, mut port) = (None, None, None);
    let (mut uploaded, mut downloaded, mut left) = (0, 0, u64::MAX);
    let (mut event, mut num_want, mut key) = (AnnounceEvent::None, None, 0);
    let (mut ip, mut compact) = (None, true);
    for (name, value) in pairs(query) {
        match name {
            "info_hash" => infohash = Some(Infohash(identifier(value, "info_hash")?)),
            "peer_id" => peer_id = Some(PeerId(identifier(value, "peer_id")?)),
            "port" => port = Some(value.parse().map_err(|_| QueryError::NotANumber("port"))?),
            "uploaded" => uploaded = amount(value, "uploaded")?,
            "downloaded" => downloaded = amount(value, "downloaded")?,
            "left" => left = amount(value, "left")?,
            "event" => event = parse_event(value),
            "numwant" => num_want = parse_num_want(value)?,
            "key" => key = u32::from_str_radix(value, 16).unwrap_or_default(),
            "ip" => ip = parse_ip(value),
            "compact" => compact = value != "0",
            _ => {}
        }
    }
    let infohash = infohash.ok_or(QueryError::Missing("info_hash"))?;
    let peer_id = peer_id.ok_or(QueryError::Missing("peer_id"))?;
    let port = port.ok_or(QueryError::Missing("port"))?;
    let request =
        AnnounceRequest { infohash, peer_id, port, uploaded, downloaded, left, event, num_want, key };
    Ok(HttpAnnounce { request, ip, compact })
}

/// Reads the swarms that a scrape asks for, at least one.
pub fn parse_scrape(query: &str) -> Result<Vec<Infohash>, QueryError> {
    let mut swarms = Vec::new();
    for (_, value) in pairs(query).filter(|&(name, _)| name == "info_hash") {
        if swarms.len() == SCRAPE_MAX {
            return Err(QueryError::TooManyInfohashes);
        }
        swarms.push(Infohash(identifier(value, "info_hash")?));
    }
    if swarms.is_empty() { Err(QueryError::Missing("info_hash")) } else { Ok(swarms) }
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn identifier(value: &str, name: &'static str) -> Result<[u8; 20], QueryError> {
    let mut id = [0; 20];
    let mut length = 0;
    for byte in unescaped(value.as_bytes()) {
        *id.get_mut(length).ok_or(QueryError::NotAnId(name))? = byte;
        length += 1;
    }
    if length == id.len() { Ok(id) } else { Err(QueryError::NotAnId(name)) }
}

/// A `%` that no two hex digits follow stands for itself.
fn unescaped(mut text: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let (byte, rest) = match *text {
            [b'%', high, low, ref rest @ ..] => match (nibble(high), nibble(low)) {
                (Some(high), Some(low)) => (high << 4 | low, rest),
                _ => (b'%', text.get(1..)?),
            },
            [b'+', ref rest @ ..] => (b' ', rest),
            [byte, ref rest @ ..] => (byte, rest),
            [] => return None,
        };
        text = rest;
        Some(byte)
    })
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// A negative amount means that the client does not know it.
fn amount(value: &str, name: &'static str) -> Result<u64, QueryError> {
    match value.strip_prefix('-') {
        Some(digits) => digits.parse::<u64>().map(|_| u64::MAX),
        None => value.parse(),
    }
    .map_err(|_| QueryError::NotANumber(name))
}

fn parse_event(value: &str) -> AnnounceEvent {
    match value {
        "started" => AnnounceEvent::Started,
        "stopped" => AnnounceEvent::Stopped,
        "completed" => AnnounceEvent::Completed,
        _ => AnnounceEvent::None,
    }
}

/// Empty and negative numbers leave the choice to the tracker.
fn parse_num_want(value: &str) -> Result<Option<u32>, QueryError> {
    if value.is_empty() {
        return Ok(None);
    }
    let number: i64 = value.parse().map_err(|_| QueryError::NotANumber("numwant"))?;
    Ok((number >= 0).then(|| u32::try_from(number).unwrap_or(u32::MAX)))
}

fn parse_ip(value: &str) -> Option<IpAddr> {
    let text: Vec<u8> = unescaped(value.as_bytes()).take(64).collect();
    std::str::from_utf8(&text).ok()?.parse().ok()
}

/// The URL that announces `request` to the tracker at `url`.
pub fn announce_url(url: &TrackerUrl, request: &AnnounceRequest) -> String {
    let base = url.as_str().split('#').next().unwrap_or_default();
    let mut out = String::with_capacity(base.len() + 320);
    out.push_str(base);
    out.push(if base.contains('?') { '&' } else { '?' });
    out.push_str("info_hash=");
    escape(&mut out, &request.infohash.0);
    out.push_str("&peer_id=");
    escape(&mut out, &request.peer_id.0);
    let AnnounceRequest { port, uploaded, downloaded, left, key, .. } = request;
    // writing to a String cannot fail
    let _ = write!(out, "&port={port}&uploaded={uploaded}&downloaded={downloaded}&left={left}&compact=1");
    let _ = write!(out, "&key={key:08x}");
    if let Some(num_want) = request.num_want {
        let _ = write!(out, "&numwant={num_want}");
    }
    match request.event {
        AnnounceEvent::None => {}
        AnnounceEvent::Completed => out.push_str("&event=completed"),
        AnnounceEvent::Started => out.push_str("&event=started"),
        AnnounceEvent::Stopped => out.push_str("&event=stopped"),
    }
    out
}

fn escape(out: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// The counts and addresses of one answer, lent by whoever answers.
#[derive(Debug, Clone, Copy)]
pub struct ReplyParts<'a> {
    pub interval_s: u32,
    pub min_interval_s: u32,
    pub seeders: u32,
    pub leechers: u32,
    pub v4: &'a [PackedV4],
    pub v6: &'a [PackedV6],
}

/// Appends the bencoded answer to an announce. Without `compact` the addresses are dicts of `ip` and
/// `port`.
pub fn encode_reply(out: &mut Vec<u8>, reply: &ReplyParts<'_>, compact: bool) {
    out.extend_from_slice(b"d8:completei");
    decimal(out, reply.seeders);
    out.extend_from_slice(b"e10:incompletei");
    decimal(out, reply.leechers);
    out.extend_from_slice(b"e8:intervali");
    decimal(out, reply.interval_s);
    out.extend_from_slice(b"e12:min intervali");
    decimal(out, reply.min_interval_s);
    out.extend_from_slice(b"e5:peers");
    if compact {
        encode_packed(out, reply)
    } else {
        encode_listed(out, reply)
    }
    out.push(b'e');
}

fn encode_packed(out: &mut Vec<u8>, reply: &ReplyParts<'_>) {
    decimal(out, 6 * reply.v4.len() as u32);
    out.push(b':');
    out.extend_from_slice(reply.v4.as_flattened());
    if !reply.v6.is_empty() {
        out.extend_from_slice(b"6:peers6");
        decimal(out, 18 * reply.v6.len() as u32);
        out.push(b':');
        out.extend_from_slice(reply.v6.as_flattened());
    }
}

fn encode_listed(out: &mut Vec<u8>, reply: &ReplyParts<'_>) {
    out.push(b'l');
    for address in reply.v4.iter().copied().map(unpacked_v4) {
        encode_listed_peer(out, &address.ip().to_string(), address.port());
    }
    for address in reply.v6.iter().copied().map(unpacked_v6) {
        encode_listed_peer(out, &address.ip().to_string(), address.port());
    }
    out.push(b'e');
}

fn encode_listed_peer(out: &mut Vec<u8>, ip: &str, port: u16) {
    // writing to a Vec cannot fail
    let _ = write!(out, "d2:ip{}:{ip}4:porti{port}ee", ip.len());
}

/// An IPv4 address and a port as BEP 15 and 23 want them.
pub type PackedV4 = [u8; 6];
/// An IPv6 address and a port as BEP 7 and 15 want them.
pub type PackedV6 = [u8; 18];

pub fn packed_v4(address: SocketAddrV4) -> PackedV4 {
    let [a, b, c, d] = address.ip().octets();
    let [high, low] = address.port().to_be_bytes();
    [a, b, c, d, high, low]
}

pub fn packed_v6(address: SocketAddrV6) -> PackedV6 {
    let mut packed = [0; 18];
    let (ip, port) = packed.split_at_mut(16);
    ip.copy_from_slice(&address.ip().octets());
    port.copy_from_slice(&address.port().to_be_bytes());
    packed
}

pub fn unpacked_v4(packed: PackedV4) -> SocketAddrV4 {
    let [a, b, c, d, high, low] = packed;
    SocketAddrV4::new([a, b, c, d].into(), u16::from_be_bytes([high, low]))
}

pub fn unpacked_v6(packed: PackedV6) -> SocketAddrV6 {
    let [ip @ .., high, low] = packed;
    SocketAddrV6::new(Ipv6Addr::from(ip), u16::from_be_bytes([high, low]), 0, 0)
}

/// Appends the answer that refuses a request.
pub fn encode_failure(out: &mut Vec<u8>, reason: &str) {
    let _ = write!(out, "d14:failure reason{}:{reason}e", reason.len());
}

/// What a scrape tells of one swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScrapeCounts {
    pub seeders: u32,
    pub leechers: u32,
    /// Announces with `completed` since the tracker knows the swarm.
    pub completed: u32,
}

/// Appends the answer to a scrape. Infohashes must be ascending and distinct: bencode wants sorted keys.
pub fn encode_scrape(out: &mut Vec<u8>, swarms: &[(Infohash, ScrapeCounts)]) {
    out.extend_from_slice(b"d5:filesd");
    for (infohash, counts) in swarms {
        out.extend_from_slice(b"20:");
        out.extend_from_slice(&infohash.0);
        let ScrapeCounts { seeders, leechers, completed } = counts;
        let _ = write!(out, "d8:completei{seeders}e10:downloadedi{completed}e10:incompletei{leechers}ee");
    }
    out.extend_from_slice(b"ee");
}

fn decimal(out: &mut Vec<u8>, mut number: u32) {
    let mut digits = [b'0'; 10];
    let mut first = digits.len() - 1;
    loop {
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
        first -= 1;
    }
    out.extend_from_slice(&digits[first..]);
}
