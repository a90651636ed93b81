//! The opening of what is broadcast: at once, or at the time of the broadcast, and what is known of it then.

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::super::config::SourceConfig;
use super::super::station::Station;
use super::LOG;
use super::detect::{self, StreamShape};
use super::identity::Keys;
use super::schedule::Schedule;
use crate::net::ingest::{self, InUse, IngestError, IngestEvent, IngestOptions, SourceAddress};
use crate::net::stop::stopped;
use crate::obs::node_name::of_node;

/// Runs of packets between ingest and cutter.
const PACKETS_AHEAD: usize = 64;

/// What is read.
pub struct Input {
    pub shape: StreamShape,
    pub incoming: mpsc::Receiver<IngestEvent>,
    pub reading: JoinHandle<Result<(), IngestError>>,
}

/// Where it comes from, and who is told which of these it is.
pub struct Origins {
    pub inputs: Vec<SourceAddress>,
    pub tell: watch::Sender<InUse>,
}

/// Opens the first input that works, and settles how the stream is cut. Before the time of the broadcast it is
/// only settled, if that needs no measurement. `None` when `stop` or the broadcast's end came before that.
///
/// # Errors
/// An input that can never work, with no other one; standard input that ended.
pub async fn open(
    config: &SourceConfig,
    station: &Station,
    keys: &Keys,
    (origins, schedule): (Origins, Schedule),
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<Option<Input>> {
    let options = IngestOptions {
        read_timeout: config.source_read_timeout,
        reconnect_interval: config.source_reconnect_interval,
        client: station.client.clone(),
    };
    schedule.announce();
    let known = detect::known(config, keys).filter(|_| schedule.is_early());
    if schedule.is_early() && known.is_none() {
        tracing::info!(target: LOG, "the transport file is written then: its bitrate is still to be measured");
    }
    let (packets, mut incoming) = mpsc::channel(PACKETS_AHEAD);
    let Origins { inputs, tell } = origins;
    let reading = tokio::spawn(of_node(async move {
        schedule.begins().await;
        ingest::run_first(inputs, options, packets, tell).await
    }));
    if let Some(shape) = known {
        return Ok(Some(Input { shape, incoming, reading }));
    }
    let shape = tokio::select! {
        shape = detect::stream(config, keys, &mut incoming) => shape,
        () = async { tokio::select! { () = schedule.ends() => {}, () = stopped(&mut stop) => {} } } => {
            reading.abort();
            return Ok(None);
        }
    };
    match shape {
        Some(shape) => Ok(Some(Input { shape, incoming, reading })),
        None => {
            reading.await.context("reading the source broke")??;
            anyhow::bail!("the source ended before it could be broadcast")
        }
    }
}
