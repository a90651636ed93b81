//! Taking part in an HLS broadcast: the swarm, the reader of the origin and the players' side, joined by
//! channels.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::numbers::{Numbered, NumbersKeeper};
use super::subject::Subject;
use crate::http::hls::hub::HlsHub;
use crate::live::piece::VerifiedPiece;
use crate::net::announce::Reach;
use crate::net::driver::{Deliver, HlsPorts};
use crate::net::origin::{self, OriginClient, OriginConfig};
use crate::node::config::{HlsSupportOptions, LiveCacheKind};
use crate::node::relay::{self, RelayOptions};
use crate::node::station::{self, RunningSwarm, Station, unix_time_s};
use crate::obs::node_name::of_node;
use crate::swarm::Swarm;
use crate::swarm::hls::event::{HlsDelivery, HlsDemand, OriginEvent};
use crate::swarm::hls::{Hls, HlsConfig};

/// Commands that may wait for the origin's reader, which takes them at once.
const COMMANDS_MAX: usize = 256;
/// What the origin's reader tells and the swarm has not taken: 4 MiB of chunks.
const EVENTS_MAX: usize = 256;
/// Wishes of players that the swarm has not taken.
const DEMANDS_MAX: usize = 64;

/// Segments of any size have no places of one size in files.
const IN_MEMORY: &str = "HLS broadcasts are kept in memory alone";

/// The players' side of a broadcast, and the way of its wishes.
pub struct Players {
    pub hub: Arc<HlsHub>,
    pub demands: mpsc::Receiver<HlsDemand>,
}

/// The way of players' wishes to the swarm: what the hub asks for goes in, the swarm takes it out.
pub fn demand_channel() -> (mpsc::Sender<HlsDemand>, mpsc::Receiver<HlsDemand>) {
    mpsc::channel(DEMANDS_MAX)
}

/// This node's part in the broadcast.
pub enum Part<'a> {
    /// Serves players, and what they watch also to others.
    Viewer(Players),
    /// Is there for others.
    Support(&'a HlsSupportOptions),
}

/// Joins the broadcast.
///
/// # Errors
/// The numbers of an earlier run cannot be read, or the system gives no random bytes.
pub fn start(
    station: &Station,
    subject: &Subject,
    options: &RelayOptions<'_>,
    part: Part<'_>,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<RunningSwarm> {
    let support = match &part {
        Part::Support(options) => Some(*options),
        Part::Viewer(_) => None,
    };
    if station.common.live_cache.kind == LiveCacheKind::Disk {
        anyhow::ensure!(support.is_none(), "--live-cache-type disk: {IN_MEMORY}");
        tracing::warn!(target: "acestream.Live.Storage", "{IN_MEMORY}, this one too");
    }
    let keeper = keep_numbers(subject, support)?;
    let (config, place) = relay::relay_config(station, &subject.meeting(), options)?;
    let hls = hls_config(station, subject, support, keeper.as_ref().map(NumbersKeeper::epoch))?;
    let events = read_origin(station, subject, support, keeper.as_ref(), stop.clone())?;
    let (hub, demands) = match part {
        Part::Viewer(Players { hub, demands }) => (Some(hub), demands),
        Part::Support(_) => (None, demand_channel().1),
    };
    let (commands, events) = events;
    let ports = HlsPorts { commands, events, demands };
    let swarm = Swarm::new(station::now(), config, Hls::new(station::now(), hls));
    let deliver = ToHub { hub, keeper };
    Ok(station.run_hls(place, swarm, ports, deliver, stop))
}

/// Tells the swarm which streams are watched, for as long as the hub and the swarm live.
pub async fn pass_on_watched(hub: Arc<HlsHub>, demands: mpsc::Sender<HlsDemand>) {
    let mut watched = hub.watched();
    drop(hub);
    loop {
        let streams = watched.borrow_and_update().clone();
        if demands.send(HlsDemand::Watched(streams)).await.is_err() || watched.changed().await.is_err() {
            return;
        }
    }
}

