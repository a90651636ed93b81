//! Who is let in, and who is called on: the lists of a private node and the rules of `--ip-filter-config`. It
//! decides by address alone, before a byte is read or sent, and counts whom it turned away; it never waits.

mod countries;
mod filter;
mod places;
mod reload;
mod rules;
mod rules_file;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

pub use countries::CountriesError;
pub use filter::Unwanted;
use places::Crowd;
pub use places::Places;
pub use reload::read_again_at_hangup;
pub use rules::LoadError;
use rules::Rules;
pub use rules_file::RulesError;

use crate::base::openings::{Openings, PrivateLists};

/// Where the rules about addresses are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterFiles {
    /// `--ip-filter-config`.
    pub rules: PathBuf,
    /// `--geoip-db`.
    pub countries: Option<PathBuf>,
}

/// Why somebody stays out, or is not called on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TurnedAway {
    #[error("it is not on the lists of this private node")]
    Unlisted,
    #[error(transparent)]
    Unwanted(#[from] Unwanted),
    #[error("group {0} has all the connections that it may have")]
    GroupIsFull(String),
}

/// Somebody who was let in: what is open to them, and the places that they take while it is held.
#[derive(Debug)]
pub struct Admission {
    pub openings: Openings,
    pub places: Places,
}

/// How often somebody was turned away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turned {
    pub connections: u64,
    pub datagrams: u64,
}

/// The door of one node. A copy is the same door.
#[derive(Debug, Clone, Default)]
pub struct Door(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    lists: Option<PrivateLists>,
    files: Option<FilterFiles>,
    /// As the files say; replaced whole.
    rules: RwLock<Arc<Rules>>,
    crowd: Crowd,
    max_connections: AtomicUsize,
    connections: AtomicU64,
    datagrams: AtomicU64,
}

impl Door {
    /// Lets everybody in.
    pub fn open() -> Self {
        Self::default()
    }

    /// Lets in whom `lists` name, if there are any lists, and nobody whom the rules in `files` keep out. The
    /// shares of groups are of `max_connections`.
    ///
    /// # Errors
    /// A file cannot be read or understood.
    pub fn new(
        lists: Option<PrivateLists>,
        files: Option<FilterFiles>,
        max_connections: usize,
    ) -> Result<Self, LoadError> {
        let rules = files.as_ref().map(Rules::read).transpose()?.unwrap_or_default();
        let rules = RwLock::new(Arc::new(rules));
        let max_connections = max_connections.into();
        Ok(Self(Arc::new(Inner { lists, files, rules, max_connections, ..Inner::default() })))
    }

    /// Changes what the shares of groups are of.
    pub fn set_max_connections(&self, max_connections: usize) {
        self.0.max_connections.store(max_connections, Ordering::Relaxed);
    }

    /// Whom a private node knows; `None` on a public one.
    pub fn lists(&self) -> Option<&PrivateLists> {
        self.0.lists.as_ref()
    }

    /// Whether the node is private.
    pub fn is_private(&self) -> bool {
        self.0.lists.is_some()
    }

    /// For a connection that came in.
    ///
    /// # Errors
    /// It is to be closed at once.
    pub fn admit(&self, ip: IpAddr) -> Result<Admission, TurnedAway> {
        let admitted = self.openings(ip).and_then(|openings| {
            if openings == Openings::NONE {
                return Err(TurnedAway::Unlisted);
            }
            Ok(Admission { openings, places: self.take_places(ip)? })
        });
        if admitted.is_err() {
            self.0.connections.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    /// For a datagram that came in: whether to look at it. On a private node only a tracker answers datagrams.
    pub fn admits_datagram(&self, ip: IpAddr) -> bool {
        // most nodes have neither, and trackers many datagrams
        if self.0.lists.is_none() && self.0.files.is_none() {
            return true;
        }
        let is_admitted = self.openings(ip).is_ok_and(|openings| openings.tracker);
        if !is_admitted {
            self.0.datagrams.fetch_add(1, Ordering::Relaxed);
        }
        is_admitted
    }

    /// For a peer that is to be dialled: the places that the connection takes.
    ///
    /// # Errors
    /// It is not to be dialled.
    pub fn call_on(&self, ip: IpAddr) -> Result<Places, TurnedAway> {
        if self.0.lists.as_ref().is_some_and(|lists| !lists.may_dial(ip)) {
            return Err(TurnedAway::Unlisted);
        }
        self.rules().judge(ip)?;
        self.take_places(ip)
    }

    /// How many were turned away so far.
    pub fn turned(&self) -> Turned {
        Turned {
            connections: self.0.connections.load(Ordering::Relaxed),
            datagrams: self.0.datagrams.load(Ordering::Relaxed),
        }
    }

    /// Reads the files again, for whoever comes from now on; blocks as long as that takes.
    ///
    /// # Errors
    /// They cannot be read or understood; then the rules are what they were.
    pub fn read_again(&self) -> Result<(), LoadError> {
        let Some(files) = &self.0.files else { return Ok(()) };
        let rules = Arc::new(Rules::read(files)?);
        *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        Ok(())
    }

    fn openings(&self, ip: IpAddr) -> Result<Openings, TurnedAway> {
        let openings = self.0.lists.as_ref().map_or(Openings::ALL, |lists| lists.openings(ip));
        self.rules().judge(ip)?;
        Ok(openings)
    }

    fn take_places(&self, ip: IpAddr) -> Result<Places, TurnedAway> {
        let max_connections = self.0.max_connections.load(Ordering::Relaxed);
        let shares = self.rules().shares_of(ip, max_connections);
        self.0.crowd.take(&shares).map_err(TurnedAway::GroupIsFull)
    }

    fn rules(&self) -> Arc<Rules> {
        self.0.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
