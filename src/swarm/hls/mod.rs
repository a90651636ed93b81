//! HLS broadcasts in the swarm: which segment comes from whom, the origin included.

pub mod event;
