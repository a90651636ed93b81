//! One HLS broadcast, served to any number of players.
//!
//! The swarm delivers, players ask, and neither waits for the other: a delivery is taken at once, and a
//! player that does not read costs nothing but its connection. Tells the swarm which streams are watched
//! and which segments players wait for; decides nothing about how they are got.
#![allow(clippy::disallowed_methods, reason = "what a request keeps watched runs out with time")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use crate::base::ids::{Infohash, PieceId};
use crate::base::limits::{HLS_WATCHED_MAX, HLS_WATCHED_MIN};
use crate::http::hls::attention::Attention;
use crate::http::hls::holdings::{Bounds, Holdings};
use crate::http::hls::unavailable::Unavailable;
use crate::http::stream::StreamHub;
use crate::obs::node_name::of_node;
use crate::swarm::hls::event::{HlsDelivery, HlsDemand};

/// How often the streams that nobody watches any more are looked for.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);

/// What a hub is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HlsHubConfig {
    /// The broadcast, which its playlists name in every address.
    pub infohash: Infohash,
    pub bounds: Bounds,
    /// How long a stream counts as watched at least after it was asked for, and how long a transport stream
    /// made of it outlives its last player.
    pub watched_min: Duration,
}

impl HlsHubConfig {
    pub fn new(infohash: Infohash) -> Self {
        Self { infohash, bounds: Bounds::default(), watched_min: HLS_WATCHED_MIN }
    }
}

/// What is held of a broadcast and who watches it.
#[derive(Debug)]
pub struct HlsHub {
    config: HlsHubConfig,
    state: Mutex<State>,
    news: watch::Sender<()>,
    watched: watch::Sender<BTreeSet<u32>>,
    viewers: watch::Sender<usize>,
    demand: mpsc::Sender<HlsDemand>,
}

#[derive(Debug)]
pub(super) struct State {
    pub holdings: Holdings,
    attention: Attention,
    /// Streams that were watched before and are not now: what is held of them is old.
    lapsed: BTreeSet<u32>,
    /// Transport streams made of segments, by stream.
    pub feeds: BTreeMap<u32, Arc<StreamHub>>,
    end: Option<String>,
}

impl HlsHub {
    /// A hub that tells `demand` which segments players wait for ([`HlsDemand::Asked`]); what does not fit in
    /// is not told. Must be called inside a runtime.
    pub fn open(config: HlsHubConfig, demand: mpsc::Sender<HlsDemand>) -> Arc<Self> {
        let state = State {
            holdings: Holdings::new(config.bounds),
            attention: Attention::default(),
            lapsed: BTreeSet::new(),
            feeds: BTreeMap::new(),
            end: None,
        };
        let hub = Arc::new(Self {
            config,
            state: Mutex::new(state),
            news: watch::Sender::default(),
            watched: watch::Sender::default(),
            viewers: watch::Sender::default(),
            demand,
        });
        tokio::spawn(of_node(expire(Arc::downgrade(&hub))));
        hub
    }

    pub fn infohash(&self) -> Infohash {
        self.config.infohash
    }

    pub(super) fn watched_min(&self) -> Duration {
        self.config.watched_min
    }

    /// Takes what the swarm delivers, and wakes the players that wait for it. Never waits.
    pub fn deliver(&self, delivery: HlsDelivery) {
        self.lock().holdings.take(delivery);
        self.news.send_replace(());
    }

    /// Ends the broadcast: replies get what is left, and nobody waits any longer. The first reason stays.
    pub fn end(&self, reason: impl Into<String>) {
        self.lock().end.get_or_insert(reason.into());
        self.news.send_replace(());
    }

    /// The streams that somebody watches, at each change.
    pub fn watched(&self) -> watch::Receiver<BTreeSet<u32>> {
        self.watched.subscribe()
    }

    /// How many watch at this moment, as far as can be told of players that come and go with each request:
    /// not 0 as long as a stream is watched.
    pub fn viewers(&self) -> usize {
        *self.viewers.borrow()
    }

    /// The same, at each change.
    pub fn watch_viewers(&self) -> watch::Receiver<usize> {
        self.viewers.subscribe()
    }

    /// Waits until `look` finds something, or the end.
    pub(super) async fn wait_for<T>(&self, look: impl Fn(&State) -> Option<T>) -> Result<T, Unavailable> {
        let mut news = self.news.subscribe();
        loop {
            news.mark_unchanged();
            let (found, end) = {
                let state = self.lock();
                (look(&state), state.end.clone())
            };
            match (found, end) {
                (Some(found), _) => return Ok(found),
                (None, Some(reason)) => return Err(Unavailable::Ended(reason)),
                // the sender is a field of this hub, so it is there
                (None, None) => _ = news.changed().await,
            }
        }
    }

    /// Tells the swarm that a player waits for this segment.
    pub(super) fn ask(&self, piece: PieceId) {
        // A full queue says that the swarm is told enough already; it fetches what is watched anyway.
        let _ = self.demand.try_send(HlsDemand::Asked(piece));
    }

    /// Somebody waits for something of `stream`, or to learn which streams there are.
    pub(super) fn watch(self: &Arc<Self>, stream: Option<u32>) -> Watch {
        let mut state = self.lock();
        let is_new = state.attention.begin(stream, Instant::now());
        if let Some(stream) = stream.filter(|_| is_new)
            && state.lapsed.remove(&stream)
        {
            state.holdings.forget(stream);
        }
        self.tell(&state);
        Watch { stream, hub: Arc::clone(self) }
    }

    fn expire(&self) {
        let mut state = self.lock();
        for stream in state.attention.expire(Instant::now()) {
            state.holdings.forget(stream);
            state.lapsed.insert(stream);
        }
        self.tell(&state);
    }

    fn tell(&self, state: &State) {
        let (watched, viewers) = (state.attention.watched(), state.attention.viewers());
        self.watched.send_if_modified(|told| std::mem::replace(told, watched.clone()) != watched);
        self.viewers.send_if_modified(|told| std::mem::replace(told, viewers) != viewers);
    }

    /// How long a stream stays watched after a request: three target durations, within bounds.
    fn patience(&self, state: &State, stream: u32) -> Duration {
        let newest = state.holdings.shelf(stream).and_then(|shelf| shelf.newest());
        let target_s = newest.map_or(0, |segment| segment.info.target_duration_s);
        let three_targets = Duration::from_secs(target_s.saturating_mul(3));
        three_targets.min(HLS_WATCHED_MAX).max(self.config.watched_min)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits. The stream stays watched for some time after the drop.
#[derive(Debug)]
pub(super) struct Watch {
    stream: Option<u32>,
    hub: Arc<HlsHub>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut state = self.hub.lock();
        let patience = self.stream.map_or(Duration::ZERO, |stream| self.hub.patience(&state, stream));
        state.attention.finish(self.stream, Instant::now() + patience);
        self.hub.tell(&state);
    }
}

/// Looks for streams that nobody watches any more, as long as there is a hub.
async fn expire(hub: Weak<HlsHub>) {
    let mut tick = tokio::time::interval(EXPIRY_INTERVAL);
    loop {
        tick.tick().await;
        let Some(hub) = hub.upgrade() else { return };
        hub.expire();
    }
}
