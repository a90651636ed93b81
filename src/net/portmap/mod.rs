//! The node's port, opened on the router of this machine's network: PCP, else NAT-PMP, else UPnP, for TCP and
//! UDP. Asks again before the lease ends and often enough to notice a router that forgot; removes the mapping
//! at the end. The router is not believed more than it must be, and is the only one that is ever asked.

mod igd;
mod mapping;
mod pmp;
mod route;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::pin::pin;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

pub use mapping::{Mapping, Way};

use super::backoff::Backoff;
use super::stop::stopped;
use crate::base::limits::{MAPPING_REFRESH_MIN, UPNP_TIMEOUT};
use crate::base::net::is_public;
use igd::Igd;
use mapping::Granted;
use pmp::{Form, Pmp};

const LOG: &str = "acestream.upnp";
/// What a router is asked for. One that crashes between two nodes' lives holds a dead mapping for no longer.
const LEASE: Duration = Duration::from_secs(3600);
/// A router that lost its memory is noticed within this.
const REFRESH_MAX: Duration = Duration::from_secs(300);
/// Pauses between attempts where there is no router, or none that maps.
const RETRY_START: Duration = Duration::from_secs(15);
const RETRY_MAX: Duration = Duration::from_secs(1800);
/// The node waits no longer for its mapping to be removed.
const STOP_TIMEOUT: Duration = Duration::from_millis(1000);
/// Where routers hear searches.
const SSDP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(239, 255, 255, 250)), 1900);

/// What is to be mapped, and by whom.
#[derive(Debug, Clone)]
pub struct PortMapConfig {
    /// The node's port.
    pub port: u16,
    /// Where the node listens; empty: everywhere.
    pub listens_on: Vec<IpAddr>,
    /// Of the pauses between attempts.
    pub seed: u64,
    /// Known to this node alone, and the same in all its lives: by it a router that speaks PCP knows that a
    /// mapping is ours.
    pub nonce: [u32; 3],
    /// Looks the router up in the kernel's table; `Some` is for tests.
    pub router: Option<Spot>,
    /// The longest time between two requests.
    pub refresh_max: Duration,
    /// The first pause after a failure.
    pub retry_start: Duration,
}

impl PortMapConfig {
    pub fn new(port: u16, listens_on: Vec<IpAddr>, seed: u64, nonce: [u32; 3]) -> Self {
        let (refresh_max, retry_start) = (REFRESH_MAX, RETRY_START);
        Self { port, listens_on, seed, nonce, router: None, refresh_max, retry_start }
    }
}

/// The nonce of a node: of its secret seed, which it does not give away.
pub fn nonce_of(node_seed: &[u8; 32]) -> [u32; 3] {
    let digest = Sha256::new().chain_update(b"port mapping").chain_update(node_seed).finalize();
    let word = |at: usize| u32::from_be_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]);
    [word(0), word(4), word(8)]
}

/// A router, and this node as it sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    pub router: Ipv4Addr,
    pub own_ip: Ipv4Addr,
    pub port: NonZeroU16,
    /// Where a search for it goes.
    pub ssdp: SocketAddr,
}

