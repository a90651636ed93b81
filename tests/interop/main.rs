//! Real clients and trackers of other people. Needs their programs, so nothing here runs unless asked:
//! `cargo test --test interop -- --ignored`. A missing program is a failure that names it.

#![allow(clippy::disallowed_methods, reason = "waits are bounded by the clock")]

mod tracker_clients;
