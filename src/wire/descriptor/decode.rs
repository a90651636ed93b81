//! Reads a descriptor, and the fields that descriptors of other kinds share with it. Bounded before anything
//! is copied.

use bytes::Bytes;

use super::{AUTH_METHOD, Descriptor, Details, Quality, check_geometry, details, startup_nodes};
use crate::base::limits;
use crate::wire::bencode::{self, Value};
use crate::wire::transport_file::TransportFileError;

/// Keys that have a field of their own and always say all that there is to say.
const MODELLED: [&str; 11] = [
    "allow_public_trackers",
    "authmethod",
    "bitrate",
    "categories",
    "chunk_length",
    "name",
    "permanent",
    "piece_length",
    "pubkey",
    "startup_nodes",
    "trackers",
];

type Result<T> = std::result::Result<T, TransportFileError>;

pub(super) fn descriptor(bencoded: &[u8]) -> Result<Descriptor> {
    let dict = bencode::parse(bencoded, limits::TRANSPORT_FILE_MAX_BYTES)?;
    dict.as_dict().ok_or(TransportFileError::NotADict)?;
    check_kind(&dict)?;
    let (piece_length, chunk_length) =
        check_geometry(int(&dict, "piece_length")?, int(&dict, "chunk_length")?)?;
    let (quality, details) = (quality(&dict), Details::read(&dict));
    let mut descriptor = Descriptor {
        name: name(&dict)?,
        pubkey: Bytes::copy_from_slice(bytes(&dict, "pubkey", limits::PUBKEY_MAX_BYTES)?),
        piece_length,
        chunk_length,
        bitrate: int(&dict, "bitrate")?.try_into().map_err(|_| TransportFileError::WrongType("bitrate"))?,
        quality: quality.unwrap_or_default(),
        trackers: trackers(&dict)?,
        categories: categories(&dict)?,
        allow_public_trackers: flag(&dict, "allow_public_trackers"),
        permanent: flag(&dict, "permanent"),
        startup_nodes: startup_nodes::read(dict.get("startup_nodes"))?,
        details,
        other: Default::default(),
    };
    keep_other(&dict, &mut descriptor);
    Ok(descriptor)
}

/// Refuses descriptors of broadcasts that are not live MPEG-TS, and unknown authentication.
fn check_kind(dict: &Value<'_>) -> Result<()> {
    if let Some(kind) = dict.get("transport_type") {
        let transport_type = printable(kind.as_bytes().unwrap_or(b"no string"));
        return Err(TransportFileError::NotMpegTsLive { transport_type });
    }
    if dict.get("pieces").is_some() && dict.get("pubkey").is_none() {
        return Err(TransportFileError::NotMpegTsLive { transport_type: "video on demand".into() });
    }
    match bytes(dict, "authmethod", limits::TITLE_MAX_BYTES)? {
        method if method == AUTH_METHOD.as_bytes() => Ok(()),
        method => Err(TransportFileError::UnknownAuthMethod(printable(method))),
    }
}

/// Text for a message: short, and free of control characters.
pub(in crate::wire) fn printable(bytes: &[u8]) -> String {
    bytes.iter().take(32).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}

pub(in crate::wire) fn name(dict: &Value<'_>) -> Result<String> {
    let name = bytes(dict, "name", limits::TITLE_MAX_BYTES)?;
    String::from_utf8(name.to_vec()).map_err(|_| TransportFileError::NameNotUtf8)
}

fn int(dict: &Value<'_>, key: &'static str) -> Result<i64> {
    dict.get(key).ok_or(TransportFileError::Missing(key))?.as_int().ok_or(TransportFileError::WrongType(key))
}

pub(in crate::wire) fn bytes<'a>(dict: &Value<'a>, key: &'static str, max_bytes: usize) -> Result<&'a [u8]> {
    let value = dict.get(key).ok_or(TransportFileError::Missing(key))?;
    let value = value.as_bytes().ok_or(TransportFileError::WrongType(key))?;
    match value.len() {
        0 if key == "pubkey" => Err(TransportFileError::Missing(key)),
        bytes if bytes > max_bytes => Err(TransportFileError::TooLong { key, bytes, max_bytes }),
        _ => Ok(value),
    }
}

pub(in crate::wire) fn flag(dict: &Value<'_>, key: &str) -> bool {
    dict.get_int(key).is_some_and(|value| value != 0)
}

/// `None` when it is absent or a value that we do not know.
fn quality(dict: &Value<'_>) -> Option<Quality> {
    let text = dict.get_str("quality")?;
    [Quality::Auto, Quality::Sd, Quality::Hd].into_iter().find(|quality| quality.as_str() == text)
}

/// One element may hold several URLs.
pub(in crate::wire) fn trackers(dict: &Value<'_>) -> Result<Vec<String>> {
    let elements = texts(dict, "trackers")?;
    let urls = elements.iter().flat_map(|element| element.split_ascii_whitespace());
    bounded("trackers", urls, limits::TRACKERS_MAX, limits::TRACKER_URL_MAX_BYTES)
}

pub(in crate::wire) fn categories(dict: &Value<'_>) -> Result<Vec<String>> {
    let slugs = texts(dict, "categories")?;
    bounded("categories", slugs.into_iter(), limits::CATEGORIES_MAX, limits::CATEGORY_MAX_BYTES)
}

/// The byte strings of a list; none when the key is absent.
pub(in crate::wire) fn texts<'a>(dict: &Value<'a>, key: &'static str) -> Result<Vec<&'a str>> {
    let Some(value) = dict.get(key) else { return Ok(Vec::new()) };
    let texts = value.as_list().and_then(|items| items.iter().map(Value::as_str).collect());
    texts.ok_or(TransportFileError::WrongType(key))
}

pub(in crate::wire) fn bounded<'a>(
    key: &'static str,
    texts: impl Iterator<Item = &'a str>,
    max: usize,
    max_bytes: usize,
) -> Result<Vec<String>> {
    let texts: Vec<&str> = texts.collect();
    if texts.len() > max {
        return Err(TransportFileError::TooMany { key, count: texts.len(), max });
    }
    match texts.iter().map(|text| text.len()).find(|bytes| *bytes > max_bytes) {
        Some(bytes) => Err(TransportFileError::TooLong { key, bytes, max_bytes }),
        None => Ok(texts.into_iter().map(String::from).collect()),
    }
}

/// Keeps what has no field, and what has one that could not take it.
fn keep_other(dict: &Value<'_>, descriptor: &mut Descriptor) {
    let taken = details::keys(&descriptor.details);
    let quality_taken = quality(dict).is_some();
    for (key, value) in dict.as_dict().unwrap_or_default() {
        let is = |name: &&str| name.as_bytes() == *key;
        let modelled = MODELLED.iter().any(is) || taken.iter().any(is) || (quality_taken && is(&"quality"));
        if !modelled {
            descriptor.other.insert(key.to_vec(), Bytes::copy_from_slice(value.raw));
        }
    }
}
