//! The options, one row each, in the groups of the help; and which mode takes which group.

mod broadcast;
mod configuration;
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

/// What the options of a group are about when one process runs several nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One node; the nodes of a process rarely have the same.
    Node,
    /// One node, though it is often the same for all nodes of a process.
    Shared,
    /// The process: its nodes cannot differ in it.
    Process,
}

/// A heading of the help and its options.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    pub heading: &'static str,
    pub options: &'static [Opt],
    pub scope: Scope,
}

const fn group(heading: &'static str, options: &'static [Opt]) -> Group {
    Group { heading, options, scope: Scope::Node }
}

const fn shared(heading: &'static str, options: &'static [Opt]) -> Group {
    Group { heading, options, scope: Scope::Shared }
}

const fn of_process(heading: &'static str, options: &'static [Opt]) -> Group {
    Group { heading, options, scope: Scope::Process }
}

const NETWORK: Group = shared("Network", network::NETWORK);
const ROUTER: Group = shared("Router", network::MAPPING);
const LIMITS: Group = shared("Limits", network::LIMITS);
const SERVICE: Group = shared("Node interface", network::SERVICE);
const FILES: Group = shared("Files", storage::COMMON);
const LOGGING: Group = of_process("Logging", logging::LOGGING);
const DEBUG: Group = of_process("Tracing of subsystems", debug::DEBUG);
const CONFIGURATION: Group = of_process("Configuration", configuration::CONFIGURATION);
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
    CONFIGURATION,
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
    CONFIGURATION,
    LOGGING,
    DEBUG,
    REFUSED,
    group("Not in this build", refused::SUPPORT),
];

const CREATE_HLS: &[Group] = &[
    group("Playlist", hls::PLAYLIST),
    group("Description", hls::DESCRIPTION),
    group("Transport files", hls::OUTPUT),
    CONFIGURATION,
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
    CONFIGURATION,
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
    CONFIGURATION,
    LOGGING,
    DEBUG,
    REFUSED,
    group("Not in this build", refused::CLIENT),
];

const TRACKER: &[Group] =
    &[group("Tracker", network::TRACKER), group("Files", storage::TRACKER), CONFIGURATION, LOGGING];

const DEMO: &[Group] = &[group("Demo", network::DEMO), CONFIGURATION, LOGGING];

const GENERATE: &[Group] = &[group("Completions", configuration::COMPLETIONS)];

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
        Mode::Generate => GENERATE,
        Mode::GetInfohash | Mode::GetFileInfo | Mode::GetFileInfoWithId | Mode::Version => &[],
    }
}

/// Every option of a mode.
pub fn options(mode: Mode) -> impl Iterator<Item = &'static Opt> {
    groups(mode).iter().flat_map(|group| group.options)
}

/// The option of a mode by its whole name.
pub fn option(mode: Mode, name: &str) -> Option<&'static Opt> {
    options(mode).find(|option| option.name == name)
}

/// Whether an option of a mode is about the process rather than a node of it.
pub fn is_of_process(mode: Mode, name: &str) -> bool {
    let of_process = groups(mode).iter().filter(|group| group.scope == Scope::Process);
    of_process.flat_map(|group| group.options).any(|option| option.name == name)
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
