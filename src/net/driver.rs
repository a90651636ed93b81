//! The loop that runs a state machine of the swarm on sockets: events in, outputs out.

#![allow(clippy::disallowed_methods, reason = "the driver hands the time to the machine")]

use std::collections::HashMap;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep_until, timeout};

use super::announce::{Reach, TrackerClient, announce};
use super::connections::Connections;
use super::dial::{Accepted, DialError, dial};
use super::door::Door;
use super::finders::Found;
use super::link::{self, Connection, LinkEvent};
use super::portmap::Mapping;
use crate::base::ids::LinkId;
use crate::live::piece::VerifiedPiece;
use crate::obs::node_name::of_node;
use crate::swarm::hls::event::{HlsDelivery, HlsDemand, OriginCommand, OriginEvent};
use crate::swarm::limits::{Allowance, Limits};
use crate::swarm::stats::SwarmStats;
use crate::swarm::ts::storage::{StorageCommand, StorageEvent};
use crate::swarm::{Input, Machine, Output};
use crate::wire::announce::{AnnounceReply, AnnounceRequest};
use crate::wire::handshake::Handshake;
use crate::wire::message::Message;
use crate::wire::tracker_url::TrackerUrl;

/// Events that may wait: chunks of 16 KiB at most, so 4 MiB.
const EVENTS_MAX: usize = 256;
/// Events handled before the outputs of timers get their turn.
const EVENTS_A_TURN: usize = 64;
/// Farewells to trackers may take so long.
const STOP_TIMEOUT: Duration = Duration::from_millis(1200);
const STATS_INTERVAL: Duration = Duration::from_millis(500);

/// What the driver needs beside the machine.
pub struct DriverConfig {
    pub handshake: Handshake,
    /// The machine's trackers, by index, and where each may be.
    pub trackers: Vec<(TrackerUrl, Reach)>,
    pub trackers_client: TrackerClient,
    /// What the router does for this node: trackers are told the port outside.
    pub mapping: watch::Receiver<Option<Mapping>>,
    /// Who may be dialled.
    pub door: Door,
    /// Dials leave from here.
    pub dial_from: Option<IpAddr>,
    /// Those of the node: dials count too.
    pub connections: Connections,
    /// Strangers that asked for this swarm.
    pub accepted: mpsc::Receiver<Accepted>,
    /// Pieces that the source makes.
    pub produced: Option<mpsc::Receiver<VerifiedPiece>>,
    pub hls: Option<HlsPorts>,
    /// The keeper of an MPEG-TS broadcast's pieces.
    pub storage: Option<StoragePorts>,
    /// Peers that were found without a tracker.
    pub found: mpsc::Receiver<Found>,
    pub stats: watch::Sender<SwarmStats>,
    /// What the operator allows; `None` for swarms without stream.
    pub allowance: Option<watch::Receiver<Allowance>>,
    /// How often statistics go to the log; `None` for swarms without stream.
    pub report_interval: Option<Duration>,
    pub stop: watch::Receiver<bool>,
}

/// Takes what the machine delivers. Called on the driver's task: it must not block.
pub trait Deliver: Send {
    fn piece(&mut self, piece: VerifiedPiece);
    fn metadata(&mut self, file: Bytes);
    fn hls(&mut self, _delivery: HlsDelivery) {}
}

/// The shells of an HLS broadcast.
pub struct HlsPorts {
    pub commands: mpsc::Sender<OriginCommand>,
    pub events: mpsc::Receiver<OriginEvent>,
    pub demands: mpsc::Receiver<HlsDemand>,
}

/// The keeper of pieces outside of memory.
pub struct StoragePorts {
    pub commands: mpsc::Sender<StorageCommand>,
    pub events: mpsc::Receiver<StorageEvent>,
}

/// What a task of the driver finished.
enum Done {
    Dialed(SocketAddr, Result<Connection, DialError>),
    Announced(usize, Option<AnnounceReply>),
}

struct Link {
    task: AbortHandle,
    outgoing: mpsc::UnboundedSender<Message>,
    queued_bytes: usize,
}

/// Runs `machine` until `stop` turns true and the trackers were told.
pub async fn run<M: Machine + Send>(machine: M, config: DriverConfig, deliver: impl Deliver) {
    let (events, incoming) = mpsc::channel(EVENTS_MAX);
    let driver = Driver {
        machine,
        config,
        deliver,
        links: HashMap::new(),
        next_link: 0,
        events,
        tasks: JoinSet::new(),
        next_stats: Instant::now(),
        last_report: Instant::now(),
    };
    driver.run(incoming).await;
}

struct Driver<M, D> {
    machine: M,
    config: DriverConfig,
    deliver: D,
    links: HashMap<LinkId, Link>,
    next_link: u64,
    events: mpsc::Sender<(LinkId, LinkEvent)>,
    tasks: JoinSet<Done>,
    next_stats: Instant,
    last_report: Instant,
}

