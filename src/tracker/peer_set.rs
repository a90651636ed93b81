//! The peers of one swarm and one address family: an array that is searched while it is small, and found
//! through an index once it is not. Order within the array means nothing.

use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::HashTable;

use super::seeded_hash::SeededHash;
use crate::base::rng::Rng;

/// Up to so many peers an array, which lies in a row, is searched faster than an index, which does not.
const INDEX_FROM: usize = 128;

/// Who was seen when, by packed addresses of `N` bytes: 6 of IPv4, 18 of IPv6.
#[derive(Debug)]
pub(super) struct PeerSet<const N: usize> {
    /// As answers carry them.
    addresses: Vec<[u8; N]>,
    /// Of the peers at the same positions.
    states: Vec<State>,
    /// Positions, found by the address that stands there: some 9 bytes a peer.
    index: Option<Box<HashTable<u32>>>,
    seeders: u32,
}

/// When a peer was seen, in seconds, and whether it is a seeder: the lowest bit.
#[derive(Debug, Clone, Copy)]
struct State(u32);

impl State {
    fn new(seen_s: u32, seeder: bool) -> Self {
        Self(seen_s << 1 | u32::from(seeder))
    }

    fn seen_s(self) -> u32 {
        self.0 >> 1
    }

    fn seeders(self) -> u32 {
        self.0 & 1
    }
}

impl<const N: usize> Default for PeerSet<N> {
    fn default() -> Self {
        Self { addresses: Vec::new(), states: Vec::new(), index: None, seeders: 0 }
    }
}

impl<const N: usize> PeerSet<N> {
    pub(super) fn len(&self) -> usize {
        self.addresses.len()
    }

    pub(super) fn seeders(&self) -> u32 {
        self.seeders
    }

    pub(super) fn position(&self, address: &[u8; N], hash: SeededHash) -> Option<usize> {
        let is_there = |position: usize| self.addresses.get(position) == Some(address);
        match &self.index {
            Some(index) => {
                let found = index.find(hash.hash_one(address), |&position| is_there(position as usize));
                found.map(|&position| position as usize)
            }
            None => self.addresses.iter().position(|other| other == address),
        }
    }

    /// Marks the peer at `position` as seen now.
    pub(super) fn refresh(&mut self, position: usize, seeder: bool, now_s: u32) {
        if let Some(state) = self.states.get_mut(position) {
            self.seeders = self.seeders + u32::from(seeder) - state.seeders();
            *state = State::new(now_s, seeder);
        }
    }

    /// Adds a peer that is not in the set and returns its position.
    pub(super) fn add(&mut self, address: [u8; N], seeder: bool, now_s: u32, hash: SeededHash) -> usize {
        let position = self.len();
        self.addresses.push(address);
        self.states.push(State::new(now_s, seeder));
        self.seeders += u32::from(seeder);
        match &mut self.index {
            Some(index) => insert(index, &self.addresses, position, hash),
            None if position >= INDEX_FROM => {
                let mut index = HashTable::with_capacity(2 * position);
                (0..=position).for_each(|position| insert(&mut index, &self.addresses, position, hash));
                self.index = Some(Box::new(index));
            }
            None => {}
        }
        position
    }

    /// The last peer takes the place of the removed one.
    pub(super) fn remove(&mut self, position: usize, hash: SeededHash) {
        if position >= self.len() {
            return;
        }
        let removed = self.addresses.swap_remove(position);
        self.seeders -= self.states.swap_remove(position).seeders();
        let last = self.len();
        let Some(index) = &mut self.index else { return };
        if let Ok(entry) = index.find_entry(hash.hash_one(removed), |&at| at as usize == position) {
            entry.remove();
        }
        if let Some(moved) = self.addresses.get(position)
            && let Some(at) = index.find_mut(hash.hash_one(moved), |&at| at as usize == last)
        {
            *at = position as u32;
        }
    }

