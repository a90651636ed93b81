//! The HTTP interfaces over real loopback sockets.

mod client_api;
mod node_api;
mod players;
mod server;
#[path = "../live/ts_maker.rs"]
mod ts_maker;
