//! Ways to meet the peers of a swarm without a tracker. It knows which way is open to which broadcast; whether
//! an address that was found is dialled is the swarm's to decide.

use std::net::SocketAddr;

use tokio::sync::mpsc;

use super::announce::Reach;
use super::dht::DhtHandle;
use super::lsd::Lsd;
use crate::base::ids::{Infohash, PeerId};

/// Finds of one swarm that it has not taken yet.
const FOUND_MAX: usize = 16;

/// Peers of one swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub addrs: Vec<SocketAddr>,
    /// Where they may be: who found them says what their word is worth.
    pub reach: Reach,
}

/// A swarm that looks for peers and wants to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sought {
    pub infohash: Infohash,
    pub peer_id: PeerId,
    /// Where this node listens.
    pub port: u16,
    /// Strangers may know of the broadcast: its descriptor allows public trackers, or it has no private part.
    pub is_open: bool,
    /// This node dials whom it finds; who does not must be found.
    pub dials: bool,
}

/// The ways of this node. A copy shares them.
#[derive(Debug, Clone, Default)]
pub struct Finders {
    /// The own link: every swarm.
    pub lsd: Option<Lsd>,
    /// For broadcasts that strangers may know of.
    pub dht: Option<DhtHandle>,
}

impl Finders {
    /// Looks for peers of the swarm and shows this node to them, until the receiver is dropped.
    pub fn seek(&self, sought: Sought) -> mpsc::Receiver<Found> {
        let (found, finds) = mpsc::channel(FOUND_MAX);
        if let Some(dht) = self.dht.as_ref().filter(|_| sought.is_open) {
            dht.seek(sought, found.clone());
        }
        if let Some(lsd) = &self.lsd {
            lsd.seek(sought, found);
        }
        finds
    }

    /// Whether peers of such a swarm may be found.
    pub fn can_seek(&self, is_open: bool) -> bool {
        self.lsd.is_some() || (is_open && self.dht.is_some())
    }
}
