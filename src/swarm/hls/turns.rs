//! Whose turn it is to fetch a segment from the origin. Every node orders itself and its neighbours by a hash
//! of (node id, piece): nobody has to agree on anything, and each piece has another order.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::Hls;
use super::peers::STRIKES_MAX;
use super::segment::Segment;
use crate::base::ids::{LinkId, NodeId, PieceId};
use crate::swarm::Swarm;
use crate::swarm::peer::Peer;

/// Whoever is next waits for this part of the segment's duration.
const PART_OF_DURATION: u32 = 4;
/// A fetch that a peer announced is waited for so long at least.
const PROMISE_MIN: Duration = Duration::from_secs(1);

impl Swarm<Hls> {
    /// When this node is to fetch the segment, unless somebody offers it before.
    pub(super) fn turn_at(&self, segment: &Segment) -> Instant {
        let turn = segment.since + segment.duration() / PART_OF_DURATION * self.nodes_before(segment.id);
        let patience = (segment.duration() / 2).max(PROMISE_MIN);
        let promises = segment.fetching.iter().filter(|(link, _)| self.keeps_promises(**link));
        let promised = promises.map(|(_, &since)| since + patience).max();
        let others = promised.map_or(turn, |promised| turn.max(promised));
        let turn = if self.medium.asked.contains(&segment.id) { turn } else { others };
        turn.min(segment.rescue_at()).max(segment.retry_at.unwrap_or(segment.since))
    }

    /// When this node is to ask the origin for what peers have not brought of a segment that they offer: in turn
    /// as well once they bring nothing, so that one asks and the others get it from there.
    pub(super) fn rescue_turn_at(&self, segment: &Segment) -> Instant {
        let turn = segment.duration() / PART_OF_DURATION * self.nodes_before(segment.id);
        let due = (segment.stalled_at() + turn).min(segment.rescue_at());
        due.max(segment.retry_at.unwrap_or(segment.since))
    }

    /// How many of our neighbours come first: those that hold the broadcast's key and have to read every
    /// segment anyway, the operator's peers, then by the hash.
    fn nodes_before(&self, id: PieceId) -> u32 {
        let ours = (!self.is_signer(), place(&self.config.node_key.node_id(), id));
        let is_before = |(link, peer): (&LinkId, &Peer)| {
            let (Some(node), Some(of_hls)) = (peer.node_id(), self.medium.peers.get(link)) else {
                return false;
            };
            let takes_part = of_hls.watching.reads_origin && of_hls.watches(id.stream);
            let is_ours = peer.is_dialed && self.config.operator_peers.contains(&peer.addr);
            let theirs = (!of_hls.watching.is_signer, place(&node, id));
            takes_part && self.keeps_promises(*link) && (is_ours || theirs < ours)
        };
        self.peers.iter().filter(|peer| is_before(*peer)).count() as u32
    }

    fn keeps_promises(&self, link: LinkId) -> bool {
        self.medium.peers.get(&link).is_some_and(|peer| peer.broken_promises < STRIKES_MAX)
    }

    pub(super) fn is_signer(&self) -> bool {
        self.medium.config.signer.is_some()
    }
}

fn place(node: &NodeId, id: PieceId) -> [u8; 32] {
    let digest = Sha256::new().chain_update(node.0).chain_update(id.stream.to_be_bytes());
    digest.chain_update(id.number.to_be_bytes()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_has_another_order_of_nodes() {
        let nodes: Vec<_> = (0..4).map(|n| NodeId([n; 32])).collect();
        let first = |number| {
            let id = PieceId { stream: 0, number };
            (0..4).min_by_key(|&n| place(&nodes[n], id)).unwrap()
        };
        let counts = (0..400).fold([0; 4], |mut counts, number| {
            counts[first(number)] += 1;
            counts
        });
        assert!(counts.iter().all(|count| (60..140).contains(count)), "{counts:?}");
    }
}
