//! HTTP: the node interface, the viewer, the tracker's endpoint.

pub mod client_api;
pub mod hls;
pub mod node_api;
pub mod opened;
pub mod reply;
pub mod selector;
pub mod serve;
pub mod service;
pub mod stream;
