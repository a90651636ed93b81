//! Pieces on disk: written as they come, proven again before they are read back, the oldest written over.
//!
//! One byte that is not as it was costs a piece, never a viewer. A disk that is full, read-only or gone costs
//! the cache: the node goes on in memory.

mod files;
mod keeper;
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use bytes::Bytes;

pub use keeper::{Keeper, keep};

use crate::base::ids::Infohash;
use crate::base::limits::{CACHE_LIFE, PEER_WINDOW_MAX_PIECES};
use crate::live::archive::{KeptPiece, kept_piece};
use crate::live::geometry::Geometry;
use crate::live::piece::VerifiedPiece;
use crate::live::verifier::Verifier;
use files::{Place, PlaceFiles};
use record::HEAD_BYTES;

/// The name under which the reference logs its cache.
pub(super) const LOG: &str = "acestream.Live.Storage";

/// A cache of one broadcast.
#[derive(Debug, Clone)]
pub struct CacheConfig {
    /// Created when missing.
    pub dir: PathBuf,
    pub infohash: Infohash,
    pub geometry: Geometry,
    pub verifier: Verifier,
    /// Bytes that all files together may take.
    pub max_bytes: u64,
    /// The files go when the node ends, or leaves the broadcast.
    pub is_temporary: bool,
}

impl CacheConfig {
    /// Pieces that fit.
    pub fn places(&self) -> u32 {
        places(self.max_bytes, &self.geometry)
    }

    fn record_bytes(&self) -> u64 {
        record_bytes(&self.geometry)
    }
}

/// Pieces that `max_bytes` hold; no more than other nodes remember of this one.
pub fn places(max_bytes: u64, geometry: &Geometry) -> u32 {
    (max_bytes / record_bytes(geometry)).min(PEER_WINDOW_MAX_PIECES) as u32
}

fn record_bytes(geometry: &Geometry) -> u64 {
    (HEAD_BYTES + geometry.piece_length()) as u64
}

/// Where a piece lies, and what it is.
#[derive(Debug, Clone, Copy)]
struct Kept {
    place: Place,
    piece: KeptPiece,
}

/// The pieces of one broadcast on disk. All calls block.
#[derive(Debug)]
pub struct DiskCache {
    config: CacheConfig,
    files: PlaceFiles,
    kept: BTreeMap<u64, Kept>,
    free: BTreeSet<Place>,
}

/// What became of a piece that was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// In a free place, or in that of the oldest piece, which is told.
    InPlaceOf(Option<u64>),
    /// Held already, or older than all that is held.
    Needless,
}

/// A piece could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct WriteError {
    pub cause: io::Error,
    /// The piece in whose place it was to be, which is gone.
    pub displaced: Option<u64>,
}

impl DiskCache {
    /// Opens the files and proves what they hold; what does not hold, and what is older than a day at
    /// `now_s` (Unix seconds), is free to be written over.
    ///
    /// # Errors
    /// The directory cannot be used, or another process uses these files.
    pub fn open(config: CacheConfig, now_s: f64) -> io::Result<Self> {
        let files = PlaceFiles::open(&config.dir, config.infohash, config.record_bytes(), config.places())?;
        let mut cache = Self { config, files, kept: BTreeMap::new(), free: BTreeSet::new() };
        cache.files.clean(CACHE_LIFE);
        for place in cache.files.places() {
            match cache.read(place)? {
                Some((piece, _)) if (now_s - piece.time).abs() <= CACHE_LIFE.as_secs_f64() => {
                    cache.take_up(Kept { place, piece });
                }
                _ => _ = cache.free.insert(place),
            }
        }
        Ok(cache)
    }

    /// All pieces, ascending.
    pub fn pieces(&self) -> Vec<KeptPiece> {
        self.kept.values().map(|kept| kept.piece).collect()
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.bytes()
    }

    /// Removes what other broadcasts left and nobody uses.
    pub fn clean(&self) {
        self.files.clean(CACHE_LIFE);
    }

    /// Writes a piece.
    ///
    /// # Errors
    /// The disk is full, read-only or gone. What was in its place is gone then, too.
    pub fn keep(&mut self, piece: &VerifiedPiece) -> Result<Written, WriteError> {
        let number = piece.number();
        if self.kept.contains_key(&number) {
            return Ok(Written::Needless);
        }
        let (place, displaced) = match (self.free.first().copied(), self.kept.first_key_value()) {
            (Some(free), _) => (free, None),
            (None, Some((&oldest, kept))) if oldest < number => (kept.place, Some(oldest)),
            _ => return Ok(Written::Needless),
        };
        displaced.into_iter().for_each(|oldest| self.let_go(oldest));
        let record = record::encode(self.config.infohash, piece);
        self.files.write(place, &record).map_err(|cause| WriteError { cause, displaced })?;
        self.free.remove(&place);
        let piece = KeptPiece { number, time: piece.time(), digest: *piece.digest() };
        self.kept.insert(number, Kept { place, piece });
        Ok(Written::InPlaceOf(displaced))
    }

    /// Reads a piece back and proves it anew; `None` when it is not what was kept, and is kept no more.
    pub fn load(&mut self, number: u64) -> Option<VerifiedPiece> {
        let kept = *self.kept.get(&number)?;
        let found = self.read(kept.place).ok().flatten().filter(|(piece, _)| *piece == kept.piece);
        if found.is_none() {
            self.let_go(number);
        }
        found.map(|(_, piece)| piece)
    }

    /// Forgets a piece: its place is free.
    pub fn let_go(&mut self, number: u64) {
        if let Some(kept) = self.kept.remove(&number) {
            self.free.insert(kept.place);
        }
    }

    /// Forgets all pieces.
    pub fn clear(&mut self) {
        let places: Vec<_> = std::mem::take(&mut self.kept).into_values().map(|kept| kept.place).collect();
        self.free.extend(places);
    }

    /// Forgets the pieces whose files somebody removed, and names them.
    pub fn drop_lost(&mut self) -> Vec<u64> {
        let lost: BTreeSet<Place> = self.files.lost().into_iter().collect();
        let gone = self.kept.iter().filter(|(_, kept)| lost.contains(&kept.place));
        let gone: Vec<u64> = gone.map(|(&number, _)| number).collect();
        gone.iter().for_each(|&number| self.let_go(number));
        gone
    }

    /// Ends the use of the files, which go if they were to be there only meanwhile.
    pub fn close(self) {
        if self.config.is_temporary {
            self.files.remove();
        }
    }

    fn read(&mut self, place: Place) -> io::Result<Option<(KeptPiece, VerifiedPiece)>> {
        let Some(record) = self.files.read(place)? else { return Ok(None) };
        let Some(kept) = record::read_head(self.config.infohash, &record) else { return Ok(None) };
        let bytes = Bytes::from(record).slice(HEAD_BYTES..);
        let piece = kept_piece(&kept, &bytes, &self.config.geometry, &self.config.verifier);
        Ok(piece.map(|piece| (kept, piece)))
    }

    /// Of two records with one number the newer one counts.
    fn take_up(&mut self, kept: Kept) {
        let number = kept.piece.number;
        match self.kept.get(&number).copied() {
            Some(known) if known.piece.time >= kept.piece.time => _ = self.free.insert(kept.place),
            known => {
                self.free.extend(known.map(|known| known.place));
                self.kept.insert(number, kept);
            }
        }
    }
}