    /// Forgets peers last seen before `oldest_s` and returns how many; gives memory back.
    pub(super) fn expire(&mut self, oldest_s: u32, hash: SeededHash) -> usize {
        let before = self.len();
        for position in (0..before).rev() {
            if self.states[position].seen_s() < oldest_s {
                self.remove(position, hash);
            }
        }
        if self.addresses.capacity() > 4 * self.len().max(4) {
            self.shrink(hash);
        }
        before - self.len()
    }

    fn shrink(&mut self, hash: SeededHash) {
        self.addresses.shrink_to_fit();
        self.states.shrink_to_fit();
        if self.len() <= INDEX_FROM / 2 {
            self.index = None;
        }
        if let Some(index) = &mut self.index {
            index.shrink_to_fit(|&position| hash_at(&self.addresses, position, hash));
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
        let take = (want + usize::from(except.is_some())).min(self.len());
        let half = self.len() / 2;
        let low = window(0..half, take / 2, rng);
        let high = window(half..self.len(), take - take / 2, rng);
        let mut left = want;
        for run in low.into_iter().chain(high) {
            for run in without(run, except) {
                let run = self.addresses.get(run).unwrap_or_default();
                let run = run.get(..left).unwrap_or(run);
                given.extend_from_slice(run);
                left -= run.len();
            }
        }
        want - left
    }
}

fn insert<const N: usize>(
    index: &mut HashTable<u32>,
    addresses: &[[u8; N]],
    position: usize,
    hash: SeededHash,
) {
    let position = position as u32;
    let of = |&position: &u32| hash_at(addresses, position, hash);
    index.insert_unique(of(&position), position, of);
}

fn hash_at<const N: usize>(addresses: &[[u8; N]], position: u32, hash: SeededHash) -> u64 {
    addresses.get(position as usize).map_or(0, |address| hash.hash_one(address))
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn address(number: usize) -> [u8; 6] {
        [10, 0, 0, (number >> 8) as u8, 1, number as u8]
    }

    #[test]
    fn everybody_is_found_while_the_set_grows_past_its_index_and_shrinks_again() {
        let mut rng = Rng::new(1);
        let hash = SeededHash::new(&mut rng);
        let (mut set, mut model) = (PeerSet::<6>::default(), BTreeMap::new());
        for step in 0..6_000u32 {
            let (number, seeder) = (rng.below(400), rng.below(2) == 0);
            let grows = step % 3_000 < 1_500;
            match set.position(&address(number), hash) {
                Some(position) if grows => set.refresh(position, seeder, step),
                Some(position) => set.remove(position, hash),
                None => _ = set.add(address(number), seeder, step, hash),
            }
            if grows || model.remove(&number).is_none() {
                model.insert(number, (seeder, step));
            }
            if step % 500 == 499 {
                let oldest = step.saturating_sub(1_200);
                let before = model.len();
                model.retain(|_, &mut (_, seen)| seen >= oldest);
                assert_eq!(set.expire(oldest, hash), before - model.len());
                let found = (0..400).filter(|&number| set.position(&address(number), hash).is_some());
                assert!(found.eq(model.keys().copied()), "after {step} steps");
                assert_eq!(set.seeders() as usize, model.values().filter(|(seeder, _)| *seeder).count());
            }
        }
        assert_eq!(set.expire(u32::MAX >> 1, hash), model.len());
        assert!(set.index.is_none() && set.addresses.capacity() <= 16, "memory is given back");
    }

    #[test]
    fn windows_go_round_and_leave_out_one() {
        let mut rng = Rng::new(2);
        let hash = SeededHash::new(&mut rng);
        let mut set = PeerSet::<6>::default();
        for number in 0..300 {
            set.add(address(number), false, 1, hash);
            for want in [0, 1, 30, 298, 299, 300, 400] {
                for except in [None, Some(rng.below(number + 1))] {
                    let mut given = Vec::new();
                    let others = number + 1 - usize::from(except.is_some());
                    assert_eq!(set.pick(want, except, &mut rng, &mut given), want.min(others));
                    assert!(except.is_none_or(|except| !given.contains(&address(except))));
                    given.sort_unstable();
                    given.dedup();
                    assert_eq!(given.len(), want.min(others), "each once");
                }
            }
        }
    }
}
