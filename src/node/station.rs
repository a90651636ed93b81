//! What every node that takes part in swarms has: an identity, a port, an HTTP client, and the swarms
//! behind that port.
#![allow(clippy::disallowed_methods, reason = "a node's clock starts here")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::config::CommonConfig;
use super::privacy;
use crate::base::ids::{Infohash, PeerId};
use crate::dht::DhtStats;
use crate::http::serve::HttpServices;
use crate::live::piece::VerifiedPiece;
use crate::net::announce::{Reach, TrackerClient};
use crate::net::bind::{Bound, bind_both, bind_tcp};
use crate::net::connections::Connections;
use crate::net::dht::{self, DhtHandle, DhtSetup, DhtTask};
use crate::net::dial::Swarms;
use crate::net::door::{Door, read_again_at_hangup};
use crate::net::driver::{self, Deliver, DriverConfig, HlsPorts, StoragePorts};
use crate::net::fetch::http_client;
use crate::net::finders::{Finders, Found, Sought};
use crate::net::listen::{self, ListenTargets};
use crate::net::lsd::Lsd;
use crate::net::portmap::{self, Mapping, PortMapConfig};
use crate::net::tracker_udp::{self, PortServices};
use crate::obs::node_name::of_node;
use crate::store::cache::Keeper;
use crate::store::state::StateDir;
use crate::swarm::hls::Hls;
use crate::swarm::limits::{Allowance, Limits};
use crate::swarm::metadata::MetadataSwarm;
use crate::swarm::stats::SwarmStats;
use crate::swarm::ts::Ts;
use crate::swarm::{Machine, Swarm};
use crate::wire::extended::NodeKey;
use crate::wire::handshake::Handshake;
use crate::wire::tracker_url::TrackerUrl;

/// Connections whose handshake nobody took up yet.
const STRANGERS_MAX: usize = 64;

/// One node's place on the network.
pub struct Station {
    pub common: CommonConfig,
    pub key: NodeKey,
    pub peer_id: PeerId,
    pub client: reqwest::Client,
    trackers_client: TrackerClient,
    pub finders: Finders,
    /// Who is let in and called on.
    pub door: Door,
    /// Runs from [`Station::listen`] on.
    dht: Mutex<Option<DhtTask>>,
    pub state_dir: StateDir,
    /// What the router does for this node.
    pub mapping: watch::Sender<Option<Mapping>>,
    mapping_nonce: [u32; 3],
    /// What all its broadcasts together may use.
    pub allowance: watch::Sender<Allowance>,
    /// The port that the node listens on.
    pub port: u16,
    pub swarms: Swarms,
    /// Of peers and of those who ask over HTTP.
    pub connections: Connections,
}

/// A swarm that runs.
pub struct RunningSwarm {
    pub stats: watch::Receiver<SwarmStats>,
    pub task: JoinHandle<()>,
}

/// Where the pieces of an MPEG-TS broadcast come from, beside peers.
pub struct Supply {
    /// What the source makes.
    pub produced: Option<mpsc::Receiver<VerifiedPiece>>,
    /// What is on disk.
    pub keeper: Option<Keeper>,
}

/// A tracker to announce to, and where it may be.
pub type ReachableTracker = (TrackerUrl, Reach);

/// Where the peers of a swarm meet.
pub struct MeetingPlace {
    pub infohash: Infohash,
    pub trackers: Vec<ReachableTracker>,
    /// Also where anybody can look: see [`Sought::is_open`].
    pub is_open: bool,
    /// See [`Sought::dials`].
    pub dials: bool,
}

impl Station {
    /// Takes state directory and port; that of datagrams too where a tracker, or the DHT, answers there.
    /// `choose_peer_id` gives one to use again, or a fresh one.
    pub fn open(
        common: CommonConfig,
        has_tracker: bool,
        choose_peer_id: impl FnOnce(&StateDir) -> anyhow::Result<PeerId>,
    ) -> anyhow::Result<(Self, Bound)> {
        let door = privacy::door(&common)?;
        let takes_datagrams = has_tracker || has_dht(&common);
        let bind = if takes_datagrams { bind_both } else { bind_tcp };
        let bound = bind(&common.bind, common.port)?;
        let state_dir = StateDir::open(common.state_dir.as_deref())?;
        let fresh_seed = random_bytes()?;
        let node_seed = state_dir.node_seed(|| fresh_seed)?;
        let key = NodeKey::from_seed(node_seed);
        let peer_id = choose_peer_id(&state_dir)?;
        let (port, swarms) = (bound.port, Swarms::default());
        let (client, trackers_client) = (http_client(), TrackerClient::new(common.dials_from()));
        let limits = Limits {
            max_peers: common.max_peers,
            upload: common.upload_limit,
            download: common.download_limit,
        };
        let allowance = watch::Sender::new(Allowance { limits, sharers: 0 });
        let connections = Connections::new(common.max_connections);
        let (finders, dht) = ways_to_meet(&common, &state_dir)?;
        let station = Self {
            connections,
            common,
            key,
            peer_id,
            client,
            trackers_client,
            finders,
            dht: Mutex::new(dht),
            mapping: watch::Sender::default(),
            mapping_nonce: portmap::nonce_of(&node_seed),
            door,
            state_dir,
            allowance,
            port,
            swarms,
        };
        Ok((station, bound))
    }

