//! A source node: reads a transport stream, cuts and signs it, and serves it to the swarm.

mod broadcast;
mod detect;
mod host;
mod identity;
pub mod schedule;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::config::SourceConfig;
use super::live_cache;
use super::node_view::{Inputs, Kind, SwarmView, access};
use super::privacy::ensure_unnamed;
use super::relay::{self, Latency, ToPlayers};
use super::station::{self, MeetingPlace, ReachableTracker, Station, Supply, fresh_peer_id};
use super::tracker;
use crate::base::listed::networks;
use crate::http::node_api;
use crate::http::serve::HttpServices;
use crate::live::piece::VerifiedPiece;
use crate::net::announce::Reach;
use crate::net::bind::Bound;
use crate::net::ingest::{self, InUse, IngestError, IngestEvent, IngestOptions, SourceAddress};
use crate::net::stop::stopped;
use crate::store::pid_file::PidFile;
use crate::swarm::stats::SwarmStats;
use crate::swarm::{Role, Swarm, SwarmConfig};
use crate::tracker::service::TrackerService;
use crate::wire::hls::transport::AnyTransport;
use crate::wire::transport_file::TransportFile;
use broadcast::Broadcast;
use host::Host;
use identity::Keys;
use schedule::Schedule;

pub(super) const LOG: &str = "acestream.streamer";
/// Runs of packets between ingest and cutter.
const PACKETS_AHEAD: usize = 64;
/// Pieces between cutter and swarm.
const PIECES_AHEAD: usize = 4;

/// Runs the node until `stop` turns true or standard input ends.
///
/// # Errors
/// Bad files, a port in use, or a source that cannot be a transport stream.
pub async fn run(config: SourceConfig, stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let texts = std::iter::once(&config.source).chain(&config.backup_sources);
    let inputs = texts.map(|text| text.parse()).collect::<Result<Vec<SourceAddress>, _>>()?;
    match Source::start(config, inputs, stop).await? {
        Some(source) => source.finish().await,
        None => Ok(()),
    }
}

/// What a source node has before it reads anything: options, files and ports are checked by then.
struct Ground {
    schedule: Schedule,
    station: Station,
    bound: Bound,
    tracker: Option<Arc<TrackerService>>,
    keys: Keys,
    host: Host,
    pid_file: PidFile,
}

impl Ground {
    async fn take(config: &SourceConfig) -> anyhow::Result<Self> {
        let schedule = Schedule::new(config)?;
        let has_tracker = !config.skip_internal_tracker;
        let new_tracker = || tracker::new_service(networks(&config.common.download_from));
        let tracker = has_tracker.then(new_tracker).transpose()?;
        let (station, bound) = Station::open(config.common.clone(), tracker.is_some(), |_| fresh_peer_id())?;
        let keys = Keys::open(config)?;
        let host = Host::detect(config).await?;
        if station.door.is_private() {
            let trackers = config.trackers.iter().map(|url| ("tracker", url));
            let metatrackers = config.metatrackers.iter().map(|url| ("metatracker", url));
            ensure_unnamed(&config.startup_nodes, trackers.chain(metatrackers), config.host.as_deref())?;
        }
        let pid_file = PidFile::create(&station.common.pid_file_dir, station.port)?;
        Ok(Self { schedule, station, bound, tracker, keys, host, pid_file })
    }
}

/// Answers peers, HTTP and the tracker's clients until `stop` turns true.
fn serve(
    station: &Station,
    bound: Bound,
    tracker: Option<Arc<TrackerService>>,
    view: &SwarmView,
    stop: &watch::Receiver<bool>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let app = node_api::router(Arc::new(view.clone()), access(station));
    let expiry = tracker.clone().map(|tracker| tokio::spawn(tracker::expire(tracker, stop.clone())));
    let mut parts = vec![station.listen(bound, HttpServices { tracker, app }, stop.clone())];
    parts.extend(expiry);
    parts.extend(station.map_port(stop.clone())?);
    Ok(parts)
}

/// What the broadcast is like: known before its time if it was published before, else measured. `None` when
/// nothing came before `stop` or the broadcast's end.
async fn first_stream(
    config: &SourceConfig,
    keys: &Keys,
    schedule: &Schedule,
    incoming: &mut mpsc::Receiver<IngestEvent>,
    stop: &mut watch::Receiver<bool>,
) -> Option<detect::StreamShape> {
    schedule.announce();
    let known = detect::known(config, keys).filter(|_| schedule.is_early());
    if known.is_some() {
        return known;
    }
    if schedule.is_early() {
        tracing::info!(target: LOG, "the transport file is written then: its bitrate is still to be measured");
    }
    tokio::select! {
        stream = detect::stream(config, keys, incoming) => stream,
        () = schedule.ends() => None,
        () = stopped(stop) => None,
    }
}

/// What viewers are told of the internal tracker; nothing where nobody may know of this node.
fn internal_tracker_url(config: &SourceConfig, station: &Station, host: &Host) -> Option<String> {
    let is_told = !config.skip_internal_tracker && !station.door.is_private();
    is_told.then(|| host.tracker_url(station.port))
}

