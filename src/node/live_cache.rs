//! How much of an MPEG-TS broadcast is kept, in memory and on disk.

use anyhow::ensure;

use super::config::{LiveCacheConfig, LiveCacheKind};
use super::station::Station;
use crate::live::geometry::Geometry;
use crate::live::verifier::Verifier;
use crate::store::cache::{self, CacheConfig, Keeper};
use crate::swarm::ts::{ArchiveConfig, TsConfig};
use crate::wire::transport_file::TransportFile;

/// With fewer pieces in memory a node cannot follow a stream and serve it.
const MEMORY_PIECES_MIN: u64 = 8;
/// What is in memory of a broadcast that is on disk, unless it is told.
const MEMORY_BESIDE_DISK_BYTES: u64 = 32 * 1024 * 1024;
/// With fewer a disk cache is of no use.
const DISK_PIECES_MIN: u32 = 8;

/// The window of a broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSize {
    pub memory_pieces: usize,
    pub archive: Option<ArchiveConfig>,
}

/// What the descriptor says of how pieces are cut and proven.
///
/// # Errors
/// The key or the geometry cannot be used.
pub fn cut_of(file: &TransportFile) -> anyhow::Result<(Geometry, Verifier)> {
    let descriptor = &file.descriptor;
    let verifier = Verifier::from_spki_der(&descriptor.pubkey)?;
    let signature_length = verifier.signature_length() as u32;
    let geometry = Geometry::new(descriptor.piece_length, descriptor.chunk_length, signature_length)?;
    Ok((geometry, verifier))
}

/// How many pieces of this geometry are kept.
///
/// # Errors
/// So few that they are of no use.
pub fn window_size(
    config: &LiveCacheConfig,
    geometry: &Geometry,
    bitrate: u64,
) -> anyhow::Result<WindowSize> {
    let piece_bytes = geometry.piece_length() as u64;
    let chosen = TsConfig::choose_window_pieces(geometry, bitrate);
    let given = config.memory_bytes.map(|bytes| bytes / piece_bytes);
    if let (Some(pieces), Some(bytes)) = (given, config.memory_bytes) {
        ensure!(
            pieces >= MEMORY_PIECES_MIN,
            "--live-mem-cache-size {bytes} holds {pieces} pieces of {piece_bytes} bytes, at least {MEMORY_PIECES_MIN} are needed"
        );
    }
    let given = given.map(|pieces| usize::try_from(pieces).unwrap_or(usize::MAX));
    if config.kind == LiveCacheKind::Memory {
        return Ok(WindowSize { memory_pieces: given.unwrap_or(chosen), archive: None });
    }
    let beside_disk = (MEMORY_BESIDE_DISK_BYTES / piece_bytes).max(MEMORY_PIECES_MIN) as usize;
    let memory = given.unwrap_or(beside_disk.min(chosen));
    let at_hand = (memory / 4).max(1);
    let pieces = cache::places(config.disk_bytes, geometry);
    ensure!(
        pieces >= DISK_PIECES_MIN,
        "--live-disk-cache-size {} holds {pieces} pieces of {piece_bytes} bytes, at least {DISK_PIECES_MIN} are needed",
        config.disk_bytes
    );
    let archive = Some(ArchiveConfig { pieces: pieces as usize, at_hand });
    Ok(WindowSize { memory_pieces: memory - at_hand, archive })
}

/// Begins to keep the pieces of `file` on disk, if the operator wants it. `is_temporary` says whether they go
/// with the swarm.
///
/// # Errors
/// As [`cut_of`].
pub fn keep(station: &Station, file: &TransportFile, is_temporary: bool) -> anyhow::Result<Option<Keeper>> {
    let common = &station.common;
    if common.live_cache.kind == LiveCacheKind::Memory {
        return Ok(None);
    }
    let (geometry, verifier) = cut_of(file)?;
    Ok(Some(cache::keep(CacheConfig {
        dir: common.cache_dir.clone(),
        infohash: file.infohash,
        geometry,
        verifier,
        max_bytes: common.live_cache.disk_bytes,
        is_temporary,
    })))
}
