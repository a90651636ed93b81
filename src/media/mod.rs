//! MPEG transport streams: packets, program tables, clocks, random access. Pure.

pub mod frame_start;
pub mod psi;
pub mod random_access;
pub mod tables;
pub mod timeline;
pub mod ts;
