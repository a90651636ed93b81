//! The extended handshake: a node's signed description of itself.
//!
//! It decides whether a dict is canonical and signed by the node that it names. What the claims in it
//! are worth is for the swarm.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use sha2::{Digest, Sha256};

pub use super::live_info::LiveInfo;
pub use super::node_key::NodeKey;

use super::bencode::{self, Dict, Value};
use super::hls::table::TABLE_NAME;
use super::node_key;
use super::ut_pex::UT_PEX_NAME;
use crate::base::ids::NodeId;
use crate::base::limits;

/// `v` of the engine build whose behaviour we speak.
pub const ENGINE_VERSION: i64 = 3_021_100;
/// `m.ut_metadata` as every node announces it.
pub const UT_METADATA_ID: u8 = 2;

const SIGNATURE_BYTES: usize = 64;

/// What we write and read of the root dict. Unknown keys of others are ignored when read, but count
/// for their signature.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtendedHandshake {
    /// `m.ut_metadata`, the id under which the sender wants metadata messages.
    pub ut_metadata: Option<u8>,
    /// `m.se_hls`, the id under which the sender wants messages of the piece table.
    pub piece_table: Option<u8>,
    /// `m.ut_pex`, the id under which the sender wants messages of BEP 11.
    pub ut_pex: Option<u8>,
    /// Bytes of the transport file that the sender serves.
    pub metadata_size: Option<u32>,
    pub live: LiveInfo,
    pub lsp: i64,
    pub is_source: bool,
    /// `p`: the sender's listen port, 0 when it said none.
    pub listen_port: u16,
    /// `ts`: seconds of a counter of the sender's own.
    pub counter_s: i64,
    /// `v`: the engine build.
    pub version: i64,
    /// The address under which the sender sees the recipient.
    pub your_ip: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExtendedError {
    #[error("extended handshake of {0} bytes is larger than the {max} allowed", max = limits::EXTENDED_HANDSHAKE_MAX_BYTES)]
    TooLarge(usize),
    #[error("extended handshake is not canonical bencode")]
    NotCanonical,
    #[error("extended handshake lacks a usable {0}")]
    Missing(&'static str),
    #[error("extended handshake has a wrong signature")]
    WrongSignature,
}

impl ExtendedHandshake {
    /// The canonical bencoding of the full dict, signed with `key`. `your_ip` is part of what is
    /// signed, so each link needs its own.
    pub fn sign(&self, key: &NodeKey) -> Bytes {
        let unsigned = self.dict(&key.node_id()).bytes("signature", [0; SIGNATURE_BYTES]);
        let signature = key.sign(&digest(&unsigned.encode()));
        unsigned.bytes("signature", signature).encode().into()
    }

    /// Checks form and signature over the raw bytes.
    pub fn verify(raw: &[u8]) -> Result<(NodeId, Self), ExtendedError> {
        if raw.len() > limits::EXTENDED_HANDSHAKE_MAX_BYTES {
            return Err(ExtendedError::TooLarge(raw.len()));
        }
        let dict = bencode::parse(raw, limits::EXTENDED_HANDSHAKE_MAX_BYTES)
            .map_err(|_| ExtendedError::NotCanonical)?;
        let node_id = NodeId(array(&dict, "node_id").ok_or(ExtendedError::Missing("node_id"))?);
        let signature = array(&dict, "signature").ok_or(ExtendedError::Missing("signature"))?;
        let unsigned = with_zero_signature(raw, &dict).ok_or(ExtendedError::Missing("signature"))?;
        if node_key::verifies(&node_id, &digest(&unsigned), &signature) {
            Ok((node_id, Self::read(&dict)))
        } else {
            Err(ExtendedError::WrongSignature)
        }
    }

    /// All keys but `signature`. Those with constants are never read, but peers want the full set.
    fn dict(&self, node_id: &NodeId) -> Dict {
        let extensions = Dict::new()
            .maybe(self.piece_table, |m, id| m.int(TABLE_NAME, id.into()))
            .maybe(self.ut_metadata, |m, id| m.int("ut_metadata", id.into()))
            .maybe(self.ut_pex, |m, id| m.int(UT_PEX_NAME, id.into()));
        Dict::new()
            .int("ace_metadata_version", 1)
            .int("asn", 0)
            .bytes("asn_country", "")
            .bytes("geoip_country", "")
            .int("lsp", self.lsp)
            .dict("m", extensions)
            .maybe(self.metadata_size, |dict, size| dict.int("metadata_size", size.into()))
            .dict("mi", self.live.write())
            .bytes("node_id", node_id.0)
            .maybe(self.is_source.then_some(1), |dict, state| dict.int("node_state", state))
            .int("nt", 1)
            .int("p", self.listen_port.into())
            .int("platform", 2)
            .int("pv", 2)
            .dict("stream_statuses", Dict::new())
            .int("ts", self.counter_s)
            .bytes("tt", "bt")
            .int("v", self.version)
            .bytes("yourip", ip_bytes(self.your_ip))
    }

    fn read(dict: &Value<'_>) -> Self {
        let extension = |name: &str| {
            let id = dict.get("m").and_then(|m| u8::try_from(m.get_int(name)?).ok());
            id.filter(|id| *id != 0)
        };
        let metadata_max = limits::TRANSPORT_FILE_MAX_BYTES as u32;
        Self {
            ut_metadata: extension("ut_metadata"),
            piece_table: extension(TABLE_NAME),
            ut_pex: extension(UT_PEX_NAME),
            metadata_size: dict
                .get_int("metadata_size")
                .and_then(|size| u32::try_from(size).ok())
                .filter(|size| (1..=metadata_max).contains(size)),
            live: dict.get("mi").map_or(LiveInfo::EMPTY, LiveInfo::read),
            lsp: dict.get_int("lsp").unwrap_or(-1),
            is_source: dict.get_int("node_state") == Some(1),
            listen_port: dict.get_int("p").and_then(|port| u16::try_from(port).ok()).unwrap_or(0),
            counter_s: dict.get_int("ts").unwrap_or(0),
            version: dict.get_int("v").unwrap_or(0),
            your_ip: dict.get_bytes("yourip").and_then(read_ip),
        }
    }
}

/// What is signed: the digest of the dict with a signature of zeros.
fn digest(unsigned: &[u8]) -> [u8; 32] {
    Sha256::digest(unsigned).into()
}

/// A copy of the dict with zeros for the bytes of its signature; all else stays as it was sent.
fn with_zero_signature(raw: &[u8], dict: &Value<'_>) -> Option<Vec<u8>> {
    let value = dict.get("signature")?;
    let end = value.offset.checked_add(value.raw.len())?;
    let mut copy = raw.to_vec();
    copy.get_mut(end.checked_sub(SIGNATURE_BYTES)?..end)?.fill(0);
    Some(copy)
}

fn array<const N: usize>(dict: &Value<'_>, key: &str) -> Option<[u8; N]> {
    dict.get_bytes(key)?.try_into().ok()
}

fn ip_bytes(ip: Option<IpAddr>) -> Vec<u8> {
    match ip {
        None => Ipv4Addr::UNSPECIFIED.octets().to_vec(),
        Some(IpAddr::V4(ip)) => ip.octets().to_vec(),
        Some(IpAddr::V6(ip)) => ip.octets().to_vec(),
    }
}

/// `None` for other lengths, and for the unspecified address that stands for "not known".
fn read_ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let ip = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()?;
    (!ip.is_unspecified()).then_some(ip)
}
