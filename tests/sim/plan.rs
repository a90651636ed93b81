//! What a run is made of: who takes part, over what network, and what happens when.

use start_engine::base::cidr::Networks;
use std::time::Duration;

use super::events::{MILLISECOND, SECOND, Time};
use super::hls::HlsPlan;
use super::hostile::Behaviour;

/// Something that happens to the nodes in the course of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// The node dies with its machine: nobody is told, its packets go nowhere.
    Vanish(usize),
    /// The process is killed: its connections end.
    Kill(usize),
    /// The node ends as it should.
    Stop(usize),
    /// The node begins, or begins again.
    Start(usize),
    /// The source goes on after so many numbers that it does not use.
    SkipNumbers(u64),
    /// One random viewer leaves without a word or by closing, and another one comes.
    Turnover,
    /// Nobody can reach the origin of an HLS broadcast any more.
    OriginDies,
    OriginReturns,
    /// A stream of an HLS broadcast begins anew, with lower numbers.
    ResetStream(u32),
}

/// Whom the viewers know at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// The tracker, and the source as startup node.
    TrackerAndSource,
    /// The node before them in the list alone, as `--download-from`.
    Predecessor,
    /// The same, as startup node: they may tell others of it.
    OneNode,
}

/// How a kind of node is connected. Rates in bytes a second, `None` without limit.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    pub up: Option<u64>,
    pub down: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub name: &'static str,
    pub seed: u64,
    pub viewers: usize,
    /// Bytes a second of the stream.
    pub bitrate: u64,
    pub piece_length: u32,
    pub buffer: Duration,
    pub source: Access,
    pub viewer: Access,
    /// Mean round trip between two nodes; each node is up to a third nearer or farther.
    pub round_trip: Time,
    pub jitter: Time,
    /// Probability that a packet of 1,448 bytes is lost and sent again.
    pub loss: f64,
    /// Viewers begin within this time.
    pub joining: Time,
    pub length: Time,
    /// Pieces made before this time count for no latency.
    pub warm_up: Time,
    /// As do pieces made within this time before the end.
    pub cool_down: Time,
    pub knowledge: Knowledge,
    /// Nodes take `ut_pex`; otherwise message 12 alone tells of peers.
    pub speaks_ut_pex: bool,
    pub max_peers: usize,
    pub source_max_peers: usize,
    /// Bytes a second that the operator of the source allows.
    pub source_upload_limit: Option<u64>,
    /// And each viewer.
    pub viewer_download_limit: Option<u64>,
    pub upload_slots: usize,
    /// Whom the source serves first.
    pub served_first: Networks,
    /// (which share of the viewers, how they behave)
    pub hostile: Vec<(f64, Behaviour)>,
    pub changes: Vec<(Time, Change)>,
    /// What only an HLS broadcast has.
    pub hls: HlsPlan,
}

impl Plan {
    /// `viewers` honest nodes that know a tracker and the source, 1 Mbit/s, ample uplinks, 50 ms.
    pub fn new(name: &'static str, viewers: usize) -> Self {
        let ample = Access { up: Some(12_500_000), down: Some(12_500_000) };
        Self {
            name,
            seed: seed(),
            viewers,
            bitrate: 131_072,
            piece_length: 65_536,
            buffer: Duration::from_secs(3),
            source: ample,
            viewer: ample,
            round_trip: 50 * MILLISECOND,
            jitter: 2 * MILLISECOND,
            loss: 0.0,
            joining: 2 * SECOND,
            length: 15 * SECOND,
            warm_up: 5 * SECOND,
            cool_down: 3 * SECOND,
            knowledge: Knowledge::TrackerAndSource,
            speaks_ut_pex: true,
            max_peers: 50,
            source_max_peers: 50,
            source_upload_limit: None,
            viewer_download_limit: None,
            upload_slots: 1_000,
            served_first: Networks::default(),
            hostile: Vec::new(),
            changes: Vec::new(),
            hls: HlsPlan::default(),
        }
    }

    /// Whether a piece made at `at` counts for latency and completeness.
    pub fn counts(&self, at: Time) -> bool {
        (self.warm_up..self.length.saturating_sub(self.cool_down)).contains(&at)
    }

    /// Uplinks as multiples of the stream's rate; downlinks stay ample.
    pub fn uplinks(mut self, source: f64, viewer: f64) -> Self {
        self.source.up = Some((source * self.bitrate as f64) as u64);
        self.viewer.up = Some((viewer * self.bitrate as f64) as u64);
        self
    }

    /// Lasts `seconds` of virtual time.
    pub fn lasting(mut self, seconds: u64) -> Self {
        self.length = seconds * SECOND;
        self
    }

    pub fn with_hostile(mut self, share: f64, behaviour: Behaviour) -> Self {
        self.hostile.push((share, behaviour));
        self
    }

    pub fn with_change(mut self, at: Time, change: Change) -> Self {
        self.changes.push((at, change));
        self
    }

    /// Every interval somebody leaves and somebody comes.
    pub fn with_turnover(mut self, interval: Time) -> Self {
        let times = (1..).map(|n| self.joining + n * interval).take_while(|&at| at < self.length);
        let turnovers: Vec<_> = times.map(|at| (at, Change::Turnover)).collect();
        self.changes.extend(turnovers);
        self
    }
}

/// `SIM_SEED` replays a run.
fn seed() -> u64 {
    std::env::var("SIM_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}
