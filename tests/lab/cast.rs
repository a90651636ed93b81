//! Who takes part in a broadcast, each on a host: nodes of the real program and players.

use std::net::IpAddr;

use crate::harness::{DEADLINE, wait_for};
use crate::network::Host;
use crate::node::{Home, Node};
use crate::origin::Origin;
use crate::viewer::Viewer;

/// Ports as operators choose them; each host has its own.
pub const SOURCE_PORT: u16 = 7764;
pub const PEER_PORT: u16 = 8621;
/// 2 Mbit/s.
const BYTES_PER_SECOND: u64 = 250_000;

/// A node's machine, its directories, and where it listens.
pub struct Place<'a> {
    pub host: &'a Host,
    pub home: Home,
}

impl<'a> Place<'a> {
    pub fn on(host: &'a Host) -> Self {
        Self { host, home: Home::new() }
    }

    /// What a source on this host reads.
    pub fn origin(&self) -> Origin {
        self.host.run(|| Origin::start(BYTES_PER_SECOND))
    }

    /// A source of `origin`, in pieces of 64 KiB; it broadcasts when this returns.
    pub fn source(&self, origin: &Origin, more: &[&str]) -> Node {
        let (dir, bitrate, host) =
            (self.home.text(), BYTES_PER_SECOND.to_string(), self.host.ip().to_string());
        let stream =
            ["--source", &origin.url(), "--bitrate", &bitrate, "--piecesize", "65536", "--host", &host];
        let words = ["--stream-source-node", "--name", "test", "--title", "Test Stream"];
        let dirs = ["--publish-dir", &dir, "--metadata-dir", &dir, "--pid-file-dir", &dir];
        let mut source = self.start(&[&words, &stream[..], &dirs, more].concat());
        source.line("started input thread");
        source
    }

    /// A support node for the transport file at `url`, which listens when this returns.
    pub fn support(&self, url: &str, more: &[&str]) -> Node {
        let dir = self.home.text();
        let words = ["--stream-support-node", "--url", url, "--pid-file-dir", &dir];
        let mut support = self.start(&[&words[..], more].concat());
        support.line("listen on ");
        support
    }

    /// A client, which listens when this returns.
    pub fn client(&self, more: &[&str]) -> Node {
        let (dir, state) = (self.home.text(), self.home.text() + "/state");
        // who finds peers on the own link says so
        let words = ["--client-console", "--state-dir", &state, "--pid-file-dir", &dir, "--lsd-enabled", "0"];
        let mut client = self.start(&[&words[..], more].concat());
        client.player_port();
        client
    }

    /// A player on this host, of the broadcast that `query` names at the host's client.
    pub fn viewer(&self, client: &mut Node, query: &str, origin: &Origin) -> Viewer {
        let port = client.player_port();
        self.host.run(|| Viewer::open(port, query, origin.stream))
    }

    /// The transport file that this host's source published, as an address for nodes of any host.
    pub fn transport_url(&self) -> String {
        self.home.transport_url()
    }

    /// State of the node of this host, asked on it.
    pub fn monitor(&self, port: u16) -> serde_json::Value {
        self.host.run(|| wait_for("the monitor", || crate::harness::monitor(port)))
    }

    fn start(&self, words: &[&str]) -> Node {
        self.host.run(|| Node::start(words))
    }
}

/// `ip:port`, also of IPv6.
pub fn at(ip: impl Into<IpAddr>, port: u16) -> String {
    std::net::SocketAddr::new(ip.into(), port).to_string()
}

/// Plays three seconds of the stream without a flaw.
pub fn assert_plays(viewer: &Viewer, origin: &Origin) {
    let goal = origin.stream.packets_in(3);
    let seen = viewer.wait_until("it plays", DEADLINE, |seen| seen.packets >= goal || seen.has_ended);
    assert_eq!((seen.status, seen.continuity_errors, seen.gaps.len()), (200, 0, 0), "{seen:?}");
    assert_eq!(seen.wrong, Vec::<String>::new());
}
