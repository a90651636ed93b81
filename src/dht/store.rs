//! The peers that others announced to this node: who is in which swarm.
//!
//! It decides how many are kept and for how long. A full swarm forgets its oldest peer, a full store its most
//! silent swarm; one address has a few ports in a swarm and no more.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use crate::base::ids::Infohash;
use crate::base::limits::{
    DHT_PEER_LIFETIME, DHT_SWARM_PEERS_MAX, DHT_SWARM_PORTS_PER_ADDRESS_MAX, DHT_SWARMS_MAX,
};
use crate::base::rng::Rng;

/// Peers of one swarm, who announced last at the end.
type Peers = Vec<(SocketAddr, Instant)>;

#[derive(Debug, Default)]
pub struct PeerStore {
    swarms: BTreeMap<Infohash, Peers>,
}

impl PeerStore {
    pub fn announce(&mut self, now: Instant, infohash: Infohash, addr: SocketAddr) {
        if !self.swarms.contains_key(&infohash) && self.swarms.len() >= DHT_SWARMS_MAX {
            self.forget_most_silent();
        }
        let peers = self.swarms.entry(infohash).or_default();
        peers.retain(|(known, _)| *known != addr);
        let of_address = peers.iter().filter(|(known, _)| known.ip() == addr.ip()).count();
        let crowded = of_address >= DHT_SWARM_PORTS_PER_ADDRESS_MAX;
        if crowded || peers.len() >= DHT_SWARM_PEERS_MAX {
            let oldest = peers.iter().position(|(known, _)| !crowded || known.ip() == addr.ip());
            oldest.map(|at| peers.remove(at));
        }
        peers.push((addr, now));
    }

    /// At most `max` peers of one family, any of them.
    pub fn sample(
        &self,
        now: Instant,
        infohash: &Infohash,
        is_v6: bool,
        max: usize,
        rng: &mut Rng,
    ) -> Vec<SocketAddr> {
        let peers = self.swarms.get(infohash).map(Vec::as_slice).unwrap_or_default();
        let fitting = peers.iter().filter(|(addr, at)| addr.is_ipv6() == is_v6 && is_fresh(now, *at));
        let mut fitting: Vec<_> = fitting.map(|(addr, _)| *addr).collect();
        rng.shuffle(&mut fitting);
        fitting.truncate(max);
        fitting
    }

    /// Forgets who did not announce again.
    pub fn expire(&mut self, now: Instant) {
        self.swarms.retain(|_, peers| {
            peers.retain(|(_, at)| is_fresh(now, *at));
            !peers.is_empty()
        });
    }

    pub fn swarm_count(&self) -> usize {
        self.swarms.len()
    }

    pub fn peer_count(&self) -> usize {
        self.swarms.values().map(Vec::len).sum()
    }

    fn forget_most_silent(&mut self) {
        let last_heard = |peers: &Peers| peers.last().map(|(_, at)| *at);
        let silent =
            self.swarms.iter().min_by_key(|(_, peers)| last_heard(peers)).map(|(infohash, _)| *infohash);
        silent.map(|infohash| self.swarms.remove(&infohash));
    }
}

fn is_fresh(now: Instant, at: Instant) -> bool {
    now.saturating_duration_since(at) < DHT_PEER_LIFETIME
}
