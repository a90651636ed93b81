//! The broadcasts that players watch: opened at the first request, left some time after the last.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use super::super::config::ClientConfig;
use super::super::hls;
use super::super::hls::relay::{Part, Players};
use super::super::hls::subject::Subject;
use super::super::relay::{self, Latency, RelayOptions, ToPlayers, Trust};
use super::super::source::schedule;
use super::super::station::{RunningSwarm, Station, unix_time_s};
use super::super::transport_source::{FetchError, Fetched, TransportSource};
use super::transports::Transports;
use crate::base::ids::Infohash;
use crate::base::limits::BROADCASTS_MAX;
use crate::base::net::is_localhost;
use crate::http::client_api::{Broadcasts, OpenError};
use crate::http::hls::hub::{HlsHub, HlsHubConfig};
use crate::http::opened::Opened;
use crate::http::selector::Selector;
use crate::http::stream::StreamHub;
use crate::net::stop::stopped;
use crate::swarm::SwarmConfig;
use crate::swarm::metadata::Purpose;
use crate::swarm::stats::SwarmStats;
use crate::wire::hls::transport::AnyTransport;
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
    names: Names,
    stop: watch::Receiver<bool>,
}

/// What was asked for, and whether this machine did: it may name what others may not.
type Name = (Selector, bool);

/// Which broadcasts were opened under which names, the last ones.
#[derive(Default)]
struct Names(std::sync::Mutex<VecDeque<(Name, Infohash)>>);

impl Names {
    fn get(&self, name: &Name) -> Option<Infohash> {
        self.lock().iter().find(|(known, _)| known == name).map(|(_, infohash)| *infohash)
    }

    fn remember(&self, name: Name, infohash: Infohash) {
        let mut names = self.lock();
        names.retain(|(known, _)| *known != name);
        if names.len() >= 2 * BROADCASTS_MAX {
            names.pop_front();
        }
        names.push_back((name, infohash));
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Name, Infohash)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A broadcast that is open.
struct Session {
    opened: Opened,
    latency: Latency,
    swarm: RunningSwarm,
    stop: watch::Sender<bool>,
}

impl Sessions {
    pub fn new(station: Station, config: ClientConfig, stop: watch::Receiver<bool>) -> Self {
        let transports = Transports::new(station.state_dir.path());
        Self { station, config, transports, open: Arc::default(), names: Names::default(), stop }
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

    /// The broadcast that was opened under this name, if it still is: players of HLS ask for it with every
    /// reload of their playlist.
    async fn opened_as(&self, name: &Name) -> Option<Opened> {
        let infohash = self.names.get(name)?;
        self.open.lock().await.get(&infohash).map(|session| session.opened.clone())
    }

    async fn find(&self, selector: Selector, from: SocketAddr) -> Result<Found, OpenError> {
        match selector {
            Selector::Url(url) => self.fetch(&url, from).await,
            Selector::Infohash(id) => self.search(id, Purpose::FindByInfohash).await,
            Selector::ContentId(id) => self.search(id, Purpose::FindByContentId).await,
            Selector::ManifestUrl(url) => {
                Ok(Found::Hls(Subject::of_playlist(&url, self.trust_of(from, Trust::Stranger))))
            }
        }
    }

    /// What this machine asks for may point anywhere.
    fn trust_of(&self, from: SocketAddr, otherwise: Trust) -> Trust {
        if is_localhost(from.ip()) { Trust::Local } else { otherwise }
    }

    async fn fetch(&self, url: &str, from: SocketAddr) -> Result<Found, OpenError> {
        let only_public = !is_localhost(from.ip()) && !self.config.common.allow_private_addresses;
        let source = TransportSource::parse(url).map_err(of_fetch)?;
        let fetched = source.fetch(&self.station.client, only_public).await.map_err(of_fetch)?;
        let Fetched { bytes, trust, node } = fetched;
        Ok(Found::new(self.remember(bytes)?, self.trust_of(from, trust), true).met_at(node))
    }

    /// The content id is a hash over all of the file, an infohash only over some of it.
    async fn search(&self, id: Infohash, purpose: Purpose) -> Result<Found, OpenError> {
        let is_whole = |file: &AnyTransport| file.content_id() == id;
        if let Some(known) = self.transports.load(id) {
            let is_sure = is_whole(&known);
            return Ok(Found::new(known, Trust::Stranger, is_sure));
        }
        let trackers = &self.config.trackers;
        let found = relay::find_transport_file(&self.station, id, purpose, trackers, SEARCH_PATIENCE).await;
        let bytes =
            found.map_err(|error| OpenError::NotFound(format!("transport file of {id}: {error:#}")))?;
        let file = self.remember(bytes)?;
        let is_sure = is_whole(&file);
        if let AnyTransport::Hls(transport) = &file
            && !(is_sure || transport.is_manifest_bound())
        {
            let why = "the transport file that peers gave has a playlist that the infohash does not cover";
            return Err(OpenError::NotPlayable(why.to_owned()));
        }
        Ok(Found::new(file, Trust::Stranger, is_sure))
    }

    fn remember(&self, bytes: Bytes) -> Result<AnyTransport, OpenError> {
        let file = AnyTransport::parse(bytes).map_err(|error| OpenError::NotPlayable(error.to_string()))?;
        if let Err(error) = self.transports.save(&file) {
            tracing::warn!(target: LOG, "transport file is not remembered: {error}");
        }
        Ok(file)
    }

    async fn join(&self, found: &Found) -> Result<Opened, OpenError> {
        let infohash = found.infohash();
        let mut open = self.open.lock().await;
        if let Some(session) = open.get(&infohash) {
            return Ok(session.opened.clone());
        }
        if *self.stop.borrow() {
            return Err(OpenError::Busy("the engine stops".to_owned()));
        }
        if open.len() >= BROADCASTS_MAX {
            return Err(OpenError::Busy(format!("{BROADCASTS_MAX} broadcasts are open already")));
        }
        let session = self.start(found).map_err(|error| OpenError::NotPlayable(format!("{error:#}")))?;
        tracing::info!(target: LOG, "open \"{}\", infohash {infohash}", found.title());
        let opened = session.opened.clone();
        open.insert(infohash, session);
        tokio::spawn(close_when_unwatched(self.open.clone(), infohash, opened.clone(), self.stop.clone()));
        Ok(opened)
    }

    fn start(&self, found: &Found) -> anyhow::Result<Session> {
        match found {
            Found::Ts(file, trust) => self.start_ts(file, *trust),
            Found::Hls(subject) => self.start_hls(subject),
        }
    }

    fn start_ts(&self, file: &TransportFile, trust: Trust) -> anyhow::Result<Session> {
        if let Some(start_s) = file.descriptor.details.date_start_s.filter(|&at| unix_time_s() < at as f64) {
            tracing::info!(target: LOG, "the broadcast begins at {}; players wait", schedule::text(start_s));
        }
        let (hub, latency) = (Arc::new(StreamHub::default()), Latency::default());
        let deliver = ToPlayers { hub: Some(hub.clone()), latency: latency.clone() };
        let (stop, stopped) = watch::channel(false);
        let swarm = relay::start(&self.station, file, &self.options(trust), deliver, stopped)?;
        Ok(Session { opened: Opened::Ts(hub), latency, swarm, stop })
    }

    fn start_hls(&self, subject: &Subject) -> anyhow::Result<Session> {
        let (demand, demands) = hls::relay::demand_channel();
        let hub = HlsHub::open(HlsHubConfig::new(subject.infohash), demand.clone());
        tokio::spawn(hls::relay::pass_on_watched(hub.clone(), demand));
        let part = Part::Viewer(Players { hub: hub.clone(), demands });
        let (stop, stopped) = watch::channel(false);
        let options = self.options(subject.trust);
        let swarm = hls::relay::start(&self.station, subject, &options, part, stopped)?;
        Ok(Session { opened: Opened::Hls(hub), latency: Latency::default(), swarm, stop })
    }

    fn options(&self, trust: Trust) -> RelayOptions<'_> {
        RelayOptions {
            trust,
            operator_trackers: &self.config.trackers,
            buffer: self.config.live_buffer_time,
            is_passing: true,
            housekeeping_interval: SwarmConfig::HOUSEKEEPING_INTERVAL,
        }
    }
}

/// A broadcast that was found, of either kind.
enum Found {
    Ts(TransportFile, Trust),
    Hls(Subject),
}

impl Found {
    fn new(file: AnyTransport, trust: Trust, is_key_sure: bool) -> Self {
        match file {
            AnyTransport::MpegTs(file) => Self::Ts(file, trust),
            AnyTransport::Hls(transport) => {
                Self::Hls(Subject::of_transport(&transport.public(), trust, is_key_sure))
            }
        }
    }

