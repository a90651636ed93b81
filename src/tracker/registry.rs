//! Who is in which swarm, within fixed bounds. It decides what is remembered, what is forgotten and which
//! peers an announcer is told of; it never believes an address that its caller did not give, and never
//! tells an address of this machine's loopback to another machine.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::seeded_hash::SeededHash;
use super::swarm::{Newcomer, Place, Swarm};
use crate::base::ids::Infohash;
use crate::base::limits::{
    TRACKER_PEER_LIFETIME, TRACKER_PEERS_MAX, TRACKER_SWARM_PEERS_MAX, TRACKER_SWARMS_MAX,
};
use crate::base::rng::Rng;
use crate::wire::announce::AnnounceEvent;
use crate::wire::tracker_http::{PackedV4, PackedV6, ScrapeCounts};

/// Parts that are locked on their own; more than there are threads that answer.
const SHARDS: usize = 16;

/// What a registry may hold.
#[derive(Debug, Clone, Copy)]
pub struct RegistryLimits {
    pub max_swarms: usize,
    pub max_swarm_peers: usize,
    pub max_peers: usize,
    /// A peer that did not announce for so long is forgotten.
    pub peer_lifetime: Duration,
}

impl Default for RegistryLimits {
    fn default() -> Self {
        Self {
            max_swarms: TRACKER_SWARMS_MAX,
            max_swarm_peers: TRACKER_SWARM_PEERS_MAX,
            max_peers: TRACKER_PEERS_MAX,
            peer_lifetime: TRACKER_PEER_LIFETIME,
        }
    }
}

/// One announce, with the address that is to be told to others.
#[derive(Debug, Clone, Copy)]
pub struct Announcement {
    pub infohash: Infohash,
    /// Remembered unless its port is 0.
    pub address: SocketAddr,
    /// Whether whoever asks is on this machine and may be told loopback addresses.
    pub from_loopback: bool,
    pub seeder: bool,
    pub event: AnnounceEvent,
    /// Addresses wanted of IPv4 and IPv6 together.
    pub want: usize,
    /// Whether only addresses of the announcer's family are of use in the answer.
    pub own_family_only: bool,
}

/// What an announcer is told; made to be reused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub seeders: u32,
    pub leechers: u32,
    pub v4: Vec<PackedV4>,
    pub v6: Vec<PackedV6>,
}

/// Why an announce was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    #[error("tracker is full: it holds {0} swarms")]
    TooManySwarms(usize),
}

/// The swarms of a tracker. Shared by reference; every call locks one shard for microseconds.
pub struct Registry {
    shards: Box<[Mutex<Shard>]>,
    limits: RegistryLimits,
    started: Instant,
    hash: SeededHash,
    swarms: AtomicUsize,
    peers: AtomicUsize,
}

struct Shard {
    swarms: HashMap<Infohash, Swarm, SeededHash>,
    rng: Rng,
}

impl Registry {
    /// The same `seed` and calls give the same answers.
    pub fn new(limits: RegistryLimits, seed: u64, now: Instant) -> Self {
        let mut rng = Rng::new(seed);
        let hash = SeededHash::new(&mut rng);
        let shard = |_| Mutex::new(Shard { swarms: HashMap::with_hasher(hash), rng: rng.fork() });
        let shards = (0..SHARDS).map(shard).collect();
        Self { shards, limits, started: now, hash, swarms: AtomicUsize::new(0), peers: AtomicUsize::new(0) }
    }

