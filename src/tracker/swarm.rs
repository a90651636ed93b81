//! One swarm: its peers by address family, those on loopback kept apart since only loopback is told of
//! them.

use std::net::SocketAddr;

use super::peer_set::PeerSet;
use super::registry::{Announcement, Answer};
use super::seeded_hash::SeededHash;
use crate::base::rng::Rng;
use crate::wire::tracker_http::{ScrapeCounts, packed_v4, packed_v6};

#[derive(Default)]
pub(super) struct Swarm {
    v4: Family<6>,
    v6: Family<18>,
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
            SocketAddr::V4(address) => self.v4.store(packed_v4(address), new, rng, may_grow),
            SocketAddr::V6(address) => self.v6.store(packed_v6(address), new, rng, may_grow),
        }
    }

    /// Whether the peer was there.
    pub(super) fn remove(&mut self, address: SocketAddr, hash: SeededHash) -> bool {
        let local = address.ip().is_loopback();
        match address {
            SocketAddr::V4(address) => self.v4.remove(&packed_v4(address), local, hash),
            SocketAddr::V6(address) => self.v6.remove(&packed_v6(address), local, hash),
        }
    }

    /// Forgets peers last seen before `oldest_s` and returns how many.
    pub(super) fn expire(&mut self, oldest_s: u32, hash: SeededHash) -> usize {
        self.v4.expire(oldest_s, hash) + self.v6.expire(oldest_s, hash)
    }

    /// Fills the answer. The announcer's own family comes first; the other gets what remains.
    pub(super) fn pick(&self, to: &Announcement, own: Option<Place>, rng: &mut Rng, answer: &mut Answer) {
        let local = to.from_loopback;
        let both = |given: usize| if to.own_family_only { 0 } else { to.want - given };
        if to.address.is_ipv4() {
            let given = self.v4.pick(to.want, local, own, rng, &mut answer.v4);
            self.v6.pick(both(given), local, None, rng, &mut answer.v6);
        } else {
            let given = self.v6.pick(to.want, local, own, rng, &mut answer.v6);
            self.v4.pick(both(given), local, None, rng, &mut answer.v4);
        }
    }
}

/// The peers of one address family, packed in `N` bytes each.
#[derive(Default)]
struct Family<const N: usize> {
    public: PeerSet<N>,
    loopback: PeerSet<N>,
}

impl<const N: usize> Family<N> {
    fn len(&self) -> usize {
        self.public.len() + self.loopback.len()
    }

    fn seeders(&self) -> u32 {
        self.public.seeders() + self.loopback.seeders()
    }

    fn set_of(&mut self, local: bool) -> &mut PeerSet<N> {
        if local { &mut self.loopback } else { &mut self.public }
    }

    fn store(
        &mut self,
        packed: [u8; N],
        new: Newcomer,
        rng: &mut Rng,
        may_grow: impl FnOnce() -> bool,
    ) -> Option<Place> {
        let Newcomer { address, seeder, now_s, hash } = new;
        let loopback = address.ip().is_loopback();
        let set = self.set_of(loopback);
        let position = match set.position(&packed, hash) {
            Some(position) => {
                set.refresh(position, seeder, now_s);
                position
            }
            None if may_grow() => set.add(packed, seeder, now_s, hash),
            None if set.len() == 0 => return None,
            None => {
                set.remove(rng.below(set.len()), hash);
                set.add(packed, seeder, now_s, hash)
            }
        };
        Some(Place { loopback, position })
    }

    fn remove(&mut self, packed: &[u8; N], local: bool, hash: SeededHash) -> bool {
        let set = self.set_of(local);
        let position = set.position(packed, hash);
        position.inspect(|&position| set.remove(position, hash)).is_some()
    }

    fn expire(&mut self, oldest_s: u32, hash: SeededHash) -> usize {
        self.public.expire(oldest_s, hash) + self.loopback.expire(oldest_s, hash)
    }

    fn pick(
        &self,
        want: usize,
        local: bool,
        own: Option<Place>,
        rng: &mut Rng,
        given: &mut Vec<[u8; N]>,
    ) -> usize {
        let own_in = |loopback| own.filter(|own| own.loopback == loopback).map(|own| own.position);
        let near = if local { self.loopback.pick(want, own_in(true), rng, given) } else { 0 };
        near + self.public.pick(want - near, own_in(false), rng, given)
    }
}
