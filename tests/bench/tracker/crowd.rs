//! Who announces: swarms of so many peers, each peer with an address of its own. A peer announces from one
//! of [`SOURCES`] addresses of the loopback network and differs from its neighbours there by its port.

use std::net::{Ipv4Addr, SocketAddr};

use start_engine::base::ids::{Infohash, PeerId};
use start_engine::base::rng::Rng;
use start_engine::wire::announce::{AnnounceEvent, AnnounceRequest};

/// Addresses that peers announce from.
pub const SOURCES: usize = 32;
/// Addresses that each peer asks for.
pub const NUM_WANT: u32 = 30;
const FIRST_PORT: u16 = 1000;

#[derive(Clone, Copy)]
pub struct Crowd {
    pub swarms: usize,
    /// Of each swarm.
    pub peers: usize,
}

impl Crowd {
    pub fn len(&self) -> usize {
        self.swarms * self.peers
    }

    pub fn infohashes(&self) -> impl Iterator<Item = Infohash> {
        (0..self.swarms).map(infohash)
    }

    /// Everybody who announces from one address.
    pub fn everyone_at(self, source: usize) -> impl Iterator<Item = AnnounceRequest> {
        let peers = move || (source..self.peers).step_by(SOURCES);
        (0..self.swarms).flat_map(move |swarm| peers().map(move |peer| announce(swarm, peer)))
    }

    /// Somebody who announces from that address.
    pub fn someone_at(&self, source: usize, rng: &mut Rng) -> AnnounceRequest {
        let here = (self.peers - source).div_ceil(SOURCES);
        announce(rng.below(self.swarms), source + SOURCES * rng.below(here))
    }

    /// Whether the packed address of an answer may be true.
    pub fn may_hold(&self, packed: &[u8; 6]) -> bool {
        let [a, b, c, d, high, low] = *packed;
        let peer = usize::from(u16::from_be_bytes([high, low]).wrapping_sub(FIRST_PORT));
        peer < self.peers && Ipv4Addr::from([a, b, c, d]) == address(peer % SOURCES)
    }

    /// Addresses that an answer holds at least, once everybody has announced.
    pub fn told(&self) -> usize {
        (self.peers - 1).min(NUM_WANT as usize)
    }
}

fn infohash(swarm: usize) -> Infohash {
    let mut rng = Rng::new(swarm as u64);
    let mut bytes = [0; 20];
    bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&rng.next_u64().to_le_bytes()[..chunk.len()]));
    Infohash(bytes)
}

fn announce(swarm: usize, peer: usize) -> AnnounceRequest {
    AnnounceRequest {
        infohash: infohash(swarm),
        peer_id: PeerId::from_random([peer as u8; 11]),
        port: FIRST_PORT + peer as u16,
        uploaded: 1 << 20,
        downloaded: 1 << 30,
        left: peer as u64 % 4,
        event: AnnounceEvent::None,
        num_want: Some(NUM_WANT),
        key: peer as u32,
    }
}

fn address(source: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, 1 + source as u8)
}

/// What a source's socket is bound to.
pub fn local(source: usize) -> SocketAddr {
    (address(source), 0).into()
}
