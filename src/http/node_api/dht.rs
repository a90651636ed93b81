//! The node's place in the DHT, as the monitor and the metrics tell it.

use serde::Serialize;

use crate::dht::DhtStats;

/// What the DHT of a node has and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DhtStatus {
    /// Nodes that answered lately.
    pub nodes_v4: u64,
    pub nodes_v6: u64,
    /// Swarms that this node seeks.
    pub searches: u64,
    /// What others announced to this node.
    pub stored_swarms: u64,
    pub stored_peers: u64,
    /// From here on counted since the start.
    pub lookups: u64,
    pub queries_sent: u64,
    pub answers: u64,
    pub queries_received: u64,
    pub queries_dropped: u64,
    pub announces_sent: u64,
    pub peers_found: u64,
}

/// Name, sentence and value.
type Figure = (&'static str, &'static str, u64);

impl DhtStatus {
    /// What there is now.
    pub fn levels(&self) -> [Figure; 5] {
        [
            ("nodes_v4", "Nodes of the DHT over IPv4 that answered lately", self.nodes_v4),
            ("nodes_v6", "Nodes of the DHT over IPv6 that answered lately", self.nodes_v6),
            ("searches", "Swarms that this node seeks in the DHT", self.searches),
            ("stored_swarms", "Swarms that others announced to this node", self.stored_swarms),
            ("stored_peers", "Peers that others announced to this node", self.stored_peers),
        ]
    }

    /// What happened since the start.
    pub fn counts(&self) -> [Figure; 7] {
        [
            ("lookups", "Walks through the DHT", self.lookups),
            ("queries_sent", "Queries sent to nodes of the DHT", self.queries_sent),
            ("answers", "Queries that nodes of the DHT answered", self.answers),
            ("queries_received", "Queries of nodes of the DHT", self.queries_received),
            ("queries_dropped", "Queries beyond what one address may ask", self.queries_dropped),
            ("announces_sent", "Announces to nodes of the DHT", self.announces_sent),
            ("peers_found", "Peers that the DHT named", self.peers_found),
        ]
    }
}

impl From<DhtStats> for DhtStatus {
    fn from(stats: DhtStats) -> Self {
        Self {
            nodes_v4: stats.nodes_v4 as u64,
            nodes_v6: stats.nodes_v6 as u64,
            searches: stats.searches as u64,
            stored_swarms: stats.stored_swarms as u64,
            stored_peers: stats.stored_peers as u64,
            lookups: stats.lookups,
            queries_sent: stats.queries_sent,
            answers: stats.answers,
            queries_received: stats.queries_received,
            queries_dropped: stats.queries_dropped,
            announces_sent: stats.announces_sent,
            peers_found: stats.peers_found,
        }
    }
}
