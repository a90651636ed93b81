//! Private broadcasts: one support node alone knows the origin, and everybody else lives on what it tells.

use std::collections::BTreeSet;

use super::nodes::{HlsNode, Transport, copies_while_watched, ip, text, watching_clients};
use super::origin::{HlsOrigin, Plan};
use super::viewer::HlsViewer;
use crate::harness::lasting_port;
use crate::node::Home;

const KNOWING: u8 = 21;

/// One support node with the private file, two with the public one, five clients that watch. Nobody but the
/// first is answered by the origin.
struct Company {
    origin: HlsOrigin,
    _transport: Transport,
    _supports: Vec<HlsNode>,
    clients: Vec<(HlsNode, HlsViewer)>,
}

impl Company {
    fn start(plan: Plan) -> Self {
        let origin = HlsOrigin::start(plan);
        let transport = Transport::private(&origin, &[]);
        origin.admit(&[ip(KNOWING)]);
        let mut knowing = HlsNode::support(KNOWING, &transport.private_file(), &[]);
        let from_knowing = ["--download-from", &knowing.address()];
        let mut supports: Vec<_> =
            (22..24).map(|last| HlsNode::support(last, &transport.public_file(), &from_knowing)).collect();
        let at: Vec<String> = supports.iter_mut().map(HlsNode::address).collect();
        let from_support = |n: u8| vec!["--download-from".to_owned(), at[usize::from(n) % 2].clone()];
        let clients = watching_clients(31, 5, &transport.query(), from_support);
        supports.push(knowing);
        Self { origin, _transport: transport, _supports: supports, clients }
    }

    fn viewers(&self) -> impl Iterator<Item = &HlsViewer> {
        self.clients.iter().map(|(_, viewer)| viewer)
    }

    /// The origin was asked by nobody but the node that knows it.
    fn assert_nobody_else_asked(&self) {
        let strangers = self.origin.count(|served| served.status == 403);
        assert_eq!(strangers, 0, "somebody learnt where the origin is");
    }
}

/// A support node with the private file, to be started again on its port with its directory.
struct Lasting {
    transport: Transport,
    words: Vec<String>,
    _dir: Home,
}

impl Lasting {
    fn new(origin: &HlsOrigin, more: &[&str]) -> Self {
        let dir = Home::new();
        let port = lasting_port().to_string();
        let metadata = dir.text();
        let words = [&["--port", &port, "--metadata-dir", &metadata], more].concat();
        let transport = Transport::private(origin, &[]);
        Self { transport, words: words.into_iter().map(str::to_owned).collect(), _dir: dir }
    }

    fn start(&self) -> HlsNode {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        HlsNode::support(KNOWING, &self.transport.private_file(), &words)
    }
}

#[test]
fn five_viewers_that_cannot_reach_the_origin_watch_through_three_support_nodes() {
    let company = Company::start(Plan::default());
    company.viewers().for_each(|viewer| _ = viewer.plays(4));
    let copies = copies_while_watched(&company.origin, 8, company.viewers());
    assert!(copies <= 1.05, "one node fetches each segment once, the origin sent {copies} copies");
    company.assert_nobody_else_asked();
}

#[test]
fn viewers_wait_for_the_node_that_knows_the_origin() {
    let origin = HlsOrigin::start(Plan::default());
    let lasting = Lasting::new(&origin, &[]);
    let port = lasting.words[1].clone();
    let at = format!("127.0.0.{KNOWING}:{port}");
    let mut client = HlsNode::client(31, &["--download-from", &at]);
    let viewer = client.watch(&lasting.transport.query());
    let _knowing = lasting.start();
    viewer.plays(4).assert_whole();
    let asked = origin.count(|served| client.is_at(served.from));
    assert_eq!(asked, 0, "it does not know whom to ask");
}

#[test]
fn node_with_the_private_file_comes_back_in_the_middle_and_viewers_go_on() {
    let origin = HlsOrigin::start(Plan::default());
    let lasting = Lasting::new(&origin, &[]);
    let mut knowing = lasting.start();
    let mut support =
        HlsNode::support(22, &lasting.transport.public_file(), &["--download-from", &knowing.address()]);
    let at = support.address();
    let mut client = HlsNode::client(31, &["--download-from", &at]);
    let viewer = client.watch(&lasting.transport.query());
    viewer.plays(3);
    knowing.node.murder();
    let _knowing = lasting.start();
    let seen = viewer.reaches(origin.newest() + 4);
    seen.assert_numbered_as_the_origin();
    assert_eq!((seen.resets, seen.lost.len()), (0, 0), "the origin had all of it: {seen:?}");
}

