//! Where a node listens, whom it talks to and with how many.

use crate::cli::option::{Form, Opt};

/// 0 takes a free one; the log says which.
const PORT: Form = Form::Int(0, 65_535);

/// KB a second, up to a terabyte.
const RATE: Form = Form::Int(0, 1 << 30);

pub const SOURCE_PORT: &[Opt] = &[port("7764")];
pub const SUPPORT_PORT: &[Opt] = &[port("8621")];

const fn port(default: &'static str) -> Opt {
    Opt::new(
        "port",
        PORT,
        default,
        "Port of peer wire, tracker and node interface, all on one; 0 takes a free one",
    )
}

/// Source and support nodes: they are where ports are open by hand.
pub const MAPPING: &[Opt] = &[mapping("0")];
/// The client: behind the router of a home.
pub const CLIENT_MAPPING: &[Opt] = &[mapping("1")];

const fn mapping(default: &'static str) -> Opt {
    Opt::new(
        "upnp-enabled",
        Form::Bool,
        default,
        "Have the router open the port, for TCP and UDP: by PCP, NAT-PMP or UPnP, whichever it speaks",
    )
}

const BIND: Opt = Opt::list("bind", Form::Ip, "Address to listen on, instead of every interface");

/// Every node.
pub const NETWORK: &[Opt] = &[
    BIND,
    Opt::list("upload-to", Form::Listed, "Peer that is served first, and let in by a private node"),
    Opt::list(
        "download-from",
        Form::Listed,
        "Peer that is dialled at once and for ever, and named to nobody; without port, or a network: only let in",
    ),
    Opt::flag("allow-private-addresses", "Dial loopback and private addresses that strangers name"),
    Opt::new("dht-enabled", Form::Bool, "1", "Find peers of open broadcasts in the DHT, and be found there"),
    Opt::list(
        "dht-bootstrap",
        Form::HostPort,
        "Node to enter the DHT by when none of the last run answers, instead of the usual ones",
    ),
    Opt::new(
        "private-node",
        Form::Bool,
        "0",
        "Let nobody in but --upload-to, --download-from and --monitor-node-ip, and announce the node nowhere",
    ),
    Opt::new("ip-filter-config", Form::Path, "", "JSON file of the addresses and countries that are let in"),
    Opt::new("geoip-db", Form::Path, "", "MaxMind database, for the countries of --ip-filter-config"),
];

/// Every node.
pub const LIMITS: &[Opt] = &[
    Opt::new("max-connections", Form::Int(1, 1_000_000), "1000", "Connections, established and pending"),
    Opt::new("max-peers", Form::Int(1, 100_000), "50", "Established peer connections of a swarm"),
    Opt::new("upload-limit", RATE, "0", "KB a second sent to peers, all of them together; 0 is no limit"),
    Opt::new("download-limit", RATE, "0", "KB a second fetched from peers; 0 is no limit"),
    Opt::new("max-upload-slots", Form::Int(1, 100_000), "as many as help", "Peers served at a time"),
    Opt::new(
        "close-connections-from-same-peer",
        Form::Bool,
        "0",
        "A new connection of a peer closes its previous one",
    ),
    Opt::new(
        "stats-report-interval",
        Form::Int(1, 86_400),
        "60",
        "Seconds between updates of the statistics",
    ),
];

/// Source and support nodes.
pub const SERVICE: &[Opt] = &[
    Opt::flag("service-remote-access", "Tell the state of the node to other machines too"),
    Opt::new(
        "service-access-token",
        Form::Token,
        "",
        "An element that every path of the node interface needs then: /app/<token>/<method>",
    ),
    Opt::new("monitor-node-ip", Form::Ip, "", "Machine that is told the state of the node too"),
    Opt::flag("stats-report-peers", "List the connected peers in the state of the node"),
];

/// The standalone tracker.
pub const TRACKER: &[Opt] = &[port("7764"), BIND];

/// The client.
pub const HTTP_PORT: Opt =
    Opt::new("http-port", PORT, "6878", "Port that players connect to; 0 takes a free one");

/// The demo.
pub const DEMO: &[Opt] = &[
    Opt::new("port", PORT, "7764, or a free one", "Port of the source node; 0 takes a free one"),
    Opt::new("http-port", PORT, "6878, or a free one", "Port that players connect to; 0 takes a free one"),
];
