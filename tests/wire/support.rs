//! The synthetic vectors, and bytes from hexadecimal text.

use serde_json::Value;

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
