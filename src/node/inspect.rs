//! What a transport file on disk is: its infohash, or all that it holds as JSON, but for a private key.
//! Starts nothing.

use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use serde_json::{Map, Value as Json, json};

use crate::base::hex::Hex;
use crate::base::limits::TRANSPORT_FILE_MAX_BYTES;
use crate::store::files::{self, FileError};
use crate::wire::bencode::{self, Kind, Value};
use crate::wire::container;
use crate::wire::hls::transport::AnyTransport;

/// Forty lower-case hexadecimal digits.
///
/// # Errors
/// The file cannot be read, or is no transport file.
pub fn infohash(path: &Path) -> anyhow::Result<String> {
    Ok(read(path)?.infohash().to_string())
}

/// One JSON object: every key of the descriptor, `infohash` and `content_id`, and of an HLS broadcast
/// `is_private` in place of the key that makes it so. Byte strings that are not text are written in
/// hexadecimal digits.
///
/// # Errors
/// The file cannot be read, or is no transport file.
pub fn file_info(path: &Path) -> anyhow::Result<String> {
    let file = read(path)?;
    let bencoded = container::open(file.bytes())?;
    let descriptor = bencode::parse_lenient(&bencoded, bencoded.len()).context("descriptor")?;
    let mut info = match to_json(&descriptor) {
        Json::Object(keys) => keys,
        _ => Map::new(),
    };
    if let AnyTransport::Hls(file) = &file {
        info.remove("private_key");
        // bytes, even where they happen to be text
        info.insert("pubkey".to_owned(), json!(Hex(&file.descriptor.pubkey).to_string()));
        info.insert("is_private".to_owned(), json!(file.is_private()));
    }
    info.insert("infohash".to_owned(), json!(file.infohash().to_string()));
    info.insert("content_id".to_owned(), json!(file.content_id().to_string()));
    Ok(serde_json::to_string_pretty(&info)?)
}

fn read(path: &Path) -> anyhow::Result<AnyTransport> {
    let bytes = files::read_bounded(path, TRANSPORT_FILE_MAX_BYTES)?;
    let bytes = bytes.ok_or_else(|| FileError::Missing { path: path.to_owned() })?;
    AnyTransport::parse(Bytes::from(bytes)).with_context(|| path.display().to_string())
}

/// Depth is bounded by the reader of bencode.
fn to_json(value: &Value<'_>) -> Json {
    match &value.kind {
        Kind::Int(number) => json!(number),
        Kind::Bytes(bytes) => Json::String(text_or_hex(bytes)),
        Kind::List(values) => values.iter().map(to_json).collect(),
        Kind::Dict(pairs) => {
            Json::Object(pairs.iter().map(|(key, value)| (text_or_hex(key), to_json(value))).collect())
        }
    }
}

fn text_or_hex(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => Hex(bytes).to_string(),
    }
}
