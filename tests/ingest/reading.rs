//! One ingest under test and what it gives.

use std::time::Duration;

use start_engine::net::fetch::http_client;
use start_engine::net::ingest::{self, IngestError, IngestEvent, IngestOptions};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Far longer than anything takes: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Reading {
    events: mpsc::Receiver<IngestEvent>,
    task: JoinHandle<Result<(), IngestError>>,
    pub lost: Vec<String>,
    pub connected: usize,
}

impl Reading {
    pub fn start(source: &str) -> Self {
        Self::start_with(source, PATIENCE)
    }

    pub fn start_with(source: &str, read_timeout: Duration) -> Self {
        Self::run(source.parse().expect("a source"), read_timeout)
    }

    pub fn run(source: ingest::SourceAddress, read_timeout: Duration) -> Self {
        let options = IngestOptions {
            read_timeout,
            reconnect_interval: Duration::from_millis(5),
            client: http_client(),
        };
        let (sender, events) = mpsc::channel(4);
        let task = tokio::spawn(ingest::run(source, options, sender));
        Self { events, task, lost: Vec::new(), connected: 0 }
    }

    async fn event(&mut self) -> Option<IngestEvent> {
        tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("an event in time")
    }

    /// Waits for at least so many bytes of packets.
    pub async fn bytes(&mut self, wanted: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < wanted {
            match self.event().await.expect("still reading") {
                IngestEvent::Packets(packets) => bytes.extend_from_slice(&packets),
                IngestEvent::Connected => self.connected += 1,
                IngestEvent::Lost { why, .. } => self.lost.push(why),
            }
        }
        bytes
    }

    /// Waits until the source was lost so many times.
    pub async fn lost(&mut self, times: usize) {
        while self.lost.len() < times {
            match self.event().await.expect("still reading") {
                IngestEvent::Lost { why, .. } => self.lost.push(why),
                IngestEvent::Connected => self.connected += 1,
                IngestEvent::Packets(_) => {}
            }
        }
    }

    /// Waits for the end of the reading.
    pub async fn end(mut self) -> Result<(), IngestError> {
        while self.event().await.is_some() {}
        self.task.await.expect("no panic")
    }

    /// Closes the events and waits for the end of the reading.
    pub async fn stop(self) -> Result<(), IngestError> {
        drop(self.events);
        tokio::time::timeout(PATIENCE, self.task).await.expect("an end in time").expect("no panic")
    }
}

/// Packets that carry their numbers.
pub fn packets(numbers: std::ops::Range<u32>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in numbers {
        bytes.extend([0x47, 0x01, 0x00, 0x10 | (number & 0x0f) as u8]);
        bytes.extend(number.to_be_bytes());
        bytes.resize(bytes.len() + 180, 0x55);
    }
    bytes
}
