//! How peers are found beside the trackers that are named.

use crate::cli::option::{Form, Opt};
use crate::node::config::PUBLIC_TRACKER;

const fn lsd(default: &'static str) -> Opt {
    Opt::new(
        "lsd-enabled",
        Form::Bool,
        default,
        "Tell the own link of every broadcast by multicast, and find peers there; never of a private node",
    )
}

const PUBLIC: Opt = Opt {
    default: PUBLIC_TRACKER,
    ..Opt::list(
        "public-tracker",
        Form::TrackerUrl,
        "Tracker to ask too where the transport file allows public trackers, instead of the usual one",
    )
};

pub const SOURCE: &[Opt] = &[lsd("0")];
pub const SUPPORT: &[Opt] = &[lsd("0"), PUBLIC];
pub const CLIENT: &[Opt] = &[lsd("1"), PUBLIC];
