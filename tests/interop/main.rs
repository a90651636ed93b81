//! Real clients, trackers and players of other people. Needs their programs, so nothing here runs unless
//! asked: `cargo test --test interop -- --ignored`. A missing program is a failure that names it.

#![allow(clippy::disallowed_methods, reason = "waits are bounded by the clock")]

mod backup_inputs;
mod broadcast;
mod dht;
mod hls_broadcast;
mod hls_browser;
mod hls_origin;
mod hls_players;
mod hls_streamlink;
mod opentracker;
mod player;
mod players;
mod program;
mod tracker_clients;
