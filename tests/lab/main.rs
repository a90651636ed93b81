//! The real program on networks of its own: several machines, each with an address, as far as the kernel
//! lets a test make them. Where it does not, each test says in one line that it was skipped.
#![allow(clippy::disallowed_methods, reason = "these tests run in real time")]

#[path = "../e2e/harness.rs"]
#[allow(dead_code, reason = "shared with the tests on loopback")]
mod harness;
#[allow(dead_code, reason = "shared with the tests on loopback")]
mod hls;
#[path = "../e2e/node.rs"]
#[allow(dead_code, reason = "shared with the tests on loopback")]
mod node;
#[path = "../e2e/numbered.rs"]
#[allow(dead_code, reason = "shared with the tests on loopback")]
mod numbered;
#[path = "../e2e/origin.rs"]
#[allow(dead_code, reason = "shared with the tests on loopback")]
mod origin;
#[path = "../e2e/viewer.rs"]
#[allow(dead_code, reason = "shared with the tests on loopback")]
mod viewer;
#[path = "../e2e/wire_peer.rs"]
#[allow(dead_code, reason = "shared with the tests on loopback")]
mod wire_peer;

#[allow(dead_code, reason = "each test needs another part of it")]
mod cast;
mod dht;
mod finding;
#[allow(dead_code, reason = "each test needs another part of it")]
mod network;
mod outsider;
mod routers;
mod topologies;
mod trackers;