#[test]
fn numbers_only_rise_through_resets_of_the_origin_and_restarts_of_the_node() {
    let origin = HlsOrigin::start(Plan::default());
    let hasty = ["--hls-bad-manifest-max-errors", "2", "--hls-bad-manifest-retry-interval", "1"];
    let lasting = Lasting::new(&origin, &[&["--hls-force-monotonic-sequence", "1"], &hasty[..]].concat());
    let mut knowing = lasting.start();
    let mut client = HlsNode::client(31, &["--download-from", &knowing.address()]);
    let viewer = client.watch(&lasting.transport.query());
    viewer.plays(3);

    origin.restart_at(7, true);
    viewer.enters_era(1);
    knowing.node.murder();
    origin.restart_at(3, true);
    let mut knowing = lasting.start();
    let seen = viewer.enters_era(2);
    assert!(seen.got.windows(2).all(|two| two[0].number < two[1].number), "{seen:?}");
    assert_eq!(seen.resets, 0, "{seen:?}");
    let eras: BTreeSet<u32> = seen.got.iter().map(|got| got.id.era).collect();
    assert_eq!(eras.len(), 3, "{seen:?}");
    // the number outlives a clean end as well
    let last = seen.last().expect("a segment");
    assert_eq!(knowing.node.end("TERM").code, Some(0));
    let _knowing = lasting.start();
    let seen = viewer.plays(2);
    assert!(seen.resets == 0 && seen.last() > Some(last + 1), "{seen:?}");
}

#[test]
fn numbers_of_the_origin_are_kept_where_they_are_not_forced_to_rise() {
    let origin = HlsOrigin::start(Plan::default());
    let hasty = ["--hls-bad-manifest-max-errors", "2", "--hls-bad-manifest-retry-interval", "1"];
    let lasting = Lasting::new(&origin, &hasty);
    let mut knowing = lasting.start();
    let mut client = HlsNode::client(31, &["--download-from", &knowing.address()]);
    let viewer = client.watch(&lasting.transport.query());
    viewer.plays(3);
    origin.restart_at(7, true);
    let seen = viewer.enters_era(1);
    assert_eq!(seen.resets, 1, "{seen:?}");
    seen.assert_numbered_as_the_origin();
}

#[test]
fn segments_that_are_locked_reach_viewers_unlocked() {
    for names_iv in [false, true] {
        let company = Company::start(Plan { is_locked: true, names_iv, ..Plan::default() });
        let (_, viewer) = &company.clients[0];
        let seen = viewer.plays(4);
        seen.assert_whole();
        assert!(seen.got.iter().all(|got| got.about.key.is_none()), "{seen:?}");
        company.assert_nobody_else_asked();
    }
}

#[test]
fn node_with_the_private_file_hands_out_the_public_one_to_the_byte() {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::private(&origin, &[]);
    let mut knowing = HlsNode::support(KNOWING, &transport.private_file(), &[]);
    let served = knowing.app("get_transport_file?format=raw");
    assert_eq!(served, std::fs::read(transport.public_file()).expect("a file"));
    let mut told = HlsNode::support(
        KNOWING,
        &transport.private_file(),
        &["--public-transport-file", &text(transport.public_file())],
    );
    assert_eq!(told.app("get_transport_file?format=raw"), served);
}

#[test]
fn whoever_gets_the_file_from_a_node_meets_that_node() {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::private(&origin, &[]);
    let file_at = |node: &mut HlsNode| format!("http://{}/app/get_transport_file?format=raw", node.address());
    let mut knowing = HlsNode::support(KNOWING, &transport.private_file(), &[]);
    let mut relaying = HlsNode::support(22, std::path::Path::new(&file_at(&mut knowing)), &[]);
    let mut client = HlsNode::client(31, &[]);
    client.watch(&format!("url={}", file_at(&mut relaying))).plays(4).assert_whole();
}
