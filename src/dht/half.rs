//! What there is once for each family: a table, votes on the own address, and how long answers take.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::id::{id_for, is_place_of};
use super::table::Table;
use super::votes::Votes;
use crate::base::ids::DhtId;
use crate::base::net::is_public;
use crate::base::rng::Rng;

/// IPv4 or IPv6: the two have nothing in common but the swarms that are sought (BEP 32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub fn of(addr: SocketAddr) -> Self {
        if addr.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// How long an answer may take.
#[derive(Debug, Clone)]
pub struct RoundTrips {
    mean_s: f64,
    deviation_s: f64,
}

impl RoundTrips {
    const FIRST: Duration = Duration::from_secs(2);
    const SHORTEST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(4);

    pub fn new() -> Self {
        Self { mean_s: Self::FIRST.as_secs_f64() / 3.0, deviation_s: Self::FIRST.as_secs_f64() / 6.0 }
    }

    pub fn took(&mut self, time: Duration) {
        let error = time.as_secs_f64() - self.mean_s;
        self.mean_s += error / 8.0;
        self.deviation_s += (error.abs() - self.deviation_s) / 4.0;
    }

    pub fn timeout(&self) -> Duration {
        let seconds = self.mean_s + 4.0 * self.deviation_s;
        Duration::from_secs_f64(seconds.max(0.0)).clamp(Self::SHORTEST, Self::LONGEST)
    }
}

/// This node in one family.
#[derive(Debug)]
pub struct Half {
    pub table: Table,
    pub votes: Votes,
    pub round_trips: RoundTrips,
    /// When the surroundings were last looked at.
    pub refreshed: Option<Instant>,
}

impl Half {
    pub fn new(own: DhtId) -> Self {
        Self {
            table: Table::new(own),
            votes: Votes::default(),
            round_trips: RoundTrips::new(),
            refreshed: None,
        }
    }

    pub fn own(&self) -> DhtId {
        self.table.own()
    }

    /// Goes to a place that the own address may take, once that is known.
    pub fn take_rightful_place(&mut self, rng: &mut Rng) {
        if let Some(ip) = self.votes.elected().filter(|&ip| is_public(ip))
            && !is_place_of(&self.own(), ip)
        {
            self.table.move_to(id_for(ip, rng));
        }
    }
}
