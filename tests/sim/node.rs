//! One node of a run: a production swarm, its access to the network, and what it has seen.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use start_engine::base::ids::LinkId;
use start_engine::swarm::Swarm;
use start_engine::swarm::stats::SwarmStats;

use super::broadcast::Broadcast;
use super::events::{End, Life, Time};
use super::hostile::{Behaviour, Tamper};
use super::plan::Access;
use super::player::Player;

pub const PORT: u16 = 8621;

pub struct Node<B: Broadcast> {
    pub access: Access,
    /// Its part of the way to any other node.
    pub delay: Time,
    pub epoch: u32,
    /// `None` while the node is not there.
    pub swarm: Option<Swarm<B::Medium>>,
    /// It died with its machine: packets to it vanish.
    pub has_vanished: bool,
    pub tamper: Tamper,
    pub links: BTreeMap<LinkId, End>,
    /// Directions with frames to send, served in turn.
    pub turns: VecDeque<End>,
    pub sending: Option<End>,
    pub downlink_free_at: Time,
    pub timer_at: Option<Time>,
    /// Timer inputs within the present virtual second.
    pub timers: (Time, u32),
    pub started_at: Time,
    pub first_delivered_at: Option<Time>,
    pub last_number: Option<u64>,
    pub delivered: u64,
    pub player: Player,
    /// What the broadcast keeps of its present life.
    pub seat: B::Seat,
    /// Statistics of the lives that have ended.
    pub past: Totals,
}

/// Sums over nodes and lives.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    pub uploaded_bytes: u64,
    pub downloaded_bytes: u64,
    pub duplicate_bytes: u64,
    pub pieces_skipped: u64,
    pub pieces_forged: u64,
    pub requests_late: u64,
    pub requests_refused: u64,
    pub joins: u64,
    pub bans: u64,
    pub checks: u64,
}

impl Totals {
    pub fn add(&mut self, stats: &SwarmStats) {
        self.uploaded_bytes += stats.uploaded_bytes;
        self.downloaded_bytes += stats.downloaded_bytes;
        self.duplicate_bytes += stats.duplicate_bytes;
        self.pieces_skipped += stats.pieces_skipped;
        self.pieces_forged += stats.pieces_forged;
        self.requests_late += stats.requests_late;
        self.requests_refused += stats.requests_refused;
        self.joins += stats.joins;
        self.bans += stats.bans;
        self.checks += stats.checks;
    }

    pub fn merge(&mut self, other: &Self) {
        self.uploaded_bytes += other.uploaded_bytes;
        self.downloaded_bytes += other.downloaded_bytes;
        self.duplicate_bytes += other.duplicate_bytes;
        self.pieces_skipped += other.pieces_skipped;
        self.pieces_forged += other.pieces_forged;
        self.requests_late += other.requests_late;
        self.requests_refused += other.requests_refused;
        self.joins += other.joins;
        self.bans += other.bans;
        self.checks += other.checks;
    }
}

impl<B: Broadcast> Node<B> {
    pub fn new(_index: usize, access: Access, delay: Time, tamper: Tamper) -> Self {
        Self {
            access,
            delay,
            epoch: 0,
            swarm: None,
            has_vanished: false,
            tamper,
            links: BTreeMap::new(),
            turns: VecDeque::new(),
            sending: None,
            downlink_free_at: 0,
            timer_at: None,
            timers: (0, 0),
            started_at: 0,
            first_delivered_at: None,
            last_number: None,
            delivered: 0,
            player: Player::default(),
            seat: B::Seat::default(),
            past: Totals::default(),
        }
    }

    pub fn is_honest(&self) -> bool {
        self.tamper.behaviour == Behaviour::Honest
    }

    pub fn life(&self, node: usize) -> Life {
        Life { node, epoch: self.epoch }
    }
}

/// A public address for each node: bans go by ip.
pub fn address(index: usize) -> SocketAddr {
    let ip = Ipv4Addr::from(0x0101_0000 + index as u32);
    SocketAddr::new(IpAddr::V4(ip), PORT)
}

/// The node that has an address, if any ever can.
pub fn index_of(addr: SocketAddr) -> Option<usize> {
    match addr.ip() {
        IpAddr::V4(ip) if addr.port() == PORT => {
            ip.to_bits().checked_sub(0x0101_0000).map(|index| index as usize)
        }
        _ => None,
    }
}
