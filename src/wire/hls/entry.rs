//! An entry of the piece table: what a node says of one media segment.
//!
//! It decides the canonical form of an entry and whether a signature covers it. Whose word counts is for
//! the swarm. The segment's address is outside of the signed bytes, which hold its digest: a node may pass
//! an entry on without the address.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::fields::{read_key, read_tags, write_key, write_tags};
use super::segment::{InitId, Key, Resource, Tags};
use crate::base::ids::{Infohash, NodeId, PieceId};
use crate::base::limits::{HLS_ENTRY_MAX_BYTES, HLS_STREAMS_MAX, SEGMENT_MAX_BYTES};
use crate::wire::bencode::{self, Dict, Value};
use crate::wire::node_key::{self, NodeKey};

/// Bytes of a chunk of a media segment; the last one of a segment is shorter.
pub const CHUNK_BYTES: usize = 16 * 1024;
/// What is signed begins with this, so that no other signature of the key fits.
const ENTRY_DOMAIN: &[u8] = b"start-engine hls entry 1\0";
const SIGNATURE_BYTES: usize = 64;

/// SHA-256 of one chunk.
pub type ChunkHash = [u8; 32];

/// The bytes of a segment, by the hashes of its chunks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Content {
    length: u64,
    hashes: Arc<[ChunkHash]>,
}

impl Content {
    /// `None` when there are not exactly as many hashes as `length` bytes have chunks, or too many bytes.
    pub fn new(length: u64, hashes: impl Into<Arc<[ChunkHash]>>) -> Option<Self> {
        let hashes = hashes.into();
        let fits = (1..=SEGMENT_MAX_BYTES).contains(&length)
            && length.div_ceil(CHUNK_BYTES as u64) == hashes.len() as u64;
        fits.then_some(Self { length, hashes })
    }

    /// Bytes of the segment.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn chunks(&self) -> u16 {
        self.hashes.len() as u16
    }

    pub fn hash(&self, chunk: u16) -> Option<&ChunkHash> {
        self.hashes.get(usize::from(chunk))
    }

    /// Bytes of one chunk; 0 beyond the last.
    pub fn chunk_bytes(&self, chunk: u16) -> usize {
        let start = u64::from(chunk) * CHUNK_BYTES as u64;
        self.length.saturating_sub(start).min(CHUNK_BYTES as u64) as usize
    }
}

/// What is said of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub piece: PieceId,
    /// Rises when the numbers of the stream begin anew.
    pub epoch: u64,
    /// Microseconds.
    pub duration_us: u64,
    pub tags: Tags,
    pub init: Option<InitId>,
    /// Handed on to viewers, who decrypt; absent where the node decrypts.
    pub key: Option<Key>,
    pub target_duration_s: u64,
    /// `EXT-X-DISCONTINUITY` tags of the stream before this segment and its own.
    pub discontinuities_before: u64,
    /// Segments that the origin's playlist held with this one as its newest.
    pub listed_count: u32,
    /// When the origin showed it, Unix milliseconds.
    pub shown_at_ms: u64,
    /// SHA-256 that the address given beside the entry must have.
    pub address_digest: Option<[u8; 32]>,
    /// The address is for direct neighbours of the signer alone.
    pub is_address_local: bool,
    /// `None` as long as the bytes are not known.
    pub content: Option<Content>,
}

impl Entry {
    /// The canonical dict.
    pub fn encode(&self) -> Vec<u8> {
        let hashes = |content: &Content| content.hashes.concat();
        Dict::new()
            .int("d", int(self.duration_us))
            .int("e", int(self.epoch))
            .int("g", int(self.target_duration_s))
            .maybe(self.content.as_ref(), |dict, content| dict.bytes("h", hashes(content)))
            .maybe(self.init, |dict, init| dict.bytes("i", init.0))
            .maybe(self.key.as_ref(), |dict, key| dict.dict("k", write_key(key)))
            .maybe(self.content.as_ref(), |dict, content| dict.int("l", int(content.length)))
            .int("n", int(self.piece.number))
            .int("o", int(self.discontinuities_before))
            .int("s", self.piece.stream.into())
            .dict("t", write_tags(&self.tags))
            .maybe(self.address_digest, |dict, digest| dict.bytes("u", digest))
            .int("v", self.is_address_local.into())
            .int("w", self.listed_count.into())
            .int("z", int(self.shown_at_ms))
            .encode()
    }

