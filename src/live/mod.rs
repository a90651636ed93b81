//! The live stream: geometry, signatures, the window of verified pieces, assembly and playout.

pub mod archive;
pub mod assembler;
pub mod cutter;
pub mod gatherer;
pub mod geometry;
pub mod piece;
pub mod playout;
pub mod replay;
pub mod source_key;
pub mod verifier;
pub mod window;