/// Only who signs has numbers to keep.
fn keep_numbers(
    subject: &Subject,
    support: Option<&HlsSupportOptions>,
) -> anyhow::Result<Option<NumbersKeeper>> {
    let Some(options) = support.filter(|_| subject.signer.is_some()) else { return Ok(None) };
    NumbersKeeper::open(&options.metadata_dir, subject.infohash, unix_time_s() as u64).map(Some)
}

fn hls_config(
    station: &Station,
    subject: &Subject,
    support: Option<&HlsSupportOptions>,
    epoch: Option<u64>,
) -> anyhow::Result<HlsConfig> {
    let hides_segments = subject.hides_segments || support.is_some_and(|options| options.hide_segments);
    let is_signer = subject.signer.is_some();
    Ok(HlsConfig {
        public_key: subject.public_key,
        signer: subject.signer.clone(),
        reads_playlists: subject.manifest_url.is_some(),
        may_fetch: is_signer || !(subject.is_private && subject.hides_segments),
        needs_signature: subject.is_private,
        tells_addresses: subject.is_private && !hides_segments,
        keeps_addresses_local: support.is_some_and(|options| options.skip_metadata_broadcast),
        decrypts: subject.is_private && is_signer,
        skips_data: support.is_some_and(|options| options.skip_data),
        tells_newest: support.is_none_or(|options| options.broadcast_last_source_piece),
        follows_for_peers: support.is_some(),
        window_span: HlsConfig::WINDOW_SPAN,
        window_bytes: station.common.live_cache.memory_bytes.unwrap_or(HlsConfig::WINDOW_BYTES),
        unix_ms_at_start: (unix_time_s() * 1000.0) as u64,
        epoch: epoch.unwrap_or(0),
        seed: station::fresh_seed()?,
    })
}

type OriginPorts = (mpsc::Sender<crate::swarm::hls::event::OriginCommand>, mpsc::Receiver<OriginEvent>);

/// Begins to read the origin as far as this node knows it.
fn read_origin(
    station: &Station,
    subject: &Subject,
    support: Option<&HlsSupportOptions>,
    keeper: Option<&NumbersKeeper>,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<OriginPorts> {
    let (commands, orders) = mpsc::channel(COMMANDS_MAX);
    let (tell, events) = mpsc::channel(EVENTS_MAX);
    let reach = match relay::allows_private(station, subject.trust) {
        true => Reach::Anywhere,
        false => Reach::PublicOnly,
    };
    let defaults = HlsSupportOptions::default();
    let options = support.unwrap_or(&defaults);
    let numbers = match keeper.filter(|_| options.force_monotonic_sequence) {
        Some(keeper) => origin::Numbers::Monotonic { last: keeper.last() },
        None => origin::Numbers::OfOrigin,
    };
    let config = OriginConfig {
        client: OriginClient::new(reach, station.common.dials_from()),
        manifest_url: subject.manifest_url.clone(),
        decrypts: subject.is_private && subject.signer.is_some(),
        bad_manifest_max_errors: options.bad_manifest_max_errors,
        bad_manifest_retry_interval: options.bad_manifest_retry_interval,
        numbers,
        log_urls: !subject.is_private,
        seed: station::fresh_seed()?,
        stop,
    };
    tokio::spawn(of_node(origin::run(config, orders, tell)));
    Ok((commands, events))
}

/// Hands what the swarm delivers to the players' side, and numbers to who keeps them.
struct ToHub {
    hub: Option<Arc<HlsHub>>,
    keeper: Option<NumbersKeeper>,
}

impl Deliver for ToHub {
    fn piece(&mut self, _piece: VerifiedPiece) {}

    fn metadata(&mut self, _file: bytes::Bytes) {}

    fn hls(&mut self, delivery: HlsDelivery) {
        if let Some(keeper) = &self.keeper {
            match &delivery {
                HlsDelivery::Listed(info) => keeper.note(Numbered::Segment(info.piece)),
                HlsDelivery::Reset { epoch, .. } => keeper.note(Numbered::Epoch(*epoch)),
                _ => {}
            }
        }
        if let Some(hub) = &self.hub {
            hub.deliver(delivery);
        }
    }
}
