//! HLS broadcasts in the swarm: which segment comes from whom, the origin included.
//!
//! A piece is a media segment. What is known of one is its entry in the piece table: believed when the
//! broadcast's key signed it or this node read it at the origin itself, and otherwise only as far as checks
//! at the origin bear it out (`trust`). Who reads a segment at the origin is a matter of turns (`turns`); all
//! others take it from there, chunk by chunk, each checked on arrival and passed on before the rest is there.

mod collect;
mod config;
mod demand;
pub mod event;
mod keep;
mod listing;
mod medium;
mod peers;
mod segment;
mod stream;
mod table;
mod trust;
mod turns;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::base::ids::{LinkId, PieceId};
use crate::base::rng::Rng;
use crate::wire::hls::catalog::{Catalog, SignedCatalog};
use crate::wire::hls::segment::InitId;
pub use config::HlsConfig;
use peers::HlsPeer;
use stream::Stream;
use trust::Dispute;

const LOG: &str = "acestream.hls";
/// Who gave a chunk that came from the origin: no link has this number.
const ORIGIN: LinkId = LinkId(u64::MAX);
/// Entries for segments that our own playlist does not show yet.
const EARLY_ENTRIES_MAX: usize = 64;
/// Initialisation sections remembered: one a stream, and the ones before.
const INITS_MAX: usize = 64;

/// The broadcast as this node holds and follows it.
pub struct Hls {
    config: HlsConfig,
    rng: Rng,
    started_at: Instant,
    catalog: Option<Arc<Catalog>>,
    /// The catalog as it is passed on.
    signed_catalog: Option<SignedCatalog>,
    inits: BTreeMap<InitId, Bytes>,
    /// Sections that entries speak of and that are not here.
    wanted_inits: BTreeSet<InitId>,
    streams: BTreeMap<u32, Stream>,
    /// Streams that players watch here.
    watched: BTreeSet<u32>,
    /// Segments that players wait for.
    asked: BTreeSet<PieceId>,
    peers: BTreeMap<LinkId, HlsPeer>,
    early: VecDeque<(LinkId, table::Early)>,
    disputes: Vec<Dispute>,
    /// Pieces of which chunks came that peers were not told of, and when they will be.
    told_parts_at: Option<Instant>,
    untold_parts: BTreeSet<PieceId>,
    /// Fetches from the origin that failed in a row, and until when we leave them to others.
    failures: u32,
    rests_until: Option<Instant>,
    /// When something is due without news.
    wakes_at: Option<Instant>,
}

impl Hls {
    pub fn new(now: Instant, config: HlsConfig) -> Self {
        Self {
            rng: Rng::new(config.seed),
            config,
            started_at: now,
            catalog: None,
            signed_catalog: None,
            inits: BTreeMap::new(),
            wanted_inits: BTreeSet::new(),
            streams: BTreeMap::new(),
            watched: BTreeSet::new(),
            asked: BTreeSet::new(),
            peers: BTreeMap::new(),
            early: VecDeque::new(),
            disputes: Vec::new(),
            told_parts_at: None,
            untold_parts: BTreeSet::new(),
            failures: 0,
            rests_until: None,
            wakes_at: None,
        }
    }

    /// The wall clock, as far as it went since the start.
    fn unix_ms(&self, now: Instant) -> u64 {
        self.config.unix_ms_at_start + now.saturating_duration_since(self.started_at).as_millis() as u64
    }

    fn remember_init(&mut self, id: InitId, bytes: Bytes) {
        if self.inits.len() >= INITS_MAX {
            self.inits.pop_first();
        }
        self.inits.insert(id, bytes);
    }

    /// Asks to be woken no later than `at`.
    fn wake(&mut self, at: Instant) {
        self.wakes_at = Some(self.wakes_at.map_or(at, |earlier| earlier.min(at)));
    }
}

/// `duration` in the type of deadlines, within a day.
fn microseconds(duration_us: u64) -> Duration {
    Duration::from_micros(duration_us.min(86_400_000_000))
}
