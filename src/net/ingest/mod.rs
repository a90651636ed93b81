//! Reading a source: opens it, passes on whole packets, and opens it again whenever it fails.
//!
//! Before the first packet a source that can never work ends the reading; after it nothing does but
//! the end of standard input. Never reorders, drops or invents packets, but where another input takes over.

mod address;
mod http;
mod icy;
mod inputs;
mod paced;
mod reader;
mod rtp;
mod session;
mod stdin;
mod udp;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use tokio::sync::{mpsc, watch};

pub use address::{AddressError, SourceAddress, UdpAddress};
pub use inputs::InUse;
pub use paced::FileError;

use crate::base::limits::HTTP_CLIENT_REDIRECTS_MAX;
use crate::media::span::SpanError;
use inputs::Inputs;
use session::Ingest;

/// How a source is read.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// A source that gives no whole packet for so long is opened again.
    pub read_timeout: Duration,
    /// The first pause before a source is opened again; later ones grow.
    pub reconnect_interval: Duration,
    pub client: reqwest::Client,
}

/// What happens at a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IngestEvent {
    /// The first packets after an opening follow.
    Connected,
    /// Whole packets of 188 bytes, in order.
    Packets(Bytes),
    /// The source failed; it is opened again after `retry_in`.
    Lost { why: String, retry_in: Duration },
}

/// Why a source can never work.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("source {url}: the server answered {status}")]
    Refused { url: String, status: StatusCode },
    #[error("source {url}: more than {HTTP_CLIENT_REDIRECTS_MAX} redirects")]
    Redirects { url: String },
    #[error("source {url} is no MPEG transport stream: {looks_like} ({bytes} bytes read)")]
    NotTransportStream { url: String, looks_like: &'static str, bytes: u64 },
    #[error("source file {}: {why}", path.display())]
    File { path: PathBuf, why: FileError },
    #[error("the built-in clip cannot be played: {0}")]
    Clip(SpanError),
}

/// Why an attempt ended.
enum Failure {
    /// Trying again before the first packet is in vain.
    Final(IngestError),
    Transient(String),
}

/// Reads `address` until `out` is closed or standard input ends.
///
/// # Errors
/// When the source refuses or is no transport stream before its first packet.
pub async fn run(
    address: SourceAddress,
    options: IngestOptions,
    out: mpsc::Sender<IngestEvent>,
) -> Result<(), IngestError> {
    let closed = out.clone();
    tokio::select! {
        () = closed.closed() => Ok(()),
        result = Ingest::new(address, options, out).run() => result,
    }
}

/// Reads the first of `addresses` that works until `out` is closed; which one it is, is told to `in_use`. A
/// single one is read as [`run`] does.
///
/// # Errors
/// When every one of them refuses or is no transport stream before the first packet.
pub async fn run_first(
    addresses: Vec<SourceAddress>,
    options: IngestOptions,
    out: mpsc::Sender<IngestEvent>,
    in_use: watch::Sender<InUse>,
) -> Result<(), IngestError> {
    if let [only] = &addresses[..] {
        return run(only.clone(), options, out).await;
    }
    let closed = out.clone();
    tokio::select! {
        () = closed.closed() => Ok(()),
        result = Inputs::new(addresses, options, out, in_use).run() => result,
    }
}
