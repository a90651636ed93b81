//! What the operator allows a swarm to use, which may change while it runs.

use std::time::Instant;

use super::Swarm;
use super::medium::Medium;
use crate::base::token_bucket::TokenBucket;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub max_peers: usize,
    /// Bytes a second to peers, all messages counted; `None`: as fast as it goes.
    pub upload: Option<u64>,
    /// Bytes a second of chunks from peers.
    pub download: Option<u64>,
}

impl Limits {
    /// What each of `count` swarms may use.
    pub fn shared_by(self, count: usize) -> Self {
        let share = |rate: u64| (rate / count.max(1) as u64).max(1);
        Self { upload: self.upload.map(share), download: self.download.map(share), ..self }
    }
}

/// What a node may use, and how many broadcasts share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub limits: Limits,
    pub sharers: usize,
}

impl Allowance {
    /// Of one broadcast.
    pub fn share(self) -> Limits {
        self.limits.shared_by(self.sharers)
    }
}

/// The rates as they are kept.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    upload: Option<TokenBucket>,
    download: Option<TokenBucket>,
}

impl Throttle {
    pub fn new(now: Instant, limits: Limits) -> Self {
        let bucket = |rate: Option<u64>| rate.map(|rate| TokenBucket::new(now, rate));
        Self { upload: bucket(limits.upload), download: bucket(limits.download) }
    }

    pub fn sent(&mut self, now: Instant, bytes: usize) {
        if let Some(bucket) = &mut self.upload {
            bucket.spend(now, bytes);
        }
    }

    pub fn asked(&mut self, now: Instant, bytes: usize) {
        if let Some(bucket) = &mut self.download {
            bucket.spend(now, bytes);
        }
    }

    /// When chunks may be sent again; `None`: now.
    pub fn upload_at(&mut self, now: Instant) -> Option<Instant> {
        self.upload.as_mut()?.ready_at(now)
    }

    /// When chunks may be asked for again; `None`: now.
    pub fn download_at(&mut self, now: Instant) -> Option<Instant> {
        self.download.as_mut()?.ready_at(now)
    }
}

impl<M: Medium> Swarm<M> {
    /// New limits hold from now on. Peers beyond a lower number stay until they leave.
    pub(super) fn limit(&mut self, now: Instant, limits: Limits) {
        self.config.max_peers = limits.max_peers;
        self.throttle = Throttle::new(now, limits);
        self.serve(now);
        self.fill_all(now);
    }

    /// Looks again at `at`.
    pub(super) fn wait_for_rate(&mut self, at: Instant) {
        self.throttled_until = Some(self.throttled_until.map_or(at, |known| known.min(at)));
    }

    /// Goes on with what waited for the rate.
    pub(super) fn resume_throttled(&mut self, now: Instant) {
        if self.throttled_until.is_some_and(|at| now >= at) {
            self.throttled_until = None;
            self.serve(now);
        }
    }
}
