//! Taking part in a broadcast as one who fetches and serves: what support nodes and clients share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use super::live_cache;
use super::station::{self, MeetingPlace, ReachableTracker, RunningSwarm, Station, Supply, unix_time_s};
use crate::base::ids::Infohash;
use crate::base::listed::{dial_addrs, networks};
use crate::base::net::is_public;
use crate::http::stream::StreamHub;
use crate::live::piece::VerifiedPiece;
use crate::net::announce::Reach;
use crate::net::driver::Deliver;
use crate::swarm::metadata::{MetadataConfig, MetadataSwarm, Purpose};
use crate::swarm::ts::{Ts, TsConfig};
use crate::swarm::{Role, Swarm, SwarmConfig};
use crate::wire::tracker_url::TrackerUrl;
use crate::wire::transport_file::TransportFile;

/// Whether a transport file may point at loopback and private addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The operator gave it, or this machine or its network did.
    Local,
    Stranger,
}

/// How long ago the source made the newest piece when it was delivered here; unknown before the first.
#[derive(Debug, Clone, Default)]
pub struct Latency(Arc<AtomicI64>);

impl Latency {
    /// Milliseconds, as far as the two clocks agree.
    pub fn get_ms(&self) -> Option<u64> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            stored => Some((stored - 1).max(0) as u64),
        }
    }

    fn set(&self, piece_time_s: f64) {
        let milliseconds = ((unix_time_s() - piece_time_s) * 1000.0).clamp(0.0, 1e12) as i64;
        self.0.store(milliseconds + 1, Ordering::Relaxed);
    }
}

/// Hands delivered pieces to players, if there are any, and notes how old they are.
pub struct ToPlayers {
    pub hub: Option<Arc<StreamHub>>,
    pub latency: Latency,
}

impl Deliver for ToPlayers {
    fn piece(&mut self, piece: VerifiedPiece) {
        self.latency.set(piece.time());
        if let Some(hub) = &self.hub {
            hub.publish(&piece);
        }
    }

    fn metadata(&mut self, _file: Bytes) {}
}

/// How a node relays.
pub struct RelayOptions<'a> {
    pub trust: Trust,
    /// Trackers of the operator, beside those of the transport file.
    pub operator_trackers: &'a [String],
    /// How far behind the newest piece to join.
    pub buffer: Duration,
    /// What is kept on disk goes when the swarm ends.
    pub is_passing: bool,
    pub housekeeping_interval: Duration,
}

/// What a transport file says of where a swarm meets.
pub struct Meeting<'a> {
    pub infohash: Infohash,
    pub trackers: &'a [String],
    pub startup_nodes: &'a [SocketAddr],
    /// Whether strangers may know of it.
    pub is_open: bool,
    /// Whether trackers that it does not name may be asked.
    pub allows_public_trackers: bool,
    /// What peers may have of it.
    pub public_file: Bytes,
}

impl<'a> Meeting<'a> {
    pub fn of_ts(file: &'a TransportFile) -> Self {
        Self {
            infohash: file.infohash,
            trackers: &file.descriptor.trackers,
            startup_nodes: &file.descriptor.startup_nodes,
            is_open: file.descriptor.allow_public_trackers,
            allows_public_trackers: file.descriptor.allow_public_trackers,
            public_file: file.bytes.clone(),
        }
    }
}

