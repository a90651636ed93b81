//! Pieces that are kept outside of memory: which ones, and those that were read back lately.
//!
//! Holds numbers and times, never files. What is read back is a [`VerifiedPiece`] again: whoever reads it must
//! have proven it anew ([`kept_piece`]).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use sha1::{Digest, Sha1};

use super::geometry::Geometry;
use super::piece::VerifiedPiece;
use super::verifier::{PayloadDigest, Verifier};
use crate::base::ids::PieceId;
use crate::base::limits::PEER_WINDOW_MAX_PIECES;

/// A piece that is kept, as its keeper tells of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeptPiece {
    pub number: u64,
    /// As [`VerifiedPiece::time`].
    pub time: f64,
    pub digest: PayloadDigest,
}

/// Makes a piece of bytes that were kept, after checking the source's signature and that it is the content
/// that was kept under this number. `None` when a bit of it is not as it was.
pub fn kept_piece(
    kept: &KeptPiece,
    bytes: &Bytes,
    geometry: &Geometry,
    verifier: &Verifier,
) -> Option<VerifiedPiece> {
    if bytes.len() != geometry.piece_length() || !(kept.time.is_finite() && kept.time > 0.0) {
        return None;
    }
    let (payload, signature) = bytes.split_at(geometry.payload_length());
    let digest: PayloadDigest = Sha1::digest(payload).into();
    if digest != kept.digest || !verifier.is_valid(&digest, signature) {
        return None;
    }
    let ranges = (0..).map_while(|chunk| geometry.chunk_range(chunk));
    let chunks = ranges.map(|range| bytes.slice(range)).collect();
    let id = PieceId { stream: 0, number: kept.number };
    Some(VerifiedPiece::new(id, kept.time, chunks, geometry.payload_length(), digest))
}

/// The pieces kept, and which of them are at hand or on their way.
#[derive(Debug, Default)]
pub struct Archive {
    time_by_number: BTreeMap<u64, f64>,
    loading: BTreeSet<u64>,
    at_hand: VecDeque<VerifiedPiece>,
    /// 0: nothing is ever kept.
    at_hand_max: usize,
}

impl Archive {
    /// An archive of which so many pieces may be in memory at once; 0 for none at all.
    pub fn new(at_hand_max: usize) -> Self {
        Self { at_hand_max, ..Self::default() }
    }

    pub fn is_on(&self) -> bool {
        self.at_hand_max > 0
    }

    /// Notes a piece that is kept now. What lies so far behind the newest that no peer remembers it is
    /// forgotten.
    pub fn insert(&mut self, number: u64, time: f64) {
        self.time_by_number.insert(number, time);
        let oldest_of_use =
            self.newest().map_or(0, |newest| (newest + 1).saturating_sub(PEER_WINDOW_MAX_PIECES));
        self.time_by_number = self.time_by_number.split_off(&oldest_of_use);
    }

    /// The piece is kept no more; `false` when it was not.
    pub fn remove(&mut self, number: u64) -> bool {
        self.loading.remove(&number);
        self.at_hand.retain(|piece| piece.number() != number);
        self.time_by_number.remove(&number).is_some()
    }

    pub fn clear(&mut self) {
        *self = Self::new(self.at_hand_max);
    }

    pub fn contains(&self, number: u64) -> bool {
        self.time_by_number.contains_key(&number)
    }

    /// A piece that was read back and is still in memory.
    pub fn at_hand(&self, number: u64) -> Option<&VerifiedPiece> {
        self.at_hand.iter().find(|piece| piece.number() == number)
    }

    /// Notes that a piece is being read; `false` when it is already.
    pub fn begin_loading(&mut self, number: u64) -> bool {
        self.loading.insert(number)
    }

    pub fn is_loading(&self, number: u64) -> bool {
        self.loading.contains(&number)
    }

    /// Pieces being read.
    pub fn loads(&self) -> usize {
        self.loading.len()
    }

    /// Ends the reading of a piece that cannot be had now, and may be asked for again.
    pub fn end_loading(&mut self, number: u64) {
        self.loading.remove(&number);
    }

    /// A piece was read back; `false` when nobody wants it any more.
    pub fn loaded(&mut self, piece: VerifiedPiece) -> bool {
        self.loading.remove(&piece.number());
        if !self.contains(piece.number()) {
            return false;
        }
        self.at_hand.retain(|known| known.number() != piece.number());
        if self.at_hand.len() >= self.at_hand_max {
            self.at_hand.pop_front();
        }
        self.at_hand.push_back(piece);
        true
    }

    pub fn oldest(&self) -> Option<u64> {
        self.time_by_number.first_key_value().map(|(&number, _)| number)
    }

    pub fn newest(&self) -> Option<u64> {
        self.time_by_number.last_key_value().map(|(&number, _)| number)
    }

    /// Number and time of the newest piece.
    pub fn newest_time(&self) -> Option<(u64, f64)> {
        self.time_by_number.last_key_value().map(|(&number, &time)| (number, time))
    }

    /// The oldest number kept that is above `number`.
    pub fn next_after(&self, number: u64) -> Option<u64> {
        self.time_by_number.range(number.checked_add(1)?..).next().map(|(&next, _)| next)
    }

    /// All numbers kept, ascending.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.time_by_number.keys().copied()
    }

    pub fn len(&self) -> usize {
        self.time_by_number.len()
    }

    pub fn is_empty(&self) -> bool {
        self.time_by_number.is_empty()
    }
}
