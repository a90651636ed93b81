//! The tracker: who is in which swarm. Pure: bytes and the time in, bytes out; sockets are in `net` and
//! `http`.

pub mod connection_id;
mod peer_set;
pub mod registry;
pub mod service;
mod swarm;
