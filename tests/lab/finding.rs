//! Ten machines that no tracker joins, and one that a stranger's transport file would lead astray.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::cast::{PEER_PORT, Place, SOURCE_PORT, assert_plays, at};
use crate::harness::wait_until;
use crate::network::{Host, Network};
use crate::node::Node;
use crate::origin::Origin;

/// A line of statistics a second, by which clients show how many peers they have.
const COUNTED: [&str; 2] = ["--stats-report-interval", "1"];

/// A source, five support nodes and four clients, each on a host of its own.
struct Ten<'a> {
    origin: Origin,
    places: Vec<Place<'a>>,
    nodes: Vec<Node>,
}

const SUPPORTS: std::ops::Range<usize> = 1..6;
const CLIENTS: std::ops::Range<usize> = 6..10;

impl<'a> Ten<'a> {
    /// All but the source are given the file that the source published.
    fn start(hosts: &'a [Host; 10], of_source: &[&str], of_others: &[&str]) -> Self {
        let places: Vec<_> = hosts.iter().map(Place::on).collect();
        let origin = places[0].origin();
        let source = places[0].source(&origin, &[&["--skip-internal-tracker"], of_source].concat());
        let url = places[0].transport_url();
        let words = [&COUNTED[..], of_others].concat();
        let mut nodes = vec![source];
        nodes.extend(SUPPORTS.map(|node| places[node].support(&url, &words)));
        nodes.extend(CLIENTS.map(|node| places[node].client(&words)));
        Self { origin, places, nodes }
    }

    /// Players at all clients see the stream, and every node has all the others as peers.
    fn assert_all_play_and_all_meet(mut self) {
        let query = format!("url={}", self.places[0].transport_url());
        let viewers: Vec<_> = CLIENTS
            .map(|node| self.places[node].viewer(&mut self.nodes[node], &query, &self.origin))
            .collect();
        viewers.iter().for_each(|viewer| assert_plays(viewer, &self.origin));
        for node in 0..SUPPORTS.end {
            let port = if node == 0 { SOURCE_PORT } else { PEER_PORT };
            wait_until(&format!("node {node} has nine peers"), || {
                self.places[node].monitor(port)["connected_peers_count"] == 9
            });
        }
        for node in CLIENTS {
            self.nodes[node].line("peers=9 ");
        }
        for node in SUPPORTS {
            let newest = || self.places[node].monitor(PEER_PORT)["last_piece"].as_u64();
            let before = newest();
            wait_until("pieces go on", || newest() > before);
        }
        viewers.iter().for_each(|viewer| assert_plays(viewer, &self.origin));
    }
}

#[test]
fn ten_nodes_that_know_one_of_them_are_all_joined_by_peer_exchange_alone() {
    let Some(mut network) = Network::open() else { return };
    let lan = network.lan([10, 1, 1]);
    let hosts: [Host; 10] = network.hosts(lan);
    let known = at(hosts[0].ip(), SOURCE_PORT);
    let ten = Ten::start(&hosts, &["--startup-node", &known], &[]);
    for place in &ten.places[SUPPORTS] {
        // the others tell it where they see it
        wait_until("it knows its address", || {
            place.monitor(PEER_PORT)["external_ip"] == place.host.ip().to_string()
        });
    }
    ten.assert_all_play_and_all_meet();
}

#[test]
fn ten_nodes_that_know_nobody_are_all_joined_by_local_discovery_alone() {
    let Some(mut network) = Network::open() else { return };
    let lan = network.lan([10, 1, 1]);
    let hosts: [Host; 10] = network.hosts(lan);
    let on = ["--lsd-enabled", "1"];
    Ten::start(&hosts, &on, &on).assert_all_play_and_all_meet();
}

#[test]
fn infohash_alone_is_enough_for_a_viewer_on_the_same_link() {
    let Some(mut network) = Network::open() else { return };
    let lan = network.lan([10, 1, 1]);
    let [source_host, viewer_host] = network.hosts(lan);
    let (home, place) = (Place::on(&source_host), Place::on(&viewer_host));
    let origin = home.origin();
    let mut source = home.source(&origin, &["--skip-internal-tracker", "--lsd-enabled", "1"]);
    let infohash = source.last_word("infohash: ");
    let mut client = place.client(&["--lsd-enabled", "1", "--allow-private-addresses"]);
    let viewer = place.viewer(&mut client, &format!("infohash={infohash}"), &origin);
    assert_plays(&viewer, &origin);
}

/// Connections that came to a port.
struct Trap {
    count: Arc<AtomicUsize>,
}

impl Trap {
    fn set(host: &Host, addr: SocketAddr) -> Self {
        let count = Arc::new(AtomicUsize::new(0));
        let (counted, listener) = (count.clone(), host.run(|| TcpListener::bind(addr).expect("a port")));
        thread::spawn(move || {
            listener.incoming().flatten().for_each(|_| _ = counted.fetch_add(1, Ordering::Relaxed))
        });
        Self { count }
    }

    fn caught(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

#[test]
fn trackers_of_a_strangers_file_lead_no_node_into_its_own_network() {
    use std::io::{Read, Write};

    let Some(mut network) = Network::open() else { return };
    let (lan, internet) = (network.lan([10, 1, 1]), network.lan([45, 1, 1]));
    let [viewer_host, rogue_host] = [network.host(&[lan, internet]), network.host(&[internet])];
    let (rogue, place) = (Place::on(&rogue_host), Place::on(&viewer_host));
    let own: IpAddr = viewer_host.ip().into();
    let loopback: IpAddr = [127, 0, 0, 1].into();
    let traps = [(own, 81), (loopback, 82), (own, 83), (loopback, 84)]
        .map(|(ip, port)| Trap::set(&viewer_host, SocketAddr::new(ip, port)));
    // the rogue's own tracker is on the Internet, and says that it has moved
    let redirects = rogue_host.run(|| TcpListener::bind((rogue_host.ip(), 80)).expect("a port"));
    let asked = Arc::new(AtomicUsize::new(0));
    let (counted, target) = (asked.clone(), format!("http://{own}:83/announce"));
    thread::spawn(move || {
        for mut stream in redirects.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let moved = format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(moved.as_bytes());
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let origin = rogue.origin();
    let trackers = [
        format!("http://{own}:81/announce"),
        "http://127.0.0.1:82/announce".to_owned(),
        "http://localhost:84/announce".to_owned(),
        format!("http://{}:80/announce", rogue_host.ip()),
    ];
    let words: Vec<&str> = trackers.iter().flat_map(|tracker| ["--tracker", tracker.as_str()]).collect();
    let mut source = rogue.source(&origin, &[&["--skip-internal-tracker"], &words[..]].concat());
    let infohash = source.last_word("infohash: ");
    // a file that a peer gave is a stranger's
    let known = at(rogue_host.ip(), SOURCE_PORT);
    let mut client = place.client(&["--download-from", &known, "--log-modules", "acestream.rerequester:D"]);
    let viewer = place.viewer(&mut client, &format!("infohash={infohash}"), &origin);
    assert_plays(&viewer, &origin);
    for host in [own, loopback] {
        client.line(&format!("is at {host}, which is not public"));
    }
    client.line(":84/announce is at ");
    wait_until("the rogue was asked", || asked.load(Ordering::Relaxed) > 0);
    client.line(":80/announce cannot be asked: the address is not public");
    let caught = traps.map(|trap| trap.caught());
    assert_eq!(caught, [0; 4]);
}
