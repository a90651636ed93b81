//! Meeting in the DHT: nodes of this machine enter by one another, and ask nobody else.

use crate::harness::{DEADLINE, wait_for, wait_until};
use crate::node::{Home, Node, address_of, transport_url_of};
use crate::origin::Origin;
use crate::viewer::Viewer;

/// 2 Mbit/s.
const RATE: u64 = 250_000;
/// Nobody listens here.
const NOBODY: &str = "127.0.0.1:9";
const OPEN: [&str; 3] = ["--skip-internal-tracker", "--allow-public-trackers", "1"];

/// What makes a node take part in a DHT that `router` leads to.
fn dht(router: &str) -> Vec<&str> {
    vec!["--allow-private-addresses", "--dht-enabled", "1", "--dht-bootstrap", router]
}

/// A node to enter by, which seeks nothing itself.
fn router(home: &Home) -> Node {
    home.client(&dht(NOBODY))
}

fn figure(node: &mut Node, name: &str) -> u64 {
    let port = node.port();
    wait_for(name, || crate::harness::monitor(port)?["dht"][name].as_u64())
}

#[test]
fn broadcast_without_tracker_is_found_by_infohash_and_content_id() {
    let (origin, home, router_home) = (Origin::start(RATE), Home::new(), Home::new());
    let mut router = router(&router_home);
    let enter = address_of(&mut router);
    let mut source = home.quick_source(&origin, &[&OPEN[..], &dht(&enter)].concat());
    wait_until("the source has told the DHT", || figure(&mut source, "announces_sent") >= 2);
    let (infohash, content_id) = (source.last_word("infohash: "), source.last_word("content id: "));
    for query in [format!("infohash={infohash}"), format!("content_id={content_id}")] {
        let client_home = Home::new();
        let mut client = client_home.client(&dht(&enter));
        let viewer = Viewer::open(client.player_port(), &query, origin.stream);
        let seen = viewer.plays(origin.stream.packets_in(2));
        assert_eq!((seen.status, seen.continuity_errors, seen.gaps.len()), (200, 0, 0), "{seen:?}");
    }
}

#[test]
fn broadcast_that_is_not_open_is_neither_sought_nor_announced() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let router_home = Home::new();
    let mut router = router(&router_home);
    let enter = address_of(&mut router);
    let mut source = home.quick_source(&origin, &dht(&enter));
    let mut support = home.support(&transport_url_of(&mut source), &dht(&enter));
    wait_until("they met at the tracker", || source.monitor()["connected_peers_count"] == 1);
    for node in [&mut source, &mut support] {
        assert_eq!((figure(node, "searches"), figure(node, "queries_sent")), (0, 0));
    }
}

#[test]
fn nodes_of_the_last_run_are_enough_to_enter() {
    let (origin, home, support_home) = (Origin::start(RATE), Home::new(), Home::new());
    let router_home = Home::new();
    let mut router = router(&router_home);
    let enter = address_of(&mut router);
    let mut source = home.quick_source(&origin, &[&OPEN[..], &dht(&enter)].concat());
    let (url, state) = (transport_url_of(&mut source), support_home.text() + "/state");
    let with_state = |router| [dht(router), vec!["--state-dir", &state]].concat();
    let mut support = support_home.support(&url, &with_state(&enter));
    wait_until("it knows a node", || figure(&mut support, "nodes_v4") >= 1);
    assert_eq!(support.end("TERM").code, Some(0));
    assert!(support_home.file("state/dht.table").exists());

    let mut support = support_home.support(&url, &with_state(NOBODY));
    wait_until("it met the source again", || support.monitor()["connected_peers_count"] == 1);
    wait_until("it knows a node again", || figure(&mut support, "nodes_v4") >= 1);
}

#[test]
fn table_that_is_garbage_is_one_warning_and_forgotten() {
    let (origin, home, support_home) = (Origin::start(RATE), Home::new(), Home::new());
    let mut source = home.quick_source(&origin, &[]);
    let state = support_home.text() + "/state";
    std::fs::create_dir(&state).expect("a directory");
    std::fs::write(support_home.file("state/dht.table"), b"\xff\xfe garbage").expect("writes");
    let words = [dht(NOBODY), vec!["--state-dir", &state]].concat();
    let mut support = support_home.support(&transport_url_of(&mut source), &words);
    let line = support.line("acestream.dht|");
    assert!(line.contains("dht.table holds no table of the DHT"), "{line}");
    assert_eq!(support.log.count("dht.table"), 1);
    wait_until("it plays its part all the same", || support.monitor()["connected_peers_count"] == 1);
    assert_eq!(support.end("TERM").code, Some(0));
}

#[test]
fn tracker_and_dht_share_a_port() {
    use std::net::UdpSocket;

    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &dht(NOBODY));
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(DEADLINE)).expect("sets");
    socket.connect(address_of(&mut source)).expect("connects");
    let ask = |datagram: &[u8]| {
        let mut answer = vec![0; 2048];
        socket.send(datagram).expect("sends");
        let length = socket.recv(&mut answer).expect("an answer");
        answer.truncate(length);
        answer
    };
    let connected = ask(b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0abcd");
    assert_eq!((&connected[..8], connected.len()), (&b"\0\0\0\0abcd"[..], 16));
    let pong = ask(b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe");
    assert!(pong.starts_with(b"d2:ip6:") && pong.ends_with(b"1:t2:aa1:y1:re"));
}
