//! Sockets: listening, links, ingest, fetching, announcing.

pub mod announce;
mod announce_udp;
pub mod backoff;
pub mod bind;
pub mod connections;
pub mod datagrams;
pub mod dht;
pub mod dial;
pub mod door;
pub mod driver;
pub mod fetch;
pub mod finders;
pub mod frames;
pub mod ingest;
pub mod interfaces;
pub mod link;
pub mod listen;
pub mod lsd;
pub mod origin;
pub mod portmap;
mod reach;
mod segments;
pub mod stop;
pub mod tracker_udp;
mod unsniffed;
