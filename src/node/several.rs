//! Several nodes in one process. They share the runtime and the log, and nothing else: one that fails is
//! started again by itself, after a pause that grows, while the others go on.
#![allow(clippy::disallowed_methods, reason = "a node that ran for a while fails afresh")]

use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::config::{NamedNode, NodeConfig};
use super::life::Life;
use super::{client, hls, source, station, support, tracker};
use crate::net::backoff::Backoff;
use crate::net::stop::stopped;
use crate::obs::node_name::{named, of_node};
use crate::obs::systemd::Progress;

const PAUSE: Duration = Duration::from_secs(1);
/// Also how long a node has to run before its failures are forgotten.
const PAUSE_MAX: Duration = Duration::from_secs(60);
const LOG: &str = "acestream";

/// Runs every node until it is done, or all until `life` stops.
///
/// # Errors
/// The system gives no randomness. A node that fails is logged.
pub async fn run(nodes: Vec<NamedNode>, life: Life) -> anyhow::Result<()> {
    let mut running = JoinSet::new();
    let names = nodes.iter().map(|node| (node.name.clone(), State::Starts)).collect();
    let states = watch::Sender::new(States(names));
    for (place, node) in nodes.into_iter().enumerate() {
        let seat = Seat { place, states: states.clone(), stop: life.stop.clone() };
        let backoff = Backoff::new(PAUSE, PAUSE_MAX, station::fresh_seed()?);
        named(&node.name).in_scope(|| running.spawn(of_node(seat.keep(node, backoff))));
    }
    let mut seen = states.subscribe();
    drop(states);
    loop {
        life.report(seen.borrow_and_update().progress());
        tokio::select! {
            changed = seen.changed() => if changed.is_err() { break },
            ended = running.join_next() => match ended {
                Some(ended) => ended.context("the keeper of a node broke")?,
                None => break,
            },
        }
    }
    Ok(())
}

/// What a node is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Starts,
    Listens,
    Waits,
    IsDone,
}

/// The nodes by name, in the order of the configuration.
#[derive(Debug, Clone, PartialEq)]
struct States(Vec<(String, State)>);

impl States {
    fn progress(&self) -> Progress {
        let of = |state| self.0.iter().filter(move |(_, other)| *other == state);
        let names = |state| of(state).map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let mut status = format!("{} nodes, {} listen", self.0.len(), of(State::Listens).count());
        for (state, told) in [(State::Starts, "starting"), (State::Waits, "failed"), (State::IsDone, "done")]
        {
            if of(state).next().is_some() {
                status.push_str(&format!("; {told}: {}", names(state)));
            }
        }
        Progress { is_ready: of(State::Starts).next().is_none(), status }
    }
}

/// One node's place among the others.
struct Seat {
    place: usize,
    states: watch::Sender<States>,
    stop: watch::Receiver<bool>,
}

impl Seat {
    /// Runs the node, again and again while it fails.
    async fn keep(mut self, node: NamedNode, mut backoff: Backoff) {
        loop {
            let began = Instant::now();
            let ended = self.run_once(node.config.clone()).await;
            let is_stopped = *self.stop.borrow();
            match ended {
                Ok(()) if is_stopped => break,
                Ok(()) => {
                    tracing::info!(target: LOG, "{} is done", node.name);
                    break;
                }
                Err(error) if is_stopped => {
                    tracing::warn!(target: LOG, "{} failed while it stopped: {error:#}", node.name);
                    break;
                }
                Err(error) => {
                    if began.elapsed() >= PAUSE_MAX {
                        backoff.reset();
                    }
                    let pause = backoff.next_pause();
                    tracing::error!(
                        target: LOG,
                        "{} failed: {error:#}; started again in {} s",
                        node.name,
                        pause.as_secs().max(1)
                    );
                    self.enter(State::Waits);
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = stopped(&mut self.stop) => break,
                    }
                }
            }
        }
        self.enter(State::IsDone);
    }

    /// Runs the node once. When it is over nothing of it goes on, whatever its end was.
    async fn run_once(&mut self, config: NodeConfig) -> anyhow::Result<()> {
        let (stop_node, node_stop) = watch::channel(false);
        let (life, mut progress) = Life::new(node_stop);
        let mut node = tokio::spawn(of_node(run_one(config, life)));
        let mut is_listening = false;
        let ended = loop {
            tokio::select! {
                ended = &mut node => break ended,
                () = stopped(&mut self.stop), if !*stop_node.borrow() => {
                    stop_node.send_replace(true);
                }
                Ok(_) = progress.wait_for(|progress| progress.is_ready), if !is_listening => {
                    is_listening = true;
                    self.enter(State::Listens);
                }
            }
        };
        stop_node.send_replace(true);
        ended.context("a part of it broke")?
    }

    fn enter(&self, state: State) {
        self.states.send_modify(|states| states.0[self.place].1 = state);
    }
}

/// Runs a node of any kind.
///
/// # Errors
/// As the node's own `run`.
pub async fn run_one(config: NodeConfig, life: Life) -> anyhow::Result<()> {
    match config {
        NodeConfig::Source(config) => source::run(config, life).await,
        NodeConfig::Support(config) => support::run(config, life).await,
        NodeConfig::Client(config) => client::run(config, life).await,
        NodeConfig::PublishHls(config) => hls::publish::run(config, life).await,
        NodeConfig::Tracker(config) => tracker::run(config, life).await,
    }
}
