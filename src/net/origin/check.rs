//! One chunk of a segment at the origin, to hold what a peer said against.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::access::Access;
use super::complaints::Wanted;
use super::error::OriginError;
use crate::base::ids::PieceId;
use crate::swarm::hls::event::{CHUNK_BYTES, OriginEvent};
use crate::wire::hls::segment::{Key, Resource};

/// A chunk to get.
pub(super) struct Check {
    pub piece: PieceId,
    pub at: Resource,
    pub chunk: u16,
    /// Bytes of the segment, as somebody says.
    pub length: u64,
    pub decrypt: Option<Key>,
}

impl Check {
    /// Gets it and tells its hash.
    pub(super) async fn run(self, access: Arc<Access>, events: mpsc::Sender<OriginEvent>) {
        let hash = match self.hash(&access).await {
            Ok(hash) => Some(hash),
            Err(error) => {
                let what = format!("chunk {} of segment {}", self.chunk, self.piece);
                access.complaints.tell(self.piece.stream, Wanted::Check, what, &self.at.url, &error);
                None
            }
        };
        let event = OriginEvent::Checked { piece: self.piece, chunk: self.chunk, hash };
        // nobody hears it: the node stops
        let _unheard = events.send(event).await;
    }

    /// Where the origin's segment has another length, the chunk of the one that was told does not exist: it
    /// then has the hash of nothing, which no chunk has.
    async fn hash(&self, access: &Access) -> Result<[u8; 32], OriginError> {
        let start = u64::from(self.chunk) * CHUNK_BYTES as u64;
        let wanted = self.length.saturating_sub(start).min(CHUNK_BYTES as u64);
        let nothing = || Sha256::digest(b"").into();
        if wanted == 0 {
            return Ok(nothing());
        }
        let opened = access.open(&self.at, self.chunk, Some(wanted), self.decrypt.as_ref()).await;
        let mut source = match opened {
            Err(OriginError::OutOfRange) => return Ok(nothing()),
            // of a file with many segments, the end may not be written yet
            Err(OriginError::Short) if self.at.range.is_none() => return Ok(nothing()),
            opened => opened?,
        };
        if source.total().is_some_and(|total| total != self.length) {
            return Ok(nothing());
        }
        let mut hash = Sha256::new();
        let mut left = wanted as usize;
        while left > 0 {
            let bytes = source.next().await?.ok_or(OriginError::Short)?;
            let taken = bytes.len().min(left);
            hash.update(&bytes[..taken]);
            left -= taken;
        }
        Ok(hash.finalize().into())
    }
}
