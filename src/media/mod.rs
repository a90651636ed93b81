//! MPEG transport streams: packets, program tables, clocks, random access; HLS playlists. Pure.

pub mod align;
pub mod bitrate;
pub mod clock;
pub mod frame_start;
pub mod looper;
pub mod pes_time;
pub mod playlist;
pub mod psi;
pub mod random_access;
pub mod span;
pub mod splice;
pub mod tables;
pub mod timeline;
pub mod ts;
