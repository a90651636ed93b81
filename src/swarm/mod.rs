//! The swarm of one broadcast: a state machine that decides everything and does no I/O.
//!
//! It is told what happened ([`Input`]) and at what time, and asked what to do ([`Output`]). Mutate,
//! drain [`Machine::poll`], mutate, drain. The same value runs on sockets and in the simulator.

pub mod announcer;
pub mod bans;
mod choker;
pub mod claims;
pub mod config;
mod describe;
pub mod event;
pub mod exchange;
mod fetch;
pub mod hls;
pub mod limits;
mod links;
pub mod medium;
pub mod metadata;
pub mod neighbourhood;
pub mod own_address;
pub mod peer;
pub mod pipeline;
mod receive;
pub mod requests;
pub mod roster;
mod serve;
pub mod stats;
mod tick;
pub mod ts;
pub mod wants;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use announcer::{Announced, Announcer};
use bans::Bans;
use choker::Choker;
pub use config::{Role, SwarmConfig};
pub use event::{Close, Input, Machine, Output};
use limits::Throttle;
use medium::Medium;
use own_address::OwnAddress;
use peer::Peer;
use roster::{Origin, Roster};
use serve::Copies;
use stats::Totals;
use wants::Wants;

use crate::base::ids::LinkId;
use crate::base::rng::Rng;
use crate::wire::message::Message;

/// One node's part in one swarm.
pub struct Swarm<M> {
    config: SwarmConfig,
    rng: Rng,
    started_at: Instant,
    peers: BTreeMap<LinkId, Peer>,
    medium: M,
    wants: Wants,
    bans: Bans,
    roster: Roster,
    exchange_rng: Rng,
    own_address: OwnAddress,
    announcer: Announcer,
    choker: Choker,
    copies: Copies,
    totals: Totals,
    throttle: Throttle,
    /// When something that waits for a rate goes on.
    throttled_until: Option<Instant>,
    next_tick: Instant,
    last_tick: Instant,
    is_stopped: bool,
    outputs: VecDeque<Output>,
}

impl<M: Medium> Swarm<M> {
    /// A node that takes part with `medium`: as a source or relay of what that describes.
    pub fn new(now: Instant, config: SwarmConfig, medium: M) -> Self {
        let mut rng = Rng::new(config.seed);
        let announced = Announced {
            infohash: config.infohash,
            peer_id: config.peer_id,
            port: config.listen_port,
            is_seeder: config.role == Role::Source,
        };
        let mut roster = Roster::new(rng.fork());
        for &addr in &config.operator_peers {
            roster.add(now, addr, Origin::Operator);
        }
        for &addr in &config.startup_peers {
            roster.add(now, addr, Origin::Startup);
        }
        Self {
            started_at: now,
            peers: BTreeMap::new(),
            medium,
            wants: Wants::default(),
            bans: Bans::default(),
            roster,
            // apart from the other generators: whether peers are exchanged changes nothing else
            exchange_rng: Rng::new(!config.seed),
            own_address: OwnAddress::default(),
            announcer: Announcer::new(now, announced, config.tracker_count, rng.fork()),
            choker: Choker::default(),
            copies: Copies::default(),
            totals: Totals::default(),
            throttle: Throttle::new(now, config.limits()),
            throttled_until: None,
            next_tick: now,
            last_tick: now,
            is_stopped: false,
            outputs: VecDeque::new(),
            rng,
            config,
        }
    }

    fn send(&mut self, now: Instant, link: LinkId, message: Message) {
        let Some(peer) = self.peers.get_mut(&link) else { return };
        peer.last_sent = now;
        if peer.queued_bytes == 0 {
            peer.drained_at = now;
        }
        let bytes = message.frame_bytes();
        peer.queued_bytes += bytes;
        self.throttle.sent(now, bytes);
        self.outputs.push_back(Output::Send { link, message });
    }

