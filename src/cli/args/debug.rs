//! `--debug-*`: each sets one subsystem's log to debug.

use crate::cli::option::{Effect, Opt};

/// A subsystem of the reference engine that has no lines to show here.
const fn absent(name: &'static str, doc: &'static str, reason: &'static str) -> Opt {
    Opt::flag(name, doc).with(Effect::Warns(reason))
}

/// Source node, support node and client.
pub const DEBUG: &[Opt] = &[
    Opt::flag("debug-encoder", "Dialling and handshakes"),
    Opt::flag("debug-encoder-connection", "Each link: opening and closing"),
    Opt::flag("debug-connecter", "The swarm: peers, interest, choking"),
    Opt::flag("debug-connecter-connection", "Connections that come in"),
    Opt::flag("debug-downloader", "What is fetched"),
    Opt::flag("debug-single-download", "What is fetched from each peer"),
    Opt::flag("debug-download-live", "The live window and joining"),
    Opt::flag("debug-picker-client", "The choice of chunks"),
    Opt::flag("debug-client-transporter", "Delivery to players"),
    Opt::flag("debug-pieces", "Pieces verified, lost and forged"),
    Opt::flag("debug-storage", "Pieces kept"),
    Opt::flag("debug-rerequester", "Announces to trackers"),
    Opt::flag("debug-multicast-pex", "Peers heard of from peers and on the own link"),
    Opt::flag("debug-rerequester-dht", "Announces to the DHT"),
    Opt::flag("debug-dht", "The DHT"),
    absent("debug-magnet", "Magnet links", "there are no magnet links in this build yet"),
    absent("debug-memory-usage", "Use of memory", "the use of memory is not logged in this build"),
];

/// The log targets that they set.
pub const DEBUG_TARGETS: [(&str, &str); 16] = [
    ("debug-encoder", "acestream.link"),
    ("debug-encoder-connection", "acestream.link"),
    ("debug-connecter", "acestream.swarm"),
    ("debug-connecter-connection", "acestream.LM"),
    ("debug-downloader", "acestream.swarm"),
    ("debug-single-download", "acestream.swarm"),
    ("debug-download-live", "acestream.swarm"),
    ("debug-picker-client", "acestream.swarm"),
    ("debug-client-transporter", "acestream.httpserver"),
    ("debug-pieces", "acestream.swarm"),
    ("debug-storage", "acestream.swarm"),
    ("debug-rerequester", "acestream.rerequester"),
    ("debug-rerequester-dht", "acestream.rerequester"),
    ("debug-dht", "acestream.dht"),
    ("debug-multicast-pex", "acestream.pex"),
    ("debug-multicast-pex", "acestream.lsd"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_debug_option_has_its_target_or_warns() {
        let targeted = DEBUG_TARGETS.map(|(option, _)| option);
        for option in DEBUG {
            let warns = matches!(option.effect, Effect::Warns(_));
            assert_ne!(targeted.contains(&option.name), warns, "{}", option.name);
        }
    }
}
