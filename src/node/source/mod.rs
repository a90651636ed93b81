//! A source node: reads a transport stream, cuts and signs it, and serves it to the swarm.

mod broadcast;
mod detect;
mod host;
mod identity;
mod input;
pub mod schedule;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::config::SourceConfig;
use super::live_cache;
use super::node_view::{Inputs, Kind, SwarmView, access};
use super::relay::{self, Latency, ToPlayers};
use super::station::{self, MeetingPlace, ReachableTracker, Station, Supply, fresh_peer_id};
use super::tracker;
use crate::http::node_api;
use crate::http::serve::HttpServices;
use crate::live::piece::VerifiedPiece;
use crate::net::announce::Reach;
use crate::net::bind::{Bound, bind_udp};
use crate::net::ingest::{InUse, IngestError, IngestEvent, SourceAddress};
use crate::store::pid_file::PidFile;
use crate::swarm::stats::SwarmStats;
use crate::swarm::{Role, Swarm, SwarmConfig};
use crate::tracker::service::TrackerService;
use crate::wire::hls::transport::AnyTransport;
use crate::wire::transport_file::TransportFile;
use broadcast::Broadcast;
use host::Host;
use identity::Keys;
use input::Origins;
use schedule::Schedule;

pub(super) const LOG: &str = "acestream.streamer";
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
        stop: watch::Receiver<bool>,
    ) -> anyhow::Result<Option<Self>> {
        let schedule = Schedule::new(&config)?;
        let (station, bound) = Station::open(config.common.clone(), |_| fresh_peer_id())?;
        let keys = Keys::open(&config)?;
        let internal_tracker = InternalTracker::open(&config, &bound)?;
        let host = Host::detect(&config).await?;
        let pid_file = PidFile::create(&station.common.pid_file_dir, station.port)?;

        // The node's own end, be it a signal or the end of standard input, stops all its parts.
        let (stop_parts, parts_stop) = watch::channel(false);
        let latency = Latency::default();
        let (tell, in_use) = watch::channel(InUse::default());
        let shown = Inputs { urls: inputs.iter().map(ToString::to_string).collect(), in_use };
        let view = SwarmView::new(&station, Kind::Source, latency.clone(), config.source_read_timeout)
            .reading(shown, config.date_start);
        let app = node_api::router(Arc::new(view.clone()), access(&station));
        let service = internal_tracker.as_ref().map(|tracker| tracker.service.clone());
        let mut parts =
            vec![station.listen(bound, HttpServices { tracker: service, app }, parts_stop.clone())];
        parts.extend(internal_tracker.map(|tracker| tracker.serve(parts_stop.clone())));
        parts.extend(station.map_port(parts_stop.clone())?);

        let origins = (Origins { inputs, tell }, schedule);
        let Some(input) = input::open(&config, &station, &keys, origins, stop.clone()).await? else {
            return Ok(None);
        };
        let internal_url = (!config.skip_internal_tracker).then(|| host.tracker_url(station.port));
        let file = identity::publish(&config, &keys, input.shape, internal_url)?;
        let trackers = announce_to(&config, &station, &host);

        let (pieces, produced) = mpsc::channel(PIECES_AHEAD);
        let swarm = start_swarm(&station, &file, trackers.clone(), produced, latency, parts_stop.clone())?;
        view.publish(&AnyTransport::MpegTs(file.clone()), swarm.stats.clone());
        parts.push(swarm.task);
        let (content_id, bytes) = (file.content_id, file.bytes.clone());
        let is_open = file.descriptor.allow_public_trackers;
        let metadata =
            relay::serve_transport_file(&station, content_id, bytes, trackers, is_open, parts_stop)?;
        parts.push(metadata.task);
        let broadcast = Broadcast::new(keys, &file, pieces)?;
        tracing::info!(target: "acestream.videosource", "started input thread");
        let broadcast = tokio::spawn(broadcast.run(input.incoming, schedule, stop));
        Ok(Some(Self {
            port: station.port,
            file,
            stats: swarm.stats,
            parts,
            broadcast,
            reading: input.reading,
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

struct InternalTracker {
    service: Arc<TrackerService>,
    udp: Vec<UdpSocket>,
}

impl InternalTracker {
    fn open(config: &SourceConfig, bound: &Bound) -> anyhow::Result<Option<Self>> {
        if config.skip_internal_tracker {
            return Ok(None);
        }
        let udp = bind_udp(&config.common.bind, bound.port)?;
        Ok(Some(Self { service: tracker::new_service()?, udp }))
    }

    fn serve(self, stop: watch::Receiver<bool>) -> JoinHandle<()> {
        tokio::spawn(tracker::serve(self.service, self.udp, stop))
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
    let place = MeetingPlace { infohash: file.infohash, trackers, is_open };
    let supply = Supply { produced: Some(produced), keeper: live_cache::keep(station, file, false)? };
    Ok(station.run_stream(place, swarm, supply, deliver, stop))
}

/// What ingest says between packets.
fn log_event(event: &IngestEvent) {
    if let IngestEvent::Lost { why, retry_in } = event {
        tracing::debug!(target: LOG, "source lost: {why}; opened again in {} ms", retry_in.as_millis());
    }
}
