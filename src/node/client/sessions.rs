//! The broadcasts that players watch: opened at the first request, left some time after the last.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use super::super::config::ClientConfig;
use super::super::relay::{self, Latency, RelayOptions, ToPlayers, Trust};
use super::super::station::{RunningSwarm, Station};
use super::super::transport_source::{FetchError, TransportSource};
use super::transports::Transports;
use crate::base::ids::Infohash;
use crate::base::limits::BROADCASTS_MAX;
use crate::base::net::is_localhost;
use crate::http::client_api::{Broadcasts, OpenError};
use crate::http::hls::hub::HlsHub;
use crate::http::opened::Opened;
use crate::http::selector::Selector;
use crate::http::stream::StreamHub;
use crate::net::stop::stopped;
use crate::swarm::SwarmConfig;
use crate::swarm::metadata::Purpose;
use crate::swarm::stats::SwarmStats;
use crate::wire::transport_file::TransportFile;

/// A session outlives its last reader by this.
const GRACE: Duration = Duration::from_secs(30);
/// How long peers and trackers are asked for a transport file.
const SEARCH_PATIENCE: Duration = Duration::from_secs(20);
const LOG: &str = "acestream.session";

/// All broadcasts of a client.
pub struct Sessions {
    station: Station,
    config: ClientConfig,
    transports: Transports,
    open: Arc<Mutex<HashMap<Infohash, Session>>>,
    stop: watch::Receiver<bool>,
}

/// A broadcast that is open.
struct Session {
    hub: Arc<StreamHub>,
    latency: Latency,
    swarm: RunningSwarm,
    stop: watch::Sender<bool>,
}

impl Sessions {
    pub fn new(station: Station, config: ClientConfig, stop: watch::Receiver<bool>) -> Self {
        let transports = Transports::new(station.state_dir.path());
        Self { station, config, transports, open: Arc::default(), stop }
    }

    /// Returns once every broadcast has said goodbye; the node's stop was given before.
    pub async fn ended(&self) {
        let sessions: Vec<_> = self.open.lock().await.drain().map(|(_, session)| session).collect();
        join_all(sessions.into_iter().map(|session| session.close("the engine stops"))).await;
    }

    /// Statistics and latency of the broadcasts that are open.
    pub async fn stats(&self) -> Vec<(SwarmStats, Option<u64>)> {
        let open = self.open.lock().await;
        let stats = open.values().map(|s| (s.swarm.stats.borrow().clone(), s.latency.get_ms()));
        stats.collect()
    }

    async fn find(&self, selector: Selector, from: SocketAddr) -> Result<(TransportFile, Trust), OpenError> {
        match selector {
            Selector::Url(url) => self.fetch(&url, from).await,
            Selector::Infohash(id) => self.search(id, Purpose::FindByInfohash).await,
            Selector::ContentId(id) => self.search(id, Purpose::FindByContentId).await,
            Selector::ManifestUrl(_) => Err(OpenError::NotInThisBuild("manifest_url=".to_owned())),
        }
    }

    async fn fetch(&self, url: &str, from: SocketAddr) -> Result<(TransportFile, Trust), OpenError> {
        let is_local = is_localhost(from.ip());
        let only_public = !is_local && !self.config.common.allow_private_addresses;
        let source = TransportSource::parse(url).map_err(of_fetch)?;
        let (bytes, trust) = source.fetch(&self.station.client, only_public).await.map_err(of_fetch)?;
        let trust = if is_local { Trust::Local } else { trust };
        Ok((self.remember(bytes)?, trust))
    }

    async fn search(&self, id: Infohash, purpose: Purpose) -> Result<(TransportFile, Trust), OpenError> {
        if let Some(known) = self.transports.load(id) {
            return Ok((known, Trust::Stranger));
        }
        let trackers = &self.config.trackers;
        let found = relay::find_transport_file(&self.station, id, purpose, trackers, SEARCH_PATIENCE).await;
        let bytes =
            found.map_err(|error| OpenError::NotFound(format!("transport file of {id}: {error:#}")))?;
        Ok((self.remember(bytes)?, Trust::Stranger))
    }

    fn remember(&self, bytes: Bytes) -> Result<TransportFile, OpenError> {
        let file = TransportFile::parse(bytes).map_err(|error| OpenError::NotPlayable(error.to_string()))?;
        if let Err(error) = self.transports.save(&file) {
            tracing::warn!(target: LOG, "transport file is not remembered: {error}");
        }
        Ok(file)
    }

