//! The DHT on a virtual network: no sockets, no waiting, the same run from the same seed.
#![allow(clippy::disallowed_methods, reason = "tests make up a time to start from")]

mod answers;
mod hostile;
mod network;
mod scenarios;
