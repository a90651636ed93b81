//! The parts that entries and catalogs share, as bencode.

use super::segment::{ByteRange, Key, Resource, Tags};
use crate::base::limits::{HLS_URL_MAX_BYTES, PLAYLIST_TEXT_MAX_BYTES};
use crate::wire::bencode::{Dict, List, Value};
use crate::wire::hls::entry::{int, optional};

pub(super) fn write_tags(tags: &Tags) -> Dict {
    let one = |flag: bool| flag.then_some(1);
    Dict::new()
        .maybe(one(tags.discontinuity), |dict, one| dict.int("d", one))
        .maybe(one(tags.gap), |dict, one| dict.int("g", one))
        .maybe(tags.program_date_time.as_ref(), |dict, time| dict.bytes("p", time))
}

pub(super) fn read_tags(value: &Value<'_>) -> Option<Tags> {
    value.as_dict()?;
    Some(Tags {
        discontinuity: value.get("d").is_some(),
        gap: value.get("g").is_some(),
        program_date_time: optional(value.get("p"), read_text)?,
    })
}

pub(super) fn write_key(key: &Key) -> Dict {
    Dict::new().maybe(key.iv, |dict, iv| dict.bytes("i", iv)).bytes("u", key.url.as_bytes())
}

pub(super) fn read_key(value: &Value<'_>) -> Option<Key> {
    Some(Key {
        url: read_url(value.get("u")?)?.into(),
        iv: optional(value.get("i"), |iv| iv.as_bytes()?.try_into().ok())?,
    })
}

/// `[url]` or `[url, start, length]`.
pub(super) fn write_resource(at: &Resource) -> List {
    let list = List::new().bytes(at.url.as_bytes());
    at.range.iter().fold(list, |list, range| list.int(int(range.start)).int(int(range.length)))
}

pub(super) fn read_resource(value: &Value<'_>) -> Option<Resource> {
    let number = |value: &Value<'_>| u64::try_from(value.as_int()?).ok();
    let (url, range) = match value.as_list()? {
        [url] => (url, None),
        [url, start, length] => (url, Some(ByteRange { start: number(start)?, length: number(length)? })),
        _ => return None,
    };
    Some(Resource { url: read_url(url)?.into(), range })
}

/// A line of text that may stand in a playlist.
pub(super) fn read_text(value: &Value<'_>) -> Option<String> {
    let text = value.as_str()?;
    let fits = text.len() <= PLAYLIST_TEXT_MAX_BYTES && !text.contains(|c: char| c.is_control() || c == '"');
    fits.then(|| text.to_owned())
}

fn read_url<'a>(value: &Value<'a>) -> Option<&'a str> {
    let url = value.as_str()?;
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    let is_line = !url.contains(|c: char| c.is_control() || c.is_whitespace() || c == '"');
    (is_web && is_line && url.len() <= HLS_URL_MAX_BYTES).then_some(url)
}
