//! MPEG transport streams: packets, program tables, clocks, random access. Pure.

pub mod ts;