/// Why nothing is mapped.
#[derive(Debug, thiserror::Error)]
enum Unmapped {
    #[error("there is no router: no default route")]
    NoRouter,
    #[error("the routes of this machine cannot be read: {0}")]
    Routes(#[from] io::Error),
    #[error("the node does not listen on {0}, the address that the router knows")]
    NotListening(Ipv4Addr),
    #[error("{0} is public already")]
    Public(Ipv4Addr),
    #[error("router {router} does not: PCP: {pcp}; NAT-PMP: {nat_pmp}; UPnP: {upnp}")]
    Refused { router: Ipv4Addr, pcp: String, nat_pmp: String, upnp: String },
}

/// Keeps the port mapped until `stop` turns true, and says in `told` what the router does.
pub async fn run(
    config: PortMapConfig,
    told: watch::Sender<Option<Mapping>>,
    mut stop: watch::Receiver<bool>,
) {
    let mut keeper = Keeper::new(config, told);
    loop {
        let mut round = pin!(keeper.round());
        let pause = tokio::select! {
            pause = &mut round => pause,
            () = stopped(&mut stop) => {
                // what a router was asked for is known only once it answers
                let _ = timeout(STOP_TIMEOUT, round).await;
                break;
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = stopped(&mut stop) => break,
        }
    }
    keeper.end().await;
}

/// A mapping that a router gave.
#[derive(Debug)]
enum Held {
    Pmp(Box<Pmp>),
    Igd(Box<Igd>),
}

impl Held {
    async fn map(&mut self) -> Result<Granted, String> {
        match self {
            Self::Pmp(pmp) => pmp.map().await.map_err(|error| error.to_string()),
            Self::Igd(igd) => match timeout(UPNP_TIMEOUT, igd.map()).await {
                Ok(granted) => granted.map_err(|error| error.to_string()),
                Err(_) => Err("no answer in time".to_owned()),
            },
        }
    }

    async fn unmap(self) {
        match self {
            Self::Pmp(pmp) => pmp.unmap().await,
            Self::Igd(igd) => igd.unmap().await,
        }
    }
}

struct Keeper {
    config: PortMapConfig,
    told: watch::Sender<Option<Mapping>>,
    held: Option<(Spot, Held)>,
    backoff: Backoff,
    has_complained: bool,
}

impl Keeper {
    fn new(config: PortMapConfig, told: watch::Sender<Option<Mapping>>) -> Self {
        let backoff = Backoff::new(config.retry_start, RETRY_MAX, config.seed);
        Self { config, told, held: None, backoff, has_complained: false }
    }

    /// Maps, or asks again; how long to wait for the next round.
    async fn round(&mut self) -> Duration {
        match self.map().await {
            Ok(granted) => {
                self.backoff.reset();
                self.has_complained = false;
                self.tell(granted.mapping);
                let half = granted.lease.map_or(self.config.refresh_max, |lease| lease / 2);
                half.max(MAPPING_REFRESH_MIN).min(self.config.refresh_max)
            }
            Err(why) => {
                self.complain(&why);
                self.backoff.next_pause()
            }
        }
    }

    async fn map(&mut self) -> Result<Granted, Unmapped> {
        let spot = self.spot()?;
        // a mapping of another network is not reached from here
        if let Some((_, held)) = self.held.as_mut().filter(|(at, _)| *at == spot) {
            match held.map().await {
                Ok(granted) => return Ok(granted),
                Err(why) => tracing::debug!(target: LOG, "router {} maps no longer: {why}", spot.router),
            }
        }
        let (held, granted) = ask(spot, self.config.nonce).await?;
        self.held = Some((spot, held));
        Ok(granted)
    }

    fn spot(&self) -> Result<Spot, Unmapped> {
        if let Some(spot) = self.config.router {
            return Ok(spot);
        }
        let router = route::default_gateway()?.ok_or(Unmapped::NoRouter)?;
        let own_ip = route::own_ip_towards(router)?;
        let is_heard = |ip: &IpAddr| ip.is_unspecified() || *ip == IpAddr::V4(own_ip);
        let port = NonZeroU16::new(self.config.port);
        match port
            .filter(|_| self.config.listens_on.is_empty() || self.config.listens_on.iter().any(is_heard))
        {
            None => Err(Unmapped::NotListening(own_ip)),
            Some(_) if is_public(own_ip.into()) => Err(Unmapped::Public(own_ip)),
            Some(port) => Ok(Spot { router, own_ip, port, ssdp: SSDP }),
        }
    }

    fn tell(&self, mapping: Mapping) {
        let is_news = self.told.send_if_modified(|told| {
            let is_news = *told != Some(mapping);
            *told = Some(mapping);
            is_news
        });
        if !is_news {
            return;
        }
        tracing::info!(target: LOG, "{mapping}");
        if let Some(ip) = mapping.external_ip.filter(|_| mapping.is_behind_another()) {
            tracing::warn!(
                target: LOG,
                "the router's own address {ip} is not public: it is behind another router, which lets nobody in"
            );
        }
    }

    /// The first time aloud; the state of a network that maps nothing is no news.
    fn complain(&mut self, why: &Unmapped) {
        self.told.send_replace(None);
        match self.has_complained {
            false => tracing::info!(target: LOG, "the port is not mapped: {why}"),
            true => tracing::debug!(target: LOG, "the port is not mapped: {why}"),
        }
        self.has_complained = true;
    }

    async fn end(self) {
        self.told.send_replace(None);
        let Some((spot, held)) = self.held else { return };
        match timeout(STOP_TIMEOUT, held.unmap()).await {
            Ok(()) => tracing::debug!(target: LOG, "router {} maps no longer", spot.router),
            Err(_) => tracing::debug!(target: LOG, "router {} did not hear that we stop", spot.router),
        }
    }
}

/// Every way in turn, the cheapest first.
async fn ask(spot: Spot, nonce: [u32; 3]) -> Result<(Held, Granted), Unmapped> {
    let mut failures = [const { String::new() }; 3];
    for (form, failure) in [Form::Pcp, Form::NatPmp].into_iter().zip(&mut failures) {
        let mut held = Held::Pmp(Box::new(Pmp::new(form, spot, nonce)));
        match held.map().await {
            Ok(granted) => return Ok((held, granted)),
            Err(why) => *failure = why,
        }
    }
    let [pcp, nat_pmp, _] = failures;
    match ask_by_upnp(spot).await {
        Ok(found) => Ok(found),
        Err(upnp) => Err(Unmapped::Refused { router: spot.router, pcp, nat_pmp, upnp }),
    }
}

async fn ask_by_upnp(spot: Spot) -> Result<(Held, Granted), String> {
    let found = timeout(UPNP_TIMEOUT, Igd::find(spot)).await.map_err(|_| "no answer in time".to_owned())?;
    let mut held = Held::Igd(Box::new(found.map_err(|error| error.to_string())?));
    let granted = held.map().await?;
    Ok((held, granted))
}
