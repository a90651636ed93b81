//! One swarm: its peers by address family, those on loopback kept apart since only loopback is told of
//! them.

use std::hash::Hash;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::peer_set::{PeerSet, SeededHash};
use super::registry::{Announcement, Answer};
use crate::base::rng::Rng;
use crate::wire::tracker_http::ScrapeCounts;

#[derive(Default)]
pub(super) struct Swarm {
    v4: Family<Ipv4Addr>,
    v6: Family<Ipv6Addr>,
    completed: u32,
}

/// A peer that announced itself.
#[derive(Clone, Copy)]
pub(super) struct Newcomer {
    pub(super) address: SocketAddr,
    pub(super) seeder: bool,
    pub(super) now_s: u32,
    pub(super) hash: SeededHash,
}

/// Where the announcer is in its family's sets, so that it is not told of itself.
#[derive(Clone, Copy)]
pub(super) struct Place {
    loopback: bool,
    position: usize,
}

impl Swarm {
    pub(super) fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    pub(super) fn counts(&self) -> ScrapeCounts {
        let seeders = self.v4.seeders() + self.v6.seeders();
        ScrapeCounts { seeders, leechers: self.len() as u32 - seeders, completed: self.completed }
    }

    pub(super) fn count_completed(&mut self) {
        self.completed = self.completed.saturating_add(1);
    }

    /// Adds the newcomer or refreshes it. When `may_grow` says no, it takes the place of a random peer of
    /// its kind, if there is one.
    pub(super) fn store(
        &mut self,
        new: Newcomer,
        rng: &mut Rng,
        may_grow: impl FnOnce() -> bool,
    ) -> Option<Place> {
        match new.address {
            SocketAddr::V4(address) => self.v4.store(*address.ip(), new, rng, may_grow),
            SocketAddr::V6(address) => self.v6.store(*address.ip(), new, rng, may_grow),
        }
    }

    /// Whether the peer was there.
    pub(super) fn remove(&mut self, address: SocketAddr) -> bool {
        match address {
            SocketAddr::V4(address) => self.v4.remove(*address.ip(), address.port()),
            SocketAddr::V6(address) => self.v6.remove(*address.ip(), address.port()),
        }
    }

    /// Forgets peers last seen before `oldest_s` and returns how many.
    pub(super) fn expire(&mut self, oldest_s: u32) -> usize {
        self.v4.expire(oldest_s) + self.v6.expire(oldest_s)
    }

    /// Fills the answer. The announcer's own family comes first; the other gets what remains.
    pub(super) fn pick(&self, to: &Announcement, own: Option<Place>, rng: &mut Rng, answer: &mut Answer) {
        let local = to.from_loopback;
        let mut give_v4 = |ip, port| answer.v4.push(SocketAddrV4::new(ip, port));
        let mut give_v6 = |ip, port| answer.v6.push(SocketAddrV6::new(ip, port, 0, 0));
        let both = |given: usize| if to.own_family_only { 0 } else { to.want - given };
        if to.address.is_ipv4() {
            let given = self.v4.pick(to.want, local, own, rng, &mut give_v4);
            self.v6.pick(both(given), local, None, rng, &mut give_v6);
        } else {
            let given = self.v6.pick(to.want, local, own, rng, &mut give_v6);
            self.v4.pick(both(given), local, None, rng, &mut give_v4);
        }
    }
}

struct Family<A> {
    public: PeerSet<A>,
    loopback: PeerSet<A>,
}

impl<A> Default for Family<A> {
    fn default() -> Self {
        Self { public: PeerSet::default(), loopback: PeerSet::default() }
    }
}

trait Address: Copy + Eq + Hash {
    fn is_loopback(&self) -> bool;
}

impl Address for Ipv4Addr {
    fn is_loopback(&self) -> bool {
        Ipv4Addr::is_loopback(self)
    }
}

impl Address for Ipv6Addr {
    fn is_loopback(&self) -> bool {
        Ipv6Addr::is_loopback(self)
    }
}

impl<A: Address> Family<A> {
    fn len(&self) -> usize {
        self.public.len() + self.loopback.len()
    }

    fn seeders(&self) -> u32 {
        self.public.seeders() + self.loopback.seeders()
    }

    fn set_of(&mut self, ip: A) -> &mut PeerSet<A> {
        if ip.is_loopback() { &mut self.loopback } else { &mut self.public }
    }

    fn store(
        &mut self,
        ip: A,
        new: Newcomer,
        rng: &mut Rng,
        may_grow: impl FnOnce() -> bool,
    ) -> Option<Place> {
        let Newcomer { address, seeder, now_s, hash } = new;
        let port = address.port();
        let set = self.set_of(ip);
        let position = match set.position(ip, port) {
            Some(position) => {
                set.refresh(position, seeder, now_s);
                position
            }
            None if may_grow() => set.add(ip, port, seeder, now_s, hash),
            None if set.len() == 0 => return None,
            None => {
                set.remove(rng.below(set.len()));
                set.add(ip, port, seeder, now_s, hash)
            }
        };
        Some(Place { loopback: ip.is_loopback(), position })
    }

    fn remove(&mut self, ip: A, port: u16) -> bool {
        let set = self.set_of(ip);
        let position = set.position(ip, port);
        position.inspect(|&position| set.remove(position)).is_some()
    }

    fn expire(&mut self, oldest_s: u32) -> usize {
        self.public.expire(oldest_s) + self.loopback.expire(oldest_s)
    }

    fn pick(
        &self,
        want: usize,
        local: bool,
        own: Option<Place>,
        rng: &mut Rng,
        give: &mut impl FnMut(A, u16),
    ) -> usize {
        let own_in = |loopback| own.filter(|own| own.loopback == loopback).map(|own| own.position);
        let near = if local { self.loopback.pick(want, own_in(true), rng, give) } else { 0 };
        near + self.public.pick(want - near, own_in(false), rng, give)
    }
}
