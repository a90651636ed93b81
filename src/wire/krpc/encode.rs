//! Writes messages of the DHT.

use std::net::{IpAddr, SocketAddr};

use super::{Answer, Asked, Contact, Query};
use crate::wire::bencode::{Dict, List};

impl Asked<'_> {
    /// The datagram that asks.
    pub fn encode(&self, transaction: &[u8]) -> Vec<u8> {
        let arguments = Dict::new().bytes("id", self.from.0);
        let (method, arguments) = match self.query {
            Query::Ping => ("ping", arguments),
            Query::FindNode { target } => ("find_node", arguments.bytes("target", target.0)),
            Query::GetPeers { infohash } => ("get_peers", arguments.bytes("info_hash", infohash.0)),
            Query::AnnouncePeer { infohash, port, is_port_implied, token } => {
                let arguments = arguments.bytes("info_hash", infohash.0).int("port", port.into());
                let implied = is_port_implied.then_some(1);
                (
                    "announce_peer",
                    arguments.bytes("token", token).maybe(implied, |d, on| d.int("implied_port", on)),
                )
            }
        };
        let arguments = arguments.maybe(self.want, |arguments, want| {
            let names = [("n4", want.v4), ("n6", want.v6)].into_iter().filter(|(_, wanted)| *wanted);
            arguments.list("want", names.map(|(name, _)| name).collect())
        });
        let root =
            Dict::new().dict("a", arguments).bytes("q", method).bytes("t", transaction).bytes("y", "q");
        root.maybe(self.is_read_only.then_some(1), |root, on| root.int("ro", on)).encode()
    }
}

impl Answer<'_> {
    /// The datagram that answers.
    pub fn encode(&self, transaction: &[u8]) -> Vec<u8> {
        let (v4, v6): (Vec<_>, Vec<_>) = self.nodes.iter().copied().partition(|node| node.addr.is_ipv4());
        let some = |packed: Vec<u8>| (!packed.is_empty()).then_some(packed);
        let peers: List = self.peers.iter().map(|peer| pack(*peer)).collect();
        let body = Dict::new()
            .bytes("id", self.from.0)
            .maybe(some(pack_nodes(&v4)), |body, nodes| body.bytes("nodes", nodes))
            .maybe(some(pack_nodes(&v6)), |body, nodes| body.bytes("nodes6", nodes))
            .maybe(self.token, |body, token| body.bytes("token", token))
            .maybe((!self.peers.is_empty()).then_some(peers), |body, peers| body.list("values", peers));
        Dict::new()
            .maybe(self.seen_at, |root, addr| root.bytes("ip", pack(addr)))
            .dict("r", body)
            .bytes("t", transaction)
            .bytes("y", "r")
            .encode()
    }
}

/// The answer to a query that is refused.
pub fn encode_error(transaction: &[u8], code: i64, text: &str) -> Vec<u8> {
    let error = List::new().int(code).bytes(text);
    Dict::new().list("e", error).bytes("t", transaction).bytes("y", "e").encode()
}

/// Nodes of one family, without anything between them.
pub fn pack_nodes(nodes: &[Contact]) -> Vec<u8> {
    nodes.iter().flat_map(|node| node.id.0.into_iter().chain(pack(node.addr))).collect()
}

/// 6 or 18 bytes.
fn pack(addr: SocketAddr) -> Vec<u8> {
    let mut packed = match addr.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    packed.extend_from_slice(&addr.port().to_be_bytes());
    packed
}
