//! A file or a clip, played at the pace of its own clock, round after round.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time::Instant;

use super::{Failure, IngestError};
use crate::base::limits::FILE_SCAN_BYTES;
use crate::media::align::Aligner;
use crate::media::looper::{DueRun, Looper};
use crate::media::span::{SpanError, SpanScan};

const READ_BYTES: usize = 64 * 1024;

/// Plays one input for ever.
pub(super) struct Paced {
    input: Input,
    aligner: Aligner,
    looper: Looper,
    queue: VecDeque<DueRun>,
    /// When stream time was zero.
    start: Instant,
    /// Whether this round gave a packet: an input that gives none would spin.
    round_has_packets: bool,
}

enum Input {
    File(tokio::fs::File),
    Clip { bytes: &'static [u8], is_read: bool },
}

/// What keeps a file from being played.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is no regular file; give a pipe to standard input with --source -")]
    NotRegular,
    #[error("it is no MPEG transport stream: no packets in its first {bytes} bytes")]
    NotTransportStream { bytes: u64 },
    #[error(transparent)]
    Span(#[from] SpanError),
}

pub(super) async fn open_file(path: &Path) -> Result<Paced, Failure> {
    let scanned = path.to_owned();
    let scan = tokio::task::spawn_blocking(move || scan_file(&scanned)).await;
    let span = scan.unwrap_or_else(|error| Err(io::Error::other(error).into()));
    let failed = |path: PathBuf, why| Failure::Final(IngestError::File { path, why });
    let span = span.map_err(|why| failed(path.to_owned(), why))?;
    let file = tokio::fs::File::open(path).await.map_err(|error| failed(path.to_owned(), error.into()))?;
    Ok(Paced::new(Input::File(file), span))
}

pub(super) fn open_clip(bytes: &'static [u8]) -> Result<Paced, Failure> {
    let mut scan = SpanScan::default();
    scan.push(bytes);
    let span = scan.finish().map_err(|why| Failure::Final(IngestError::Clip(why)))?;
    Ok(Paced::new(Input::Clip { bytes, is_read: false }, span))
}

impl Paced {
    fn new(input: Input, span: u64) -> Self {
        Self {
            input,
            aligner: Aligner::default(),
            looper: Looper::new(span),
            queue: VecDeque::new(),
            start: Instant::now(),
            round_has_packets: false,
        }
    }

    /// The next packets, once they are due.
    pub(super) async fn next(&mut self) -> Result<Bytes, Failure> {
        loop {
            if let Some(run) = self.queue.front() {
                tokio::time::sleep_until(self.start + run.due).await;
                let run = self.queue.pop_front().map(|run| run.packets);
                return Ok(run.unwrap_or_default());
            }
            self.fill().await.map_err(|error| Failure::Transient(error.to_string()))?;
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        let chunk = self.input.read().await?;
        let is_end = chunk.is_empty();
        let mut runs = self.aligner.push(chunk);
        if is_end {
            runs.extend(self.aligner.finish());
        }
        for packets in &runs {
            self.queue.extend(self.looper.play(packets));
        }
        self.round_has_packets |= !runs.is_empty();
        if is_end {
            if !std::mem::take(&mut self.round_has_packets) {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no packets in a whole round"));
            }
            self.input.rewind().await?;
            self.looper.restart();
        }
        Ok(())
    }
}

impl Input {
    /// The next bytes; empty at the end of the round.
    async fn read(&mut self) -> io::Result<Bytes> {
        match self {
            Self::File(file) => {
                let mut buffer = BytesMut::with_capacity(READ_BYTES);
                file.read_buf(&mut buffer).await?;
                Ok(buffer.freeze())
            }
            Self::Clip { is_read: true, .. } => Ok(Bytes::new()),
            Self::Clip { bytes, is_read } => {
                *is_read = true;
                Ok(Bytes::from_static(bytes))
            }
        }
    }

    async fn rewind(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.rewind().await.map(|_start| ()),
            Self::Clip { is_read, .. } => {
                *is_read = false;
                Ok(())
            }
        }
    }
}

/// Learns the span of a file from its two ends.
fn scan_file(path: &Path) -> Result<u64, FileError> {
    let mut file = std::fs::File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(FileError::NotRegular);
    }
    let mut scan = SpanScan::default();
    let head = FILE_SCAN_BYTES.min(metadata.len());
    if !scan_part(&mut file, head, &mut scan)? {
        return Err(FileError::NotTransportStream { bytes: head });
    }
    let tail = metadata.len().saturating_sub(FILE_SCAN_BYTES).max(head);
    file.seek(SeekFrom::Start(tail))?;
    scan_part(&mut file, metadata.len() - tail, &mut scan)?;
    Ok(scan.finish()?)
}

/// Whether there was a packet.
fn scan_part(file: &mut std::fs::File, bytes: u64, scan: &mut SpanScan) -> io::Result<bool> {
    let mut aligner = Aligner::default();
    let mut part = file.take(bytes);
    let mut found = false;
    loop {
        let mut buffer = vec![0; READ_BYTES];
        let length = part.read(&mut buffer)?;
        buffer.truncate(length);
        let mut runs = aligner.push(buffer.into());
        if length == 0 {
            runs.extend(aligner.finish());
        }
        found |= !runs.is_empty();
        runs.iter().for_each(|packets| scan.push(packets));
        if length == 0 {
            return Ok(found);
        }
    }
}
