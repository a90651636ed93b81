//! Sockets: listening, links, ingest, fetching, announcing.

pub mod announce;
mod announce_udp;
pub mod bind;
pub mod fetch;
pub mod ingest;
pub mod listen;
pub mod stop;
pub mod tracker_udp;
mod unsniffed;
