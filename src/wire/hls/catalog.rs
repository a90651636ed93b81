//! The streams of an HLS broadcast: what the master playlist says, without its addresses.

use bytes::Bytes;

use super::entry::{int, optional, signed_bytes, unsigned};
use super::fields::read_text;
use crate::base::ids::{Infohash, NodeId};
use crate::base::limits::{HLS_STREAMS_MAX, TABLE_MESSAGE_MAX_BYTES};
use crate::wire::bencode::{self, Dict, List, Value};
use crate::wire::node_key::{self, NodeKey};

/// All streams, in the order of the master playlist: the index is the stream's number on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalog {
    /// The origin has a master playlist; otherwise there is one stream, of which nothing is known.
    pub is_master: bool,
    /// `EXT-X-INDEPENDENT-SEGMENTS`.
    pub has_independent_segments: bool,
    pub streams: Vec<Stream>,
}

/// One media playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stream {
    /// `EXT-X-STREAM-INF`.
    Variant(Variant),
    /// `EXT-X-MEDIA` with a URI.
    Rendition(Rendition),
}

/// Attributes of `EXT-X-STREAM-INF`; absent is `None`, and 0 for the bandwidth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variant {
    /// Bits a second.
    pub bandwidth: u64,
    pub average_bandwidth: Option<u64>,
    pub codecs: Option<String>,
    /// Pixels.
    pub resolution: Option<(u64, u64)>,
    /// Thousandths of frames a second.
    pub frame_rate_milli: Option<u64>,
    pub audio: Option<String>,
    pub video: Option<String>,
    pub subtitles: Option<String>,
    pub closed_captions: Option<String>,
}

/// Attributes of `EXT-X-MEDIA`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rendition {
    /// `AUDIO`, `VIDEO` or `SUBTITLES`.
    pub kind: String,
    pub group_id: String,
    pub name: String,
    pub language: Option<String>,
    pub is_default: bool,
    pub is_autoselect: bool,
    pub is_forced: bool,
    pub characteristics: Option<String>,
    pub channels: Option<String>,
}

/// What is signed begins with this.
const CATALOG_DOMAIN: &[u8] = b"start-engine hls catalog 1\0";

/// A catalog as it crosses the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCatalog {
    pub catalog: Catalog,
    /// Of two, the later one counts. Unix milliseconds.
    pub made_at_ms: u64,
    pub raw: Bytes,
    /// By the broadcast's key.
    pub signature: Option<[u8; 64]>,
}

impl SignedCatalog {
    /// Signs with the broadcast's key.
    pub fn sign(catalog: Catalog, made_at_ms: u64, infohash: &Infohash, key: &NodeKey) -> Self {
        let raw = Bytes::from(catalog.encode(made_at_ms));
        let signature = key.sign(&signed_bytes(CATALOG_DOMAIN, infohash, &raw));
        Self { catalog, made_at_ms, raw, signature: Some(signature) }
    }

    /// Whether the broadcast's key signed it.
    pub fn is_signed_by(&self, infohash: &Infohash, key: &[u8; 32]) -> bool {
        let message = || signed_bytes(CATALOG_DOMAIN, infohash, &self.raw);
        self.signature.is_some_and(|signature| node_key::verifies(&NodeId(*key), &message(), &signature))
    }
}

impl Catalog {
    /// A broadcast without master playlist.
    pub fn of_one_stream() -> Self {
        Self { streams: vec![Stream::Variant(Variant::default())], ..Self::default() }
    }

    fn encode(&self, made_at_ms: u64) -> Vec<u8> {
        let streams = self.streams.iter().fold(List::new(), |list, stream| list.dict(write_stream(stream)));
        Dict::new()
            .int("i", self.has_independent_segments.into())
            .int("m", self.is_master.into())
            .list("s", streams)
            .int("z", int(made_at_ms))
            .encode()
    }

