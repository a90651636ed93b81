//! The standalone tracker (`--start-tracker`), and the parts of it that a source node runs inside itself.
#![allow(clippy::disallowed_methods, reason = "expiry is handed the time")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::config::TrackerConfig;
use super::life::Life;
use crate::base::cidr::Networks;
use crate::base::limits::TRACKER_CONNECTIONS_MAX;
use crate::http::serve::HttpServices;
use crate::net::bind::{Bound, bind_both};
use crate::net::connections::Connections;
use crate::net::door::Door;
use crate::net::listen::{self, ListenTargets};
use crate::net::stop::stopped;
use crate::net::tracker_udp::{self, PortServices};
use crate::obs::node_name::of_node;
use crate::store::pid_file::PidFile;
use crate::tracker::registry::RegistryLimits;
use crate::tracker::service::TrackerService;

/// How often peers that ceased to announce are forgotten.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(60);

/// A tracker that has its ports and does not answer yet.
pub struct Tracker {
    bound: Bound,
    service: Arc<TrackerService>,
}

impl Tracker {
    /// Takes the ports. Must be called within a runtime.
    pub fn bind(config: &TrackerConfig) -> anyhow::Result<Self> {
        let service = new_service(Networks::default())?;
        let bound = bind_both(&config.bind, config.port)?;
        Ok(Self { bound, service })
    }

    /// The port of TCP and UDP.
    pub fn port(&self) -> u16 {
        self.bound.port
    }

    /// Answers until `stop` turns true. Returns when no task of it is left.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let http = HttpServices { tracker: Some(self.service.clone()), app: axum::Router::new() };
        let targets = ListenTargets { door: Door::open(), http: Arc::new(http), peers: None };
        let services = PortServices { door: Door::open(), tracker: Some(self.service.clone()), dht: None };
        let mut answering = JoinSet::new();
        for socket in self.bound.udp {
            answering.spawn(of_node(tracker_udp::serve(socket, services.clone(), stop.clone())));
        }
        tokio::join!(
            listen::run(self.bound.tcp, Connections::new(TRACKER_CONNECTIONS_MAX), targets, stop.clone()),
            expire(self.service, stop),
            answering.join_all(),
        );
    }
}

/// Runs the standalone tracker until it is told to stop.
pub async fn run(config: TrackerConfig, life: impl Into<Life>) -> anyhow::Result<()> {
    let life = life.into();
    let tracker = Tracker::bind(&config)?;
    let _pid_file = PidFile::create(&config.pid_file_dir, tracker.port())?;
    life.listens(tracker.port());
    tracker.run(life.stop).await;
    Ok(())
}

/// A tracker with the usual bounds and a fresh key, which never names a peer in `secret`.
pub fn new_service(secret: Networks) -> anyhow::Result<Arc<TrackerService>> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("cannot get random bytes from the system")?;
    let service = TrackerService::new(RegistryLimits::default(), seed, Instant::now());
    Ok(Arc::new(service.keeping_secret(secret)))
}

/// Forgets silent peers until `stop` turns true.
pub async fn expire(service: Arc<TrackerService>, mut stop: watch::Receiver<bool>) {
    let mut expiry = tokio::time::interval(EXPIRY_INTERVAL);
    loop {
        tokio::select! {
            _ = expiry.tick() => service.expire(Instant::now()),
            () = stopped(&mut stop) => return,
        }
    }
}
