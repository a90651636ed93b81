//! The live stream as its users see it.

mod playout;
mod ts_maker;
