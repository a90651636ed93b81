//! Nodes of an HLS broadcast, each at a loopback address of its own: from there it listens, dials and asks
//! the origin, which can so tell them apart.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use super::http;
use super::origin::HlsOrigin;
use super::viewer::HlsViewer;
use crate::harness::{wait_for, wait_until};
use crate::node::{Home, Node, QUIET};

/// The loopback address that ends so.
pub fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, last)
}

/// Transport files that `--create-hls-transport` made.
pub struct Transport {
    home: Home,
    pub infohash: String,
}

impl Transport {
    /// Of a broadcast that everybody may fetch from the origin.
    pub fn public(origin: &HlsOrigin, more: &[&str]) -> Self {
        Self::create(&origin.url(), more)
    }

    /// Of a broadcast whose origin nobody shall know, and a private file.
    pub fn private(origin: &HlsOrigin, more: &[&str]) -> Self {
        Self::create(&origin.url(), &[&["--hide-hls-manifest", "--hide-hls-segments"], more].concat())
    }

    fn create(url: &str, more: &[&str]) -> Self {
        let home = Home::new();
        let files = ["public.acelive", "private.acelive"].map(|name| text(home.file(name)));
        let words = ["--create-hls-transport", "--url", url, "--title", "Test Stream 2"];
        let outputs = ["--output-public", &files[0], "--output-private", &files[1]];
        let mut create = Node::start([&words[..], &outputs, more].concat());
        assert!(create.wait().success(), "{}", create.story());
        let mut asking = Node::start(["--get-infohash", &files[0]]);
        assert!(asking.wait().success(), "{}", asking.story());
        let infohash = wait_for("an infohash", || asking.log.all().into_iter().next());
        assert_eq!(infohash.len(), 40, "{infohash}");
        Self { home, infohash }
    }

    pub fn public_file(&self) -> PathBuf {
        self.home.file("public.acelive")
    }

    pub fn private_file(&self) -> PathBuf {
        self.home.file("private.acelive")
    }

    /// `url=` of the public file, for players of this machine.
    pub fn query(&self) -> String {
        format!("url=file://{}", self.public_file().display())
    }
}

pub struct HlsNode {
    pub node: Node,
    pub ip: Ipv4Addr,
    /// Outlives the node.
    _home: Home,
}

impl HlsNode {
    /// A support node that is given this transport file. Later words win over these.
    pub fn support(last: u8, transport: &std::path::Path, more: &[&str]) -> Self {
        let (home, ip) = (Home::new(), ip(last));
        let (dir, bind, transport) = (home.text(), ip.to_string(), text(transport.to_owned()));
        let words = ["--stream-support-node", "--url", &transport, "--metadata-dir", &dir];
        let mut node = Node::start(
            [&words[..], &["--pid-file-dir", &dir, "--bind", &bind, "--port", "0"], &QUIET, more].concat(),
        );
        node.port();
        Self { node, ip, _home: home }
    }

    pub fn client(last: u8, more: &[&str]) -> Self {
        let (home, ip) = (Home::new(), ip(last));
        let (dir, state, bind) = (home.text(), home.text() + "/state", ip.to_string());
        let words = ["--client-console", "--http-port", "0", "--state-dir", &state, "--upnp-enabled", "0"];
        let mut node = Node::start(
            [&words[..], &["--pid-file-dir", &dir, "--bind", &bind, "--port", "0"], &QUIET, more].concat(),
        );
        node.player_port();
        Self { node, ip, _home: home }
    }

    /// Where other nodes reach it.
    pub fn socket(&mut self) -> SocketAddrV4 {
        SocketAddrV4::new(self.ip, self.node.port())
    }

    pub fn address(&mut self) -> String {
        self.socket().to_string()
    }

    pub fn is_at(&self, ip: IpAddr) -> bool {
        IpAddr::V4(self.ip) == ip
    }

    /// The body of an answer of the node's own interface.
    pub fn app(&mut self, path: &str) -> Vec<u8> {
        let url = format!("http://{}/app/{path}", self.address());
        wait_for("the node interface", || http::get(&url).ok().filter(|answer| answer.status == 200)).body
    }

    pub fn peers(&mut self) -> u64 {
        let monitor: serde_json::Value = serde_json::from_slice(&self.app("monitor")).expect("JSON");
        monitor["connected_peers_count"].as_u64().expect("a number")
    }

    /// An address for players of a client.
    pub fn player_url(&mut self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.node.player_port())
    }

    /// A viewer of a broadcast, by a selector such as `url=…`.
    pub fn watch(&mut self, query: &str) -> HlsViewer {
        self.watch_variant(query, 0)
    }

    pub fn watch_variant(&mut self, query: &str, variant: usize) -> HlsViewer {
        HlsViewer::open_variant(&self.player_url(&format!("/ace/manifest.m3u8?{query}")), variant)
    }
}

/// Clients at the addresses from `first` on, each with a viewer of the broadcast.
pub fn watching_clients(
    first: u8,
    count: u8,
    query: &str,
    words: impl Fn(u8) -> Vec<String>,
) -> Vec<(HlsNode, HlsViewer)> {
    let start = |n: u8| {
        let words = words(n);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut client = HlsNode::client(first + n, &words);
        let viewer = client.watch(query);
        (client, viewer)
    };
    (0..count).map(start).collect()
}

/// Waits until every viewer has the origin's segment `number` or a newer one, and holds each to having lost
/// nothing and got nothing else.
pub fn assert_all_reach<'a>(viewers: impl IntoIterator<Item = &'a HlsViewer>, number: u64) {
    for viewer in viewers {
        viewer.reaches(number).assert_whole();
    }
}

/// Lets the viewers play on, and gives how many copies of what they then got the origin sent.
pub fn copies_while_watched<'a>(
    origin: &HlsOrigin,
    segments: u64,
    viewers: impl IntoIterator<Item = &'a HlsViewer>,
) -> f64 {
    let first = origin.newest() + 2;
    assert_all_reach(viewers, first + segments);
    origin.copies(0, first..first + segments)
}

/// Waits until the origin was asked for such so many times more.
pub fn wait_for_requests(
    origin: &HlsOrigin,
    what: &str,
    more: usize,
    is_it: impl Fn(&super::origin::Served) -> bool,
) {
    let wanted = origin.count(&is_it) + more;
    wait_until(what, || origin.count(&is_it) >= wanted);
}

pub fn text(path: PathBuf) -> String {
    path.to_str().expect("text").to_owned()
}
