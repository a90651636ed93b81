//! What comes round with time: entering the DHT, looking at the surroundings, asking the silent whether they
//! still run, forgetting.
//!
//! It decides when the nodes written down by the operator are needed: when nobody that is known answers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::half::Family;
use super::id::random_id;
use super::table::BUCKET;
use super::{Dht, Output};

/// How often what others announced is looked over for what is too old.
pub(super) const EXPIRY_INTERVAL: Duration = Duration::from_secs(60);
const UPKEEP_INTERVAL: Duration = Duration::from_secs(15);
/// How often the surroundings are looked at: by those who know many, and by those who know few.
const REFRESH_INTERVAL: Duration = Duration::from_secs(10 * 60);
const REFRESH_INTERVAL_FEW: Duration = Duration::from_secs(60);
/// Silent nodes asked in one round.
const DOUBTFUL_ASKED: usize = 4;
/// From one call for routers to the next; it doubles up to the longest.
const CALL_INTERVAL: Duration = Duration::from_secs(10);
const CALL_INTERVAL_MAX: Duration = Duration::from_secs(5 * 60);

/// How it goes with entering.
#[derive(Debug, Default)]
pub(super) struct Entry {
    calls: u32,
    next_call: Option<Instant>,
}

impl Dht {
    /// Something is sought: from now on this node takes part by itself.
    pub(super) fn wake(&mut self, now: Instant) {
        if self.next_upkeep.is_none() {
            self.next_upkeep = Some(now);
        }
    }

    pub(super) fn pass_time(&mut self, now: Instant) {
        self.give_up_late(now);
        if self.next_expiry <= now {
            self.next_expiry = now + EXPIRY_INTERVAL;
            self.store.expire(now);
        }
        if self.next_upkeep.is_some_and(|at| at <= now) {
            self.next_upkeep = Some(now + UPKEEP_INTERVAL.mul_f64(0.8 + 0.4 * self.rng.unit()));
            self.keep_up(now);
        }
        self.look(now);
    }

    fn keep_up(&mut self, now: Instant) {
        for family in self.families() {
            self.refresh(now, family);
            let Some(half) = self.half(family) else { continue };
            let doubtful = half.table.doubtful(now, DOUBTFUL_ASKED);
            doubtful.into_iter().for_each(|node| self.ping(now, node));
        }
        self.call_for_routers(now);
    }

    /// Looks at this node's own surroundings and, the better it knows those, anywhere else.
    fn refresh(&mut self, now: Instant, family: Family) {
        let anywhere = random_id(&mut self.rng);
        let Some(half) = self.half_mut(family).filter(|half| !half.table.is_empty()) else { return };
        let interval = match half.table.proven_count() {
            few if few < BUCKET => REFRESH_INTERVAL_FEW,
            _ => REFRESH_INTERVAL,
        };
        if half.refreshed.is_some_and(|at| now.saturating_duration_since(at) < interval) {
            return;
        }
        half.refreshed = Some(now);
        let own = half.own();
        self.walk(now, family, own, None, &[]);
        self.walk(now, family, anywhere, None, &[]);
    }

    /// Nobody answers, and nobody is being asked who might.
    fn call_for_routers(&mut self, now: Instant) {
        let is_asking = self.walks.values().any(|walk| walk.search.is_none());
        let has_nodes = self.families().into_iter().any(|family| self.has_good(now, family));
        if is_asking || has_nodes || self.entry.next_call.is_some_and(|at| now < at) {
            return;
        }
        let pause = CALL_INTERVAL.saturating_mul(1 << self.entry.calls.min(8)).min(CALL_INTERVAL_MAX);
        self.entry = Entry { calls: self.entry.calls.saturating_add(1), next_call: Some(now + pause) };
        self.outputs.push_back(Output::NeedRouters);
    }

    fn has_good(&self, now: Instant, family: Family) -> bool {
        self.half(family).is_some_and(|half| half.table.good_count(now) > 0)
    }

    pub(super) fn enter_by(&mut self, now: Instant, routers: &[SocketAddr]) {
        for family in self.families() {
            let of_family: Vec<_> =
                routers.iter().copied().filter(|&router| Family::of(router) == family).collect();
            let Some(half) = self.half(family).filter(|_| !of_family.is_empty()) else { continue };
            self.walk(now, family, half.own(), None, &of_family);
        }
    }

    /// A walk for nodes is over.
    pub(super) fn surroundings_walked(&mut self, now: Instant) {
        if self.families().into_iter().any(|family| self.has_good(now, family)) {
            self.entry = Entry::default();
            self.hurry_lonely_searches(now);
        }
        self.call_for_routers(now);
    }
}
