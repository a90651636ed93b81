//! The HTTP interfaces over real loopback sockets.

mod client_api;
mod hls_feed;
mod hls_fixture;
mod hls_playlists;
mod hls_segments;
mod hls_watching;
mod node_api;
mod players;
mod server;
#[path = "../live/ts_maker.rs"]
mod ts_maker;
