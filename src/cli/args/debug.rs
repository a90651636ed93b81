//! `--debug-*`: each lowers the threshold of one subsystem's log to debug.

use crate::cli::option::{Form, Opt};

const fn debug(name: &'static str, doc: &'static str) -> Opt {
    Opt { name, form: Form::Flag, doc, ..Opt::flag(name, doc) }
}

/// Source node, support node and client.
pub const DEBUG: &[Opt] = &[
    debug("debug-encoder", "Dialling and frames written"),
    debug("debug-encoder-connection", "Each link: handshakes, opening, closing"),
    debug("debug-connecter", "The swarm: peers, interest, choking"),
    debug("debug-connecter-connection", "Each link's messages"),
    debug("debug-downloader", "What is fetched"),
    debug("debug-single-download", "What is fetched from each peer"),
    debug("debug-download-live", "The live window and hooking in"),
    debug("debug-picker-client", "The choice of chunks"),
    debug("debug-client-transporter", "Delivery to players"),
    debug("debug-memory-usage", "Buffers and windows"),
    debug("debug-pieces", "Pieces made and verified"),
    debug("debug-storage", "The store of pieces"),
    debug("debug-rerequester", "Announces to trackers"),
    debug("debug-rerequester-dht", "Announces to the distributed hash table"),
    debug("debug-dht", "The distributed hash table"),
    debug("debug-magnet", "Transport files fetched from peers"),
    debug("debug-multicast-pex", "Peer exchange"),
];

/// The log target whose level each of them sets.
pub const DEBUG_TARGETS: [(&str, &str); 17] = [
    ("debug-encoder", "acestream.encoder"),
    ("debug-encoder-connection", "acestream.link"),
    ("debug-connecter", "acestream.swarm"),
    ("debug-connecter-connection", "acestream.link"),
    ("debug-downloader", "acestream.picker"),
    ("debug-single-download", "acestream.picker"),
    ("debug-download-live", "acestream.live"),
    ("debug-picker-client", "acestream.picker"),
    ("debug-client-transporter", "acestream.playout"),
    ("debug-memory-usage", "acestream.memory"),
    ("debug-pieces", "acestream.pieces"),
    ("debug-storage", "acestream.store"),
    ("debug-rerequester", "acestream.announce"),
    ("debug-rerequester-dht", "acestream.dht"),
    ("debug-dht", "acestream.dht"),
    ("debug-magnet", "acestream.metadata"),
    ("debug-multicast-pex", "acestream.pex"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_debug_option_has_its_target() {
        let options: Vec<_> = DEBUG.iter().map(|option| option.name).collect();
        let targets = DEBUG_TARGETS.map(|(option, _)| option);
        assert_eq!(options, targets);
    }
}
