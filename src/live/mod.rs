//! The live stream: geometry, signatures, the window of verified pieces, assembly and playout.

pub mod playout;
