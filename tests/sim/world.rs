//! The run itself: takes the next event, hands it to the node it concerns, and does what the node asks.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use start_engine::base::cidr::{Network, Networks};
use start_engine::base::ids::{Infohash, LinkId, PeerId};
use start_engine::base::net::is_public;
use start_engine::base::rng::Rng;
use start_engine::swarm::{Close, Input, Machine, Output, Swarm, SwarmConfig};
use start_engine::wire::announce::{AnnounceEvent, AnnounceReply, AnnounceRequest};
use start_engine::wire::extended::NodeKey;
use start_engine::wire::message::Message;

use super::broadcast::Broadcast;
use super::events::{End, Event, Events, Life, MILLISECOND, SECOND, Time};
use super::hostile::{Behaviour, Tamper};
use super::network::{Connection, Direction, Weather, occupancy};
use super::node::{Node, address, index_of};
use super::plan::{Access, Change, Knowledge, Plan};
use super::report::Tally;
use super::trace;

/// The source is the first node.
pub const SOURCE: usize = 0;
/// Unix seconds at which a run begins.
pub const EPOCH_S: u64 = 1_700_000_000;
const TRACKER_ROUND_TRIP: Time = 100 * MILLISECOND;
const TRACKER_INTERVAL: Duration = Duration::from_secs(60);
const DIAL_TIMEOUT: Time = 5 * SECOND;
/// Timer inputs that one node may need in one virtual second.
const TIMERS_MAX: u32 = 2_000;
/// The driver tells of drained control frames once so much has left.
const REPORT_BYTES: usize = 8 * 1024;

pub struct World<B: Broadcast> {
    pub plan: Plan,
    pub now: Time,
    pub nodes: Vec<Node<B>>,
    pub broadcast: B,
    pub tally: Tally,
    pub events: Events<B::Event>,
    pub weather: Weather,
    pub rng: Rng,
    base: Instant,
    connections: Vec<Connection>,
    tracked: BTreeSet<usize>,
    trace: DefaultHasher,
}

fn peer_id(index: usize) -> PeerId {
    let mut tail = [b'.'; 11];
    tail[..8].copy_from_slice(format!("{index:08}").as_bytes());
    PeerId::from_random(tail)
}

impl<B: Broadcast> World<B> {
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a point to count from")]
    pub fn new(plan: Plan) -> Self {
        let mut rng = Rng::new(plan.seed);
        let broadcast = B::new(&plan, rng.next_u64());
        let weather = Weather { jitter: plan.jitter, loss: plan.loss, rng: rng.fork() };
        let mut world = Self {
            now: 0,
            nodes: Vec::new(),
            broadcast,
            tally: Tally::default(),
            base: Instant::now(),
            events: Events::default(),
            connections: Vec::new(),
            weather,
            tracked: BTreeSet::new(),
            rng,
            trace: DefaultHasher::new(),
            plan,
        };
        world.populate();
        world
    }

    fn populate(&mut self) {
        for _ in 0..self.stations() {
            self.add_node(self.plan.source, Behaviour::Honest);
        }
        let mut behaviours: Vec<Behaviour> = Vec::new();
        for &(share, behaviour) in &self.plan.hostile {
            let count = (share * self.plan.viewers as f64).round() as usize;
            behaviours.extend(std::iter::repeat_n(behaviour, count));
        }
        behaviours.resize(self.plan.viewers, Behaviour::Honest);
        self.rng.shuffle(&mut behaviours);
        for station in 0..self.stations() {
            self.events.plan(0, Event::Change(Change::Start(station)));
        }
        B::begin(self);
        for behaviour in behaviours {
            let viewer = self.add_node(self.plan.viewer, behaviour);
            let at = 1 + (self.rng.unit() * self.plan.joining as f64) as Time;
            self.events.plan(at, Event::Change(Change::Start(viewer)));
        }
        for &(at, change) in &self.plan.changes {
            self.events.plan(at, Event::Change(change));
        }
    }

    fn add_node(&mut self, access: Access, behaviour: Behaviour) -> usize {
        let index = self.nodes.len();
        let spread = 2.0 / 3.0 + 2.0 / 3.0 * self.rng.unit();
        let delay = (self.plan.round_trip as f64 / 4.0 * spread) as Time;
        let mut tamper = Tamper::new(behaviour, self.node_key(index), self.rng.fork());
        tamper.speaks_ut_pex = self.plan.speaks_ut_pex;
        self.nodes.push(Node::new(index, access, delay, tamper));
        index
    }