impl<M: Machine + Send, D: Deliver> Driver<M, D> {
    async fn run(mut self, mut incoming: mpsc::Receiver<(LinkId, LinkEvent)>) {
        let mut stop = self.config.stop.clone();
        self.timer();
        loop {
            let deadline = self.deadline();
            tokio::select! {
                Some((link, event)) = incoming.recv() => {
                    self.link_event(link, event);
                    self.drain_events(&mut incoming);
                }
                Some((connection, addr)) = self.config.accepted.recv() => self.accepted(connection, addr),
                Some(piece) = next_produced(&mut self.config.produced) => self.input(Input::Produced(piece)),
                Some(input) = next_of_hls(&mut self.config.hls) => self.input(input),
                event = next_stored(&mut self.config.storage) => self.input(Input::Storage(event)),
                Some(found) = self.config.found.recv() => self.found(found),
                Some(limits) = next_limits(&mut self.config.allowance) => self.input(Input::Limits(limits)),
                Some(Ok(done)) = self.tasks.join_next(), if !self.tasks.is_empty() => self.done(done),
                () = sleep_until(deadline.into()) => self.timer(),
                () = super::stop::stopped(&mut stop) => break,
            }
        }
        self.end().await;
    }

    fn deadline(&self) -> Instant {
        let machine = self.machine.deadline();
        machine.map_or(self.next_stats, |deadline| deadline.min(self.next_stats))
    }

    /// Takes what else is there without going to sleep in between.
    fn drain_events(&mut self, incoming: &mut mpsc::Receiver<(LinkId, LinkEvent)>) {
        for _ in 0..EVENTS_A_TURN {
            let Ok((link, event)) = incoming.try_recv() else { return };
            self.link_event(link, event);
        }
    }

    fn timer(&mut self) {
        let now = Instant::now();
        if now >= self.next_stats {
            self.next_stats = now + STATS_INTERVAL;
            self.refresh_stats(now);
        }
        if self.machine.deadline().is_some_and(|deadline| deadline <= now) {
            self.input(Input::Timer);
        }
    }

    fn refresh_stats(&mut self, now: Instant) {
        let stats = self.machine.stats(now);
        let is_due = |interval| now.saturating_duration_since(self.last_report) >= interval;
        if self.config.report_interval.is_some_and(is_due) {
            self.last_report = now;
            tracing::info!(target: "acestream.stats", "{stats}");
        }
        self.config.stats.send_replace(stats);
    }

    fn link_event(&mut self, link: LinkId, event: LinkEvent) {
        match event {
            LinkEvent::Message(message) => self.input(Input::Message { link, message }),
            LinkEvent::Named(peer_id) => self.input(Input::Named { link, peer_id }),
            LinkEvent::Written(bytes) => {
                let Some(state) = self.links.get_mut(&link) else { return };
                state.queued_bytes = state.queued_bytes.saturating_sub(bytes);
                let queued_bytes = state.queued_bytes;
                self.input(Input::Writable { link, queued_bytes });
            }
            LinkEvent::Closed => {
                self.links.remove(&link);
                self.input(Input::Closed { link });
            }
        }
    }

    fn accepted(&mut self, connection: Connection, addr: SocketAddr) {
        let link = self.add_link(connection);
        self.input(Input::Accepted { link, addr });
    }

