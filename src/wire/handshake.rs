//! The 66 bytes that open a link, and their split form.

use crate::base::ids::{Infohash, PeerId};

/// Length of the part up to and including the infohash.
pub const HEAD_BYTES: usize = 46;
/// Length of the whole handshake.
pub const HANDSHAKE_BYTES: usize = 66;

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
        todo!()
    }
    /// Reads the head: the protocol string is checked, reserved bytes are not.
    pub fn decode_head(_head: &[u8; HEAD_BYTES]) -> Result<Infohash, HandshakeError> {
        todo!()
    }
}

/// Whether what follows a bare head is the sender's peer id (`R…`) and not yet a frame (whose length
/// begins with a zero byte).
pub fn peer_id_follows(_next_byte: u8) -> bool {
    todo!()
}
