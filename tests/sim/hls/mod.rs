//! An HLS broadcast in the world: a virtual origin, nodes that may read it, players that watch.

mod attacks;
mod liars;
mod operations;
mod origin;
mod players;
mod reader;
mod scenarios;
mod table;

use std::collections::BTreeMap;

use start_engine::swarm::hls::event::{HlsDemand, OriginEvent};
use start_engine::swarm::hls::{Hls, HlsConfig};
use start_engine::swarm::{Input, Output, Role};
use start_engine::wire::extended::NodeKey;

use super::broadcast::Broadcast;
use super::events::{Event, MILLISECOND, SECOND, Time};
use super::plan::{Access, Change, Plan};
use super::report::Report;
use super::run_world;
use super::world::{EPOCH_S, World};
use liars::Liar;
use origin::Origin;
use players::Judge;
use reader::Reader;

pub use reader::Step;

type HlsWorld = World<HlsBroadcast>;

/// What only an HLS broadcast has.
#[derive(Debug, Clone)]
pub struct HlsPlan {
    /// Nobody but the signers can reach the origin, and only signed entries count.
    pub is_private: bool,
    /// Support nodes that hold the broadcast's key.
    pub signers: usize,
    /// Support nodes that do not.
    pub relays: usize,
    pub segment: Time,
    /// The viewers watch them in turn.
    pub streams: u32,
    /// Segments that a playlist lists.
    pub window: u64,
    /// Bytes a second to one reader.
    pub origin_rate: u64,
    pub origin_round_trip: Time,
}

impl Default for HlsPlan {
    fn default() -> Self {
        Self {
            is_private: false,
            signers: 0,
            relays: 0,
            segment: 2 * SECOND,
            streams: 1,
            window: 6,
            origin_rate: 6_250_000,
            origin_round_trip: 40 * MILLISECOND,
        }
    }
}

impl Plan {
    /// `viewers` of a public HLS broadcast without support nodes: 2 Mbit/s in segments of 2 s.
    fn hls(name: &'static str, viewers: usize) -> Self {
        let plan =
            Self { bitrate: 250_000, buffer: std::time::Duration::from_secs(4), ..Self::new(name, viewers) };
        Self { warm_up: 10 * SECOND, cool_down: 5 * SECOND, ..plan }.lasting(30)
    }

    fn with_signers(mut self, signers: usize) -> Self {
        self.hls.signers = signers;
        self
    }

    /// Private, with so many support nodes without the key.
    fn private(mut self, signers: usize, relays: usize) -> Self {
        (self.hls.is_private, self.hls.signers, self.hls.relays) = (true, signers, relays);
        self
    }
}

pub struct HlsBroadcast {
    origin: Origin,
    key: NodeKey,
    segment: Time,
    /// When a liar (first) first lied to a node (second).
    lies: BTreeMap<(usize, usize), Time>,
    lost: u64,
}

/// One life of a node, as far as the broadcast is concerned.
#[derive(Default)]
pub struct Seat {
    reader: Reader,
    judge: Judge,
    liar: Liar,
}

impl HlsBroadcast {
    fn reaches_origin(plan: &Plan, node: usize) -> bool {
        !plan.hls.is_private || node < plan.hls.signers
    }

    /// What a viewer watches.
    fn watches(plan: &Plan, node: usize) -> Option<u32> {
        let viewer = node.checked_sub(Self::stations(plan))?;
        Some(viewer as u32 % plan.hls.streams)
    }

    fn config(world: &mut HlsWorld, node: usize) -> HlsConfig {
        let (plan, key) = (&world.plan.hls, &world.broadcast.key);
        let is_signer = node < plan.signers;
        let reaches_origin = Self::reaches_origin(&world.plan, node);
        HlsConfig {
            public_key: Some(key.node_id().0),
            signer: is_signer.then(|| key.clone()),
            reads_playlists: reaches_origin,
            may_fetch: reaches_origin,
            needs_signature: plan.is_private,
            tells_addresses: !plan.is_private,
            keeps_addresses_local: false,
            decrypts: plan.is_private,
            skips_data: false,
            tells_newest: true,
            follows_for_peers: node < plan.signers + plan.relays,
            window_span: HlsConfig::WINDOW_SPAN,
            window_bytes: HlsConfig::WINDOW_BYTES,
            unix_ms_at_start: EPOCH_S * 1000 + world.now / MILLISECOND,
            epoch: if is_signer { EPOCH_S } else { 0 },
            seed: world.rng.next_u64(),
        }
    }
}

impl Broadcast for HlsBroadcast {
    type Medium = Hls;
    type Event = Step;
    type Seat = Seat;

    fn new(plan: &Plan, seed: u64) -> Self {
        Self {
            origin: Origin::new(plan, seed),
            key: NodeKey::from_seed([5; 32]),
            segment: plan.hls.segment,
            lies: BTreeMap::new(),
            lost: 0,
        }
    }

    fn stations(plan: &Plan) -> usize {
        plan.hls.signers + plan.hls.relays
    }

    fn role(_node: usize) -> Role {
        Role::Relay
    }

    fn medium(world: &mut HlsWorld, node: usize) -> Hls {
        let config = Self::config(world, node);
        Hls::new(world.instant(), config)
    }

    fn piece_duration(&self) -> Time {
        self.segment
    }

    fn begin(world: &mut HlsWorld) {
        for stream in 0..world.plan.hls.streams {
            // Encoders end their segments at about the same time.
            let at = world.broadcast.segment + Time::from(stream) * MILLISECOND;
            world.events.plan(at, Event::Broadcast(Step::Show(stream)));
        }
    }

    fn started(world: &mut HlsWorld, node: usize) {
        if Self::reaches_origin(&world.plan, node) {
            let catalog = OriginEvent::Catalog(world.broadcast.origin.catalog());
            reader::tell(world, node, world.plan.hls.origin_round_trip, catalog);
        }
        if let Some(stream) = Self::watches(&world.plan, node) {
            world.input(node, Input::Demand(HlsDemand::Watched([stream].into())));
        }
    }

    fn happen(world: &mut HlsWorld, step: Step) {
        reader::happen(world, step);
    }

    fn change(world: &mut HlsWorld, change: Change) {
        match change {
            Change::OriginDies => world.broadcast.origin.is_up = false,
            Change::OriginReturns => {
                world.broadcast.origin.is_up = true;
                (0..world.plan.hls.streams).for_each(|stream| reader::poll_all(world, stream));
            }
            Change::ResetStream(stream) => world.broadcast.origin.reset(stream),
            _ => {}
        }
    }

    fn output(world: &mut HlsWorld, node: usize, output: Output) {
        match output {
            Output::Origin(command) => reader::command(world, node, command),
            Output::Hls(delivery) if world.is_viewer(node) => players::deliver(world, node, delivery),
            _ => {}
        }
    }

    fn tamper(world: &mut HlsWorld, node: usize, output: Output) -> Vec<Output> {
        liars::tamper(world, node, output)
    }

    fn intercept(world: &mut HlsWorld, node: usize, input: Input) -> Option<Input> {
        liars::intercept(world, node, input)
    }

    /// Of the segments shown between warm-up and cool-down; the playlists of that time as well.
    fn source_bytes(world: &HlsWorld) -> (u64, u64) {
        world.broadcast.origin.figures(|shown_at| world.plan.counts(shown_at))
    }
}

fn run(plan: Plan) -> Report {
    run_world(&mut HlsWorld::new(plan))
}

/// Uplinks and downlinks of the broadcaster's nodes that are never short.
const AMPLE: Access = Access { up: Some(12_500_000), down: Some(12_500_000) };
