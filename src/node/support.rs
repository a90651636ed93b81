//! A support node: a peer that is always online and relays one broadcast.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::time::sleep;

use super::config::SupportConfig;
use super::node_view::{Kind, SwarmView};
use super::relay::{self, Latency, RelayOptions, ToPlayers, Trust};
use super::station::{Station, fresh_peer_id};
use super::transport_source::TransportSource;
use crate::base::ids::PeerId;
use crate::http::node_api;
use crate::http::serve::HttpServices;
use crate::net::stop::stopped;
use crate::store::pid_file::PidFile;
use crate::store::state::StateDir;
use crate::wire::transport_file::TransportFile;

/// A support node joins so far behind the newest piece, to have a start burst for its viewers.
const BUFFER: Duration = Duration::from_secs(6);
const RETRY_START: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(10);
const LOG: &str = "acestream.supportnode";

/// Runs the node until `stop` turns true.
///
/// # Errors
/// A transport file that cannot be used, a port in use, a directory that cannot.
pub async fn run(config: SupportConfig, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let source = TransportSource::parse(&config.url)?;
    let keeps_peer_id = !config.always_generate_peer_id;
    let choose = |state: &StateDir| choose_peer_id(state, keeps_peer_id);
    let (station, bound) = Station::open(config.common.clone(), choose)?;
    let _pid_file = PidFile::create(&station.common.pid_file_dir, station.port)?;
    tracing::info!(target: LOG, "state dir: {}", station.state_dir.path().display());

    let loading = async {
        let file = load(&station, &source).await?;
        let public = match &config.public_transport_file {
            Some(public) => load(&station, &TransportSource::parse(public)?).await?,
            None => file.clone(),
        };
        anyhow::Ok((file, public))
    };
    let (file, public) = tokio::select! {
        loaded = loading => loaded?,
        () = stopped(&mut stop) => return Ok(()),
    };
    tracing::info!(target: LOG, "relay \"{}\", infohash {}", file.descriptor.name, file.infohash);

    let latency = Latency::default();
    let options = RelayOptions {
        trust: Trust::Local,
        operator_trackers: &config.trackers,
        buffer: BUFFER,
        housekeeping_interval: config.cleanup_interval,
    };
    let deliver = ToPlayers { hub: None, latency: latency.clone() };
    let swarm = relay::start(&station, &file, &options, deliver, stop.clone())?;
    let metadata = relay::serve_transport_file(&station, &public, Vec::new(), stop.clone())?;
    let view = SwarmView::new(&station, Kind::Support, None, latency);
    view.publish(&public, swarm.stats.clone());
    let http = HttpServices { tracker: None, app: node_api::router(Arc::new(view)) };
    let listening = station.listen(bound, http, stop.clone());
    let (swarm, metadata, listening) = tokio::join!(swarm.task, metadata.task, listening);
    swarm.and(metadata).and(listening).context("a part of the node broke")
}

/// Loads the transport file; a server that is away, or has no file yet, is asked again.
async fn load(station: &Station, source: &TransportSource) -> anyhow::Result<TransportFile> {
    let mut pause = RETRY_START;
    loop {
        match source.fetch(&station.client, false).await {
            Ok((bytes, _)) => return TransportFile::parse(bytes).with_context(|| format!("{source}")),
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
