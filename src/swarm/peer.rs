//! What we know of one connected peer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::bans::BanKey;
use super::claims::StreamClaims;
use super::exchange::PeerExchange;
use super::pipeline::Pipeline;
use super::requests::RequestQueue;
use crate::base::ids::NodeId;
use crate::base::limits::PEER_MESSAGES_PER_SECOND_MAX;
use crate::base::rate::RateMeter;
use crate::wire::extended::ExtendedHandshake;

/// What the peer's verified extended handshake said.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    pub node_id: NodeId,
    pub is_source: bool,
    pub listen_port: u16,
    /// The id under which the peer wants metadata messages.
    pub ut_metadata: Option<u8>,
    /// The id under which it wants messages of the piece table.
    pub piece_table: Option<u8>,
    /// The id under which it wants messages of BEP 11.
    pub ut_pex: Option<u8>,
    pub distance_from_source: i64,
    pub version: i64,
}

impl Description {
    /// The part of a handshake of `node_id` that is of use for as long as the link lasts.
    pub fn of(node_id: NodeId, said: &ExtendedHandshake) -> Self {
        Self {
            node_id,
            is_source: said.is_source,
            listen_port: said.listen_port,
            ut_metadata: said.ut_metadata,
            piece_table: said.piece_table,
            ut_pex: said.ut_pex,
            distance_from_source: said.live.distance_from_source,
            version: said.version,
        }
    }
}

/// Messages in the second that began at `since`.
#[derive(Debug)]
struct MessageCount {
    since: Instant,
    count: u32,
}

#[derive(Debug)]
pub struct Peer {
    pub addr: SocketAddr,
    /// We connected to it, so `addr` is where it listens.
    pub is_dialed: bool,
    /// An address of `--upload-to`: served first.
    pub has_priority: bool,
    pub description: Option<Description>,
    pub claims: StreamClaims,
    /// It lets us request.
    pub unchoked_us: bool,
    /// We let it request.
    pub is_unchoked: bool,
    pub is_interested: bool,
    /// When we last let it request.
    pub granted_at: Option<Instant>,
    /// It has requested something since.
    pub has_used_grant: bool,
    /// It contributed to a forged piece and is to be tested alone.
    pub is_suspect: bool,
    /// It claimed pieces that it did not deliver when we joined.
    pub is_distrusted: bool,
    pub pipeline: Pipeline,
    pub requests: RequestQueue,
    pub queued_bytes: usize,
    /// When bytes last went to the system, or began to wait.
    pub drained_at: Instant,
    pub unsolicited: u32,
    pub down: RateMeter,
    pub up: RateMeter,
    pub since: Instant,
    pub last_heard: Instant,
    pub described_at: Option<Instant>,
    pub exchange: PeerExchange,
    message_count: MessageCount,
    pub last_sent: Instant,
}

impl Peer {
    pub fn new(now: Instant, addr: SocketAddr, is_dialed: bool, depth_min: usize) -> Self {
        Self {
            addr,
            is_dialed,
            has_priority: false,
            description: None,
            claims: StreamClaims::default(),
            unchoked_us: false,
            is_unchoked: false,
            is_interested: false,
            granted_at: None,
            has_used_grant: false,
            is_suspect: false,
            is_distrusted: false,
            pipeline: Pipeline::new(depth_min),
            requests: RequestQueue::default(),
            queued_bytes: 0,
            drained_at: now,
            unsolicited: 0,
            down: RateMeter::default(),
            up: RateMeter::default(),
            since: now,
            last_heard: now,
            described_at: None,
            exchange: PeerExchange::default(),
            message_count: MessageCount { since: now, count: 0 },
            last_sent: now,
        }
    }

    /// Notes that the peer said something; whether it does so too often.
    pub fn heard(&mut self, now: Instant) -> bool {
        self.last_heard = now;
        if now.saturating_duration_since(self.message_count.since) >= Duration::from_secs(1) {
            self.message_count = MessageCount { since: now, count: 0 };
        }
        self.message_count.count += 1;
        self.message_count.count > PEER_MESSAGES_PER_SECOND_MAX
    }

    pub fn node_id(&self) -> Option<NodeId> {
        self.description.map(|description| description.node_id)
    }

    pub fn ban_key(&self) -> BanKey {
        BanKey::of(self.addr, self.node_id())
    }

    /// Where others can reach it, once it told its port.
    pub fn listen_addr(&self) -> Option<SocketAddr> {
        if self.is_dialed {
            return Some(self.addr);
        }
        let port = self.description?.listen_port;
        (port != 0).then(|| SocketAddr::new(self.addr.ip(), port))
    }

    /// Whether chunks may be requested of it now.
    pub fn is_usable(&self) -> bool {
        self.description.is_some() && self.unchoked_us
    }
}
