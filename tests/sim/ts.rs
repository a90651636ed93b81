//! An MPEG-TS broadcast in the world: one source makes signed pieces, everybody else views.

use std::collections::BTreeMap;

use start_engine::live::piece::VerifiedPiece;
use start_engine::swarm::ts::{Ts, TsConfig};
use start_engine::swarm::{Input, Output, Role};

use super::broadcast::Broadcast;
use super::events::{Event, SECOND, Time};
use super::plan::{Change, Plan};
use super::stream::Stream;
use super::world::{EPOCH_S, SOURCE, World};

const FIRST_PIECE: u64 = 1_000;

pub struct TsBroadcast {
    pub stream: Stream,
    pub pieces: BTreeMap<u64, (Time, VerifiedPiece)>,
    piece_duration: Time,
}

/// The source makes a piece.
#[derive(Debug)]
pub struct Produce;

impl Broadcast for TsBroadcast {
    type Medium = Ts;
    type Event = Produce;
    type Seat = ();

    fn new(plan: &Plan, seed: u64) -> Self {
        let stream = Stream::new(seed, plan.piece_length, FIRST_PIECE);
        let piece_duration = stream.geometry.piece_duration(plan.bitrate).as_nanos() as Time;
        Self { stream, pieces: BTreeMap::new(), piece_duration }
    }

    fn stations(_plan: &Plan) -> usize {
        1
    }

    fn role(node: usize) -> Role {
        if node == SOURCE { Role::Source } else { Role::Relay }
    }

    fn medium(world: &mut World<Self>, _node: usize) -> Ts {
        let stream = &world.broadcast.stream;
        Ts::new(TsConfig {
            geometry: stream.geometry,
            verifier: stream.verifier.clone(),
            bitrate: world.plan.bitrate,
            archive: None,
            window_pieces: TsConfig::choose_window_pieces(&stream.geometry, world.plan.bitrate),
            buffer: world.plan.buffer,
        })
    }

    fn piece_duration(&self) -> Time {
        self.piece_duration
    }

    fn begin(world: &mut World<Self>) {
        world.events.plan(world.broadcast.piece_duration, Event::Broadcast(Produce));
    }

    fn started(_world: &mut World<Self>, _node: usize) {}

    fn happen(world: &mut World<Self>, Produce: Produce) {
        world.events.plan(world.now + world.broadcast.piece_duration, Event::Broadcast(Produce));
        if world.nodes[SOURCE].swarm.is_none() {
            return;
        }
        let time_s = EPOCH_S as f64 + world.now as f64 / SECOND as f64;
        let piece = world.broadcast.stream.produce(time_s);
        world.broadcast.pieces.insert(piece.number(), (world.now, piece.clone()));
        world.tally.produced += 1;
        if world.plan.counts(world.now) {
            let viewers = world.nodes.iter().skip(1);
            let present = viewers.filter(|node| node.swarm.is_some() && node.is_honest());
            world.tally.due += present.count() as u64;
        }
        world.input(SOURCE, Input::Produced(piece));
    }

    fn change(world: &mut World<Self>, change: Change) {
        if let Change::SkipNumbers(count) = change {
            world.broadcast.stream.skip_numbers(count);
        }
    }

    fn output(world: &mut World<Self>, node: usize, output: Output) {
        if let Output::Deliver(piece) = output {
            deliver(world, node, &piece);
        }
    }

    fn tamper(world: &mut World<Self>, node: usize, output: Output) -> Vec<Output> {
        world.nodes[node].tamper.tamper(output)
    }

    fn intercept(_world: &mut World<Self>, _node: usize, input: Input) -> Option<Input> {
        Some(input)
    }

    fn source_bytes(world: &World<Self>) -> (u64, u64) {
        let stream_bytes = world.tally.produced * world.broadcast.stream.geometry.piece_length() as u64;
        (world.tally.source_media_bytes, stream_bytes)
    }
}

fn deliver(world: &mut World<TsBroadcast>, index: usize, piece: &VerifiedPiece) {
    if index == SOURCE {
        return;
    }
    let (made_at, true_piece) = &world.broadcast.pieces[&piece.number()];
    let is_true = true_piece.digest() == piece.digest();
    let node = &mut world.nodes[index];
    let is_ascending = node.last_number.is_none_or(|last| piece.number() > last);
    node.last_number = Some(piece.number());
    node.delivered += 1;
    let buffer = world.plan.buffer.as_nanos() as Time;
    node.player.delivered(world.now, world.broadcast.piece_duration, buffer);
    let is_first = node.first_delivered_at.is_none();
    if is_first {
        node.first_delivered_at = Some(world.now);
    }
    if !node.is_honest() {
        return;
    }
    world.tally.bad_pieces += u64::from(!is_true);
    world.tally.disorder += u64::from(!is_ascending);
    if is_first {
        world.tally.joins.push(world.now - node.started_at);
    }
    if *made_at >= node.started_at && world.plan.counts(*made_at) {
        world.tally.latencies.push(world.now - made_at);
    }
}
