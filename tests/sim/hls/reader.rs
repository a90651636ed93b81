//! A node's reader of the origin: polls playlists, fetches, checks, each over a way of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use start_engine::base::ids::PieceId;
use start_engine::swarm::Input;
use start_engine::swarm::hls::event::{OriginCommand, OriginEvent};

use super::{HlsBroadcast, HlsWorld};
use crate::events::{Event, Life, MILLISECOND, Time};
use crate::network::occupancy;

/// Playlists are polled this often when something is due.
const POLL_INTERVAL: Time = 250 * MILLISECOND;
/// The least time between two readings.
const READ_INTERVAL_MIN: Time = 50 * MILLISECOND;
/// How long a reader may take to believe that the numbers begin anew.
const RESET_PATIENCE: Time = 2_000 * MILLISECOND;

/// Something between the origin and its readers.
#[derive(Debug)]
pub enum Step {
    /// The origin shows the next segment of a stream.
    Show(u32),
    /// A request for a playlist reaches the origin.
    Read { by: Life, stream: u32 },
    /// The next chunk of a fetch leaves the origin.
    Leave { by: Life, fetch: Fetch, chunk: u16 },
    /// A chunk reaches the reader's downlink.
    Reach { by: Life, fetch: Fetch, chunk: u16, data: Bytes, is_last: bool },
    /// Something has come home; of a fetch, unless that was broken off.
    Told { by: Life, of: Option<Fetch>, event: OriginEvent },
}

/// One fetch of a piece: a later one of the same piece has another number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetch {
    piece: PieceId,
    number: u64,
}

#[derive(Default)]
pub struct Reader {
    followed: BTreeSet<u32>,
    /// By stream: the run and the newest number told.
    told: BTreeMap<u32, (u32, Option<u64>)>,
    /// The run that was seen and is not believed yet.
    doubted: BTreeMap<u32, u32>,
    /// When a stream was last asked for out of turn.
    read_at: BTreeMap<u32, Time>,
    fetches: BTreeMap<PieceId, u64>,
    begun: u64,
}

fn one_way(world: &HlsWorld) -> Time {
    world.plan.hls.origin_round_trip / 2
}

fn plan(world: &mut HlsWorld, at: Time, step: Step) {
    world.events.plan(at, Event::Broadcast(step));
}

/// Tells a node something after `wait`.
pub fn tell(world: &mut HlsWorld, node: usize, wait: Time, event: OriginEvent) {
    let by = world.nodes[node].life(node);
    plan(world, world.now + wait, Step::Told { by, of: None, event });
}

pub fn command(world: &mut HlsWorld, node: usize, command: OriginCommand) {
    let (by, one_way) = (world.nodes[node].life(node), one_way(world));
    let there = world.now + one_way;
    match command {
        OriginCommand::Follow(streams) => {
            let reader = &mut world.nodes[node].seat.reader;
            let before = std::mem::replace(&mut reader.followed, streams.clone());
            reader.told.retain(|stream, _| streams.contains(stream));
            for &stream in streams.difference(&before) {
                plan(world, there, Step::Read { by, stream });
            }
        }
        OriginCommand::ReadNow { stream } => {
            let now = world.now;
            let last = world.nodes[node].seat.reader.read_at.entry(stream).or_default();
            if now >= *last + READ_INTERVAL_MIN {
                *last = now;
                plan(world, there, Step::Read { by, stream });
            }
        }
        OriginCommand::Fetch { piece, first_chunk, .. } => {
            let reader = &mut world.nodes[node].seat.reader;
            reader.begun += 1;
            let fetch = Fetch { piece, number: reader.begun };
            reader.fetches.insert(piece, fetch.number);
            plan(world, there, Step::Leave { by, fetch, chunk: first_chunk });
        }
        OriginCommand::Cancel { piece } => {
            world.nodes[node].seat.reader.fetches.remove(&piece);
        }
        OriginCommand::Check { piece, chunk, .. } => {
            let hash = world.broadcast.origin.check(piece, chunk);
            tell(world, node, 2 * one_way, OriginEvent::Checked { piece, chunk, hash });
        }
    }
}

