//! The real program on loopback, from the server that a source reads to the bytes that a player gets.
#![allow(clippy::disallowed_methods, reason = "these tests run in real time")]

mod backup_inputs;
mod bad_input;
mod chain;
mod demo;
mod dht;
mod discovery;
mod disk_cache;
mod exchange;
mod failover;
mod forgers;
mod harness;
mod hls;
mod hls_create;
mod hostile;
mod life_cycle;
mod limits;
mod log_lines;
mod node;
mod node_interface;
mod numbered;
mod origin;
mod restart;
mod rogue;
mod schedule;
mod tracker_log;
mod viewer;
mod wire_peer;