    /// Reads a canonical dict; `None` for anything out of bounds.
    pub fn decode(raw: &[u8]) -> Option<Self> {
        let dict = bencode::parse(raw, HLS_ENTRY_MAX_BYTES).ok()?;
        let piece = PieceId {
            stream: unsigned(&dict, "s")?.try_into().ok().filter(|&stream| stream < HLS_STREAMS_MAX)?,
            number: unsigned(&dict, "n")?,
        };
        Some(Self {
            piece,
            epoch: unsigned(&dict, "e")?,
            duration_us: unsigned(&dict, "d")?,
            tags: read_tags(dict.get("t")?)?,
            init: optional(dict.get("i"), |init| Some(InitId(init.as_bytes()?.try_into().ok()?)))?,
            key: optional(dict.get("k"), read_key)?,
            target_duration_s: unsigned(&dict, "g")?,
            discontinuities_before: unsigned(&dict, "o")?,
            listed_count: unsigned(&dict, "w")?.try_into().ok()?,
            shown_at_ms: unsigned(&dict, "z")?,
            address_digest: optional(dict.get("u"), |digest| digest.as_bytes()?.try_into().ok())?,
            is_address_local: unsigned(&dict, "v")? == 1,
            content: optional(dict.get("h"), |hashes| read_content(&dict, hashes))?,
        })
    }
}

/// An entry as it crosses the wire: its exact bytes, who answers for it, and where the segment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableEntry {
    pub entry: Entry,
    pub raw: Bytes,
    /// By the broadcast's key; without it, only the sender answers for the entry.
    pub signature: Option<[u8; SIGNATURE_BYTES]>,
    /// Matches `entry.address_digest` when it is there.
    pub at: Option<Resource>,
}

impl TableEntry {
    /// An entry of our own, with `at` if others may know it.
    pub fn new(mut entry: Entry, at: Option<Resource>) -> Self {
        entry.address_digest = at.as_ref().map(address_digest);
        let raw = entry.encode().into();
        Self { entry, raw, signature: None, at }
    }

    /// Signs with the broadcast's key.
    pub fn sign(mut self, infohash: &Infohash, key: &NodeKey) -> Self {
        self.signature = Some(key.sign(&signed_bytes(ENTRY_DOMAIN, infohash, &self.raw)));
        self
    }

    /// Whether the broadcast's key signed it.
    pub fn is_signed_by(&self, infohash: &Infohash, key: &[u8; 32]) -> bool {
        let message = || signed_bytes(ENTRY_DOMAIN, infohash, &self.raw);
        self.signature.is_some_and(|signature| node_key::verifies(&NodeId(*key), &message(), &signature))
    }

    /// The same without the address.
    pub fn without_address(&self) -> Self {
        Self { at: None, ..self.clone() }
    }
}

/// What a signature of the broadcast's key covers.
pub(super) fn signed_bytes(domain: &[u8], infohash: &Infohash, raw: &[u8]) -> Vec<u8> {
    [domain, &infohash.0, raw].concat()
}

/// What stands in the signed entry for the address beside it.
pub(super) fn address_digest(at: &Resource) -> [u8; 32] {
    let range = at.range.map(|range| format!("{}+{}", range.start, range.length)).unwrap_or_default();
    Sha256::new().chain_update(range).chain_update([0]).chain_update(at.url.as_bytes()).finalize().into()
}

fn read_content(dict: &Value<'_>, hashes: &Value<'_>) -> Option<Content> {
    let (hashes, rest) = hashes.as_bytes()?.as_chunks::<32>();
    let content = Content::new(unsigned(dict, "l")?, hashes)?;
    rest.is_empty().then_some(content)
}

/// Reads what may be absent, but not wrong.
pub(super) fn optional<'a, T>(
    value: Option<&Value<'a>>,
    read: impl FnOnce(&Value<'a>) -> Option<T>,
) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}

pub(super) fn unsigned(dict: &Value<'_>, key: &str) -> Option<u64> {
    dict.get_int(key)?.try_into().ok()
}

pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
