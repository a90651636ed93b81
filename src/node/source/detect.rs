//! How the stream is cut: bitrate and geometry, given, known from before, or measured.
#![allow(clippy::disallowed_methods, reason = "measuring needs the time of arrival")]

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::super::config::SourceConfig;
use super::LOG;
use super::identity::Keys;
use crate::live::geometry::Geometry;
use crate::media::bitrate::{BitrateMeter, Estimate};
use crate::net::ingest::IngestEvent;

/// How often a measurement is looked at while nothing arrives.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// What the infohash needs to know of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamShape {
    /// Bytes a second.
    pub bitrate: u64,
    pub piece_length: u32,
    pub chunk_length: u32,
}

/// Bitrate and geometry as far as they need no measurement.
pub fn known(config: &SourceConfig, keys: &Keys) -> Option<StreamShape> {
    let bitrate = match config.bitrate {
        0 => keys.earlier?.bitrate,
        given => given,
    };
    Some(shape(config, keys, bitrate))
}

/// Settles bitrate and geometry; in every case the source has given its first packets then. `None`
/// when the source ended before.
pub async fn stream(
    config: &SourceConfig,
    keys: &Keys,
    incoming: &mut mpsc::Receiver<IngestEvent>,
) -> Option<StreamShape> {
    let known = keys.earlier.filter(|_| config.bitrate == 0);
    let bitrate = match (config.bitrate, known) {
        (0, None) => measure(incoming).await?,
        (given, known) => {
            first_packets(incoming).await?;
            if let Some(known) = known {
                tracing::info!(target: LOG, "bitrate and geometry as published before: the infohash stays");
                known.bitrate
            } else {
                given
            }
        }
    };
    Some(shape(config, keys, bitrate))
}

fn shape(config: &SourceConfig, keys: &Keys, bitrate: u64) -> StreamShape {
    let earlier = keys.earlier.filter(|earlier| earlier.bitrate == bitrate);
    let piece_length = config.piece_size.or(earlier.map(|earlier| earlier.piece_length));
    StreamShape {
        bitrate,
        piece_length: piece_length
            .unwrap_or_else(|| Geometry::choose_piece_length(bitrate).max(config.chunk_size)),
        chunk_length: config.chunk_size,
    }
}

async fn first_packets(incoming: &mut mpsc::Receiver<IngestEvent>) -> Option<()> {
    loop {
        let event = incoming.recv().await?;
        super::log_event(&event);
        if matches!(event, IngestEvent::Connected) {
            return Some(());
        }
    }
}

async fn measure(incoming: &mut mpsc::Receiver<IngestEvent>) -> Option<u64> {
    tracing::info!(target: LOG, "init: start bitrate detection");
    let mut meter = BitrateMeter::default();
    loop {
        if let Estimate::Done { bytes_per_second, bytes, seconds, by: _ } = meter.estimate(Instant::now()) {
            tracing::info!(
                target: "acestream.InfiniteHTTPStream",
                "detect_bitrate: done: bitrate={bytes_per_second:.6} bytes={bytes} time={seconds:.10}"
            );
            return Some((bytes_per_second as u64).max(1));
        }
        let Ok(event) = tokio::time::timeout(LOOK_INTERVAL, incoming.recv()).await else { continue };
        let event = event?;
        super::log_event(&event);
        match event {
            IngestEvent::Packets(packets) => meter.push(Instant::now(), &packets),
            IngestEvent::Lost { .. } => meter.interrupt(),
            IngestEvent::Connected => {}
        }
    }
}
