//! The piece table's messages: the extended protocol's id [`TABLE_ID`], named `se_hls` in `m`.
//!
//! Each is one bencoded dict whose key `k` says what it is. A message that does not fit is `None`, and is
//! for the swarm to take as malformed.

use bytes::Bytes;

use super::catalog::{SignedCatalog, read_catalog};
use super::entry::{Entry, TableEntry, address_digest, int, optional, unsigned};
use super::fields::{read_resource, write_resource};
use super::segment::InitId;
use crate::base::ids::PieceId;
use crate::base::limits::{
    HLS_STREAMS_MAX, INIT_SECTION_MAX_BYTES, SEGMENT_CHUNKS_MAX, TABLE_MESSAGE_MAX_BYTES,
};
use crate::wire::bencode::{self, Dict, List, Value};

/// The name in `m` of the extended handshake.
pub const TABLE_NAME: &str = "se_hls";
/// The id under which we take the messages, and announce it.
pub const TABLE_ID: u8 = 20;

const CATALOG: i64 = 0;
const ENTRY: i64 = 1;
const FETCHING: i64 = 2;
const WATCHING: i64 = 3;
const HELD: i64 = 4;
const NEWEST: i64 = 5;
const INIT_WANTED: i64 = 6;
const INIT: i64 = 7;

/// What a node watches, for itself or for others, and what it can do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watching {
    /// It reads the origin's playlists and can fetch segments there.
    pub reads_origin: bool,
    /// It holds the broadcast's key.
    pub is_signer: bool,
    /// Streams, and how many nodes are between it and a viewer of each.
    pub streams: Vec<(u32, u8)>,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableMessage {
    Catalog(SignedCatalog),
    /// `is_own`: the sender fetched the segment from the origin itself, and answers for it.
    Entry {
        entry: Box<TableEntry>,
        is_own: bool,
    },
    /// The sender is fetching the piece from the origin: nobody else needs to.
    Fetching(PieceId),
    Watching(Watching),
    /// The chunks that the sender holds of a piece that it has not whole; most significant bit first.
    Held {
        piece: PieceId,
        bits: Bytes,
    },
    /// The origin shows this piece as its newest.
    Newest(PieceId),
    InitWanted(InitId),
    Init(Bytes),
}

impl TableMessage {
    pub fn encode(&self) -> Bytes {
        let kind = |kind: i64| Dict::new().int("k", kind);
        let dict = match self {
            Self::Catalog(catalog) => kind(CATALOG)
                .bytes("c", &catalog.raw)
                .maybe(catalog.signature, |dict, signature| dict.bytes("x", signature)),
            Self::Entry { entry, is_own } => kind(ENTRY)
                .bytes("e", &entry.raw)
                .int("o", (*is_own).into())
                .maybe(entry.at.as_ref(), |dict, at| dict.list("u", write_resource(at)))
                .maybe(entry.signature, |dict, signature| dict.bytes("x", signature)),
            Self::Fetching(piece) => with_piece(kind(FETCHING), *piece),
            Self::Watching(watching) => write_watching(kind(WATCHING), watching),
            Self::Held { piece, bits } => with_piece(kind(HELD), *piece).bytes("b", bits),
            Self::Newest(piece) => with_piece(kind(NEWEST), *piece),
            Self::InitWanted(id) => kind(INIT_WANTED).bytes("i", id.0),
            Self::Init(bytes) => kind(INIT).bytes("b", bytes),
        };
        dict.encode().into()
    }

    /// `None` when it is not canonical, unknown or out of bounds.
    pub fn decode(payload: &Bytes) -> Option<Self> {
        let dict = bencode::parse(payload, TABLE_MESSAGE_MAX_BYTES).ok()?;
        Some(match dict.get_int("k")? {
            CATALOG => Self::Catalog(read_catalog(payload, &dict)?),
            ENTRY => read_entry(payload, &dict)?,
            FETCHING => Self::Fetching(read_piece(&dict)?),
            WATCHING => Self::Watching(read_watching(&dict)?),
            HELD => Self::Held {
                piece: read_piece(&dict)?,
                bits: bounded(payload, &dict, "b", usize::from(SEGMENT_CHUNKS_MAX).div_ceil(8))?,
            },
            NEWEST => Self::Newest(read_piece(&dict)?),
            INIT_WANTED => Self::InitWanted(InitId(dict.get_bytes("i")?.try_into().ok()?)),
            INIT => Self::Init(bounded(payload, &dict, "b", INIT_SECTION_MAX_BYTES)?),
            _ => return None,
        })
    }
}

fn read_entry(payload: &Bytes, dict: &Value<'_>) -> Option<TableMessage> {
    let raw = payload.slice_ref(dict.get_bytes("e")?);
    let entry = Entry::decode(&raw)?;
    let at = optional(dict.get("u"), read_resource)?;
    let is_address_true = at.as_ref().is_none_or(|at| entry.address_digest == Some(address_digest(at)));
    let signature = optional(dict.get("x"), |signature| signature.as_bytes()?.try_into().ok())?;
    let is_own = unsigned(dict, "o")? == 1;
    is_address_true.then_some({
        let entry = Box::new(TableEntry { entry, raw, signature, at });
        TableMessage::Entry { entry, is_own }
    })
}

fn with_piece(dict: Dict, piece: PieceId) -> Dict {
    dict.int("n", int(piece.number)).int("s", piece.stream.into())
}

fn read_piece(dict: &Value<'_>) -> Option<PieceId> {
    Some(PieceId { stream: read_stream(unsigned(dict, "s")?)?, number: unsigned(dict, "n")? })
}

fn read_stream(number: u64) -> Option<u32> {
    u32::try_from(number).ok().filter(|&stream| stream < HLS_STREAMS_MAX)
}

fn write_watching(dict: Dict, watching: &Watching) -> Dict {
    let pair = |list: List, (stream, distance): &(u32, u8)| {
        list.list(List::new().int((*stream).into()).int((*distance).into()))
    };
    dict.int("r", watching.reads_origin.into())
        .int("g", watching.is_signer.into())
        .list("w", watching.streams.iter().fold(List::new(), pair))
}

fn read_watching(dict: &Value<'_>) -> Option<Watching> {
    let read = |pair: &Value<'_>| match pair.as_list()? {
        [stream, distance] => {
            Some((read_stream(stream.as_int()?.try_into().ok()?)?, u8::try_from(distance.as_int()?).ok()?))
        }
        _ => None,
    };
    let pairs = dict.get("w")?.as_list().filter(|pairs| pairs.len() <= HLS_STREAMS_MAX as usize)?;
    Some(Watching {
        reads_origin: unsigned(dict, "r")? == 1,
        is_signer: unsigned(dict, "g")? == 1,
        streams: pairs.iter().map(read).collect::<Option<_>>()?,
    })
}

/// A byte string as a slice of the message.
fn bounded(payload: &Bytes, dict: &Value<'_>, key: &str, max_bytes: usize) -> Option<Bytes> {
    let bytes = dict.get_bytes(key).filter(|bytes| bytes.len() <= max_bytes)?;
    Some(payload.slice_ref(bytes))
}
