//! Real clients, trackers and players of other people. Needs their programs, so nothing here runs unless
//! asked: `cargo test --test interop -- --ignored`. A missing program is a failure that names it.

#![allow(clippy::disallowed_methods, reason = "waits are bounded by the clock")]

mod broadcast;
mod opentracker;
mod players;
mod program;
mod tracker_clients;
