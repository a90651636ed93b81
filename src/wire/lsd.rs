//! Local discovery: a node tells its link which swarm it is in.
//!
//! Two forms: the HTTP-like one of BEP 14, and the short one of existing engines. It decides whether a datagram
//! is one of them; what becomes of it is for the neighbourhood.

use std::fmt::Write;

use crate::base::hex;
use crate::base::ids::{Infohash, PeerId};
use crate::base::limits;

/// Lead of the short form.
const SHORT_LEAD: u8 = 1;
const SHORT_BYTES: usize = 41;
const SEARCH_LINE: &str = "BT-SEARCH * HTTP/1.1";

/// What a datagram says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// BEP 14.
    Long(LongSearch),
    /// `01`, infohash, peer id. It does not tell a port.
    Short { infohash: Infohash, peer_id: PeerId },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongSearch {
    /// Where the sender listens, never 0.
    pub port: u16,
    /// At least one, at most [`LSD_INFOHASHES_MAX`](limits::LSD_INFOHASHES_MAX).
    pub infohashes: Vec<Infohash>,
    /// By which a node knows its own datagrams.
    pub cookie: Option<String>,
}

impl LongSearch {
    /// The datagram for the group at `host`, an address with port.
    pub fn encode(&self, host: &str) -> Vec<u8> {
        let mut text = format!("{SEARCH_LINE}\r\nHost: {host}\r\nPort: {}\r\n", self.port);
        for infohash in &self.infohashes {
            // only a writer fails, and a string does not
            let _ = write!(text, "Infohash: {infohash}\r\n");
        }
        if let Some(cookie) = &self.cookie {
            let _ = write!(text, "cookie: {cookie}\r\n");
        }
        text.push_str("\r\n\r\n");
        text.into_bytes()
    }

    fn decode(datagram: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(datagram).ok()?;
        let mut lines = text.split("\r\n");
        if lines.next()? != SEARCH_LINE {
            return None;
        }
        let (mut port, mut infohashes, mut cookie) = (0, Vec::new(), None);
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "port" => port = value.parse().ok()?,
                "infohash" if infohashes.len() < limits::LSD_INFOHASHES_MAX => {
                    infohashes.push(Infohash(hex::decode(value)?));
                }
                "cookie" if value.len() <= limits::LSD_COOKIE_MAX_BYTES => cookie = Some(value.to_owned()),
                _ => {}
            }
        }
        (port != 0 && !infohashes.is_empty()).then_some(Self { port, infohashes, cookie })
    }
}

impl Search {
    /// The short form.
    pub fn encode_short(infohash: Infohash, peer_id: PeerId) -> Vec<u8> {
        [&[SHORT_LEAD][..], &infohash.0, &peer_id.0].concat()
    }

    /// `None` when it is neither form.
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        if datagram.len() > limits::LSD_DATAGRAM_MAX_BYTES {
            return None;
        }
        match datagram.split_first() {
            Some((&SHORT_LEAD, rest)) if datagram.len() == SHORT_BYTES => {
                let (infohash, peer_id) = rest.split_at_checked(20)?;
                Some(Self::Short {
                    infohash: Infohash(infohash.try_into().ok()?),
                    peer_id: PeerId(peer_id.try_into().ok()?),
                })
            }
            _ => LongSearch::decode(datagram).map(Self::Long),
        }
    }
}