    fn found(&mut self, found: Found) {
        self.input(Input::Found { addrs: found.addrs, is_trusted: found.reach == Reach::Anywhere });
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Dialed(addr, Ok(connection)) => {
                let peer_id = connection.peer_id;
                let link = self.add_link(connection);
                self.input(Input::Dialed { link, addr });
                if let Some(peer_id) = peer_id {
                    self.input(Input::Named { link, peer_id });
                }
            }
            Done::Dialed(addr, Err(DialError::Myself)) => self.input(Input::DialedMyself { addr }),
            Done::Dialed(addr, Err(error)) => {
                tracing::debug!(target: "acestream.link", "dial {addr}: {error}");
                self.input(Input::DialFailed { addr });
            }
            Done::Announced(tracker, reply) => self.input(Input::Announced { tracker, reply }),
        }
    }

    fn add_link(&mut self, connection: Connection) -> LinkId {
        self.next_link += 1;
        let link = LinkId(self.next_link);
        let (outgoing, receiver) = mpsc::unbounded_channel();
        let task = tokio::spawn(of_node(link::run(link, connection, receiver, self.events.clone())));
        self.links.insert(link, Link { task: task.abort_handle(), outgoing, queued_bytes: 0 });
        link
    }

    fn input(&mut self, input: Input) {
        self.machine.handle(Instant::now(), input);
        while let Some(output) = self.machine.poll() {
            self.output(output);
        }
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Send { link, message } => self.send(link, message),
            Output::Close { link, why } => self.close(link, why),
            Output::Dial(addr) => self.dial(addr),
            Output::Announce { tracker, request } => self.announce(tracker, request),
            Output::Deliver(piece) => self.deliver.piece(piece),
            Output::Metadata(file) => self.deliver.metadata(file),
            Output::Hls(delivery) => self.deliver.hls(delivery),
            Output::Origin(command) => self.command_origin(command),
            Output::Storage(command) => self.command_storage(command),
        }
    }

    /// A reader that is gone, or has more to do than it may, fails what it is asked for.
    fn command_origin(&mut self, command: OriginCommand) {
        let Some(ports) = &self.config.hls else { return };
        if let Err(TrySendError::Full(OriginCommand::Fetch { piece, .. })) = ports.commands.try_send(command)
        {
            self.input(Input::Origin(OriginEvent::Failed { piece, is_gone: false }));
        }
    }

    /// A keeper that has more to do than it may does not keep, and is asked again later.
    fn command_storage(&mut self, command: StorageCommand) {
        let Some(ports) = &self.config.storage else { return };
        let refused = match ports.commands.try_send(command) {
            Ok(()) => return,
            Err(TrySendError::Full(command) | TrySendError::Closed(command)) => command,
        };
        match refused {
            StorageCommand::Keep(_) => self.input(Input::Storage(StorageEvent::NotKept)),
            StorageCommand::Load { number } => self.input(Input::Storage(StorageEvent::Busy { number })),
            // what is wrongly kept is proven wrong again when it is asked for
            StorageCommand::Forget { .. } | StorageCommand::Clear => {}
        }
    }

    fn send(&mut self, link: LinkId, message: Message) {
        let Some(state) = self.links.get_mut(&link) else { return };
        state.queued_bytes += message.frame_bytes();
        // A link that just broke is reported by its own event.
        let _ = state.outgoing.send(message);
    }

    fn close(&mut self, link: LinkId, why: crate::swarm::Close) {
        tracing::debug!(target: "acestream.link", "closed link {link}: {why}");
        if let Some(state) = self.links.remove(&link) {
            state.task.abort();
        }
    }

    fn dial(&mut self, addr: SocketAddr) {
        let (from, handshake, door) =
            (self.config.dial_from, self.config.handshake, self.config.door.clone());
        let permit = self.config.connections.enter();
        self.tasks.spawn(of_node(async move {
            Done::Dialed(addr, dial(addr, &door, from, handshake, permit).await)
        }));
    }

    fn announce(&mut self, tracker: usize, request: AnnounceRequest) {
        let Some((url, reach)) = self.config.trackers.get(tracker).cloned() else { return };
        let client = self.config.trackers_client.clone();
        let outside = self.config.mapping.borrow().and_then(|mapping| mapping.port_for_others());
        let request = AnnounceRequest { port: outside.unwrap_or(request.port), ..request };
        self.tasks.spawn(of_node(async move {
            let reply = announce(&client, &url, &request, reach).await;
            if let Err(error) = &reply {
                tracing::debug!(target: "acestream.rerequester", "{error}");
            }
            Done::Announced(tracker, reply.ok())
        }));
    }

    /// Says goodbye to trackers and peers.
    async fn end(mut self) {
        self.tasks.abort_all();
        self.input(Input::Stop);
        let farewells = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(STOP_TIMEOUT, farewells).await.is_err() {
            tracing::debug!(target: "acestream.rerequester", "a tracker did not hear that we stop");
        }
        self.config.stats.send_replace(self.machine.stats(Instant::now()));
    }
}

impl<M, D> Drop for Driver<M, D> {
    fn drop(&mut self) {
        self.links.values().for_each(|link| link.task.abort());
    }
}

/// Waits for ever on nodes that make no pieces, and when the source has ended.
async fn next_produced(produced: &mut Option<mpsc::Receiver<VerifiedPiece>>) -> Option<VerifiedPiece> {
    match produced {
        Some(pieces) => pieces.recv().await,
        None => std::future::pending().await,
    }
}

/// Waits for ever where nothing is kept; a keeper that is gone says so once.
async fn next_stored(ports: &mut Option<StoragePorts>) -> StorageEvent {
    let Some(keeper) = ports else { return std::future::pending().await };
    match keeper.events.recv().await {
        Some(event) => event,
        None => {
            *ports = None;
            StorageEvent::Closed
        }
    }
}

/// Waits for ever in other broadcasts, and once both shells have ended.
async fn next_of_hls(ports: &mut Option<HlsPorts>) -> Option<Input> {
    let Some(ports) = ports else { return std::future::pending().await };
    tokio::select! {
        Some(event) = ports.events.recv() => Some(Input::Origin(event)),
        Some(demand) = ports.demands.recv() => Some(Input::Demand(demand)),
        else => std::future::pending().await,
    }
}

/// Waits for ever where nothing is limited, and when nobody can change it any more.
async fn next_limits(allowance: &mut Option<watch::Receiver<Allowance>>) -> Option<Limits> {
    let Some(allowance) = allowance else { return std::future::pending().await };
    match allowance.changed().await {
        Ok(()) => Some(allowance.borrow_and_update().share()),
        Err(_) => std::future::pending().await,
    }
}
