//! The peers of one swarm and one address family: an array that is searched while it is small, and found
//! through an index once it is not. Order within the array means nothing.

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};

use crate::base::rng::Rng;

/// Up to so many peers an array is searched faster than an index.
const INDEX_FROM: usize = 24;

/// Hashes under a seed, so that strangers cannot choose keys that collide.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeededHash(pub(super) u64);

impl BuildHasher for SeededHash {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

#[derive(Debug, Clone, Copy)]
struct Peer<A> {
    ip: A,
    port: u16,
    seeder: bool,
    seen_s: u32,
}

type Index<A> = HashMap<(A, u16), u32, SeededHash>;

/// Who was seen when, keyed by address and port.
#[derive(Debug)]
pub(super) struct PeerSet<A> {
    peers: Vec<Peer<A>>,
    index: Option<Box<Index<A>>>,
    seeders: u32,
}

impl<A> Default for PeerSet<A> {
    fn default() -> Self {
        Self { peers: Vec::new(), index: None, seeders: 0 }
    }
}

impl<A: Copy + Eq + Hash> PeerSet<A> {
    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn seeders(&self) -> u32 {
        self.seeders
    }

    pub(super) fn position(&self, ip: A, port: u16) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(&(ip, port)).map(|&position| position as usize),
            None => self.peers.iter().position(|peer| peer.ip == ip && peer.port == port),
        }
    }

    /// Marks the peer at `position` as seen now.
    pub(super) fn refresh(&mut self, position: usize, seeder: bool, now_s: u32) {
        if let Some(peer) = self.peers.get_mut(position) {
            self.seeders = self.seeders + u32::from(seeder) - u32::from(peer.seeder);
            (peer.seeder, peer.seen_s) = (seeder, now_s);
        }
    }

    /// Adds a peer that is not in the set and returns its position.
    pub(super) fn add(&mut self, ip: A, port: u16, seeder: bool, now_s: u32, hash: SeededHash) -> usize {
        let position = self.peers.len();
        self.peers.push(Peer { ip, port, seeder, seen_s: now_s });
        self.seeders += u32::from(seeder);
        match &mut self.index {
            Some(index) => _ = index.insert((ip, port), position as u32),
            None if self.peers.len() > INDEX_FROM => self.index = Some(Box::new(self.build_index(hash))),
            None => {}
        }
        position
    }

    fn build_index(&self, hash: SeededHash) -> Index<A> {
        let mut index = HashMap::with_capacity_and_hasher(2 * self.peers.len(), hash);
        index.extend((0..).zip(&self.peers).map(|(position, peer)| ((peer.ip, peer.port), position)));
        index
    }

    /// The last peer takes the place of the removed one.
    pub(super) fn remove(&mut self, position: usize) {
        if position >= self.peers.len() {
            return;
        }
        let removed = self.peers.swap_remove(position);
        self.seeders -= u32::from(removed.seeder);
        let Some(index) = &mut self.index else { return };
        index.remove(&(removed.ip, removed.port));
        if let Some(moved) = self.peers.get(position) {
            index.insert((moved.ip, moved.port), position as u32);
        }
    }

    /// Forgets peers last seen before `oldest_s` and returns how many; gives memory back.
    pub(super) fn expire(&mut self, oldest_s: u32) -> usize {
        let before = self.peers.len();
        for position in (0..before).rev() {
            if self.peers[position].seen_s < oldest_s {
                self.remove(position);
            }
        }
        if self.peers.capacity() > 4 * self.peers.len().max(4) {
            self.shrink();
        }
        before - self.peers.len()
    }

    fn shrink(&mut self) {
        self.peers.shrink_to_fit();
        if self.peers.len() <= INDEX_FROM / 2 {
            self.index = None;
        }
        if let Some(index) = &mut self.index {
            index.shrink_to_fit();
        }
    }

    /// Gives `want` peers, or all when there are fewer, in two runs from random places; never the one at
    /// `except`. Returns how many. Takes time for the peers given, not for the size of the set.
    pub(super) fn pick(
        &self,
        want: usize,
        except: Option<usize>,
        rng: &mut Rng,
        give: &mut impl FnMut(A, u16),
    ) -> usize {
        // one more than wanted, in case that the announcer is among them
        let take = (want + usize::from(except.is_some())).min(self.peers.len());
        let (low, high) = self.peers.split_at(self.peers.len() / 2);
        let from_low = take / 2;
        let low = window(low, 0, from_low, rng);
        let high = window(high, low.offset + low.len, take - from_low, rng);
        let others = low.positions().chain(high.positions()).filter(|&position| Some(position) != except);
        let given = others.take(want).filter_map(|position| self.peers.get(position));
        given.inspect(|peer| give(peer.ip, peer.port)).count()
    }
}

/// `take` neighbours out of the `len` places that begin at `offset`, in a circle.
struct Window {
    offset: usize,
    len: usize,
    start: usize,
    take: usize,
}

fn window<T>(half: &[T], offset: usize, take: usize, rng: &mut Rng) -> Window {
    Window { offset, len: half.len(), start: rng.below(half.len()), take }
}

impl Window {
    fn positions(&self) -> impl Iterator<Item = usize> {
        let straight = self.start..self.len.min(self.start + self.take);
        let wrapped = 0..(self.start + self.take).saturating_sub(self.len);
        straight.chain(wrapped).map(|place| self.offset + place)
    }
}