    fn node_key(&self, index: usize) -> NodeKey {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(index as u64).to_le_bytes());
        seed[8..16].copy_from_slice(&self.plan.seed.to_le_bytes());
        NodeKey::from_seed(seed)
    }

    /// How a node behaves from its start on.
    pub fn set_behaviour(&mut self, node: usize, behaviour: Behaviour) {
        self.nodes[node].tamper.behaviour = behaviour;
    }

    /// Runs to the end of the plan.
    pub fn run(&mut self) {
        self.run_until(self.plan.length);
        let (now, warm_up) = (self.now, self.plan.warm_up);
        for node in self.nodes.iter_mut().filter(|node| node.swarm.is_some()) {
            if now > warm_up {
                node.player.check(now);
            }
        }
    }

    pub fn run_until(&mut self, end: Time) {
        while let Some((at, event)) = self.events.next(end) {
            self.now = at;
            self.happen(event);
        }
        self.now = end;
    }

    /// Everything that every node asked for, in one number.
    pub fn trace(&self) -> u64 {
        self.trace.clone().finish()
    }

    pub fn instant(&self) -> Instant {
        self.base + Duration::from_nanos(self.now)
    }

    /// Nodes of the broadcaster; the viewers come after them.
    pub fn stations(&self) -> usize {
        B::stations(&self.plan)
    }

    pub fn is_viewer(&self, node: usize) -> bool {
        node >= self.stations()
    }

    fn happen(&mut self, event: Event<B::Event>) {
        match event {
            Event::Timer(life) => self.timer(life),
            Event::UplinkFree(life) => self.uplink_free(life),
            Event::Arrived { to, message } => self.arrived(to, message),
            Event::Received { to, message } => self.received(to, message),
            Event::Ended { at } => self.ended(at),
            Event::DialAnswered { from, to } => self.dial_answered(from, to),
            Event::TrackerAnswered { to, tracker } => self.tracker_answered(to, tracker),
            Event::Broadcast(event) => B::happen(self, event),
            Event::Change(change) => self.change(change),
        }
    }

    // --- nodes that come and go ---

    fn change(&mut self, change: Change) {
        match change {
            Change::Start(node) => self.start(node),
            Change::Kill(node) => self.kill(node),
            Change::Vanish(node) => self.vanish(node),
            Change::Stop(node) => {
                self.input(node, Input::Stop);
                self.kill(node);
            }
            Change::Turnover => self.turnover(),
            of_broadcast => B::change(self, of_broadcast),
        }
    }

    fn start(&mut self, index: usize) {
        let config = self.config(index);
        let medium = B::medium(self, index);
        let now = self.instant();
        let node = &mut self.nodes[index];
        node.epoch += 1;
        node.swarm = Some(Swarm::new(now, config, medium));
        node.has_vanished = false;
        (node.timer_at, node.sending) = (None, None);
        node.turns.clear();
        node.started_at = self.now;
        node.last_number = None;
        node.seat = B::Seat::default();
        self.input(index, Input::Timer);
        B::started(self, index);
    }

    fn config(&mut self, index: usize) -> SwarmConfig {
        let is_station = !self.is_viewer(index);
        let knows_tracker = self.plan.knowledge == Knowledge::TrackerAndSource;
        let before = |knowledge| index.checked_sub(1).filter(|_| self.plan.knowledge == knowledge);
        let stations = (0..self.stations().min(index)).filter(|_| knows_tracker);
        let startup = stations.chain(before(Knowledge::OneNode));
        SwarmConfig {
            infohash: Infohash([7; 20]),
            role: B::role(index),
            node_key: self.node_key(index),
            peer_id: peer_id(index),
            listen_port: super::node::PORT,
            max_peers: if is_station { self.plan.source_max_peers } else { self.plan.max_peers },
            upload_limit: self.plan.source_upload_limit.filter(|_| is_station),
            download_limit: self.plan.viewer_download_limit.filter(|_| !is_station),
            upload_slots: self.plan.upload_slots,
            tracker_count: usize::from(knows_tracker),
            operator_trackers: 0,
            housekeeping_interval: SwarmConfig::HOUSEKEEPING_INTERVAL,
            allow_private_addresses: false,
            operator_peers: before(Knowledge::Predecessor).map(address).into_iter().collect(),
            startup_peers: startup.map(address).collect(),
            served_first: if is_station { self.plan.served_first.clone() } else { Networks::default() },
            secret: before(Knowledge::Predecessor)
                .map(|node| Network::of(address(node).ip()))
                .into_iter()
                .collect(),
            is_private: false,
            newest_connection_wins: false,
            transport_file: Bytes::new(),
            seed: self.rng.next_u64(),
        }
    }

    /// Takes the swarm away and ends its connections for the other side.
    fn kill(&mut self, index: usize) {
        self.bury(index);
        let ends: Vec<End> = std::mem::take(&mut self.nodes[index].links).into_values().collect();
        ends.into_iter().for_each(|end| self.hang_up(end));
        self.tracked.remove(&index);
    }

    fn vanish(&mut self, index: usize) {
        self.bury(index);
        self.nodes[index].has_vanished = true;
    }

    fn bury(&mut self, index: usize) {
        let now = self.instant();
        let node = &mut self.nodes[index];
        node.epoch += 1;
        if let Some(mut swarm) = node.swarm.take() {
            node.past.add(&swarm.stats(now));
        }
    }

    fn turnover(&mut self) {
        let alive: Vec<usize> =
            (self.stations()..self.nodes.len()).filter(|&index| self.nodes[index].swarm.is_some()).collect();
        if alive.is_empty() {
            return;
        }
        let leaver = alive[self.rng.below(alive.len())];
        if self.rng.below(2) == 0 {
            self.vanish(leaver)
        } else {
            self.kill(leaver)
        }
        let comer = self.add_node(self.plan.viewer, Behaviour::Honest);
        self.start(comer);
    }

    // --- one node ---

    /// Hands an input to a node and does what it asks.
    pub fn input(&mut self, index: usize, input: Input) {
        let now = self.instant();
        let Some(input) = B::intercept(self, index, input) else { return };
        let Some(mut swarm) = self.nodes[index].swarm.take() else { return };
        swarm.handle(now, input);
        while let Some(output) = swarm.poll() {
            trace::note(&mut self.trace, self.now, index, &output);
            for output in B::tamper(self, index, output) {
                self.output(index, output);
            }
        }
        let deadline = swarm.deadline();
        self.nodes[index].swarm = Some(swarm);
        if let Some(deadline) = deadline {
            self.set_timer(index, deadline);
        }
    }

    fn set_timer(&mut self, index: usize, deadline: Instant) {
        let at = deadline.saturating_duration_since(self.base).as_nanos() as Time;
        let at = at.max(self.now);
        let node = &mut self.nodes[index];
        if node.timer_at.is_none_or(|planned| at < planned) {
            node.timer_at = Some(at);
            self.events.plan(at, Event::Timer(node.life(index)));
        }
    }

    fn timer(&mut self, life: Life) {
        let node = &mut self.nodes[life.node];
        if node.epoch != life.epoch || node.timer_at != Some(self.now) {
            return;
        }
        node.timer_at = None;
        let deadline = node.swarm.as_ref().and_then(Machine::deadline);
        let Some(deadline) = deadline else { return };
        if deadline > self.base + Duration::from_nanos(self.now) {
            return self.set_timer(life.node, deadline);
        }
        let second = self.now / SECOND;
        node.timers = if node.timers.0 == second { (second, node.timers.1 + 1) } else { (second, 1) };
        assert!(node.timers.1 <= TIMERS_MAX, "timer of node {} spins, seed {}", life.node, self.plan.seed);
        self.input(life.node, Input::Timer);
    }

    fn output(&mut self, index: usize, output: Output) {
        match output {
            Output::Send { link, message } => self.send(index, link, message),
            Output::Dial(to) => self.dial(index, to),
            Output::Close { link, why } => {
                *self.tally.closes.entry(why).or_default() += 1;
                self.note_verdict(index, link, why);
                if let Some(end) = self.nodes[index].links.remove(&link) {
                    self.hang_up(end);
                }
            }
            Output::Announce { request, tracker } => self.announce(index, tracker, &request),
            Output::Metadata(_) => {}
            of_broadcast => B::output(self, index, of_broadcast),
        }
    }

    /// Counts honest nodes that honest nodes take for liars.
    fn note_verdict(&mut self, judge: usize, link: LinkId, why: Close) {
        let Some(end) = self.nodes[judge].links.get(&link) else { return };
        let judged = self.connections[end.connection].ends[1 - end.side];
        let is_verdict =
            matches!(why, Close::Forged | Close::Replayed | Close::Liar | Close::Malformed | Close::Flooding);
        let is_wrong = is_verdict && self.nodes[judged].is_honest();
        self.tally.wrong_bans += u64::from(is_wrong && self.nodes[judge].is_honest());
        if is_verdict {
            self.tally.verdicts.entry((judge, judged)).or_insert(self.now);
        }
    }

    // --- frames ---

    pub fn send(&mut self, index: usize, link: LinkId, message: Message) {
        let Some(&end) = self.nodes[index].links.get(&link) else { return };
        let bytes = message.frame_bytes();
        self.tally.sent(!self.is_viewer(index), &message, bytes);
        let direction = self.direction(end);
        direction.frames.push_back((message, bytes));
        direction.queued_bytes += bytes;
        if direction.frames.len() == 1 {
            self.nodes[index].turns.push_back(end);
        }
        self.transmit(index);
    }

    fn direction(&mut self, end: End) -> &mut Direction {
        &mut self.connections[end.connection].directions[end.side]
    }

    /// Puts the next frame on the uplink if that is free. Frames to a machine that vanished wait.
    fn transmit(&mut self, index: usize) {
        while self.nodes[index].sending.is_none() {
            let Some(end) = self.nodes[index].turns.pop_front() else { return };
            let to = self.connections[end.connection].ends[1 - end.side];
            if self.nodes[to].has_vanished {
                continue;
            }
            let Some(&(_, bytes)) = self.direction(end).frames.front() else { continue };
            let node = &mut self.nodes[index];
            node.sending = Some(end);
            let free_at = self.now + occupancy(bytes, node.access.up);
            self.events.plan(free_at, Event::UplinkFree(node.life(index)));
        }
    }

    fn uplink_free(&mut self, life: Life) {
        let index = life.node;
        if self.nodes[index].epoch != life.epoch {
            return;
        }
        let Some(end) = self.nodes[index].sending.take() else { return };
        let (now, delay) = (self.now, self.connections[end.connection].delay);
        let direction = &mut self.connections[end.connection].directions[end.side];
        if let Some((message, bytes)) = direction.frames.pop_front() {
            direction.queued_bytes -= bytes;
            direction.unreported_bytes += bytes;
            let at = self.weather.arrival(now, delay, bytes, direction.last_arrival);
            direction.last_arrival = at;
            self.events.plan(at, Event::Arrived { to: end.other(), message });
        }
        let direction = self.direction(end);
        let queued_bytes = direction.queued_bytes;
        let tells = direction.unreported_bytes >= REPORT_BYTES || queued_bytes == 0;
        if tells {
            direction.unreported_bytes = 0;
        }
        if !direction.frames.is_empty() {
            self.nodes[index].turns.push_back(end);
        }
        self.transmit(index);
        if tells && self.nodes[index].links.contains_key(&end.link()) {
            self.input(index, Input::Writable { link: end.link(), queued_bytes });
        }
    }

    fn arrived(&mut self, to: End, message: Message) {
        let node = self.node_at(to);
        if self.nodes[node].access.down.is_none() {
            return self.received(to, message);
        }
        let free_at = self.through_downlink(node, message.frame_bytes());
        self.events.plan(free_at, Event::Received { to, message });
    }

    /// When bytes that reach a node now have come through its downlink.
    pub fn through_downlink(&mut self, node: usize, bytes: usize) -> Time {
        let node = &mut self.nodes[node];
        node.downlink_free_at = node.downlink_free_at.max(self.now) + occupancy(bytes, node.access.down);
        node.downlink_free_at
    }

    /// The node at an end of a connection.
    pub fn node_at(&self, end: End) -> usize {
        self.connections[end.connection].ends[end.side]
    }

    fn received(&mut self, to: End, message: Message) {
        let index = self.connections[to.connection].ends[to.side];
        let link = to.link();
        if self.nodes[index].links.contains_key(&link) {
            self.input(index, Input::Message { link, message });
        }
    }

    // --- connections ---

    fn dial(&mut self, from: usize, to: SocketAddr) {
        self.tally.dials += 1;
        self.tally.private_dials += u64::from(!is_public(to.ip()));
        let target = index_of(to).filter(|&index| index < self.nodes.len());
        let delay = self.nodes[from].delay + target.map_or(MILLISECOND, |index| self.nodes[index].delay);
        let wait = match target.map(|index| &self.nodes[index]) {
            Some(node) if node.swarm.is_some() => 3 * delay,
            Some(node) if !node.has_vanished => 2 * delay,
            _ => DIAL_TIMEOUT,
        };
        let from = self.nodes[from].life(from);
        self.events.plan(self.now + wait, Event::DialAnswered { from, to });
    }

    fn dial_answered(&mut self, from: Life, to: SocketAddr) {
        if self.nodes[from.node].epoch != from.epoch {
            return;
        }
        let target =
            index_of(to).filter(|&index| self.nodes.get(index).is_some_and(|node| node.swarm.is_some()));
        let Some(target) = target else {
            return self.input(from.node, Input::DialFailed { addr: to });
        };
        let connection = self.connections.len();
        let delay = self.nodes[from.node].delay + self.nodes[target].delay;
        let ends = [from.node, target];
        let directions = Default::default();
        self.connections.push(Connection { ends, directions, is_open: [true; 2], delay });
        let [dialer, acceptor] = [0, 1].map(|side| End { connection, side });
        self.nodes[from.node].links.insert(dialer.link(), dialer);
        self.nodes[target].links.insert(acceptor.link(), acceptor);
        let ephemeral = SocketAddr::new(address(from.node).ip(), 40_000 + (connection % 20_000) as u16);
        self.input(target, Input::Accepted { link: acceptor.link(), addr: ephemeral });
        self.input(from.node, Input::Dialed { link: dialer.link(), addr: to });
        self.input(target, Input::Named { link: acceptor.link(), peer_id: peer_id(from.node) });
        self.input(from.node, Input::Named { link: dialer.link(), peer_id: peer_id(target) });
    }

    /// `end` closes: what it had queued is lost, and the other side hears of it after what is under way.
    fn hang_up(&mut self, end: End) {
        let connection = &mut self.connections[end.connection];
        connection.is_open[end.side] = false;
        connection.directions[end.side].frames.clear();
        let other = end.other();
        if connection.is_open[other.side] {
            let at = (self.now + connection.delay).max(connection.directions[end.side].last_arrival);
            self.events.plan(at + MILLISECOND, Event::Ended { at: other });
        }
    }

    fn ended(&mut self, at: End) {
        let connection = &mut self.connections[at.connection];
        connection.is_open[at.side] = false;
        connection.directions[at.side].frames.clear();
        let index = connection.ends[at.side];
        if self.nodes[index].links.remove(&at.link()).is_some() {
            self.input(index, Input::Closed { link: at.link() });
        }
    }

    // --- the tracker ---

    fn announce(&mut self, index: usize, tracker: usize, request: &AnnounceRequest) {
        match request.event {
            AnnounceEvent::Stopped => {
                self.tracked.remove(&index);
            }
            _ => {
                self.tracked.insert(index);
                let to = self.nodes[index].life(index);
                self.events.plan(self.now + TRACKER_ROUND_TRIP, Event::TrackerAnswered { to, tracker });
            }
        }
    }

    /// Names random nodes, those that vanished included.
    fn tracker_answered(&mut self, to: Life, tracker: usize) {
        if self.nodes[to.node].epoch != to.epoch {
            return;
        }
        let mut others: Vec<usize> = self.tracked.iter().copied().filter(|&index| index != to.node).collect();
        self.rng.shuffle(&mut others);
        others.truncate(50);
        let reply = AnnounceReply {
            interval: TRACKER_INTERVAL,
            min_interval: None,
            seeders: 1,
            leechers: 0,
            peers: others.into_iter().map(address).collect(),
        };
        self.input(to.node, Input::Announced { tracker, reply: Some(reply) });
    }
}
