//! The task that stands between a swarm and its cache: one job after another, each off the runtime's threads,
//! from a queue that is bounded.
#![allow(clippy::disallowed_methods, reason = "the age of files is told by the clock")]

use std::io;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::{CacheConfig, DiskCache, LOG, WriteError, Written};
use crate::base::limits::{STORAGE_COMMANDS_MAX, STORAGE_EVENTS_MAX};
use crate::live::piece::VerifiedPiece;
use crate::obs::node_name::of_node;
use crate::swarm::ts::storage::{StorageCommand, StorageEvent};

/// How often files of others are looked at.
const CLEAN_INTERVAL: Duration = Duration::from_secs(3600);
/// Writing is tried again so long after it failed.
const WRITE_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The ways to and from a cache; its task ends when `commands` is dropped.
pub struct Keeper {
    pub commands: mpsc::Sender<StorageCommand>,
    pub events: mpsc::Receiver<StorageEvent>,
    pub task: JoinHandle<()>,
}

/// Opens a cache and serves it. One that cannot be opened says so in the log, and closes.
pub fn keep(config: CacheConfig) -> Keeper {
    let (commands, jobs) = mpsc::channel(STORAGE_COMMANDS_MAX);
    let (events, told) = mpsc::channel(STORAGE_EVENTS_MAX);
    let task = tokio::spawn(of_node(run(config, jobs, events)));
    Keeper { commands, events: told, task }
}

async fn run(
    config: CacheConfig,
    mut jobs: mpsc::Receiver<StorageCommand>,
    events: mpsc::Sender<StorageEvent>,
) {
    let dir = config.dir.clone();
    let shown =
        format!("type=disk size={} places={} dir={}", config.max_bytes, config.places(), dir.display());
    let opened = spawn_blocking(move || DiskCache::open(config, unix_time_s())).await;
    let cache = match opened.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(cache) => cache,
        Err(error) => {
            return tracing::warn!(target: LOG, "{}: {error}; pieces are kept in memory alone", dir.display());
        }
    };
    let found = cache.pieces();
    tracing::info!(target: LOG, "__init__: {shown} pieces={}", found.len());
    let mut desk = Desk { cache, dir: dir.display().to_string(), failed_at: None, told: Vec::new() };
    desk.told.push(StorageEvent::Found(found));
    desk.told.push(StorageEvent::Usage { bytes: desk.cache.bytes() });
    let mut batch = Vec::new();
    'serving: loop {
        for event in std::mem::take(&mut desk.told) {
            if events.send(event).await.is_err() {
                break 'serving;
            }
        }
        let came = timeout(CLEAN_INTERVAL, jobs.recv_many(&mut batch, STORAGE_COMMANDS_MAX)).await;
        if came == Ok(0) {
            break;
        }
        let work = std::mem::take(&mut batch);
        let done = spawn_blocking(move || desk.work(work)).await;
        match done {
            Ok(next) => desk = next,
            Err(error) => return tracing::error!(target: LOG, "the disk cache broke: {error}"),
        }
    }
    // the swarm is gone
    if let Err(error) = spawn_blocking(move || desk.cache.close()).await {
        tracing::error!(target: LOG, "the disk cache broke: {error}");
    }
}

/// A cache and what is to be told of it.
struct Desk {
    cache: DiskCache,
    dir: String,
    /// Nothing is written since then: one line was logged.
    failed_at: Option<Instant>,
    told: Vec<StorageEvent>,
}

impl Desk {
    /// Does a batch; an empty one is a round of cleaning.
    fn work(mut self, batch: Vec<StorageCommand>) -> Self {
        if batch.is_empty() {
            self.cache.clean();
        }
        let before = self.cache.bytes();
        batch.into_iter().for_each(|command| self.command(command));
        let bytes = self.cache.bytes();
        if bytes != before {
            self.told.push(StorageEvent::Usage { bytes });
        }
        self
    }

    fn command(&mut self, command: StorageCommand) {
        match command {
            StorageCommand::Keep(piece) => self.keep(&piece),
            StorageCommand::Load { number } => {
                let loaded = self.cache.load(number);
                self.told.push(loaded.map_or(StorageEvent::Damaged { number }, StorageEvent::Loaded));
            }
            StorageCommand::Forget { number } => self.cache.let_go(number),
            StorageCommand::Clear => self.cache.clear(),
        }
    }

    fn keep(&mut self, piece: &VerifiedPiece) {
        if self.failed_at.is_some_and(|at| at.elapsed() < WRITE_AGAIN_AFTER) {
            return self.told.push(StorageEvent::NotKept);
        }
        let gone = self.cache.drop_lost();
        self.told.extend(gone.into_iter().map(|number| StorageEvent::Gone { number }));
        match self.cache.keep(piece) {
            Ok(written) => {
                if self.failed_at.take().is_some() {
                    tracing::info!(target: LOG, "{}: pieces are kept on disk again", self.dir);
                }
                if let Written::InPlaceOf(displaced) = written {
                    let (number, time) = (piece.number(), piece.time());
                    self.told.push(StorageEvent::Kept { number, time });
                    self.told.extend(displaced.map(|number| StorageEvent::Gone { number }));
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    /// What is on disk can still be read, but for the piece in whose place was written.
    fn failed(&mut self, error: &WriteError) {
        self.told.extend(error.displaced.map(|number| StorageEvent::Gone { number }));
        self.told.push(StorageEvent::NotKept);
        if self.failed_at.replace(Instant::now()).is_none() {
            tracing::warn!(target: LOG, "{}: {error}; pieces are kept in memory alone for now", self.dir);
        }
    }
}

fn unix_time_s() -> f64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_epoch.map_or(0.0, |elapsed| elapsed.as_secs_f64())
}
