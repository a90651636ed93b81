//! Which HLS broadcast, and what this node may know and believe of it.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::base::ids::Infohash;
use crate::node::relay::{Meeting, Trust};
use crate::wire::extended::NodeKey;
use crate::wire::hls::transport::{HlsTransport, infohash_of_url};

/// An HLS broadcast, as a transport file or a bare address of a playlist names it.
#[derive(Clone)]
pub struct Subject {
    pub infohash: Infohash,
    pub title: String,
    /// What the origin is reached by, if this node may.
    pub manifest_url: Option<String>,
    /// The manifest is nobody else's business.
    pub is_private: bool,
    /// Segments' addresses stay off the wire.
    pub hides_segments: bool,
    /// The broadcast's key, where the file that holds it can be believed.
    pub public_key: Option<[u8; 32]>,
    pub signer: Option<NodeKey>,
    /// What the file's addresses are worth.
    pub trust: Trust,
    trackers: Vec<String>,
    startup_nodes: Vec<SocketAddr>,
    /// What peers and anybody who asks may have; empty for a bare address.
    pub public_file: Bytes,
}

impl Subject {
    /// The broadcast of a transport file. `is_key_sure`: the file came from where the operator or viewer said.
    /// One that a peer gave for an infohash may hold anybody's key, unless the infohash was made from it.
    pub fn of_transport(transport: &HlsTransport, trust: Trust, is_key_sure: bool) -> Self {
        let descriptor = &transport.descriptor;
        let is_private = descriptor.hides_manifest;
        Self {
            infohash: transport.infohash,
            title: descriptor.title.clone(),
            manifest_url: descriptor.manifest_url.clone(),
            is_private,
            hides_segments: descriptor.hides_segments,
            public_key: (is_private || is_key_sure).then_some(descriptor.pubkey),
            signer: descriptor.private_key.map(NodeKey::from_seed),
            trust,
            trackers: descriptor.trackers.clone(),
            startup_nodes: descriptor.startup_nodes.clone(),
            public_file: transport.public().bytes,
        }
    }

    /// The public broadcast of the playlist at `url`: whoever types the same address meets there.
    pub fn of_playlist(url: &str, trust: Trust) -> Self {
        Self {
            infohash: infohash_of_url(url),
            title: "HLS playlist".to_owned(),
            manifest_url: Some(url.to_owned()),
            is_private: false,
            hides_segments: false,
            public_key: None,
            signer: None,
            trust,
            trackers: Vec::new(),
            startup_nodes: Vec::new(),
            public_file: Bytes::new(),
        }
    }

    /// This node takes part, whatever the file says: it gave the file away.
    pub fn met_at(mut self, node: Option<SocketAddr>) -> Self {
        self.startup_nodes.extend(node);
        self
    }

    pub fn meeting(&self) -> Meeting<'_> {
        Meeting {
            infohash: self.infohash,
            trackers: &self.trackers,
            startup_nodes: &self.startup_nodes,
            is_open: !self.is_private,
            // its transport file has no word for it
            allows_public_trackers: false,
            public_file: self.public_file.clone(),
        }
    }
}
