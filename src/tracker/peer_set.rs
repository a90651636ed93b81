//! The peers of one swarm and one address family: an array that is searched while it is small, and found
//! through an index once it is not. Order within the array means nothing.

use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::HashTable;

use super::seeded_hash::SeededHash;
use crate::base::rng::Rng;

/// Up to so many peers an array is searched faster than an index.
const INDEX_FROM: usize = 24;

/// Known by its packed address, as answers carry it.
#[derive(Debug, Clone, Copy)]
struct Peer<const N: usize> {
    address: [u8; N],
    seeder: bool,
    seen_s: u32,
}

/// Who was seen when, by packed addresses of `N` bytes: 6 of IPv4, 18 of IPv6.
#[derive(Debug)]
pub(super) struct PeerSet<const N: usize> {
    peers: Vec<Peer<N>>,
    /// Positions, found by the address of who is there: some 9 bytes a peer.
    index: Option<Box<HashTable<u32>>>,
    seeders: u32,
}

impl<const N: usize> Default for PeerSet<N> {
    fn default() -> Self {
        Self { peers: Vec::new(), index: None, seeders: 0 }
    }
}

impl<const N: usize> PeerSet<N> {
    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn seeders(&self) -> u32 {
        self.seeders
    }

    pub(super) fn position(&self, address: &[u8; N], hash: SeededHash) -> Option<usize> {
        let is_there =
            |position: usize| self.peers.get(position).is_some_and(|peer| peer.address == *address);
        match &self.index {
            Some(index) => {
                let found = index.find(hash.hash_one(address), |&position| is_there(position as usize));
                found.map(|&position| position as usize)
            }
            None => self.peers.iter().position(|peer| peer.address == *address),
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
    pub(super) fn add(&mut self, address: [u8; N], seeder: bool, now_s: u32, hash: SeededHash) -> usize {
        let position = self.peers.len();
        self.peers.push(Peer { address, seeder, seen_s: now_s });
        self.seeders += u32::from(seeder);
        match &mut self.index {
            Some(index) => insert(index, &self.peers, position, hash),
            None if self.peers.len() > INDEX_FROM => {
                let mut index = HashTable::with_capacity(2 * self.peers.len());
                (0..self.peers.len()).for_each(|position| insert(&mut index, &self.peers, position, hash));
                self.index = Some(Box::new(index));
            }
            None => {}
        }
        position
    }

    /// The last peer takes the place of the removed one.
    pub(super) fn remove(&mut self, position: usize, hash: SeededHash) {
        if position >= self.peers.len() {
            return;
        }
        let last = self.peers.len() - 1;
        let removed = self.peers.swap_remove(position);
        self.seeders -= u32::from(removed.seeder);
        let Some(index) = &mut self.index else { return };
        if let Ok(entry) = index.find_entry(hash.hash_one(removed.address), |&at| at as usize == position) {
            entry.remove();
        }
        if let Some(moved) = self.peers.get(position)
            && let Some(at) = index.find_mut(hash.hash_one(moved.address), |&at| at as usize == last)
        {
            *at = position as u32;
        }
    }

    /// Forgets peers last seen before `oldest_s` and returns how many; gives memory back.
    pub(super) fn expire(&mut self, oldest_s: u32, hash: SeededHash) -> usize {
        let before = self.peers.len();
        for position in (0..before).rev() {
            if self.peers[position].seen_s < oldest_s {
                self.remove(position, hash);
            }
        }
        if self.peers.capacity() > 4 * self.peers.len().max(4) {
            self.shrink(hash);
        }
        before - self.peers.len()
    }

    fn shrink(&mut self, hash: SeededHash) {
        self.peers.shrink_to_fit();
        if self.peers.len() <= INDEX_FROM / 2 {
            self.index = None;
        }
        if let Some(index) = &mut self.index {
            index.shrink_to_fit(|&position| hash_at(&self.peers, position, hash));
        }
    }

    /// Gives `want` peers, or all when there are fewer, in two runs from random places; never the one at
    /// `except`. Returns how many. Takes time for the peers given, not for the size of the set.
    pub(super) fn pick(
        &self,
        want: usize,
        except: Option<usize>,
        rng: &mut Rng,
        given: &mut Vec<[u8; N]>,
    ) -> usize {
        // one more than wanted, in case that the announcer is among them
        let take = (want + usize::from(except.is_some())).min(self.peers.len());
        let half = self.peers.len() / 2;
        let low = window(0..half, take / 2, rng);
        let high = window(half..self.peers.len(), take - take / 2, rng);
        let mut left = want;
        for run in low.into_iter().chain(high) {
            for run in without(run, except) {
                let peers = self.peers.get(run).unwrap_or_default();
                let peers = peers.get(..left).unwrap_or(peers);
                given.extend(peers.iter().map(|peer| peer.address));
                left -= peers.len();
            }
        }
        want - left
    }
}

fn insert<const N: usize>(index: &mut HashTable<u32>, peers: &[Peer<N>], position: usize, hash: SeededHash) {
    let position = position as u32;
    let of = |&position: &u32| hash_at(peers, position, hash);
    index.insert_unique(of(&position), position, of);
}

fn hash_at<const N: usize>(peers: &[Peer<N>], position: u32, hash: SeededHash) -> u64 {
    peers.get(position as usize).map_or(0, |peer| hash.hash_one(peer.address))
}

/// `take` neighbours out of `places`, from a random one on, in a circle.
fn window(places: Range<usize>, take: usize, rng: &mut Rng) -> [Range<usize>; 2] {
    let start = places.start + rng.below(places.len());
    let straight = start..places.end.min(start + take);
    let wrapped = places.start..places.start + take - straight.len();
    [straight, wrapped]
}

fn without(run: Range<usize>, except: Option<usize>) -> [Range<usize>; 2] {
    match except {
        Some(except) if run.contains(&except) => [run.start..except, except + 1..run.end],
        _ => [run, 0..0],
    }
}