    /// How many more peers to dial. Half of the places are left to those who dial us: where all nodes
    /// are full, nobody new gets in.
    fn room_to_dial(&self) -> usize {
        match self.config.role {
            Role::Source => 0,
            Role::Relay => self.config.max_peers.div_ceil(2).saturating_sub(self.peers.len()),
        }
    }

    fn announced(
        &mut self,
        now: Instant,
        tracker: usize,
        reply: Option<crate::wire::announce::AnnounceReply>,
    ) {
        self.announcer.replied(now, tracker, reply.as_ref());
        let addrs = reply.map_or_else(Vec::new, |reply| reply.peers);
        self.found(now, addrs, tracker < self.config.operator_trackers);
    }

    /// Remembers addresses to dial; a source dials nobody.
    fn found(&mut self, now: Instant, addrs: Vec<std::net::SocketAddr>, is_trusted: bool) {
        if self.config.role == Role::Relay {
            addrs.into_iter().for_each(|addr| self.add_candidate(now, addr, is_trusted));
        }
    }

    /// Remembers an address that a tracker or peer named; a private node dials its list alone.
    fn add_candidate(&mut self, now: Instant, addr: std::net::SocketAddr, is_trusted: bool) {
        if self.config.is_private {
            return;
        }
        let origin = match is_trusted || self.config.allow_private_addresses {
            true => Origin::Trusted,
            false => Origin::Stranger,
        };
        if !self.is_own_address(addr) {
            self.roster.add(now, addr, origin);
        }
    }

    /// Whether dialling it would lead to this node, as far as peers tell.
    fn is_own_address(&self, addr: std::net::SocketAddr) -> bool {
        addr.port() == self.config.listen_port && self.own_address.is(addr.ip())
    }

    /// A peer says where it sees this node.
    fn seen_at(&mut self, now: Instant, from: std::net::IpAddr, ip: std::net::IpAddr) {
        if self.own_address.vote(now, from, ip) {
            let shown = |ip: Option<std::net::IpAddr>| ip.map_or("unknown".to_owned(), |ip| ip.to_string());
            let (v4, v6) = (shown(self.own_address.v4()), shown(self.own_address.v6()));
            tracing::info!(target: "acestream.swarm", "own address as peers see it: {v4}, IPv6 {v6}");
        }
    }

    fn stop(&mut self) {
        self.is_stopped = true;
        for (tracker, request) in self.announcer.stop(self.totals.moved_bytes()) {
            self.outputs.push_back(Output::Announce { tracker, request });
        }
        for &link in self.peers.keys() {
            self.outputs.push_back(Output::Close { link, why: Close::Stopped });
        }
        self.peers.clear();
    }
}

impl<M: Medium> Machine for Swarm<M> {
    fn handle(&mut self, now: Instant, input: Input) {
        if self.is_stopped {
            return;
        }
        match input {
            Input::Accepted { link, addr } => self.accepted(now, link, addr),
            Input::Dialed { link, addr } => self.dialed(now, link, addr),
            Input::DialFailed { addr } => self.roster.failed(now, addr),
            Input::DialedMyself { addr } => self.roster.is_myself(addr),
            Input::Named { link, peer_id } => self.named(link, peer_id),
            Input::Closed { link } => self.link_ended(now, link),
            Input::Message { link, message } => self.receive(now, link, message),
            Input::Writable { link, queued_bytes } => self.writable(now, link, queued_bytes),
            Input::Announced { tracker, reply } => self.announced(now, tracker, reply),
            Input::Found { addrs, is_trusted } => self.found(now, addrs, is_trusted),
            Input::Limits(limits) => self.limit(now, limits),
            Input::Timer => self.tick(now),
            Input::Stop => return self.stop(),
            of_medium => M::input(self, now, of_medium),
        }
        self.dial_and_announce(now);
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        (!self.is_stopped).then(|| self.next_deadline())
    }

    fn stats(&mut self, now: Instant) -> stats::SwarmStats {
        self.snapshot(now)
    }
}
