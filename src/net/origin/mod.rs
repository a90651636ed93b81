//! The origin of an HLS broadcast: its playlists, segments, keys and initialisation sections, over HTTP.
//!
//! It decides how an origin is asked and what of its answers is taken; never which segment is wanted or what
//! becomes of it.

mod client;
mod error;
mod playlist;
mod reach;

pub use client::OriginClient;
pub use error::OriginError;
pub use playlist::{Answer, Validators};