/// Gives the transport file to those who know its content id.
fn serve_file(
    station: &Station,
    file: &TransportFile,
    trackers: Vec<ReachableTracker>,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<JoinHandle<()>> {
    let (content_id, bytes) = (file.content_id, file.bytes.clone());
    let is_open = file.descriptor.allow_public_trackers;
    Ok(relay::serve_transport_file(station, content_id, bytes, trackers, is_open, stop)?.task)
}

/// A source node that broadcasts.
pub struct Source {
    pub port: u16,
    pub file: TransportFile,
    pub stats: watch::Receiver<SwarmStats>,
    parts: Vec<JoinHandle<()>>,
    broadcast: JoinHandle<anyhow::Result<()>>,
    reading: JoinHandle<Result<(), IngestError>>,
    stop_parts: watch::Sender<bool>,
    _pid_file: PidFile,
    _station: Station,
}

impl Source {
    /// Checks options, files and ports, then opens the first of `inputs` that works and publishes. Before
    /// the time of the broadcast it publishes only, if it can. `None` when `stop` or the broadcast's end came
    /// before that.
    ///
    /// # Errors
    /// As [`run`].
    pub async fn start(
        config: SourceConfig,
        inputs: Vec<SourceAddress>,
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<Option<Self>> {
        let Ground { schedule, station, bound, tracker, keys, host, pid_file } =
            Ground::take(&config).await?;
        // The node's own end, be it a signal or the end of standard input, stops all its parts.
        let (stop_parts, parts_stop) = watch::channel(false);
        let latency = Latency::default();
        let (tell_input, in_use) = watch::channel(InUse::default());
        let shown = Inputs { urls: inputs.iter().map(ToString::to_string).collect(), in_use };
        let view = SwarmView::new(&station, Kind::Source, latency.clone(), config.source_read_timeout)
            .reading(shown, config.date_start);
        let mut parts = serve(&station, bound, tracker, &view, &parts_stop)?;

        let (packets, mut incoming) = mpsc::channel(PACKETS_AHEAD);
        let options = ingest_options(&config, &station);
        let reading = tokio::spawn(async move {
            schedule.begins().await;
            ingest::run_first(inputs, options, packets, tell_input).await
        });
        let stream = first_stream(&config, &keys, &schedule, &mut incoming, &mut stop).await;
        let is_over = *stop.borrow() || schedule.is_over();
        let Some(stream) = stream else {
            if is_over {
                reading.abort();
                return Ok(None);
            }
            reading.await.context("reading the source broke")??;
            anyhow::bail!("the source ended before it could be broadcast");
        };
        let internal_url = internal_tracker_url(&config, &station, &host);
        let file = identity::publish(&config, &keys, stream, internal_url)?;
        let trackers = station.announced_to(announce_to(&config, &station, &host));

        let (pieces, produced) = mpsc::channel(PIECES_AHEAD);
        let swarm = start_swarm(&station, &file, trackers.clone(), produced, latency, parts_stop.clone())?;
        view.publish(&AnyTransport::MpegTs(file.clone()), swarm.stats.clone());
        parts.push(swarm.task);
        parts.push(serve_file(&station, &file, trackers, parts_stop)?);
        let broadcast = Broadcast::new(keys, &file, pieces, view.last_input())?;
        tracing::info!(target: "acestream.videosource", "started input thread");
        let broadcast = tokio::spawn(broadcast.run(incoming, schedule, stop));
        Ok(Some(Self {
            port: station.port,
            file,
            stats: swarm.stats,
            parts,
            broadcast,
            reading,
            stop_parts,
            _pid_file: pid_file,
            _station: station,
        }))
    }

    /// Broadcasts until the end, then stops every part.
    ///
    /// # Errors
    /// A part broke.
    pub async fn finish(self) -> anyhow::Result<()> {
        let ended = self.broadcast.await.context("the broadcast broke");
        let refused = match self.reading.is_finished() {
            true => self.reading.await.context("reading the source broke")?,
            false => {
                self.reading.abort();
                Ok(())
            }
        };
        self.stop_parts.send_replace(true);
        for part in self.parts {
            part.await.context("a part of the node broke")?;
        }
        // what opens later than it publishes may find only then that no input can work
        refused?;
        ended?
    }
}

fn ingest_options(config: &SourceConfig, station: &Station) -> IngestOptions {
    IngestOptions {
        read_timeout: config.source_read_timeout,
        reconnect_interval: config.source_reconnect_interval,
        client: station.client.clone(),
    }
}

/// The internal tracker is told over loopback, under the address that others know.
fn announce_to(config: &SourceConfig, station: &Station, host: &Host) -> Vec<ReachableTracker> {
    let internal = (!config.skip_internal_tracker).then(|| host.announce_url(station));
    let texts: Vec<String> = internal.into_iter().chain(config.trackers.iter().cloned()).collect();
    relay::parse_trackers(&texts, Reach::Anywhere)
}

fn start_swarm(
    station: &Station,
    file: &TransportFile,
    trackers: Vec<ReachableTracker>,
    produced: mpsc::Receiver<VerifiedPiece>,
    latency: Latency,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<station::RunningSwarm> {
    let config = SwarmConfig {
        role: Role::Source,
        tracker_count: trackers.len(),
        ..relay::swarm_config(station, file.infohash, file.bytes.clone())?
    };
    let swarm = Swarm::new(station::now(), config, relay::ts_medium(station, file, Duration::ZERO)?);
    let deliver = ToPlayers { hub: None, latency };
    let is_open = file.descriptor.allow_public_trackers;
    let place = MeetingPlace { infohash: file.infohash, trackers, is_open, dials: false };
    let supply = Supply { produced: Some(produced), keeper: live_cache::keep(station, file, false)? };
    Ok(station.run_stream(place, swarm, supply, deliver, stop))
}

/// What ingest says between packets.
fn log_event(event: &IngestEvent) {
    if let IngestEvent::Lost { why, retry_in } = event {
        tracing::debug!(target: LOG, "source lost: {why}; opened again in {} ms", retry_in.as_millis());
    }
}
