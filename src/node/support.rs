//! A support node: a peer that is always online and relays one broadcast.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::config::SupportConfig;
use super::hls;
use super::hls::subject::Subject;
use super::life::Life;
use super::node_view::{Kind, SwarmView, access};
use super::relay::{self, Latency, RelayOptions, ToPlayers, Trust};
use super::station::{RunningSwarm, Station, fresh_peer_id};
use super::transport_source::{Fetched, TransportSource};
use crate::base::ids::PeerId;
use crate::http::node_api;
use crate::http::serve::HttpServices;
use crate::net::stop::stopped;
use crate::store::pid_file::PidFile;
use crate::store::state::StateDir;
use crate::wire::hls::transport::{AnyTransport, HlsTransport};

/// A support node joins so far behind the newest piece, to have a start burst for its viewers.
const BUFFER: Duration = Duration::from_secs(6);
/// A relay that gets no piece for longer than this, and two pieces' time, is not healthy.
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY_START: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(10);
const LOG: &str = "acestream.supportnode";

/// Runs the node until it is told to stop.
///
/// # Errors
/// A transport file that cannot be used, a port in use, a directory that cannot.
pub async fn run(config: SupportConfig, life: impl Into<Life>) -> anyhow::Result<()> {
    match Support::start(config, life).await? {
        Some(support) => support.finish().await,
        None => Ok(()),
    }
}

/// A support node that runs.
pub struct Support {
    port: u16,
    parts: Vec<JoinHandle<()>>,
    _station: Station,
    _pid_file: PidFile,
}

impl Support {
    /// Loads the transport file and joins its broadcast; `None` when it was told to stop before.
    ///
    /// # Errors
    /// As [`run`].
    pub async fn start(config: SupportConfig, life: impl Into<Life>) -> anyhow::Result<Option<Self>> {
        let life = life.into();
        let mut stop = life.stop.clone();
        let source = TransportSource::parse(&config.url)?;
        let keeps_peer_id = !config.always_generate_peer_id;
        let choose = |state: &StateDir| choose_peer_id(state, keeps_peer_id);
        let (station, bound) = Station::open(config.common.clone(), false, choose)?;
        let pid_file = PidFile::create(&station.common.pid_file_dir, station.port)?;
        life.listens(station.port);
        tracing::info!(target: LOG, "state dir: {}", station.state_dir.path().display());
        let loaded = tokio::select! {
            loaded = load_both(&station, &source, &config) => loaded?,
            () = stopped(&mut stop) => return Ok(None),
        };
        let Loaded { file, public, node } = loaded;
        tracing::info!(target: LOG, "relay \"{}\", infohash {}", file.title(), file.infohash());

        let latency = Latency::default();
        let swarm = join(&station, (&file, node), &config, latency.clone(), stop.clone())?;
        let (content_id, public_bytes) = (public.content_id(), public.public().bytes().clone());
        let is_open = public.is_open();
        let metadata = relay::serve_transport_file(
            &station,
            content_id,
            public_bytes,
            Vec::new(),
            is_open,
            stop.clone(),
        )?;
        let view = SwarmView::new(&station, Kind::Support, latency, PATIENCE);
        view.publish(&public, swarm.stats.clone());
        let http = HttpServices { tracker: None, app: node_api::router(Arc::new(view), access(&station)) };
        let mapping = station.map_port(stop.clone())?;
        let listening = station.listen(bound, http, stop);
        let parts = [swarm.task, metadata.task, listening].into_iter().chain(mapping).collect();
        Ok(Some(Self { port: station.port, parts, _station: station, _pid_file: pid_file }))
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// A part broke.
    pub async fn finish(self) -> anyhow::Result<()> {
        for part in self.parts {
            part.await.context("a part of the node broke")?;
        }
        Ok(())
    }
}

/// The files of the broadcast.
struct Loaded {
    /// To relay by.
    file: AnyTransport,
    /// To hand out.
    public: AnyTransport,
    /// The node that gave the first one away.
    node: Option<SocketAddr>,
}

async fn load_both(
    station: &Station,
    source: &TransportSource,
    config: &SupportConfig,
) -> anyhow::Result<Loaded> {
    let (file, node) = load(station, source).await?;
    let Some(public) = &config.public_transport_file else {
        return Ok(Loaded { public: file.public(), file, node });
    };
    let (public, _) = load(station, &TransportSource::parse(public)?).await?;
    anyhow::ensure!(
        public.infohash() == file.infohash(),
        "--public-transport-file is of another broadcast: infohash {}, not {}",
        public.infohash(),
        file.infohash()
    );
    Ok(Loaded { file, public: public.public(), node })
}

/// Takes part in the broadcast of `file`, whatever its kind; `node` gave it away.
fn join(
    station: &Station,
    (file, node): (&AnyTransport, Option<SocketAddr>),
    config: &SupportConfig,
    latency: Latency,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<RunningSwarm> {
    let options = RelayOptions {
        trust: Trust::Local,
        operator_trackers: &config.trackers,
        buffer: BUFFER,
        is_passing: false,
        housekeeping_interval: config.cleanup_interval,
    };
    match file {
        AnyTransport::MpegTs(file) => {
            let deliver = ToPlayers { hub: None, latency };
            relay::start(station, file, &options, deliver, stop)
        }
        AnyTransport::Hls(transport) => {
            check_hls(transport, config)?;
            let subject = Subject::of_transport(transport, Trust::Local, true).met_at(node);
            hls::relay::start(station, &subject, &options, hls::relay::Part::Support(&config.hls), stop)
        }
    }
}

/// # Errors
/// Options that this broadcast does not allow.
fn check_hls(transport: &HlsTransport, config: &SupportConfig) -> anyhow::Result<()> {
    let is_private = transport.descriptor.hides_manifest;
    anyhow::ensure!(
        is_private || !config.hls.force_monotonic_sequence,
        "--hls-force-monotonic-sequence 1 needs a private broadcast: in a public one every node counts by itself"
    );
    Ok(())
}

/// Loads the transport file; a server that is away, or has no file yet, is asked again.
async fn load(
    station: &Station,
    source: &TransportSource,
) -> anyhow::Result<(AnyTransport, Option<SocketAddr>)> {
    let mut pause = RETRY_START;
    loop {
        match source.fetch(&station.client, false).await {
            Ok(Fetched { bytes, node, .. }) => {
                let file = AnyTransport::parse(bytes).with_context(|| format!("{source}"))?;
                return Ok((file, node));
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(target: LOG, "{error}; next try in {} s", pause.as_secs());
            }
            Err(error) => return Err(error.into()),
        }
        sleep(pause).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
}

/// The peer id of the last run, or a fresh one that is kept for the next.
fn choose_peer_id(state: &StateDir, keeps: bool) -> anyhow::Result<PeerId> {
    let known = if keeps { state.load_peer_id()? } else { None };
    if let Some(peer_id) = known {
        return Ok(peer_id);
    }
    let peer_id = fresh_peer_id()?;
    if keeps {
        state.save_peer_id(peer_id)?;
    }
    Ok(peer_id)
}
