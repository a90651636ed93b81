//! The 66 bytes that open a link, and their split form.
//!
//! It decides whether bytes are a handshake of this protocol. Which infohash is served, and when to
//! answer, is for the link.

use crate::base::ids::{Infohash, PeerId};

/// Length of the part up to and including the infohash.
pub const HEAD_BYTES: usize = 46;
/// Length of the whole handshake.
pub const HANDSHAKE_BYTES: usize = 66;
/// What every handshake begins with: a length byte and the protocol's name.
pub const PROTOCOL: &[u8; 18] = b"\x11AceStreamProtocol";

const RESERVED_BYTES: usize = 8;
const INFOHASH_AT: usize = PROTOCOL.len() + RESERVED_BYTES;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake {
    pub infohash: Infohash,
    pub peer_id: PeerId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    #[error("not the AceStreamProtocol handshake")]
    WrongProtocol,
}

impl Handshake {
    pub fn encode(&self) -> [u8; HANDSHAKE_BYTES] {
        let mut out = [0; HANDSHAKE_BYTES];
        out[..PROTOCOL.len()].copy_from_slice(PROTOCOL);
        out[INFOHASH_AT..HEAD_BYTES].copy_from_slice(&self.infohash.0);
        out[HEAD_BYTES..].copy_from_slice(&self.peer_id.0);
        out
    }

    /// Reads the head: the protocol string is checked, reserved bytes are not.
    pub fn decode_head(head: &[u8; HEAD_BYTES]) -> Result<Infohash, HandshakeError> {
        if !head.starts_with(PROTOCOL) {
            return Err(HandshakeError::WrongProtocol);
        }
        let mut infohash = [0; 20];
        infohash.copy_from_slice(&head[INFOHASH_AT..]);
        Ok(Infohash(infohash))
    }

    /// Reads a whole handshake, as the dialling side gets it in answer.
    pub fn decode(bytes: &[u8; HANDSHAKE_BYTES]) -> Result<Self, HandshakeError> {
        let (mut head, mut peer_id) = ([0; HEAD_BYTES], [0; 20]);
        head.copy_from_slice(&bytes[..HEAD_BYTES]);
        peer_id.copy_from_slice(&bytes[HEAD_BYTES..]);
        Ok(Self { infohash: Self::decode_head(&head)?, peer_id: PeerId(peer_id) })
    }
}

/// Whether what follows a bare head is the sender's peer id (`R…`) and not yet a frame (whose length
/// begins with a zero byte).
pub fn peer_id_follows(next_byte: u8) -> bool {
    next_byte == PeerId::PREFIX[0]
}
