//! The open engine for peer-to-peer live broadcasting.
//!
//! All that decides is a state machine without sockets, clock or files; all that does I/O is a thin
//! shell around it. A module imports only modules of its own or a lower rank (`tests/layers.rs`):
//!
//! ```text
//! rank 7  cli                      what was typed -> a validated configuration
//! rank 6  node                     one file a mode: composes parts and owns tasks
//! rank 5  net http store obs       tokio shells: sockets, HTTP, timers, files, logs
//! rank 4  swarm tracker dht        state machines: handle(now, input), poll() -> output, deadline()
//! rank 3  live                     the live stream: pieces, signatures, window, playout
//! rank 2  media                    MPEG transport streams, pure
//! rank 1  wire                     codecs, pure
//! rank 0  base                     ids, limits, rates, seeded randomness; std only
//! ```
//!
//! Bytes that were not checked against the source's key cannot reach a viewer, a peer or the cache:
//! only [`live::piece::VerifiedPiece`] can, and only a signer or a verifier makes one.

pub mod base;
pub mod cli;
pub mod dht;
pub mod http;
pub mod live;
pub mod media;
pub mod net;
pub mod node;
pub mod obs;
pub mod store;
pub mod swarm;
pub mod tracker;
pub mod wire;
