//! The options, one row each, in the groups of the help; and which mode takes which group.

mod broadcast;
mod debug;
mod finding;
mod hls;
mod logging;
mod network;
mod refused;
mod storage;
mod viewer;

pub use debug::DEBUG_TARGETS;

use super::mode::Mode;
use super::option::Opt;

/// A heading of the help and its options.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    pub heading: &'static str,
    pub options: &'static [Opt],
}

const fn group(heading: &'static str, options: &'static [Opt]) -> Group {
    Group { heading, options }
}

const NETWORK: Group = group("Network", network::NETWORK);
const ROUTER: Group = group("Router", network::MAPPING);
const LIMITS: Group = group("Limits", network::LIMITS);
const SERVICE: Group = group("Node interface", network::SERVICE);
const FILES: Group = group("Files", storage::COMMON);
const LOGGING: Group = group("Logging", logging::LOGGING);
const DEBUG: Group = group("Tracing of subsystems", debug::DEBUG);
const REFUSED: Group = group("Not in this build", refused::NODE);

const SOURCE: &[Group] = &[
    group("Broadcast", broadcast::IDENTITY),
    group("Source", broadcast::SOURCE),
    group("Pieces and keys", broadcast::PIECES),
    group("Trackers of the broadcast", broadcast::TRACKERS),
    group("Description", broadcast::DESCRIPTION),
    group("Port", network::SOURCE_PORT),
    ROUTER,
    NETWORK,
    group("Finding peers", finding::SOURCE),
    LIMITS,
    SERVICE,
    FILES,
    group("Files of the broadcast", storage::SOURCE),
    LOGGING,
    DEBUG,
    REFUSED,
    group("Not in this build", refused::SOURCE),
];

const SUPPORT: &[Group] = &[
    group("Broadcast", broadcast::SUPPORT),
    group("HLS segments", hls::SUPPORT_HIDING),
    group("HLS broadcasts", hls::SUPPORT),
    group("Port", network::SUPPORT_PORT),
    ROUTER,
    NETWORK,
    group("Finding peers", finding::SUPPORT),
    LIMITS,
    SERVICE,
    FILES,
    group("State of a support node", storage::SUPPORT),
    LOGGING,
    DEBUG,
    REFUSED,
    group("Not in this build", refused::SUPPORT),
];

const CREATE_HLS: &[Group] = &[
    group("Playlist", hls::PLAYLIST),
    group("Description", hls::DESCRIPTION),
    group("Transport files", hls::OUTPUT),
    LOGGING,
];

const PUBLISH_HLS: &[Group] = &[
    group("Playlist", hls::PLAYLIST),
    group("Description", hls::DESCRIPTION),
    group("Transport files", hls::PUBLISHED),
    group("HLS broadcasts", hls::SUPPORT),
    group("Port", network::SUPPORT_PORT),
    ROUTER,
    NETWORK,
    group("Finding peers", finding::SUPPORT),
    LIMITS,
    SERVICE,
    FILES,
    group("State of a support node", storage::SUPPORT),
    LOGGING,
    DEBUG,
    REFUSED,
    group("Not in this build", refused::SUPPORT),
];

const CLIENT: &[Group] = &[
    group("Players", viewer::PLAYERS),
    group("Port", network::SUPPORT_PORT),
    group("Router", network::CLIENT_MAPPING),
    NETWORK,
    group("Finding peers", finding::CLIENT),
    LIMITS,
    group("Files", storage::CLIENT),
    LOGGING,
    DEBUG,
    REFUSED,
    group("Not in this build", refused::CLIENT),
];

const TRACKER: &[Group] = &[group("Tracker", network::TRACKER), group("Files", storage::TRACKER), LOGGING];

const DEMO: &[Group] = &[group("Demo", network::DEMO), LOGGING];

/// The groups of a mode's options, in the order of its help.
pub fn groups(mode: Mode) -> &'static [Group] {
    match mode {
        Mode::Source => SOURCE,
        Mode::Support => SUPPORT,
        Mode::Client => CLIENT,
        Mode::Tracker => TRACKER,
        Mode::CreateHls => CREATE_HLS,
        Mode::PublishHls => PUBLISH_HLS,
        Mode::Demo => DEMO,
        Mode::GetInfohash | Mode::GetFileInfo | Mode::GetFileInfoWithId | Mode::Version => &[],
    }
}

/// Every option of a mode.
pub fn options(mode: Mode) -> impl Iterator<Item = &'static Opt> {
    groups(mode).iter().flat_map(|group| group.options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mode_has_two_options_of_one_name() {
        for mode in Mode::ALL {
            let mut names: Vec<_> = options(mode).map(|option| option.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{mode:?}");
        }
    }

    #[test]
    fn every_option_that_works_is_documented() {
        for mode in Mode::ALL {
            for option in options(mode).filter(|option| !option.is_refused()) {
                assert!(!option.doc.is_empty(), "{}", option.name);
            }
        }
    }
}