/// Joins the MPEG-TS broadcast of `file`.
///
/// # Errors
/// The descriptor's key or geometry cannot be used.
pub fn start(
    station: &Station,
    file: &TransportFile,
    options: &RelayOptions<'_>,
    deliver: ToPlayers,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<RunningSwarm> {
    let (config, place) = relay_config(station, &Meeting::of_ts(file), options)?;
    let swarm = Swarm::new(station::now(), config, ts_medium(station, file, options.buffer)?);
    let supply = Supply { produced: None, keeper: live_cache::keep(station, file, options.is_passing)? };
    Ok(station.run_stream(place, swarm, supply, deliver, stop))
}

/// How this node takes part in a swarm as one who fetches and serves, and where it meets the others.
///
/// # Errors
/// The system gives no random bytes.
pub fn relay_config(
    station: &Station,
    meeting: &Meeting<'_>,
    options: &RelayOptions<'_>,
) -> anyhow::Result<(SwarmConfig, MeetingPlace)> {
    let (trackers, operator_trackers) = trackers(station, meeting, options);
    let trackers = station.announced_to(trackers);
    let config = SwarmConfig {
        role: Role::Relay,
        housekeeping_interval: options.housekeeping_interval,
        tracker_count: trackers.len(),
        operator_trackers,
        allow_private_addresses: allows_private(station, options.trust),
        operator_peers: dial_addrs(&station.common.download_from),
        startup_peers: match station.door.is_private() {
            true => Vec::new(),
            false => startup_peers(station, meeting.startup_nodes, options.trust),
        },
        ..swarm_config(station, meeting.infohash, meeting.public_file.clone())?
    };
    let Meeting { infohash, is_open, .. } = *meeting;
    Ok((config, MeetingPlace { infohash, trackers, is_open, dials: true }))
}

/// What the stream of `file` is like, followed `buffer` behind its newest piece.
///
/// # Errors
/// The descriptor's key or geometry cannot be used, or the window is of no use.
pub fn ts_medium(station: &Station, file: &TransportFile, buffer: Duration) -> anyhow::Result<Ts> {
    let bitrate = file.descriptor.bitrate;
    let (geometry, verifier) = live_cache::cut_of(file)?;
    let size = live_cache::window_size(&station.common.live_cache, &geometry, bitrate)?;
    let (window_pieces, archive) = (size.memory_pieces, size.archive);
    Ok(Ts::new(TsConfig { geometry, verifier, bitrate, window_pieces, archive, buffer }))
}

/// What this node is in the swarm of `infohash`, whatever its part in it; nobody to dial or announce to.
/// `transport_file` is what peers may have.
///
/// # Errors
/// The system gives no random bytes.
pub fn swarm_config(
    station: &Station,
    infohash: Infohash,
    transport_file: Bytes,
) -> anyhow::Result<SwarmConfig> {
    let common = &station.common;
    Ok(SwarmConfig {
        infohash,
        role: Role::Relay,
        node_key: station.key.clone(),
        peer_id: station.peer_id,
        listen_port: station.told_port(),
        max_peers: common.max_peers,
        upload_limit: common.upload_limit,
        download_limit: common.download_limit,
        upload_slots: common.max_upload_slots.unwrap_or(common.max_peers),
        tracker_count: 0,
        operator_trackers: 0,
        allow_private_addresses: false,
        operator_peers: Vec::new(),
        startup_peers: Vec::new(),
        served_first: networks(&common.upload_to),
        secret: networks(&common.download_from),
        is_private: station.door.is_private(),
        newest_connection_wins: common.close_connections_from_same_peer,
        housekeeping_interval: SwarmConfig::HOUSEKEEPING_INTERVAL,
        transport_file,
        seed: station::fresh_seed()?,
    })
}

/// Whether what the broadcast names may be on loopback and private addresses.
pub fn allows_private(station: &Station, trust: Trust) -> bool {
    trust == Trust::Local || station.common.allow_private_addresses
}

/// The operator's trackers first, and how many these are, then the descriptor's and the public ones as far as
/// it allows them, each once; unusable ones are logged. A private node asks none that anybody can.
fn trackers(
    station: &Station,
    meeting: &Meeting<'_>,
    options: &RelayOptions<'_>,
) -> (Vec<ReachableTracker>, usize) {
    let of_file = match allows_private(station, options.trust) {
        true => Reach::Anywhere,
        false => Reach::PublicOnly,
    };
    let mut trackers = parse_trackers(options.operator_trackers, Reach::Anywhere);
    let operator_trackers = trackers.len();
    let is_public = meeting.allows_public_trackers && !station.common.door.is_private;
    let public = station.common.exchange.public_trackers.as_slice();
    // the operator named them, but anybody may tell them of a peer
    let public = parse_trackers(if is_public { public } else { &[] }, Reach::Anywhere);
    for (url, reach) in parse_trackers(meeting.trackers, of_file).into_iter().chain(public) {
        if !trackers.iter().any(|(known, _)| *known == url) {
            trackers.push((url, reach));
        }
    }
    (trackers, operator_trackers)
}

/// Reads tracker addresses; those that cannot be asked are logged and left out.
pub fn parse_trackers(texts: &[String], reach: Reach) -> Vec<ReachableTracker> {
    let parse = |text: &String| match text.parse::<TrackerUrl>() {
        Ok(url) => Some((url, reach)),
        Err(error) => {
            tracing::warn!(target: "acestream.rerequester", "{error}");
            None
        }
    };
    texts.iter().filter_map(parse).collect()
}

fn startup_peers(station: &Station, nodes: &[SocketAddr], trust: Trust) -> Vec<SocketAddr> {
    let is_allowed = |addr: &&SocketAddr| allows_private(station, trust) || is_public(addr.ip());
    nodes.iter().filter(is_allowed).copied().collect()
}

/// Looks for the transport file that `id` stands for among the operator's peers and trackers.
///
/// # Errors
/// Nobody gave it within `patience`.
pub async fn find_transport_file(
    station: &Station,
    id: Infohash,
    purpose: Purpose,
    operator_trackers: &[String],
    patience: Duration,
) -> anyhow::Result<Bytes> {
    let trackers = station.announced_to(parse_trackers(operator_trackers, Reach::Anywhere));
    let operator_peers = dial_addrs(&station.common.download_from);
    anyhow::ensure!(
        !trackers.is_empty() || !operator_peers.is_empty() || station.finders.can_seek(true),
        "no tracker and no peer to ask: give --tracker or --download-from, or the transport file's url, or \
         take part in the DHT (--dht-enabled 1)"
    );
    let config = MetadataConfig {
        id,
        purpose,
        node_key: station.key.clone(),
        peer_id: station.peer_id,
        listen_port: station.told_port(),
        tracker_count: trackers.len(),
        allow_private_addresses: true,
        operator_peers,
        seed: station::fresh_seed()?,
    };
    let (found, file) = oneshot::channel();
    let (stop, stopped) = watch::channel(false);
    let machine = MetadataSwarm::new(station::now(), config);
    let deliver = FirstFile(Some(found));
    let place = MeetingPlace { infohash: id, trackers, is_open: true, dials: true };
    let running = station.run_metadata(place, machine, deliver, stopped);
    let outcome = tokio::time::timeout(patience, file).await;
    stop.send_replace(true);
    drop(running);
    let found = outcome.with_context(|| format!("nobody gave it within {} s", patience.as_secs()))?;
    found.context("the search ended")
}

/// Passes the file on that was found.
struct FirstFile(Option<oneshot::Sender<Bytes>>);

impl Deliver for FirstFile {
    fn piece(&mut self, _piece: VerifiedPiece) {}

    fn metadata(&mut self, file: Bytes) {
        if let Some(found) = self.0.take() {
            // Whoever searched may have given up.
            let _ = found.send(file);
        }
    }
}

/// Serves a transport file under its content id; without tracker to those who connect.
pub fn serve_transport_file(
    station: &Station,
    content_id: Infohash,
    public_file: Bytes,
    trackers: Vec<ReachableTracker>,
    is_open: bool,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<RunningSwarm> {
    let config = MetadataConfig {
        id: content_id,
        purpose: Purpose::Serve(public_file),
        node_key: station.key.clone(),
        peer_id: station.peer_id,
        listen_port: station.told_port(),
        tracker_count: trackers.len(),
        allow_private_addresses: false,
        operator_peers: Vec::new(),
        seed: station::fresh_seed()?,
    };
    let machine = MetadataSwarm::new(station::now(), config);
    let deliver = ToPlayers { hub: None, latency: Latency::default() };
    let place = MeetingPlace { infohash: content_id, trackers, is_open, dials: false };
    Ok(station.run_metadata(place, machine, deliver, stop))
}