    /// The file came from this node. A source's names its tracker, one of HLS need not name anybody.
    fn met_at(self, node: Option<SocketAddr>) -> Self {
        match self {
            Self::Hls(subject) => Self::Hls(subject.met_at(node)),
            Self::Ts(..) => self,
        }
    }

    fn infohash(&self) -> Infohash {
        match self {
            Self::Ts(file, _) => file.infohash,
            Self::Hls(subject) => subject.infohash,
        }
    }

    fn title(&self) -> &str {
        match self {
            Self::Ts(file, _) => &file.descriptor.name,
            Self::Hls(subject) => &subject.title,
        }
    }
}

impl Session {
    /// Ends the readers and the swarm.
    async fn close(self, why: &str) {
        self.opened.end(why);
        self.stop.send_replace(true);
        if let Err(error) = self.swarm.task.await {
            tracing::error!(target: LOG, "a swarm broke: {error}");
        }
    }
}

impl Broadcasts for Sessions {
    fn open(&self, selector: Selector, from: SocketAddr) -> BoxFuture<'_, Result<Opened, OpenError>> {
        async move {
            let name = (selector, is_localhost(from.ip()));
            if let Some(opened) = self.opened_as(&name).await {
                return Ok(opened);
            }
            let found = self.find(name.0.clone(), from).await?;
            let opened = self.join(&found).await?;
            self.names.remember(name, found.infohash());
            Ok(opened)
        }
        .boxed()
    }

    fn hls_hub(&self, infohash: Infohash) -> BoxFuture<'_, Option<Arc<HlsHub>>> {
        async move {
            match &self.open.lock().await.get(&infohash)?.opened {
                Opened::Hls(hub) => Some(hub.clone()),
                Opened::Ts(_) => None,
            }
        }
        .boxed()
    }
}

/// Closes the broadcast when nobody has watched it for [`GRACE`].
async fn close_when_unwatched(
    open: Arc<Mutex<HashMap<Infohash, Session>>>,
    infohash: Infohash,
    opened: Opened,
    mut stop: watch::Receiver<bool>,
) {
    let mut viewers = opened.watch_viewers();
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
    let is_unwatched = open.get(&infohash).is_some_and(|session| session.opened.viewers() == 0);
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
