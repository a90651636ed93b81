//! Support nodes that go away: viewers find what is left.

use crate::harness::wait_until;
use crate::node::{Home, address_of, transport_url_of};
use crate::origin::Origin;
use crate::viewer::Viewer;

const RATE: u64 = 500_000;

#[test]
fn viewer_of_a_support_node_that_dies_goes_on_at_the_other() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &["--skip-internal-tracker"]);
    let from_source = ["--download-from", &address_of(&mut source)];
    let url = transport_url_of(&mut source);
    let mut supports = [home.support(&url, &from_source), home.support(&url, &from_source)];
    let addresses = supports.each_mut().map(address_of);
    let mut client = home.client(&["--download-from", &addresses[0], "--download-from", &addresses[1]]);
    let viewer = Viewer::of_url(&mut client, &url, origin.stream);
    viewer.plays(origin.stream.packets_in(1));
    for support in &mut supports {
        wait_until("the client is connected to both", || support.monitor()["connected_peers_count"] == 2);
    }

    let [first, mut second] = supports;
    first.murder();
    let seen = viewer.plays(origin.stream.packets_in(4));
    assert_eq!((seen.gaps.len(), seen.continuity_errors), (0, 0), "nothing was lost: {seen:?}");
    assert_eq!(second.monitor()["connected_peers_count"], 2);
    assert_eq!(source.monitor()["connected_peers_count"], 1, "the client never met the source");
}

#[test]
fn viewer_goes_on_when_its_only_support_node_comes_back() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &["--skip-internal-tracker"]);
    let port = crate::harness::lasting_port().to_string();
    let words = ["--download-from", &address_of(&mut source), "--port", &port];
    let mut support = home.support(&transport_url_of(&mut source), &words);
    let mut client = home.client(&["--download-from", &address_of(&mut support)]);
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);
    viewer.plays(origin.stream.packets_in(1));

    support.murder();
    let mut support = home.support(&transport_url_of(&mut source), &words);
    support.port();
    let seen = viewer.plays(origin.stream.packets_in(3));
    assert_eq!(seen.gaps.len(), 0, "the source still had all of it: {seen:?}");
}
