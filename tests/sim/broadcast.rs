//! What a broadcast is to the world: it makes the media, hands them to nodes, takes what nodes deliver and
//! judges it. All else, the network above all, is the same for every kind.

use std::fmt::Debug;

use start_engine::swarm::medium::Medium;
use start_engine::swarm::{Input, Output, Role};

use super::events::Time;
use super::plan::{Change, Plan};
use super::world::World;

pub trait Broadcast: Sized {
    type Medium: Medium;
    /// What only this kind of broadcast brings about.
    type Event: Debug;
    /// What it keeps of one life of a node.
    type Seat: Default;

    fn new(plan: &Plan, seed: u64) -> Self;

    /// Nodes of the broadcaster, which come before the viewers.
    fn stations(plan: &Plan) -> usize;
    fn role(node: usize) -> Role;
    fn medium(world: &mut World<Self>, node: usize) -> Self::Medium;
    fn piece_duration(&self) -> Time;

    /// Plans the first events.
    fn begin(world: &mut World<Self>);
    /// A node's swarm was begun.
    fn started(world: &mut World<Self>, node: usize);
    fn happen(world: &mut World<Self>, event: Self::Event);
    /// A change that concerns the broadcast alone.
    fn change(world: &mut World<Self>, change: Change);
    /// What a node delivers, or asks of the origin.
    fn output(world: &mut World<Self>, node: usize, output: Output);

    /// What a hostile node lets out instead of `output`.
    fn tamper(world: &mut World<Self>, node: usize, output: Output) -> Vec<Output>;
    /// What its swarm hears of `input`.
    fn intercept(world: &mut World<Self>, node: usize, input: Input) -> Option<Input>;

    /// Bytes that the source or origin gave, and those of one copy of the broadcast.
    fn source_bytes(world: &World<Self>) -> (u64, u64);
}
