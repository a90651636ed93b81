//! The origin of an HLS broadcast: its playlists, segments, keys and initialisation sections, over HTTP.
//!
//! It decides how an origin is asked and what of its answers is taken; never which segment is wanted or what
//! becomes of it. Nothing that an origin does ends it.

mod access;
mod cadence;
mod check;
mod chunker;
mod client;
mod complaints;
mod decrypt;
mod error;
mod fetch;
mod inits;
mod listing;
mod manifest;
mod part;
mod playlist;
mod poller;
mod reader;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

pub use client::OriginClient;
pub use error::OriginError;
pub use playlist::{Answer, Validators};

use crate::swarm::hls::event::{OriginCommand, OriginEvent};
use reader::Reader;

/// The name under which all of this logs.
const LOG: &str = "acestream.hls";

/// Which origin is read, and how.
pub struct OriginConfig {
    pub client: OriginClient,
    /// `None`: there is no playlist to read, only segments that others name.
    pub manifest_url: Option<String>,
    /// Keys are fetched and segments decrypted: the broadcast is private.
    pub decrypts: bool,
    /// Bad manifests in a row after which a stream begins anew.
    pub bad_manifest_max_errors: u32,
    /// The pause after a bad manifest.
    pub bad_manifest_retry_interval: Duration,
    pub numbers: Numbers,
    /// The log may name the origin's URLs.
    pub log_urls: bool,
    pub seed: u64,
    pub stop: watch::Receiver<bool>,
}

/// What numbers pieces have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Numbers {
    /// The origin's.
    OfOrigin,
    /// Ever rising; each stream goes on behind its last number of an earlier life.
    Monotonic { last: BTreeMap<u32, u64> },
}

/// Reads the origin until `stop` is true, or nobody sends commands or hears events any more. Commands are
/// always taken at once: whoever sends them may wait for that and hear no events meanwhile. What is on its
/// way when a fetch is cancelled or a stream followed no more may still be heard.
pub async fn run(
    config: OriginConfig,
    commands: mpsc::Receiver<OriginCommand>,
    events: mpsc::Sender<OriginEvent>,
) {
    Reader::new(config, events).run(commands).await;
}
