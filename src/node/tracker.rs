//! The standalone tracker (`--start-tracker`), and the parts of it that a source node runs inside itself.
#![allow(clippy::disallowed_methods, reason = "expiry is handed the time")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::config::TrackerConfig;
use crate::base::cidr::Networks;
use crate::base::limits::TRACKER_CONNECTIONS_MAX;
use crate::http::serve::HttpServices;
use crate::net::bind::{BindError, Bound, bind_tcp, bind_udp};
use crate::net::connections::Connections;
use crate::net::door::Door;
use crate::net::listen::{self, ListenTargets};
use crate::net::stop::stopped;
use crate::net::tracker_udp;
use crate::store::pid_file::PidFile;
use crate::tracker::registry::RegistryLimits;
use crate::tracker::service::TrackerService;

/// How often peers that ceased to announce are forgotten.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(60);

/// A tracker that has its ports and does not answer yet.
pub struct Tracker {
    bound: Bound,
    udp: Vec<UdpSocket>,
    service: Arc<TrackerService>,
}

impl Tracker {
    /// Takes the ports. Must be called within a runtime.
    pub fn bind(config: &TrackerConfig) -> anyhow::Result<Self> {
        let service = new_service(Networks::default())?;
        let (bound, udp) = bind_both(config)?;
        Ok(Self { bound, udp, service })
    }

    /// The port of TCP and UDP.
    pub fn port(&self) -> u16 {
        self.bound.port
    }

    /// Answers until `stop` turns true. Returns when no task of it is left.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let http = HttpServices { tracker: Some(self.service.clone()), app: axum::Router::new() };
        let targets = ListenTargets { door: Door::open(), http: Arc::new(http), peers: None };
        tokio::join!(
            listen::run(self.bound.tcp, Connections::new(TRACKER_CONNECTIONS_MAX), targets, stop.clone()),
            serve(self.service, self.udp, Door::open(), stop),
        );
    }
}

/// Runs the standalone tracker until `stop` turns true.
pub async fn run(config: TrackerConfig, stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let tracker = Tracker::bind(&config)?;
    let _pid_file = PidFile::create(&config.pid_file_dir, tracker.port())?;
    tracker.run(stop).await;
    Ok(())
}

/// A tracker with the usual bounds and a fresh key, which never names a peer in `secret`.
pub fn new_service(secret: Networks) -> anyhow::Result<Arc<TrackerService>> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("cannot get random bytes from the system")?;
    let service = TrackerService::new(RegistryLimits::default(), seed, Instant::now());
    Ok(Arc::new(service.keeping_secret(secret)))
}

/// Answers whom `door` lets in on the UDP sockets, and forgets silent peers until `stop` turns true. Announces over HTTP come
/// through the listener.
pub async fn serve(
    service: Arc<TrackerService>,
    udp: Vec<UdpSocket>,
    door: Door,
    mut stop: watch::Receiver<bool>,
) {
    let mut answering = JoinSet::new();
    for socket in udp {
        answering.spawn(tracker_udp::serve(socket, door.clone(), service.clone(), stop.clone()));
    }
    let mut expiry = tokio::time::interval(EXPIRY_INTERVAL);
    loop {
        tokio::select! {
            _ = expiry.tick() => service.expire(Instant::now()),
            () = stopped(&mut stop) => break,
        }
    }
    while answering.join_next().await.is_some() {}
}

/// A free port for TCP may be taken for UDP: then another one is tried.
fn bind_both(config: &TrackerConfig) -> Result<(Bound, Vec<UdpSocket>), BindError> {
    const ATTEMPTS: usize = 8;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let bound = bind_tcp(&config.bind, config.port)?;
        match bind_udp(&config.bind, bound.port) {
            Ok(udp) => return Ok((bound, udp)),
            Err(BindError::PortInUse { .. }) if config.port == 0 && attempt < ATTEMPTS => {}
            Err(error) => return Err(error),
        }
    }
}