    /// Remembers or forgets the announcer and fills `answer` with others of its swarm.
    pub fn announce(
        &self,
        now: Instant,
        announcement: &Announcement,
        answer: &mut Answer,
    ) -> Result<(), RegistryError> {
        answer.v4.clear();
        answer.v6.clear();
        let now_s = self.seconds(now);
        let mut guard = self.shard(&announcement.infohash);
        let Shard { swarms, rng } = &mut *guard;
        let leaves = announcement.event == AnnounceEvent::Stopped;
        let listed = announcement.address.port() != 0;
        let swarm = match swarms.get_mut(&announcement.infohash) {
            Some(swarm) => swarm,
            None if leaves || !listed => {
                (answer.seeders, answer.leechers) = (0, 0);
                return Ok(());
            }
            None => self.add_swarm(swarms, announcement.infohash)?,
        };
        if leaves {
            self.peers.fetch_sub(usize::from(swarm.remove(announcement.address, self.hash)), Relaxed);
        } else {
            let own = listed.then(|| self.store(swarm, announcement, now_s, rng)).flatten();
            swarm.pick(announcement, own, rng, answer);
        }
        if announcement.event == AnnounceEvent::Completed {
            swarm.count_completed();
        }
        let counts = swarm.counts();
        (answer.seeders, answer.leechers) = (counts.seeders, counts.leechers);
        Ok(())
    }

    fn store(&self, swarm: &mut Swarm, new: &Announcement, now_s: u32, rng: &mut Rng) -> Option<Place> {
        let swarm_has_room = swarm.len() < self.limits.max_swarm_peers;
        let may_grow = || swarm_has_room && reserve(&self.peers, self.limits.max_peers);
        let newcomer = Newcomer { address: new.address, seeder: new.seeder, now_s, hash: self.hash };
        swarm.store(newcomer, rng, may_grow)
    }

    fn add_swarm<'a>(
        &self,
        swarms: &'a mut HashMap<Infohash, Swarm, SeededHash>,
        infohash: Infohash,
    ) -> Result<&'a mut Swarm, RegistryError> {
        if !reserve(&self.swarms, self.limits.max_swarms) {
            return Err(RegistryError::TooManySwarms(self.limits.max_swarms));
        }
        Ok(swarms.entry(infohash).or_default())
    }

    /// All zero for a swarm that is not known.
    pub fn scrape(&self, infohash: &Infohash) -> ScrapeCounts {
        self.shard(infohash).swarms.get(infohash).map(Swarm::counts).unwrap_or_default()
    }

    /// Forgets peers that ceased to announce, and swarms without peers.
    pub fn expire(&self, now: Instant) {
        let lifetime_s = self.limits.peer_lifetime.as_secs().min(u64::from(u32::MAX)) as u32;
        let oldest_s = self.seconds(now).saturating_sub(lifetime_s);
        for shard in &self.shards {
            let mut shard = lock(shard);
            let swarms_before = shard.swarms.len();
            let mut expired = 0;
            shard.swarms.retain(|_, swarm| {
                expired += swarm.expire(oldest_s, self.hash);
                swarm.len() > 0
            });
            if shard.swarms.capacity() > 4 * shard.swarms.len().max(4) {
                shard.swarms.shrink_to_fit();
            }
            self.peers.fetch_sub(expired, Relaxed);
            self.swarms.fetch_sub(swarms_before - shard.swarms.len(), Relaxed);
        }
    }

    /// Swarms remembered, those included whose last peer left since the last [`Registry::expire`].
    pub fn swarms(&self) -> usize {
        self.swarms.load(Relaxed)
    }

    /// Peers remembered in all swarms.
    pub fn peers(&self) -> usize {
        self.peers.load(Relaxed)
    }

    fn shard(&self, infohash: &Infohash) -> MutexGuard<'_, Shard> {
        lock(&self.shards[usize::from(infohash.0[0]) % SHARDS])
    }

    fn seconds(&self, now: Instant) -> u32 {
        let elapsed_s = now.saturating_duration_since(self.started).as_secs();
        u32::try_from(elapsed_s).unwrap_or(u32::MAX)
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // a panic elsewhere leaves at worst a wrong count behind
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn reserve(count: &AtomicUsize, max: usize) -> bool {
    count.fetch_update(Relaxed, Relaxed, |held| (held < max).then_some(held + 1)).is_ok()
}
