//! A reader of an origin under test: commands in, events out, and what it logged.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use start_engine::base::ids::PieceId;
use start_engine::net::announce::Reach;
use start_engine::net::origin::{self, Numbers, OriginClient, OriginConfig};
use start_engine::swarm::hls::event::{Listing, OriginCommand, OriginEvent};
use start_engine::wire::hls::segment::Resource;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Reading {
    pub commands: mpsc::Sender<OriginCommand>,
    pub events: mpsc::Receiver<OriginEvent>,
    pub stop: watch::Sender<bool>,
    pub task: JoinHandle<()>,
}

/// A reader of a public origin, as the tests change it.
pub fn config(manifest_url: String) -> OriginConfig {
    OriginConfig {
        client: OriginClient::new(Reach::Anywhere, None),
        manifest_url: Some(manifest_url),
        decrypts: false,
        bad_manifest_max_errors: 3,
        bad_manifest_retry_interval: Duration::from_millis(50),
        numbers: Numbers::OfOrigin,
        log_urls: true,
        seed: 1,
        stop: watch::channel(false).1,
    }
}

impl Reading {
    pub fn start(mut config: OriginConfig) -> Self {
        let (commands, command_queue) = mpsc::channel(16);
        let (event_queue, events) = mpsc::channel(16);
        let (stop, stopped) = watch::channel(false);
        config.stop = stopped;
        let task = tokio::spawn(origin::run(config, command_queue, event_queue));
        Self { commands, events, stop, task }
    }

    pub async fn command(&self, command: OriginCommand) {
        self.commands.send(command).await.expect("the reader runs");
    }

    pub async fn follow(&self, streams: impl IntoIterator<Item = u32>) {
        self.command(OriginCommand::Follow(streams.into_iter().collect())).await;
    }

    pub async fn next(&mut self) -> OriginEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("an event in time").expect("the reader runs")
    }

    /// The next event of which `pick` makes something.
    pub async fn until<T>(&mut self, mut pick: impl FnMut(OriginEvent) -> Option<T>) -> T {
        loop {
            if let Some(picked) = pick(self.next().await) {
                return picked;
            }
        }
    }

    pub async fn listing(&mut self) -> Arc<Listing> {
        self.until(|event| match event {
            OriginEvent::Listed(listing) => Some(listing),
            _ => None,
        })
        .await
    }

    /// Fetches a segment: its chunks from the first one asked for on, or whether it is gone.
    pub async fn fetch(&mut self, command: OriginCommand) -> Result<Vec<Bytes>, bool> {
        let OriginCommand::Fetch { piece: wanted, first_chunk, .. } = command else { panic!("no fetch") };
        self.command(command).await;
        let mut chunks = Vec::new();
        self.until(|event| match event {
            OriginEvent::Chunk { piece, chunk, data, is_last } if piece == wanted => {
                assert_eq!(usize::from(chunk), usize::from(first_chunk) + chunks.len());
                chunks.push(data);
                is_last.then_some(Ok(()))
            }
            OriginEvent::Failed { piece, is_gone } if piece == wanted => Some(Err(is_gone)),
            _ => None,
        })
        .await
        .map(|()| chunks)
    }

    /// The hash of a chunk at the origin.
    pub async fn check(&mut self, at: Resource, chunk: u16, length: usize) -> Option<[u8; 32]> {
        let piece = PieceId { stream: 0, number: 1 };
        let check = OriginCommand::Check { piece, at, chunk, length: length as u64, decrypt: None };
        self.command(check).await;
        self.until(|event| match event {
            OriginEvent::Checked { hash, .. } => Some(hash),
            _ => None,
        })
        .await
    }
}

pub fn whole(url: String) -> Resource {
    Resource { url: url.into(), range: None }
}

pub fn fetch(number: u64, at: Resource, first_chunk: u16) -> OriginCommand {
    OriginCommand::Fetch { piece: PieceId { stream: 0, number }, at, first_chunk, decrypt: None }
}

/// Bytes that tell where they are from.
pub fn segment(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 3 % 251) as u8).collect()
}

/// A live playlist of segments `/N.ts`.
pub fn playlist(numbers: std::ops::Range<u64>) -> String {
    let head = format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{}\n", numbers.start);
    let segments = numbers.map(|number| format!("#EXTINF:1.0,\n{number}.ts\n"));
    head + &segments.collect::<String>()
}

pub fn numbers(listing: &Listing) -> Vec<u64> {
    listing.segments.iter().map(|segment| segment.number).collect()
}

/// What is logged on this thread from now on, while the guard lives.
pub fn capture_log() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no panic")).into_owned()
    }

    pub fn lines_with(&self, part: &str) -> usize {
        self.text().lines().filter(|line| line.contains(part)).count()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
