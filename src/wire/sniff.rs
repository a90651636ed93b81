//! Tells from the first bytes of an accepted connection which protocol the stranger speaks.

use super::handshake::PROTOCOL;

/// Bytes that are enough for every decision.
pub const SNIFF_BYTES: usize = 18;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniffed {
    /// All bytes so far are those of a peer's handshake.
    PeerWire,
    /// All bytes so far are those of an HTTP method.
    Http,
    Unknown,
}

const METHODS: [&[u8]; 9] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"CONNECT ", b"TRACE "];

/// Judges the bytes received so far. One byte is enough: the two protocols differ in it, and more
/// bytes only ever turn an answer into [`Sniffed::Unknown`]. No bytes are `Unknown`.
pub fn sniff(first: &[u8]) -> Sniffed {
    if first.is_empty() {
        Sniffed::Unknown
    } else if agree(first, PROTOCOL) {
        Sniffed::PeerWire
    } else if METHODS.iter().any(|method| agree(first, method)) {
        Sniffed::Http
    } else {
        Sniffed::Unknown
    }
}

/// Whether one begins with the other.
fn agree(first: &[u8], expected: &[u8]) -> bool {
    first.iter().zip(expected).all(|(a, b)| a == b)
}
