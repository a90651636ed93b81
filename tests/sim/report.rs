//! What a run showed, in figures.

use std::collections::BTreeMap;
use std::fmt;

use start_engine::swarm::{Close, Machine};
use start_engine::wire::message::Message;

use super::broadcast::Broadcast;
use super::events::{MILLISECOND, SECOND, Time};
use super::node::{Node, Totals};
use super::world::World;

/// Counted while a run goes on; of nodes, the honest viewers.
#[derive(Debug, Default)]
pub struct Tally {
    pub latencies: Vec<Time>,
    /// From a node's start to its first piece.
    pub joins: Vec<Time>,
    pub bad_pieces: u64,
    /// Deliveries whose number is not above the one before.
    pub disorder: u64,
    pub media_bytes: u64,
    pub control_bytes: u64,
    pub source_media_bytes: u64,
    /// All that the source sent.
    pub source_bytes: u64,
    /// Pieces due: each piece made counts once for each honest viewer that was there.
    pub due: u64,
    pub produced: u64,
    pub dials: u64,
    /// Of them, to addresses that no node has.
    pub private_dials: u64,
    pub closes: BTreeMap<Close, u64>,
    pub wrong_bans: u64,
    /// When a node (first) took another one for a liar (second), the first time.
    pub verdicts: BTreeMap<(usize, usize), Time>,
}

impl Tally {
    pub fn sent(&mut self, is_source: bool, message: &Message, bytes: usize) {
        let media = match message {
            Message::Piece { data, .. } => data.len(),
            _ => 0,
        };
        self.media_bytes += media as u64;
        self.control_bytes += (bytes - media) as u64;
        if is_source {
            self.source_media_bytes += media as u64;
            self.source_bytes += bytes as u64;
        }
    }
}

/// The figures of one run.
#[derive(Debug, Clone)]
pub struct Report {
    pub name: &'static str,
    pub seed: u64,
    pub nodes: usize,
    pub piece: Time,
    pub latency_p50: Time,
    pub latency_p99: Time,
    /// Share of the pieces due that were delivered by the end of the run.
    pub delivered: f64,
    /// Media bytes that the source, or the origin, sent for each byte of the stream.
    pub source_copies: f64,
    /// Of the media received.
    pub duplicates: f64,
    /// Of all bytes sent.
    pub control: f64,
    /// Stalls of all honest viewers.
    pub stalls: u64,
    pub stalled_viewers: usize,
    pub join_p50: Time,
    pub join_p99: Time,
    pub bad_pieces: u64,
    pub disorder: u64,
    /// Summed over the honest viewers.
    pub totals: Totals,
    pub trace: u64,
    pub closes: BTreeMap<Close, u64>,
    pub dials: u64,
    /// Honest nodes closed as liars by honest ones.
    pub wrong_bans: u64,
    /// Honest viewers alive that never got a piece.
    pub without_piece: usize,
}

impl Report {
    pub fn of<B: Broadcast>(world: &mut World<B>) -> Self {
        let now = world.instant();
        let mut totals = Totals::default();
        let stations = world.stations();
        for node in world.nodes.iter_mut().skip(stations).filter(|node| node.is_honest()) {
            totals.merge(&node.past);
            if let Some(swarm) = &mut node.swarm {
                totals.add(&swarm.stats(now));
            }
        }
        let viewers = world.nodes.iter().skip(stations);
        let honest: Vec<&Node<B>> = viewers.filter(|node| node.is_honest()).collect();
        let tally = &world.tally;
        let (source_bytes, stream_bytes) = B::source_bytes(world);
        Self {
            name: world.plan.name,
            seed: world.plan.seed,
            nodes: world.plan.viewers,
            piece: world.broadcast.piece_duration(),
            latency_p50: percentile(&tally.latencies, 0.5),
            latency_p99: percentile(&tally.latencies, 0.99),
            delivered: ratio(tally.latencies.len() as u64, tally.due),
            source_copies: ratio(source_bytes, stream_bytes),
            duplicates: ratio(totals.duplicate_bytes, totals.downloaded_bytes),
            control: ratio(tally.control_bytes, tally.control_bytes + tally.media_bytes),
            stalls: honest.iter().map(|node| node.player.stalls).sum(),
            stalled_viewers: honest.iter().filter(|node| node.player.stalls > 0).count(),
            join_p50: percentile(&tally.joins, 0.5),
            join_p99: percentile(&tally.joins, 0.99),
            bad_pieces: tally.bad_pieces,
            disorder: tally.disorder,
            totals,
            trace: world.trace(),
            closes: tally.closes.clone(),
            dials: tally.dials,
            wrong_bans: tally.wrong_bans,
            without_piece: honest
                .iter()
                .filter(|node| node.swarm.is_some() && node.first_delivered_at.is_none())
                .count(),
        }
    }

    /// The 99th percentile of latency in durations of a piece.
    pub fn p99_pieces(&self) -> f64 {
        self.latency_p99 as f64 / self.piece as f64
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Time| time as f64 / MILLISECOND as f64;
        let s = |time: Time| time as f64 / SECOND as f64;
        write!(
            f,
            "{:<28} seed {} n {:>4} | latency p50 {:>5.0} p99 {:>5.0} ms ({:.1} pieces) delivered {:.4} | \
             source {:.2}x dup {:.3} control {:.3} | stalls {} on {} skipped {} | join p50 {:.2} p99 {:.2} s | \
             late {} refused {} rejoins {} | forged {} bans {} wrong {} bad {} | dials {} empty {} trace {:016x} {:?}",
            self.name,
            self.seed,
            self.nodes,
            ms(self.latency_p50),
            ms(self.latency_p99),
            self.p99_pieces(),
            self.delivered,
            self.source_copies,
            self.duplicates,
            self.control,
            self.stalls,
            self.stalled_viewers,
            self.totals.pieces_skipped,
            s(self.join_p50),
            s(self.join_p99),
            self.totals.requests_late,
            self.totals.requests_refused,
            self.totals.joins.saturating_sub(self.nodes as u64),
            self.totals.pieces_forged,
            self.totals.bans,
            self.wrong_bans,
            self.bad_pieces,
            self.dials,
            self.without_piece,
            self.trace,
            self.closes,
        )
    }
}

fn percentile(samples: &[Time], part: f64) -> Time {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let index = ((sorted.len() as f64 * part) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(0)
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