    async fn join(&self, file: &TransportFile, trust: Trust) -> Result<Arc<StreamHub>, OpenError> {
        let mut open = self.open.lock().await;
        if let Some(session) = open.get(&file.infohash) {
            return Ok(session.hub.clone());
        }
        if *self.stop.borrow() {
            return Err(OpenError::Busy("the engine stops".to_owned()));
        }
        if open.len() >= BROADCASTS_MAX {
            return Err(OpenError::Busy(format!("{BROADCASTS_MAX} broadcasts are open already")));
        }
        let session =
            self.start(file, trust).map_err(|error| OpenError::NotPlayable(format!("{error:#}")))?;
        tracing::info!(target: LOG, "open \"{}\", infohash {}", file.descriptor.name, file.infohash);
        let hub = session.hub.clone();
        open.insert(file.infohash, session);
        tokio::spawn(close_when_unwatched(self.open.clone(), file.infohash, hub.clone(), self.stop.clone()));
        Ok(hub)
    }

    fn start(&self, file: &TransportFile, trust: Trust) -> anyhow::Result<Session> {
        let (hub, latency) = (Arc::new(StreamHub::default()), Latency::default());
        let options = RelayOptions {
            trust,
            operator_trackers: &self.config.trackers,
            buffer: self.config.live_buffer_time,
            housekeeping_interval: SwarmConfig::HOUSEKEEPING_INTERVAL,
        };
        let deliver = ToPlayers { hub: Some(hub.clone()), latency: latency.clone() };
        let (stop, stopped) = watch::channel(false);
        let swarm = relay::start(&self.station, file, &options, deliver, stopped)?;
        Ok(Session { hub, latency, swarm, stop })
    }
}

impl Session {
    /// Ends the readers and the swarm.
    async fn close(self, why: &str) {
        self.hub.end(why);
        self.stop.send_replace(true);
        if let Err(error) = self.swarm.task.await {
            tracing::error!(target: LOG, "a swarm broke: {error}");
        }
    }
}

impl Broadcasts for Sessions {
    fn open(&self, selector: Selector, from: SocketAddr) -> BoxFuture<'_, Result<Opened, OpenError>> {
        async move {
            let (file, trust) = self.find(selector, from).await?;
            self.join(&file, trust).await.map(Opened::Ts)
        }
        .boxed()
    }

    fn hls_hub(&self, _: Infohash) -> BoxFuture<'_, Option<Arc<HlsHub>>> {
        async { None }.boxed()
    }
}

/// Closes the broadcast when nobody has watched it for [`GRACE`].
async fn close_when_unwatched(
    open: Arc<Mutex<HashMap<Infohash, Session>>>,
    infohash: Infohash,
    hub: Arc<StreamHub>,
    mut stop: watch::Receiver<bool>,
) {
    let mut viewers = hub.watch_viewers();
    loop {
        let has_viewers = tokio::select! {
            came = timeout(GRACE, viewers.wait_for(|&count| count > 0)) => matches!(came, Ok(Ok(_))),
            () = stopped(&mut stop) => return,
        };
        if !has_viewers && let Some(session) = take_unwatched(&open, infohash).await {
            tracing::info!(target: LOG, "close infohash {infohash}: nobody watches");
            return session.close("nobody watches").await;
        }
        tokio::select! {
            _ = viewers.wait_for(|&count| count == 0) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

/// Takes the session out unless somebody came at the last moment.
async fn take_unwatched(open: &Mutex<HashMap<Infohash, Session>>, infohash: Infohash) -> Option<Session> {
    let mut open = open.lock().await;
    let is_unwatched = open.get(&infohash).is_some_and(|session| session.hub.viewers() == 0);
    if is_unwatched { open.remove(&infohash) } else { None }
}

fn of_fetch(error: FetchError) -> OpenError {
    let text = error.to_string();
    match error {
        FetchError::BadAddress(_) => OpenError::NotPlayable(text),
        FetchError::File(_) | FetchError::NoFile(_) => OpenError::NotFound(text),
        FetchError::NotPublic { .. } => OpenError::Forbidden(text),
        FetchError::Refused { .. } | FetchError::TooLarge { .. } | FetchError::Unreachable { .. } => {
            OpenError::Upstream(text)
        }
    }
}
