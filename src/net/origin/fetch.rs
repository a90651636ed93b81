//! One segment, chunk by chunk, as its bytes come; where the origin fails it is asked again for what is
//! missing. Never holds more of it than a chunk.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::access::Access;
use super::chunker::{Chunker, Cut};
use super::complaints::Wanted;
use super::error::OriginError;
use crate::base::ids::PieceId;
use crate::base::rng::Rng;
use crate::swarm::hls::event::OriginEvent;
use crate::wire::hls::segment::{Key, Resource};

/// Attempts after the first one, while the origin seems to be able to do better.
const RETRIES_MAX: u32 = 3;
/// The same for a segment that is not there: a listing may run ahead of the servers behind it.
const RETRIES_OF_GONE_MAX: u32 = 1;
/// The first pause; it doubles.
const PAUSE: Duration = Duration::from_millis(250);

/// A segment to get.
pub(super) struct Fetch {
    pub piece: PieceId,
    pub at: Resource,
    /// The next chunk to get.
    pub next: u16,
    pub decrypt: Option<Key>,
    /// Bytes of the segment, once the origin told.
    pub total: Option<u64>,
    pub rng: Rng,
}

/// The events have no reader any more.
struct Unheard;

impl Fetch {
    /// Gets it, or says that it failed.
    pub(super) async fn run(mut self, access: Arc<Access>, events: mpsc::Sender<OriginEvent>) {
        for attempt in 0.. {
            let error = match self.attempt(&access, &events).await {
                Ok(Ok(()) | Err(Unheard)) => return,
                Err(error) => error,
            };
            if attempt >= retries(&error) {
                let what = format!("segment {}", self.piece);
                access.complaints.tell(self.piece.stream, Wanted::Segment, what, &self.at.url, &error);
                let failed = OriginEvent::Failed { piece: self.piece, is_gone: error.is_gone() };
                // nobody hears it: the node stops
                let _unheard = events.send(failed).await;
                return;
            }
            if let (OriginError::Undecryptable, Some(key)) = (&error, &self.decrypt) {
                access.forget_key(&key.url).await;
            }
            let pause = PAUSE * (1 << attempt);
            tokio::time::sleep(pause.mul_f64(0.8 + 0.4 * self.rng.unit())).await;
        }
    }

    async fn attempt(
        &mut self,
        access: &Access,
        events: &mpsc::Sender<OriginEvent>,
    ) -> Result<Result<(), Unheard>, OriginError> {
        let mut source = access.open(&self.at, self.next, None, self.decrypt.as_ref()).await?;
        self.check_total(source.total())?;
        let mut chunker = Chunker::new(self.next, source.total().unwrap_or_default());
        while let Some(bytes) = source.next().await? {
            for cut in chunker.push(&bytes)? {
                if self.pass_on(cut, events).await.is_err() {
                    return Ok(Err(Unheard));
                }
            }
        }
        Ok(self.pass_on(chunker.finish()?, events).await)
    }

    /// Two attempts must be at one segment.
    fn check_total(&mut self, total: Option<u64>) -> Result<(), OriginError> {
        match (self.total, total) {
            (Some(before), Some(now)) if before != now => Err(OriginError::Changed),
            (before, now) => {
                self.total = now.or(before);
                Ok(())
            }
        }
    }

    async fn pass_on(&mut self, cut: Cut, events: &mpsc::Sender<OriginEvent>) -> Result<(), Unheard> {
        self.next = cut.chunk.saturating_add(1);
        let Cut { chunk, data, is_last } = cut;
        let event = OriginEvent::Chunk { piece: self.piece, chunk, data, is_last };
        events.send(event).await.map_err(|_| Unheard)
    }
}

fn retries(error: &OriginError) -> u32 {
    match error {
        // that took its time already, or never gets better
        OriginError::TooSlow | OriginError::TooLarge { .. } => 0,
        // with the key got anew
        OriginError::Undecryptable => 1,
        error if error.is_transient() => RETRIES_MAX,
        error if error.is_gone() => RETRIES_OF_GONE_MAX,
        _ => 0,
    }
}
