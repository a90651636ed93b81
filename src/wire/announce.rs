//! What a peer and a tracker say to each other, whatever the transport. Values only: encodings are in
//! `tracker_http` and `tracker_udp`, and nothing here knows who asks or when.

use std::net::SocketAddr;
use std::time::Duration;

use crate::base::ids::{Infohash, PeerId};

/// Why a peer announces now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnnounceEvent {
    /// The regular announce of every interval.
    #[default]
    None,
    Completed,
    Started,
    Stopped,
}

/// One announce, as the client gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnounceRequest {
    pub infohash: Infohash,
    pub peer_id: PeerId,
    /// Where the announcer listens.
    pub port: u16,
    /// Bytes.
    pub uploaded: u64,
    /// Bytes.
    pub downloaded: u64,
    /// Bytes; 0 makes the announcer a seeder.
    pub left: u64,
    pub event: AnnounceEvent,
    /// Peers wanted; `None` leaves the number to the tracker.
    pub num_want: Option<u32>,
    /// Constant for a session, so that a tracker knows an announcer whose address changed.
    pub key: u32,
}

/// A tracker's answer to an announce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnounceReply {
    /// Time until the next regular announce.
    pub interval: Duration,
    /// No announce sooner than this.
    pub min_interval: Option<Duration>,
    pub seeders: u32,
    pub leechers: u32,
    pub peers: Vec<SocketAddr>,
}
