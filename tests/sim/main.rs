//! Swarms by the hundred on a virtual network in virtual time. Each run prints its seed and figures;
//! `SIM_SEED=…` replays one.

#![allow(dead_code, reason = "scenarios use the parts of the bench as they need them")]

mod attacks;
mod broadcast;
mod events;
mod exchange;
mod hls;
mod hostile;
mod network;
mod node;
mod operations;
mod plan;
mod player;
mod report;
mod scenarios;
mod stream;
mod table;
mod told;
mod trace;
mod ts;
mod world;

use broadcast::Broadcast;
use plan::Plan;
use report::Report;
use ts::TsBroadcast;
use world::World;

type TsWorld = World<TsBroadcast>;

/// Runs a plan of an MPEG-TS broadcast to its end and prints its figures.
fn run(plan: Plan) -> Report {
    run_world(&mut TsWorld::new(plan))
}

/// The same, for a world that a test looks into.
fn run_world<B: Broadcast>(world: &mut World<B>) -> Report {
    world.run();
    let report = Report::of(world);
    println!("{report}");
    report
}
