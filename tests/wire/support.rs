//! The synthetic vectors, and bytes from hexadecimal text.

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use start_engine::wire::message::Message;

pub fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/own-vectors.json")).unwrap()
}

pub fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd number of digits");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The bytes under a path of keys, written in hexadecimal.
pub fn vector(path: &[&str]) -> Vec<u8> {
    let root = vectors();
    let value = path.iter().fold(&root, |value, key| &value[key]);
    unhex(value.as_str().unwrap_or_else(|| panic!("no vector {path:?}")))
}

/// The whole frame as it goes to the wire.
pub fn frame(message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    let bulk = message.encode_head(&mut out);
    out.extend_from_slice(&bulk);
    out.freeze()
}
