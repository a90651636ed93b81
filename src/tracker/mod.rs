//! The tracker: who is in which swarm. Pure: bytes and the time in, bytes out; sockets are in `net` and
//! `http`.

pub mod connection_id;
mod peer_set;
pub mod registry;
mod seeded_hash;
pub mod service;
mod swarm;
