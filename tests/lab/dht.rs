//! Machines of one network meet in the DHT, with nothing but one of them to enter by.

use crate::cast::{PEER_PORT, Place, assert_plays, at};
use crate::harness::wait_until;
use crate::network::Network;

/// What makes a node take part, and enter by `router`.
fn dht(router: &str) -> [&str; 5] {
    ["--allow-private-addresses", "--dht-enabled", "1", "--dht-bootstrap", router]
}

#[test]
fn ten_nodes_without_tracker_meet_in_the_dht_and_the_last_one_plays() {
    let Some(mut network) = Network::open() else { return };
    let lan = network.lan([10, 2, 1]);
    let hosts = network.hosts::<11>(lan);
    let places = hosts.each_ref().map(Place::on);
    let [router, home, rest @ ..] = &places;
    // it seeks nothing: there it is entered by
    let _router = router.client(&dht("10.2.1.200:9"));
    let enter = at(router.host.ip(), PEER_PORT);
    let origin = home.origin();
    let open = ["--skip-internal-tracker", "--allow-public-trackers", "1"];
    let mut source = home.source(&origin, &[&open[..], &dht(&enter)].concat());
    let (infohash, url) = (source.last_word("infohash: "), home.transport_url());
    let [supports @ .., last] = rest;
    let _supports: Vec<_> = supports.iter().map(|place| place.support(&url, &dht(&enter))).collect();
    wait_until("every support node has found somebody", || {
        supports.iter().all(|place| {
            let monitor = place.monitor(PEER_PORT);
            monitor["connected_peers_count"].as_u64() > Some(0)
                && monitor["dht"]["peers_found"].as_u64() > Some(0)
        })
    });
    let mut client = last.client(&dht(&enter));
    let viewer = last.viewer(&mut client, &format!("infohash={infohash}"), &origin);
    assert_plays(&viewer, &origin);
}
