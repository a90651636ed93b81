//! Who is not talked to any more.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::base::ids::NodeId;
use crate::base::limits::BANS_MAX;
use crate::base::net::is_public;

const BAN_DURATION: Duration = Duration::from_secs(3600);

/// What a ban hits: on public addresses the ip; on loopback and private ones, where many nodes share
/// an address, the node id or else ip and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BanKey {
    Ip(IpAddr),
    Node(NodeId),
    Address(SocketAddr),
}

impl BanKey {
    pub fn of(addr: SocketAddr, node: Option<NodeId>) -> Self {
        match node {
            _ if is_public(addr.ip()) => Self::Ip(addr.ip()),
            Some(node) => Self::Node(node),
            None => Self::Address(addr),
        }
    }
}

/// Bounded; the oldest ban goes first.
#[derive(Debug, Default)]
pub struct Bans {
    keys: BTreeSet<BanKey>,
    order: VecDeque<(Instant, BanKey)>,
}

impl Bans {
    pub fn add(&mut self, now: Instant, key: BanKey) {
        self.expire(now);
        if self.order.len() >= BANS_MAX
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
        if self.keys.insert(key) {
            self.order.push_back((now, key));
        }
    }

    pub fn hits(&mut self, now: Instant, addr: SocketAddr, node: Option<NodeId>) -> bool {
        self.expire(now);
        self.keys.contains(&BanKey::of(addr, node)) || self.keys.contains(&BanKey::Address(addr))
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(since, key)) = self.order.front()
            && now.saturating_duration_since(since) >= BAN_DURATION
        {
            self.order.pop_front();
            self.keys.remove(&key);
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make up a time to start from")]
mod tests {
    use super::*;

    #[test]
    fn ban_on_loopback_spares_the_neighbours() {
        let now = Instant::now();
        let mut bans = Bans::default();
        let (liar, honest) = (NodeId([1; 32]), NodeId([2; 32]));
        let addr = "127.0.0.1:9".parse().unwrap();
        bans.add(now, BanKey::of(addr, Some(liar)));
        assert!(bans.hits(now, addr, Some(liar)));
        assert!(!bans.hits(now, addr, Some(honest)));
    }

    #[test]
    fn ban_on_a_public_address_hits_every_port_until_it_ends() {
        let now = Instant::now();
        let mut bans = Bans::default();
        bans.add(now, BanKey::of("1.2.3.4:5".parse().unwrap(), None));
        assert!(bans.hits(now, "1.2.3.4:6".parse().unwrap(), Some(NodeId([3; 32]))));
        assert!(!bans.hits(now + BAN_DURATION, "1.2.3.4:6".parse().unwrap(), None));
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut bans = Bans::default();
        for n in 0..2 * BANS_MAX as u32 {
            bans.add(now, BanKey::Ip(IpAddr::from((0x0100_0000 + n).to_be_bytes())));
        }
        assert_eq!(bans.len(), BANS_MAX);
    }
}
