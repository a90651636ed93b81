//! The life of a source: attempts, one session after the other, and the pauses between them.
#![allow(clippy::disallowed_methods, reason = "the shell owns the clock")]

use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant as Deadline, timeout_at};
use tracing::{info, warn};

use super::address::SourceAddress;
use super::reader::Reader;
use super::{Failure, IngestError, IngestEvent, IngestOptions};
use crate::base::limits::{NOT_TS_AFTER_BYTES, RECONNECT_PAUSE_MAX};
use crate::media::align::Aligner;
use crate::media::ts::SYNC_BYTE;
use crate::net::backoff::Backoff;

/// The name under which the reference logs its reader.
const LOG: &str = "acestream.InfiniteHTTPStream";

pub(super) struct Ingest {
    address: SourceAddress,
    options: IngestOptions,
    out: mpsc::Sender<IngestEvent>,
    backoff: Backoff,
    /// Whether there was ever a packet: from then on nothing is final.
    has_streamed: bool,
}

/// One opening of the source.
struct Session {
    reader: Reader,
    aligner: Aligner,
    is_streaming: bool,
    bytes: u64,
    looks_like: &'static str,
}

/// Nobody reads the events any more, or standard input ended.
struct Finished;

impl Ingest {
    pub(super) fn new(
        address: SourceAddress,
        options: IngestOptions,
        out: mpsc::Sender<IngestEvent>,
    ) -> Self {
        let seed = getrandom::u64().unwrap_or_default();
        let backoff = Backoff::new(options.reconnect_interval, RECONNECT_PAUSE_MAX, seed);
        Self { address, options, out, backoff, has_streamed: false }
    }

    pub(super) async fn run(mut self) -> Result<(), IngestError> {
        loop {
            let why = match self.attempt().await {
                Ok(Finished) => return Ok(()),
                Err(Failure::Final(error)) if !self.has_streamed => return Err(error),
                Err(Failure::Final(error)) => error.to_string(),
                Err(Failure::Transient(why)) => format!("source {}: {why}", self.address),
            };
            let retry_in = self.backoff.next_pause();
            warn!(target: LOG, "{why}; trying again in {:.1} s", retry_in.as_secs_f64());
            if self.out.send(IngestEvent::Lost { why, retry_in }).await.is_err() {
                return Ok(());
            }
            tokio::time::sleep(retry_in).await;
        }
    }

    /// Opens the source once and reads until it fails, ends, or nobody takes what it gives.
    pub(super) async fn once(
        address: SourceAddress,
        options: IngestOptions,
        out: mpsc::Sender<IngestEvent>,
    ) -> Result<(), Failure> {
        let closed = out.clone();
        let mut ingest = Self::new(address, options, out);
        tokio::select! {
            () = closed.closed() => Ok(()),
            ended = ingest.attempt() => ended.map(|Finished| ()),
        }
    }

    async fn attempt(&mut self) -> Result<Finished, Failure> {
        let start = Instant::now();
        info!(target: LOG, "open stream: url={} reader=builtin", self.address);
        let open = Reader::open(&self.address, &self.options);
        let reader = match timeout_at(self.deadline(), open).await {
            Ok(reader) => reader?,
            Err(_elapsed) => return Err(self.timed_out("no answer")),
        };
        info!(target: LOG, "open stream done: url={} time={}", self.address, start.elapsed().as_secs_f64());
        let mut session = Session::new(reader);
        let end = self.read(&mut session).await;
        if session.is_streaming {
            info!(target: LOG, "stream status changed: 1->-1");
        }
        end
    }

    async fn read(&mut self, session: &mut Session) -> Result<Finished, Failure> {
        let mut deadline = self.deadline();
        loop {
            let chunk = match self.address.is_paced_by_others() {
                true => timeout_at(deadline, session.reader.next()).await,
                false => Ok(session.reader.next().await),
            };
            let chunk = chunk.map_err(|_elapsed| self.timed_out("no packet"))??;
            let is_end = chunk.is_none();
            let runs = session.align(chunk);
            if !runs.is_empty() {
                if self.pass_on(session, runs).await.is_err() {
                    return Ok(Finished);
                }
                deadline = self.deadline();
            }
            if !session.is_streaming && (is_end || session.bytes > NOT_TS_AFTER_BYTES) {
                session.judge(&self.address)?;
            }
            if is_end {
                return self.ended();
            }
        }
    }

    async fn pass_on(
        &mut self,
        session: &mut Session,
        runs: Vec<Bytes>,
    ) -> Result<(), mpsc::error::SendError<IngestEvent>> {
        if !session.is_streaming {
            session.is_streaming = true;
            self.has_streamed = true;
            self.backoff.reset();
            info!(target: LOG, "stream status changed: -1->1");
            self.out.send(IngestEvent::Connected).await?;
        }
        for packets in runs {
            self.out.send(IngestEvent::Packets(packets)).await?;
        }
        Ok(())
    }

    fn ended(&self) -> Result<Finished, Failure> {
        match self.address {
            SourceAddress::Stdin => Ok(Finished),
            _ => Err(Failure::Transient("the stream ended".into())),
        }
    }

    fn deadline(&self) -> Deadline {
        Deadline::now() + self.options.read_timeout
    }

    fn timed_out(&self, what: &str) -> Failure {
        Failure::Transient(format!("{what} within {:?}", self.options.read_timeout))
    }
}

impl SourceAddress {
    /// Whether silence means that something broke; a pipe may pause, a file has its own pace.
    fn is_paced_by_others(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Udp(_))
    }
}

impl Session {
    fn new(reader: Reader) -> Self {
        let looks_like = if reader.is_html() { "it is HTML" } else { "" };
        Self { reader, aligner: Aligner::default(), is_streaming: false, bytes: 0, looks_like }
    }

    fn align(&mut self, chunk: Option<Bytes>) -> Vec<Bytes> {
        let Some(chunk) = chunk else { return self.aligner.finish().into_iter().collect() };
        if self.bytes == 0 && self.looks_like.is_empty() {
            self.looks_like = look(&chunk);
        }
        self.bytes += chunk.len() as u64;
        self.aligner.push(chunk)
    }

    /// Whether what came so far, without a packet in it, says that there never will be one. A body that
    /// ended at once or within its first packets may be whole next time.
    fn judge(&self, address: &SourceAddress) -> Result<(), Failure> {
        if self.bytes == 0 || self.looks_like.is_empty() && self.bytes <= NOT_TS_AFTER_BYTES {
            return Ok(());
        }
        let looks_like = match self.looks_like {
            "" => "it has no packets",
            known => known,
        };
        Err(Failure::Final(IngestError::NotTransportStream {
            url: address.to_string(),
            looks_like,
            bytes: self.bytes,
        }))
    }
}

/// What the first bytes of a stream look like; empty for one that may be a transport stream.
fn look(chunk: &[u8]) -> &'static str {
    let text = chunk.trim_ascii_start();
    match text.first() {
        Some(b'<') => "it is HTML or XML",
        Some(b'#') if text.starts_with(b"#EXTM3U") => "it is an HLS playlist (see --create-hls-transport)",
        Some(&SYNC_BYTE) | None => "",
        // the packet grid may begin behind the time code of a 192-byte packet
        _ if chunk.get(4) == Some(&SYNC_BYTE) => "",
        _ => "it has no packets",
    }
}
