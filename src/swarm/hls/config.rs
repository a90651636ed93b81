//! What a swarm of an HLS broadcast is told once.

use std::time::Duration;

use crate::wire::node_key::NodeKey;

#[derive(Clone)]
pub struct HlsConfig {
    /// The broadcast's key, if it is known from where it can be believed.
    pub public_key: Option<[u8; 32]>,
    /// The private half: what this node reads at the origin it signs.
    pub signer: Option<NodeKey>,
    /// This node reads the origin's playlists.
    pub reads_playlists: bool,
    /// Segments may be fetched from the origin, where their addresses are known.
    pub may_fetch: bool,
    /// Only signed entries count: a private broadcast.
    pub needs_signature: bool,
    /// Segments' addresses go to peers, with the entries that we sign.
    pub tells_addresses: bool,
    /// Peers do not pass the addresses on.
    pub keeps_addresses_local: bool,
    /// Viewers get decrypted segments, and no keys.
    pub decrypts: bool,
    /// Segments are listed and signed without their bytes.
    pub skips_data: bool,
    /// Peers are told of a segment as soon as the origin lists it.
    pub tells_newest: bool,
    /// What peers watch is followed too: a support node.
    pub follows_for_peers: bool,
    /// Of each stream this much is kept, and at least three segments.
    pub window_span: Duration,
    /// All streams together, likewise.
    pub window_bytes: u64,
    /// Unix milliseconds when the swarm begins.
    pub unix_ms_at_start: u64,
    /// Of the entries that we sign: rises with each reset of the origin's numbers. 0 where it is not known, which
    /// a signer's never is.
    pub epoch: u64,
    pub seed: u64,
}

impl HlsConfig {
    /// The usual `window_span`.
    pub const WINDOW_SPAN: Duration = Duration::from_secs(60);
    /// The usual `window_bytes`.
    pub const WINDOW_BYTES: u64 = 256 * 1024 * 1024;
}