pub fn happen(world: &mut HlsWorld, step: Step) {
    match step {
        Step::Show(stream) => show(world, stream),
        Step::Read { by, stream } if is_alive(world, by) => read(world, by, stream),
        Step::Leave { by, fetch, chunk } if is_wanted(world, by, fetch) => leave(world, by, fetch, chunk),
        Step::Reach { by, fetch, chunk, data, is_last } if is_wanted(world, by, fetch) => {
            let at = world.through_downlink(by.node, data.len());
            let event = OriginEvent::Chunk { piece: fetch.piece, chunk, data, is_last };
            plan(world, at, Step::Told { by, of: Some(fetch), event });
        }
        Step::Told { by, of, event } if of.is_none_or(|fetch| is_wanted(world, by, fetch)) => {
            told(world, by, of, event);
        }
        _ => {}
    }
}

fn is_alive(world: &HlsWorld, by: Life) -> bool {
    world.nodes[by.node].epoch == by.epoch && world.nodes[by.node].swarm.is_some()
}

fn is_wanted(world: &HlsWorld, by: Life, fetch: Fetch) -> bool {
    let fetches = &world.nodes[by.node].seat.reader.fetches;
    is_alive(world, by) && fetches.get(&fetch.piece) == Some(&fetch.number)
}

fn show(world: &mut HlsWorld, stream: u32) {
    plan(world, world.now + world.plan.hls.segment, Step::Show(stream));
    if !world.broadcast.origin.is_up {
        return;
    }
    world.broadcast.origin.show(stream, world.now);
    world.tally.produced += 1;
    if world.plan.counts(world.now) {
        let is_due = |node: &usize| {
            let seat = &world.nodes[*node];
            let watches = HlsBroadcast::watches(&world.plan, *node) == Some(stream);
            seat.swarm.is_some() && seat.is_honest() && watches
        };
        world.tally.due += (0..world.nodes.len()).filter(is_due).count() as u64;
    }
    poll_all(world, stream);
}

/// Whoever follows the stream sees at its next poll what is new; the one before that was in vain.
pub fn poll_all(world: &mut HlsWorld, stream: u32) {
    for node in 0..world.nodes.len() {
        if !world.nodes[node].seat.reader.followed.contains(&stream) {
            continue;
        }
        world.broadcast.origin.not_modified(world.now);
        let wait = (world.rng.unit() * POLL_INTERVAL as f64) as Time;
        let by = world.nodes[node].life(node);
        plan(world, world.now + wait, Step::Read { by, stream });
    }
}

fn read(world: &mut HlsWorld, by: Life, stream: u32) {
    if !world.broadcast.origin.is_up || !world.nodes[by.node].seat.reader.followed.contains(&stream) {
        return;
    }
    let wait = one_way(world);
    let (run, listing) = world.broadcast.origin.playlist(stream, world.now);
    let newest = listing.segments.last().map(|segment| segment.number);
    let patience = (world.rng.unit() * RESET_PATIENCE as f64) as Time;
    let reader = &mut world.nodes[by.node].seat.reader;
    let told = reader.told.get(&stream).copied();
    if told == Some((run, newest)) {
        return;
    }
    let is_reset = told.is_some_and(|(before, _)| before != run);
    if is_reset && reader.doubted.insert(stream, run) != Some(run) {
        return plan(world, world.now + patience, Step::Read { by, stream });
    }
    reader.told.insert(stream, (run, newest));
    if is_reset {
        tell(world, by.node, wait, OriginEvent::Reset { stream });
    }
    tell(world, by.node, wait, OriginEvent::Listed(Arc::new(listing)));
}

fn leave(world: &mut HlsWorld, by: Life, fetch: Fetch, chunk: u16) {
    let (one_way, is_gone) = (one_way(world), world.broadcast.origin.is_up);
    let Some((data, is_last)) = world.broadcast.origin.send(fetch.piece, chunk) else {
        let event = OriginEvent::Failed { piece: fetch.piece, is_gone };
        return plan(world, world.now + one_way, Step::Told { by, of: Some(fetch), event });
    };
    let sent_at = world.now + occupancy(data.len(), Some(world.plan.hls.origin_rate));
    plan(world, sent_at + one_way, Step::Reach { by, fetch, chunk, data, is_last });
    if !is_last {
        plan(world, sent_at, Step::Leave { by, fetch, chunk: chunk + 1 });
    }
}

fn told(world: &mut HlsWorld, by: Life, of: Option<Fetch>, event: OriginEvent) {
    if !is_alive(world, by) {
        return;
    }
    let is_end = matches!(event, OriginEvent::Failed { .. } | OriginEvent::Chunk { is_last: true, .. });
    if let Some(fetch) = of.filter(|_| is_end) {
        world.nodes[by.node].seat.reader.fetches.remove(&fetch.piece);
    }
    world.input(by.node, Input::Origin(event));
}
