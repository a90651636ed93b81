//! The players' side of a viewer: compares everything that is delivered with the truth.

use std::collections::BTreeMap;

use bytes::Bytes;

use start_engine::base::ids::PieceId;
use start_engine::swarm::hls::event::HlsDelivery;

use super::HlsWorld;
use super::origin::Truth;
use crate::events::{MILLISECOND, Time};

#[derive(Default)]
pub struct Judge {
    /// The run of a stream that players have got to.
    runs: BTreeMap<u32, u32>,
    newest_listed: BTreeMap<u32, u64>,
    /// Segments listed and not whole, with the chunks that came.
    open: BTreeMap<PieceId, Vec<u16>>,
    /// When each segment was whole, in the present run.
    pub whole_at: BTreeMap<PieceId, Time>,
    pub lost: u64,
    pub resets: u64,
}

pub fn deliver(world: &mut HlsWorld, node: usize, delivery: HlsDelivery) {
    let what = match &delivery {
        HlsDelivery::Chunk { piece, chunk, .. } => format!("chunk {chunk} of {piece}"),
        HlsDelivery::Catalog(_) | HlsDelivery::Init { .. } => String::new(),
        other => format!("{other:?}"),
    };
    let is_right = match delivery {
        HlsDelivery::Catalog(_) | HlsDelivery::Init { .. } => true,
        HlsDelivery::Listed(info) => listed(&mut world.nodes[node].seat.judge, info.piece),
        HlsDelivery::Chunk { piece, chunk, data } => chunk_came(world, node, piece, chunk, &data),
        HlsDelivery::Complete { piece, length } => completed(world, node, piece, length),
        HlsDelivery::Lost { piece } => {
            let judge = &mut world.nodes[node].seat.judge;
            judge.lost += 1;
            judge.open.remove(&piece).is_some()
        }
        HlsDelivery::Reset { stream, .. } => {
            reset(world, node, stream);
            true
        }
    };
    if world.nodes[node].is_honest() && !is_right {
        println!("{} ms: wrong at node {node}: {what}", world.now / MILLISECOND);
    }
    if world.nodes[node].is_honest() {
        world.tally.disorder += u64::from(!is_right);
    }
}

/// Whether numbers rise, or a known one is told again.
fn listed(judge: &mut Judge, piece: PieceId) -> bool {
    if judge.open.contains_key(&piece) || judge.whole_at.contains_key(&piece) {
        return true;
    }
    let before = judge.newest_listed.insert(piece.stream, piece.number);
    judge.open.insert(piece, Vec::new());
    before.is_none_or(|before| piece.number > before)
}

/// Whether the chunk belongs to a listed segment and is new; that it is false counts beside.
fn chunk_came(world: &mut HlsWorld, node: usize, piece: PieceId, chunk: u16, data: &Bytes) -> bool {
    let is_true =
        truth(world, node, piece, |truth| truth.chunks.get(usize::from(chunk)) == Some(data)).is_some();
    let seat = &mut world.nodes[node];
    if seat.is_honest() && !is_true {
        world.tally.bad_pieces += 1;
    }
    let Some(chunks) = seat.seat.judge.open.get_mut(&piece) else { return false };
    let is_new = !chunks.contains(&chunk);
    chunks.push(chunk);
    is_new
}

/// The true segment that fits, of the run that players are in or a later one.
fn truth(
    world: &mut HlsWorld,
    node: usize,
    piece: PieceId,
    fits: impl Fn(&Truth) -> bool,
) -> Option<(u32, Time)> {
    let origin = &world.broadcast.origin;
    let present = world.nodes[node].seat.judge.runs.get(&piece.stream).copied().unwrap_or(0);
    let mut runs = present..=origin.run_of(piece.stream);
    let (run, truth) =
        runs.find_map(|run| Some((run, origin.truth(piece, run).filter(|truth| fits(truth))?)))?;
    let shown_at = truth.shown_at;
    world.nodes[node].seat.judge.runs.insert(piece.stream, run);
    Some((run, shown_at))
}

/// Whether all chunks came before, once each.
fn completed(world: &mut HlsWorld, node: usize, piece: PieceId, length: u64) -> bool {
    let judge = &mut world.nodes[node].seat.judge;
    let Some(mut chunks) = judge.open.remove(&piece) else { return false };
    judge.whole_at.insert(piece, world.now);
    chunks.sort_unstable();
    let is_whole = |truth: &Truth| {
        truth.content.length() == length && chunks.iter().copied().eq(0..truth.content.chunks())
    };
    let Some((_, shown_at)) = truth(world, node, piece, is_whole) else { return false };
    let (now, buffer) = (world.now, world.plan.buffer.as_nanos() as Time);
    let seat = &mut world.nodes[node];
    seat.delivered += 1;
    seat.last_number = Some(piece.number);
    seat.player.delivered(now, world.plan.hls.segment, buffer);
    let is_first = seat.first_delivered_at.is_none();
    seat.first_delivered_at.get_or_insert(now);
    if seat.is_honest() && is_first {
        world.tally.joins.push(now - seat.started_at);
    }
    if seat.is_honest() && shown_at >= seat.started_at && world.plan.counts(shown_at) {
        world.tally.latencies.push(now - shown_at);
    }
    true
}

fn reset(world: &mut HlsWorld, node: usize, stream: u32) {
    let judge = &mut world.nodes[node].seat.judge;
    judge.resets += 1;
    judge.newest_listed.remove(&stream);
    judge.open.retain(|id, _| id.stream != stream);
    judge.whole_at.retain(|id, _| id.stream != stream);
}