    /// Begins to accept connections, until `stop` turns true.
    pub fn listen(&self, bound: Bound, http: HttpServices, stop: watch::Receiver<bool>) -> JoinHandle<()> {
        let (peers, strangers) = mpsc::channel(STRANGERS_MAX);
        let Bound { tcp, udp, .. } = bound;
        let mailbox = self.finders.dht.as_ref().map(DhtHandle::mailbox);
        let services = PortServices { door: self.door.clone(), tracker: http.tracker.clone(), dht: mailbox };
        let mut datagrams = JoinSet::new();
        for socket in &udp {
            datagrams.spawn(of_node(tracker_udp::serve(socket.clone(), services.clone(), stop.clone())));
        }
        let dht = self.dht.lock().unwrap_or_else(PoisonError::into_inner).take();
        datagrams.extend(dht.map(|dht| of_node(dht.run(udp, stop.clone()))));
        let targets = ListenTargets { door: self.door.clone(), http: Arc::new(http), peers: Some(peers) };
        let (connections, swarms) = (self.connections.clone(), self.swarms.clone());
        tokio::spawn(of_node(async move {
            tokio::join!(
                read_again_at_hangup(targets.door.clone(), stop.clone()),
                listen::run(tcp, connections, targets, stop),
                swarms.welcome(strangers),
                datagrams.join_all(),
            );
        }))
    }