    fn decode(raw: &[u8]) -> Option<(Self, u64)> {
        let dict = bencode::parse(raw, TABLE_MESSAGE_MAX_BYTES).ok()?;
        let streams = dict.get("s")?.as_list().filter(|list| list.len() <= HLS_STREAMS_MAX as usize)?;
        let catalog = Self {
            is_master: unsigned(&dict, "m")? == 1,
            has_independent_segments: unsigned(&dict, "i")? == 1,
            streams: streams.iter().map(read_stream).collect::<Option<_>>()?,
        };
        Some((catalog, unsigned(&dict, "z")?))
    }
}

pub(super) fn read_catalog(payload: &Bytes, dict: &Value<'_>) -> Option<SignedCatalog> {
    let raw = payload.slice_ref(dict.get_bytes("c")?);
    let (catalog, made_at_ms) = Catalog::decode(&raw)?;
    let signature = optional(dict.get("x"), |signature| signature.as_bytes()?.try_into().ok())?;
    Some(SignedCatalog { catalog, made_at_ms, raw, signature })
}

fn write_stream(stream: &Stream) -> Dict {
    match stream {
        Stream::Variant(variant) => write_variant(variant),
        Stream::Rendition(rendition) => write_rendition(rendition),
    }
}

fn write_variant(variant: &Variant) -> Dict {
    let number = |dict: Dict, key: &str, value: Option<u64>| dict.maybe(value, |d, v| d.int(key, int(v)));
    let dict = Dict::new().int("b", int(variant.bandwidth));
    let dict = number(dict, "a", variant.average_bandwidth);
    let dict = number(dict, "f", variant.frame_rate_milli);
    let dict = number(dict, "h", variant.resolution.map(|(_, height)| height));
    let dict = number(dict, "w", variant.resolution.map(|(width, _)| width));
    let dict = text(dict, "c", &variant.codecs);
    let dict = text(dict, "ga", &variant.audio);
    let dict = text(dict, "gc", &variant.closed_captions);
    let dict = text(dict, "gs", &variant.subtitles);
    text(dict, "gv", &variant.video)
}

fn write_rendition(rendition: &Rendition) -> Dict {
    let flag = |flag: bool| i64::from(flag);
    let dict = Dict::new()
        .bytes("t", &rendition.kind)
        .bytes("g", &rendition.group_id)
        .bytes("n", &rendition.name)
        .int("d", flag(rendition.is_default))
        .int("u", flag(rendition.is_autoselect))
        .int("f", flag(rendition.is_forced));
    let dict = text(dict, "l", &rendition.language);
    let dict = text(dict, "h", &rendition.channels);
    text(dict, "r", &rendition.characteristics)
}

/// A rendition has a kind (`t`), a variant a bandwidth.
fn read_stream(value: &Value<'_>) -> Option<Stream> {
    match value.get("t") {
        Some(kind) => read_rendition(value, read_text(kind)?).map(Stream::Rendition),
        None => read_variant(value).map(Stream::Variant),
    }
}

fn read_variant(value: &Value<'_>) -> Option<Variant> {
    let number = |key| optional(value.get(key), |number| u64::try_from(number.as_int()?).ok());
    let text = |key| optional(value.get(key), read_text);
    Some(Variant {
        bandwidth: unsigned(value, "b")?,
        average_bandwidth: number("a")?,
        codecs: text("c")?,
        resolution: number("w")?.zip(number("h")?),
        frame_rate_milli: number("f")?,
        audio: text("ga")?,
        video: text("gv")?,
        subtitles: text("gs")?,
        closed_captions: text("gc")?,
    })
}

fn read_rendition(value: &Value<'_>, kind: String) -> Option<Rendition> {
    let text = |key| optional(value.get(key), read_text);
    Some(Rendition {
        kind,
        group_id: read_text(value.get("g")?)?,
        name: read_text(value.get("n")?)?,
        language: text("l")?,
        is_default: unsigned(value, "d")? == 1,
        is_autoselect: unsigned(value, "u")? == 1,
        is_forced: unsigned(value, "f")? == 1,
        characteristics: text("r")?,
        channels: text("h")?,
    })
}

fn text(dict: Dict, key: &str, value: &Option<String>) -> Dict {
    dict.maybe(value.as_ref(), |dict, value| dict.bytes(key, value))
}
