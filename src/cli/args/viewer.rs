//! The client's face to players.

use super::broadcast::TRACKER;
use super::network::HTTP_PORT;
use crate::cli::option::{Form, Opt};

/// The client.
pub const PLAYERS: &[Opt] = &[
    HTTP_PORT,
    Opt::flag("bind-all", "Serve players on every interface, not on this machine alone"),
    Opt::new(
        "live-buffer-time",
        Form::Int(0, 600),
        "3",
        "Seconds of media given to a player at once; 0 is the newest clean point",
    ),
    TRACKER,
];
