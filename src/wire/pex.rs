//! Peer exchange (message 12): who else is in the swarm.

use crate::base::ids::PeerId;
use std::net::SocketAddrV4;

/// What we read of one 108-byte record. The address is not yet filtered.
#[derive(Debug, Clone, PartialEq)]
pub struct PexRecord {
    pub address: SocketAddrV4,
    pub peer_id: PeerId,
    pub min_piece: i64,
    pub max_piece: i64,
    pub distance_from_source: i32,
}
