//! Numbers to watch: a snapshot for the monitor, the demo, the simulator and the tests.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::medium::{CacheStats, Medium};
use super::{Swarm, SwarmConfig};
use crate::base::rate::RateMeter;

/// Counted since the swarm began.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub uploaded_bytes: u64,
    pub downloaded_bytes: u64,
    pub duplicate_bytes: u64,
    pub pieces_produced: u64,
    pub pieces_verified: u64,
    pub pieces_forged: u64,
    pub pieces_skipped: u64,
    /// Chunks requested, and how many of them of a second peer.
    pub asked: u64,
    pub asked_twice: u64,
    pub requests_late: u64,
    pub requests_refused: u64,
    pub joins: u64,
    pub bans: u64,
    /// Addresses of peers told to peers, heard of from them and taken, and not taken.
    pub pex_told: u64,
    pub pex_heard: u64,
    pub pex_refused: u64,
    /// Of an HLS broadcast: segments read at the origin, bytes that came of them, and chunks compared with
    /// the origin's.
    pub origin_fetches: u64,
    pub origin_bytes: u64,
    pub checks: u64,
    /// How long after the origin showed it the last segment was here whole.
    pub late_ms: Option<u64>,
    /// When the newest piece was made or became whole.
    pub last_piece_at: Option<Instant>,
    pub uplink: RateMeter,
    /// Somebody connected to us: we can be reached.
    pub has_been_reached: bool,
}

impl Totals {
    /// (uploaded, downloaded) bytes of media.
    pub fn moved_bytes(&self) -> (u64, u64) {
        (self.uploaded_bytes, self.downloaded_bytes)
    }
}

/// One peer, as the monitor shows it. Rates are bytes a second.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerStats {
    pub addr: SocketAddr,
    /// Only this machine hears of it: the operator's word, or its own, which told no port.
    pub is_secret: bool,
    pub is_source: bool,
    pub distance_from_source: i64,
    /// Of the first stream, as it claims.
    pub oldest_piece: Option<u64>,
    pub newest_piece: Option<u64>,
    /// `v` of its extended handshake: the engine build whose behaviour it speaks.
    pub version: i64,
    pub download_rate: u64,
    pub upload_rate: u64,
    pub round_trip: Option<Duration>,
    pub connected_for: Duration,
}

/// A swarm at one moment. Rates are bytes a second, the rest counts from the beginning.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SwarmStats {
    pub peers: Vec<PeerStats>,
    pub oldest_piece: Option<u64>,
    pub newest_piece: Option<u64>,
    /// The next piece to deliver, once following.
    pub next_piece: Option<u64>,
    pub download_rate: u64,
    pub upload_rate: u64,
    pub uploaded_bytes: u64,
    pub downloaded_bytes: u64,
    pub duplicate_bytes: u64,
    pub pieces_produced: u64,
    pub pieces_verified: u64,
    pub pieces_forged: u64,
    pub pieces_skipped: u64,
    pub requests_late: u64,
    pub requests_refused: u64,
    pub joins: u64,
    pub bans: u64,
    /// Addresses of peers told to peers, heard of from them and taken, and not taken.
    pub pex_told: u64,
    pub pex_heard: u64,
    pub pex_refused: u64,
    /// Of an HLS broadcast: segments read at the origin, bytes that came of them, chunks compared with the
    /// origin's, and how long after the origin showed it the last segment was here whole.
    pub origin_fetches: u64,
    pub origin_bytes: u64,
    pub checks: u64,
    pub late_ms: Option<u64>,
    pub known_addresses: usize,
    /// On disk.
    pub cache: CacheStats,
    /// Where most peers see this node.
    pub external_ip: Option<IpAddr>,
    pub external_ip6: Option<IpAddr>,
    /// Since a piece was made or became whole; `None` before the first.
    pub last_piece_age: Option<Duration>,
    /// How long a usual piece plays.
    pub piece_duration: Duration,
}

impl fmt::Display for SwarmStats {
    /// One line for the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |piece: Option<u64>| piece.map_or("-".to_owned(), |piece| piece.to_string());
        let (oldest, newest) = (number(self.oldest_piece), number(self.newest_piece));
        write!(f, "peers={} down={} up={} ", self.peers.len(), self.download_rate, self.upload_rate)?;
        write!(f, "pieces={oldest}..{newest} skipped={} ", self.pieces_skipped)?;
        write!(f, "forged={} bans={} duplicate_bytes={}", self.pieces_forged, self.bans, self.duplicate_bytes)
    }
}

impl<M: Medium> Swarm<M> {
    pub(super) fn snapshot(&mut self, now: Instant) -> SwarmStats {
        let config = &self.config;
        let peers: Vec<_> = self.peers.values_mut().map(|peer| peer_stats(now, config, peer)).collect();
        let (oldest_piece, newest_piece, next_piece) = self.medium.place();
        SwarmStats {
            oldest_piece,
            newest_piece,
            next_piece,
            download_rate: peers.iter().map(|peer| peer.download_rate).sum(),
            upload_rate: self.totals.uplink.bytes_per_second(now),
            uploaded_bytes: self.totals.uploaded_bytes,
            downloaded_bytes: self.totals.downloaded_bytes,
            duplicate_bytes: self.totals.duplicate_bytes,
            pieces_produced: self.totals.pieces_produced,
            pieces_verified: self.totals.pieces_verified,
            pieces_forged: self.totals.pieces_forged,
            pieces_skipped: self.totals.pieces_skipped,
            requests_late: self.totals.requests_late,
            requests_refused: self.totals.requests_refused,
            joins: self.totals.joins,
            bans: self.totals.bans,
            pex_told: self.totals.pex_told,
            pex_heard: self.totals.pex_heard,
            pex_refused: self.totals.pex_refused,
            origin_fetches: self.totals.origin_fetches,
            origin_bytes: self.totals.origin_bytes,
            checks: self.totals.checks,
            late_ms: self.totals.late_ms,
            known_addresses: self.roster.len(),
            cache: self.medium.cache(),
            external_ip: self.own_address.v4(),
            external_ip6: self.own_address.v6(),
            last_piece_age: self.totals.last_piece_at.map(|at| now.saturating_duration_since(at)),
            piece_duration: self.medium.piece_duration(),
            peers,
        }
    }
}

fn peer_stats(now: Instant, config: &SwarmConfig, peer: &mut super::Peer) -> PeerStats {
    let hides = peer.description.is_some() && peer.listen_addr().is_none();
    PeerStats {
        addr: peer.listen_addr().unwrap_or(peer.addr),
        is_secret: hides || config.is_secret(peer.addr),
        is_source: peer.description.is_some_and(|said| said.is_source),
        distance_from_source: peer.description.map_or(-1, |said| said.distance_from_source),
        oldest_piece: peer.claims.only().oldest(),
        newest_piece: peer.claims.only().newest(),
        version: peer.description.map_or(0, |said| said.version),
        download_rate: peer.down.bytes_per_second(now),
        upload_rate: peer.up.bytes_per_second(now),
        round_trip: peer.pipeline.round_trip(),
        connected_for: now.saturating_duration_since(peer.since),
    }
}
