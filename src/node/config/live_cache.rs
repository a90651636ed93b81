//! Where the live window is kept, and how much of it.

/// The keeping of pieces, for each broadcast of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveCacheConfig {
    pub kind: LiveCacheKind,
    /// Bytes of all files of a broadcast.
    pub disk_bytes: u64,
    /// Bytes of pieces in memory; `None` chooses by the bitrate.
    pub memory_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveCacheKind {
    Memory,
    /// The newest pieces in memory, more of them in files.
    Disk,
}

impl LiveCacheConfig {
    /// The size that the reference engine shows.
    pub const DISK_BYTES: u64 = 200 * 1024 * 1024;
}

impl Default for LiveCacheConfig {
    fn default() -> Self {
        Self { kind: LiveCacheKind::Memory, disk_bytes: Self::DISK_BYTES, memory_bytes: None }
    }
}
