//! Source, support node and client in a chain, in which the client knows the support node only.

use crate::harness::lasting_port;
use crate::node::{Home, Node, address_of, transport_url_of};
use crate::origin::Origin;
use crate::viewer::{Seen, Viewer};

/// 4 Mbit/s.
const RATE: u64 = 500_000;

fn assert_whole(seen: &Seen) {
    assert_eq!((seen.status, seen.continuity_errors), (200, 0), "{seen:?}");
    assert_eq!((&seen.wrong, &seen.gaps), (&Vec::new(), &Vec::new()), "{seen:?}");
    let (first, last) = (seen.first.expect("a packet"), seen.last.expect("a packet"));
    assert_eq!(last - first + 1, seen.packets, "{seen:?}");
}

fn connected_peers(node: &mut Node) -> u64 {
    node.monitor()["connected_peers_count"].as_u64().expect("a number")
}

#[test]
fn minute_of_4_mbit_arrives_whole_through_a_support_node() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &["--skip-internal-tracker"]);
    let from_source = ["--download-from", &address_of(&mut source)];
    let mut support = home.support(&transport_url_of(&mut source), &from_source);
    let mut client = home.client(&["--download-from", &address_of(&mut support)]);
    let viewer = Viewer::of_url(&mut client, &transport_url_of(&mut support), origin.stream);

    let minute = origin.stream.packets_in(60);
    let seen = viewer.wait_until("a minute", 2 * crate::harness::DEADLINE, |seen| seen.packets >= minute);
    assert_whole(&seen);
    assert_eq!(connected_peers(&mut source), 1, "the client never met the source");
    assert_eq!(connected_peers(&mut support), 2);
}

#[test]
fn client_finds_the_support_node_that_the_transport_file_names() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let support_port = lasting_port().to_string();
    let startup_node = format!("127.0.0.1:{support_port}");
    let named = ["--skip-internal-tracker", "--startup-node", &startup_node];
    let mut source = home.quick_source(&origin, &named);
    let from_source = ["--download-from", &address_of(&mut source), "--port", &support_port];
    let mut support = home.support(&transport_url_of(&mut source), &from_source);
    support.port();
    let mut client = home.client(&[]);
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);

    assert_whole(&viewer.plays(origin.stream.packets_in(5)));
    assert_eq!(connected_peers(&mut source), 1, "the client never met the source");
}
