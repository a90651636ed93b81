//! A source node: reads a transport stream, cuts and signs it, and serves it to the swarm.

mod broadcast;
mod detect;
mod host;
mod identity;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::config::SourceConfig;
use super::life::Life;
use super::live_cache;
use super::node_view::{Kind, SwarmView, access};
use super::privacy::ensure_unnamed;
use super::relay::{self, Latency, ToPlayers};
use super::station::{self, MeetingPlace, ReachableTracker, Station, Supply, fresh_peer_id};
use super::tracker;
use crate::base::listed::networks;
use crate::http::node_api;
use crate::http::serve::HttpServices;
use crate::live::piece::VerifiedPiece;
use crate::net::announce::Reach;
use crate::net::ingest::{self, IngestError, IngestEvent, IngestOptions, SourceAddress};
use crate::net::stop::stopped;
use crate::obs::node_name::of_node;
use crate::store::pid_file::PidFile;
use crate::swarm::stats::SwarmStats;
use crate::swarm::{Role, Swarm, SwarmConfig};
use crate::wire::hls::transport::AnyTransport;
use crate::wire::transport_file::TransportFile;
use broadcast::Broadcast;
use host::Host;
use identity::Keys;

pub(super) const LOG: &str = "acestream.streamer";
/// Runs of packets between ingest and cutter.
const PACKETS_AHEAD: usize = 64;
/// Pieces between cutter and swarm.
const PIECES_AHEAD: usize = 4;

/// Runs the node until it is told to stop or standard input ends.
///
/// # Errors
/// Bad files, a port in use, or a source that cannot be a transport stream.
pub async fn run(config: SourceConfig, life: impl Into<Life>) -> anyhow::Result<()> {
    let address: SourceAddress = config.source.parse()?;
    match Source::start(config, address, life).await? {
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
    /// Checks options, files and ports, then opens the source and publishes. `None` when the
    /// node was told to stop before that.
    ///
    /// # Errors
    /// As [`run`].
    pub async fn start(
        config: SourceConfig,
        address: SourceAddress,
        life: impl Into<Life>,
    ) -> anyhow::Result<Option<Self>> {
        let life = life.into();
        let mut stop = life.stop.clone();
        let has_tracker = !config.skip_internal_tracker;
        let new_tracker = || tracker::new_service(networks(&config.common.download_from));
        let tracker = has_tracker.then(new_tracker).transpose()?;
        let (station, bound) = Station::open(config.common.clone(), tracker.is_some(), |_| fresh_peer_id())?;
        let keys = Keys::open(&config)?;
        let host = Host::detect(&config).await?;
        if station.door.is_private() {
            let trackers = config.trackers.iter().map(|url| ("tracker", url));
            let metatrackers = config.metatrackers.iter().map(|url| ("metatracker", url));
            ensure_unnamed(&config.startup_nodes, trackers.chain(metatrackers), config.host.as_deref())?;
        }
        let pid_file = PidFile::create(&station.common.pid_file_dir, station.port)?;
        life.listens(station.port);

        // The node's own end, be it a signal or the end of standard input, stops all its parts.
        let (stop_parts, parts_stop) = watch::channel(false);
        let latency = Latency::default();
        let shown = Some(address.to_string());
        let view = SwarmView::new(&station, Kind::Source, shown, latency.clone(), config.source_read_timeout);
        let app = node_api::router(Arc::new(view.clone()), access(&station));
        let expiry = tracker
            .clone()
            .map(|tracker| tokio::spawn(of_node(tracker::expire(tracker, parts_stop.clone()))));
        let mut parts = vec![station.listen(bound, HttpServices { tracker, app }, parts_stop.clone())];
        parts.extend(expiry);
        parts.extend(station.map_port(parts_stop.clone())?);

        let (packets, mut incoming) = mpsc::channel(PACKETS_AHEAD);
        let reading = tokio::spawn(of_node(ingest::run(address, ingest_options(&config, &station), packets)));
        let stream = tokio::select! {
            stream = detect::stream(&config, &keys, &mut incoming) => stream,
            () = stopped(&mut stop) => return Ok(None),
        };
        let Some(stream) = stream else {
            reading.await.context("reading the source broke")??;
            anyhow::bail!("the source ended before it could be broadcast");
        };
        let internal_url = (!config.skip_internal_tracker).then(|| host.tracker_url(station.port));
        let internal_url = internal_url.filter(|_| !station.door.is_private());
        let file = identity::publish(&config, &keys, stream, internal_url)?;
        let trackers = station.announced_to(announce_to(&config, &station, &host));

        let (pieces, produced) = mpsc::channel(PIECES_AHEAD);
        let swarm = start_swarm(&station, &file, trackers.clone(), produced, latency, parts_stop.clone())?;
        view.publish(&AnyTransport::MpegTs(file.clone()), swarm.stats.clone());
        parts.push(swarm.task);
        let (content_id, bytes) = (file.content_id, file.bytes.clone());
        let is_open = file.descriptor.allow_public_trackers;
        let metadata =
            relay::serve_transport_file(&station, content_id, bytes, trackers, is_open, parts_stop)?;
        parts.push(metadata.task);
        let broadcast = Broadcast::new(keys, &file, pieces, view.last_input())?;
        tracing::info!(target: "acestream.videosource", "started input thread");
        let broadcast = tokio::spawn(of_node(broadcast.run(incoming, stop)));
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
        self.reading.abort();
        self.stop_parts.send_replace(true);
        for part in self.parts {
            part.await.context("a part of the node broke")?;
        }
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
