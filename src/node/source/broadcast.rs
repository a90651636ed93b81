//! The live path of the source: packets in, signed pieces out, and never a number twice.

use std::time::{Duration, Instant};

use anyhow::Context;
use rsa::rand_core::OsRng;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::super::node_view::LastInput;
use super::super::station::{now, unix_time_s};
use super::LOG;
use super::identity::Keys;
use super::schedule::Schedule;
use crate::live::cutter::Cutter;
use crate::live::geometry::Geometry;
use crate::live::piece::VerifiedPiece;
use crate::net::ingest::IngestEvent;
use crate::net::stop::stopped;
use crate::store::files::FileError;
use crate::store::restart::RestartFile;
use crate::wire::transport_file::TransportFile;

/// A number that cannot be saved is complained of this often.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// Cuts and signs what comes from the source.
pub struct Broadcast {
    cutter: Cutter<OsRng>,
    restart: RestartFile,
    /// The saving of the number of the piece that is being filled: it is under way long before the
    /// piece is whole, so a node that dies leaves a gap and never uses a number again.
    saving: Option<JoinHandle<Result<(), FileError>>>,
    last_made: Option<u64>,
    complained_at: Option<Instant>,
    pieces: mpsc::Sender<VerifiedPiece>,
    last_input: LastInput,
}

impl Broadcast {
    /// # Errors
    /// The geometry leaves no room for signatures of this key.
    pub fn new(
        keys: Keys,
        file: &TransportFile,
        pieces: mpsc::Sender<VerifiedPiece>,
        last_input: LastInput,
    ) -> anyhow::Result<Self> {
        let descriptor = &file.descriptor;
        let signature_length = keys.key.verifier().signature_length() as u32;
        let geometry = Geometry::new(descriptor.piece_length, descriptor.chunk_length, signature_length)?;
        let (restart, last_made) = (keys.restart.clone(), keys.last_piece);
        let next = keys.next_piece();
        let cutter = Cutter::new(geometry, keys.key, OsRng, next);
        Ok(Self { cutter, restart, saving: None, last_made, complained_at: None, pieces, last_input })
    }

    /// Broadcasts until the source ends, its time is over or `stop` turns true, then saves the last number.
    pub async fn run(
        mut self,
        mut incoming: mpsc::Receiver<IngestEvent>,
        schedule: Schedule,
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        self.save_next();
        let ended = tokio::select! {
            ended = self.cut(&mut incoming) => ended,
            () = schedule.ends() => Ok(()),
            () = stopped(&mut stop) => Ok(()),
        };
        self.save_last().await;
        ended
    }

    async fn cut(&mut self, incoming: &mut mpsc::Receiver<IngestEvent>) -> anyhow::Result<()> {
        while let Some(event) = incoming.recv().await {
            super::log_event(&event);
            let IngestEvent::Packets(packets) = event else { continue };
            self.last_input.touch();
            for piece in self.cutter.push(packets, unix_time_s())? {
                self.make(piece).await?;
            }
        }
        tracing::info!(target: LOG, "the source ended");
        Ok(())
    }

    /// Hands a piece to the swarm once its number is safe.
    async fn make(&mut self, piece: VerifiedPiece) -> anyhow::Result<()> {
        anyhow::ensure!(piece.number() < u64::from(u32::MAX), "piece numbers end at {}", u32::MAX);
        self.await_saving().await;
        self.last_made = Some(piece.number());
        self.pieces.send(piece).await.context("the swarm ended")?;
        self.save_next();
        Ok(())
    }

    fn save_next(&mut self) {
        let (restart, number) = (self.restart.clone(), self.cutter.next_number());
        self.saving = Some(tokio::task::spawn_blocking(move || restart.save(number)));
    }

    async fn await_saving(&mut self) {
        let Some(saving) = self.saving.take() else { return };
        if let Ok(Err(error)) = saving.await {
            self.complain(&error);
        }
    }

    /// The broadcast goes on: who watches it is worth more than a number.
    fn complain(&mut self, error: &FileError) {
        let is_due = |at: Instant| now().saturating_duration_since(at) >= COMPLAINT_INTERVAL;
        if self.complained_at.is_none_or(is_due) {
            self.complained_at = Some(now());
            tracing::error!(target: LOG, "the last piece number is not saved: {error}");
        }
    }

    async fn save_last(&mut self) {
        self.await_saving().await;
        let Some(last) = self.last_made else { return };
        if let Err(error) = self.restart.save(last) {
            self.complain(&error);
        }
    }
}
