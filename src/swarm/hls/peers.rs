//! What we know of a peer beside what every swarm knows: what it watches, what it holds in part, and what
//! its word was worth so far.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::base::ids::PieceId;
use crate::wire::hls::table::Watching;

/// Pieces held in part that are remembered of one peer, the newest.
const PARTS_MAX: usize = 64;
/// Offers borne out before a peer is checked at random only.
pub const CREDIT: u32 = 3;
/// Wrong offers passed on from others, beyond the right ones, before the peer counts as a liar itself.
pub const STRIKES_MAX: u32 = 3;

#[derive(Debug, Default)]
pub struct HlsPeer {
    pub watching: Watching,
    /// What it was told that we watch.
    pub told: Option<Watching>,
    parts: BTreeMap<PieceId, Bytes>,
    /// Its own offers that the origin bore out.
    pub credit: u32,
    /// Wrong offers that it passed on, less the right ones.
    pub strikes: u32,
    /// Fetches that it announced and did not finish.
    pub broken_promises: u32,
}

impl HlsPeer {
    pub fn watches(&self, stream: u32) -> bool {
        self.watching.streams.iter().any(|&(watched, _)| watched == stream)
    }

    /// Notes the chunks that it holds of a piece.
    pub fn note_parts(&mut self, id: PieceId, bits: Bytes) {
        self.parts.insert(id, bits);
        if self.parts.len() > PARTS_MAX {
            self.parts.pop_first();
        }
    }

    /// It holds the piece whole, or we do not care any more.
    pub fn forget_parts(&mut self, id: PieceId) {
        self.parts.remove(&id);
    }

    pub fn forget_stream(&mut self, stream: u32) {
        self.parts.retain(|id, _| id.stream != stream);
    }

    pub fn has_parts(&self, id: PieceId) -> bool {
        self.parts.contains_key(&id)
    }

    pub fn has_part(&self, id: PieceId, chunk: u16) -> bool {
        let byte = self.parts.get(&id).and_then(|bits| bits.get(usize::from(chunk / 8)));
        byte.is_some_and(|byte| byte & (0x80 >> (chunk % 8)) != 0)
    }
}
