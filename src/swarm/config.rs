//! What a swarm is told once, at its beginning.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::limits::Limits;
use crate::base::cidr::Networks;
use crate::base::ids::{Infohash, PeerId};
use crate::wire::extended::NodeKey;

/// The part that this node plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Makes the pieces; dials nobody.
    Source,
    /// Fetches and serves: support nodes and clients.
    Relay,
}

#[derive(Clone)]
pub struct SwarmConfig {
    pub infohash: Infohash,
    pub role: Role,
    pub node_key: NodeKey,
    pub peer_id: PeerId,
    /// Where this node listens; told to peers and trackers. 0: nobody shall know.
    pub listen_port: u16,
    pub max_peers: usize,
    /// Bytes a second, see [`Limits`].
    pub upload_limit: Option<u64>,
    pub download_limit: Option<u64>,
    /// Peers unchoked at once.
    pub upload_slots: usize,
    /// Number of trackers that announces go to.
    pub tracker_count: usize,
    /// So many of them, the first ones, were named by the operator and may name private addresses.
    pub operator_trackers: usize,
    /// Whether all trackers and peers may name loopback and private addresses.
    pub allow_private_addresses: bool,
    /// `--download-from`: dialled for ever.
    pub operator_peers: Vec<SocketAddr>,
    /// `startup_nodes` of the descriptor.
    pub startup_peers: Vec<SocketAddr>,
    /// `--upload-to`: served first, and room is made for them.
    pub served_first: Networks,
    /// `--download-from`: nobody is told of a node there.
    pub secret: Networks,
    /// `--private-node`: takes part in no exchange of addresses, and dials `operator_peers` alone.
    pub is_private: bool,
    /// Whether a second connection of a node ends its first one, and not the second.
    pub newest_connection_wins: bool,
    /// How often what needs no exact time is done: rounds of choking, silent peers, keepalives.
    pub housekeeping_interval: Duration,
    /// What metadata requests are answered with.
    pub transport_file: Bytes,
    pub seed: u64,
}

impl SwarmConfig {
    /// Whether no peer, tracker or stranger may hear of a node there from this one, whatever its port.
    pub fn is_secret(&self, addr: SocketAddr) -> bool {
        self.secret.contain(addr.ip())
    }

    pub fn limits(&self) -> Limits {
        Limits { max_peers: self.max_peers, upload: self.upload_limit, download: self.download_limit }
    }

    /// The usual `housekeeping_interval`.
    pub const HOUSEKEEPING_INTERVAL: Duration = Duration::from_millis(250);
}
