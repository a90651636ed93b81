//! One file a mode: composes the parts and owns their tasks.

pub mod client;
pub mod config;
pub mod demo;
pub mod hls;
pub mod inspect;
pub mod life;
mod live_cache;
mod node_view;
mod own_ip;
mod privacy;
mod relay;
pub mod several;
pub mod source;
mod station;
pub mod support;
pub mod tracker;
mod transport_source;