    /// Has the router open the node's port until `stop` turns true, if the operator wants that.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn map_port(&self, stop: watch::Receiver<bool>) -> anyhow::Result<Option<JoinHandle<()>>> {
        if !self.common.maps_port {
            return Ok(None);
        }
        let config =
            PortMapConfig::new(self.port, self.common.bind.clone(), fresh_seed()?, self.mapping_nonce);
        Ok(Some(tokio::spawn(of_node(portmap::run(config, self.mapping.clone(), stop)))))
    }

    /// Figures of the DHT, if the node takes part.
    pub fn dht_stats(&self) -> Option<watch::Receiver<DhtStats>> {
        self.finders.dht.as_ref().map(DhtHandle::stats)
    }

    /// Runs `swarm`, whose peers meet at `place`, until `stop` turns true, with statistics in the log.
    pub fn run_stream(
        &self,
        place: MeetingPlace,
        swarm: Swarm<Ts>,
        supply: Supply,
        deliver: impl Deliver + 'static,
        stop: watch::Receiver<bool>,
    ) -> RunningSwarm {
        let config = self.driver_config(place, stop);
        let report_interval = Some(self.common.stats_report_interval);
        let (storage, kept) = match supply.keeper {
            None => (None, None),
            Some(Keeper { commands, events, task }) => (Some(StoragePorts { commands, events }), Some(task)),
        };
        let config = DriverConfig { produced: supply.produced, storage, report_interval, ..config };
        let running = self.run_limited(swarm, config, deliver);
        let Some(kept) = kept else { return running };
        let (stats, swarm) = (running.stats, running.task);
        let task = tokio::spawn(of_node(async move {
            let (ended, kept) = tokio::join!(swarm, kept);
            resume_panic(ended);
            resume_panic(kept);
        }));
        RunningSwarm { stats, task }
    }

    /// The same for an HLS broadcast, with the shells behind `ports`.
    pub fn run_hls(
        &self,
        place: MeetingPlace,
        swarm: Swarm<Hls>,
        ports: HlsPorts,
        deliver: impl Deliver + 'static,
        stop: watch::Receiver<bool>,
    ) -> RunningSwarm {
        let config = self.driver_config(place, stop);
        let report_interval = Some(self.common.stats_report_interval);
        self.run_limited(swarm, DriverConfig { hls: Some(ports), report_interval, ..config }, deliver)
    }

    /// Runs a swarm that has no stream, only a transport file.
    pub fn run_metadata(
        &self,
        place: MeetingPlace,
        swarm: MetadataSwarm,
        deliver: impl Deliver + 'static,
        stop: watch::Receiver<bool>,
    ) -> RunningSwarm {
        self.run_machine(swarm, self.driver_config(place, stop), deliver)
    }

    fn driver_config(&self, place: MeetingPlace, stop: watch::Receiver<bool>) -> DriverConfig {
        let MeetingPlace { infohash, trackers, is_open, dials } = place;
        let sought = Sought { infohash, peer_id: self.peer_id, port: self.port, is_open, dials };
        DriverConfig {
            handshake: Handshake { infohash, peer_id: self.peer_id },
            trackers,
            trackers_client: self.trackers_client.clone(),
            mapping: self.mapping.subscribe(),
            door: self.door.clone(),
            connections: self.connections.clone(),
            dial_from: self.common.dials_from(),
            accepted: self.swarms.serve(infohash, self.peer_id),
            produced: None,
            hls: None,
            storage: None,
            found: self.seek(sought),
            stats: watch::Sender::default(),
            allowance: None,
            report_interval: None,
            stop,
        }
    }

    /// A private node looks for nobody and shows itself to nobody.
    fn seek(&self, sought: Sought) -> mpsc::Receiver<Found> {
        match self.door.is_private() {
            true => mpsc::channel(1).1,
            false => self.finders.seek(sought),
        }
    }

    /// Where to tell peers that this node listens: those of a private node know it or need not.
    pub fn told_port(&self) -> u16 {
        if self.door.is_private() { 0 } else { self.port }
    }

    /// Whom to tell of this node: nobody, if it is private.
    pub fn announced_to(&self, trackers: Vec<ReachableTracker>) -> Vec<ReachableTracker> {
        if self.door.is_private() { Vec::new() } else { trackers }
    }

    /// Runs a swarm that shares what the node may use.
    fn run_limited(
        &self,
        machine: impl Machine + Send + 'static,
        config: DriverConfig,
        deliver: impl Deliver + 'static,
    ) -> RunningSwarm {
        let allowance = Some(self.allowance.subscribe());
        self.allowance.send_modify(|allowance| allowance.sharers += 1);
        let running = self.run_machine(machine, DriverConfig { allowance, ..config }, deliver);
        let (stats, allowance) = (running.stats, self.allowance.clone());
        let task = tokio::spawn(of_node(async move {
            let ended = running.task.await;
            allowance.send_modify(|allowance| allowance.sharers = allowance.sharers.saturating_sub(1));
            resume_panic(ended);
        }));
        RunningSwarm { stats, task }
    }

    fn run_machine(
        &self,
        machine: impl Machine + Send + 'static,
        config: DriverConfig,
        deliver: impl Deliver + 'static,
    ) -> RunningSwarm {
        let stats = config.stats.subscribe();
        let swarms = self.swarms.clone();
        let task = tokio::spawn(of_node(async move {
            driver::run(machine, config, deliver).await;
            swarms.forget_ended();
        }));
        RunningSwarm { stats, task }
    }
}

/// Whoever waits for this task hears of it as if the panic were its own.
fn resume_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// A private node shows itself nowhere.
fn has_dht(common: &CommonConfig) -> bool {
    common.dht.is_enabled && !common.door.is_private
}

fn ways_to_meet(common: &CommonConfig, state: &StateDir) -> anyhow::Result<(Finders, Option<DhtTask>)> {
    let has_lsd = common.exchange.lsd && !common.door.is_private;
    let lsd = if has_lsd { Some(Lsd::start(&common.bind, fresh_seed()?)) } else { None };
    if !has_dht(common) {
        return Ok((Finders { dht: None, lsd }, None));
    }
    let (handle, task) = dht::open(DhtSetup {
        routers: common.dht.routers.clone(),
        allows_private: common.allow_private_addresses,
        dir: state.path().to_owned(),
        seed: fresh_seed()?,
        secret: random_bytes()?,
    });
    Ok((Finders { dht: Some(handle), lsd }, Some(task)))
}

/// A peer id that was never used before.
pub fn fresh_peer_id() -> anyhow::Result<PeerId> {
    random_bytes().map(PeerId::from_random)
}

/// A seed for a state machine's own generator.
pub fn fresh_seed() -> anyhow::Result<u64> {
    random_bytes().map(u64::from_ne_bytes)
}

fn random_bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("cannot get random bytes from the system")?;
    Ok(bytes)
}

/// The moment that machines begin with.
pub fn now() -> Instant {
    Instant::now()
}

/// Unix seconds.
pub fn unix_time_s() -> f64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_epoch.map_or(0.0, |elapsed| elapsed.as_secs_f64())
}
