//! Nodes find each other's peers, whatever the network does.

use std::net::SocketAddr;
use std::time::Duration;

use start_engine::dht::{SavedTable, id};

use crate::network::{Network, swarm, v4, v6};

const MINUTE: Duration = Duration::from_secs(60);

/// A network of so many nodes that all took part for a while, each seeking a swarm of its own.
fn settled(seed: u64, count: usize, loss: usize, address: fn(usize) -> SocketAddr) -> Network {
    let mut network = Network::of(seed, count, address);
    network.loss = loss;
    (1..count).for_each(|n| network.seek(address(n), 0, swarm(n as u8), 1000 + n as u16));
    network.run(2 * MINUTE);
    network
}

fn with_port(addr: SocketAddr, port: u16) -> SocketAddr {
    SocketAddr::new(addr.ip(), port)
}

#[test]
fn what_one_of_many_announces_another_finds() {
    for (seed, address) in [(1, v4 as fn(usize) -> SocketAddr), (2, v6)] {
        let mut network = settled(seed, 120, 0, address);
        network.seek(address(5), 1, swarm(200), 8621);
        network.run(MINUTE);
        network.seek(address(90), 1, swarm(200), 8622);
        network.run(10 * Duration::from_secs(1));
        assert_eq!(network.peers(address(90), 1), [with_port(address(5), 8621)]);
        network.run(6 * MINUTE);
        assert_eq!(network.peers(address(5), 1), [with_port(address(90), 8622)]);
        assert!(network.longest <= 1200, "{}", network.longest);
    }
}

#[test]
fn peers_are_found_while_every_seventh_datagram_is_lost() {
    let mut network = settled(3, 120, 150, v4);
    network.seek(v4(7), 1, swarm(201), 8621);
    network.run(MINUTE);
    network.seek(v4(60), 1, swarm(201), 8622);
    let wanted = with_port(v4(7), 8621);
    network.run_until("found", 2 * MINUTE, |network| network.peers(v4(60), 1).contains(&wanted));
}

#[test]
fn ten_nodes_with_one_router_soon_know_most_and_in_time_all_others() {
    let mut network = Network::of(4, 11, v4);
    (1..11).for_each(|n| network.seek(v4(n), 0, swarm(1), 8621));
    let all_know = |network: &Network, count: usize| (1..11).all(|n| network.peers(v4(n), 0).len() >= count);
    network.run_until("each knows most", 3 * MINUTE, |network| all_know(network, 5));
    // who knows that many looks again every five minutes, and its peers tell it of the others meanwhile
    network.run_until("all meet", 30 * MINUTE, |network| all_know(network, 9));
}

#[test]
fn swarm_is_found_after_most_nodes_have_gone() {
    let mut network = settled(5, 120, 20, v4);
    network.seek(v4(2), 1, swarm(202), 8621);
    network.run(MINUTE);
    (3..120).filter(|n| n % 3 != 0).for_each(|n| _ = network.remove(v4(n)));
    (120..160).for_each(|n| {
        network.add(v4(n), SavedTable::default());
        network.seek(v4(n), 0, swarm(n as u8), 1000);
    });
    network.run(16 * MINUTE);
    network.seek(v4(159), 1, swarm(202), 8622);
    let wanted = with_port(v4(2), 8621);
    network.run_until("found", 3 * MINUTE, |network| network.peers(v4(159), 1).contains(&wanted));
}

#[test]
fn saved_table_is_enough_to_enter() {
    let mut network = settled(6, 60, 0, v4);
    let saved = network.remove(v4(30)).expect("a node").saved();
    assert!(saved.nodes.len() >= 8);
    network.routers.clear();
    let calls = network.calls;
    network.add(v4(30), saved);
    network.seek(v4(30), 1, swarm(7), 8621);
    network.run(MINUTE);
    assert_eq!(network.peers(v4(30), 1), [with_port(v4(7), 1007)]);
    assert_eq!(network.calls, calls, "nobody had to be looked up");
}

#[test]
fn router_that_comes_late_is_still_found() {
    let mut network = Network::of(7, 3, v4);
    let router = network.remove(v4(0));
    assert!(router.is_some());
    network.seek(v4(1), 0, swarm(1), 8621);
    network.seek(v4(2), 0, swarm(1), 8622);
    network.run(5 * MINUTE);
    network.add(v4(0), SavedTable::default());
    network.run(6 * MINUTE);
    assert_eq!(network.peers(v4(1), 0), [with_port(v4(2), 8622)]);
}

#[test]
fn node_that_seeks_nothing_asks_nobody() {
    let mut network = Network::of(8, 30, v4);
    network.run(60 * MINUTE);
    assert_eq!(network.calls, 0);
    assert!((0..30).all(|n| network.node(v4(n)).stats(network.now).queries_sent == 0));
}

#[test]
fn nodes_move_to_the_places_that_their_addresses_may_take() {
    let network = settled(9, 60, 0, v4);
    let is_rightful = |n: &usize| {
        let id = network.node(v4(*n)).saved().id_v4.expect("a place");
        id::is_place_of(&id, v4(*n).ip())
    };
    assert_eq!((1..60).filter(is_rightful).count(), 59);
}

#[test]
fn forgotten_search_finds_and_announces_no_more() {
    let mut network = settled(10, 40, 0, v4);
    network.seek(v4(3), 1, swarm(203), 8621);
    network.forget(v4(3), 1);
    network.run(2 * MINUTE);
    network.seek(v4(4), 1, swarm(203), 8622);
    network.run(10 * MINUTE);
    assert_eq!(network.peers(v4(3), 1), []);
    assert_eq!(network.peers(v4(4), 1), []);
}

#[test]
fn peer_that_left_is_forgotten_after_half_an_hour() {
    let mut network = settled(11, 40, 0, v4);
    network.seek(v4(3), 1, swarm(204), 8621);
    network.run(MINUTE);
    network.remove(v4(3));
    network.run(32 * MINUTE);
    network.seek(v4(4), 1, swarm(204), 8622);
    network.run(MINUTE);
    assert_eq!(network.peers(v4(4), 1), []);
}

#[test]
fn peer_that_stays_is_found_after_hours() {
    let mut network = settled(12, 40, 20, v4);
    network.seek(v4(3), 1, swarm(205), 8621);
    network.run(200 * MINUTE);
    network.seek(v4(4), 1, swarm(205), 8622);
    network.run(MINUTE);
    assert_eq!(network.peers(v4(4), 1), [with_port(v4(3), 8621)]);
}

#[test]
fn same_seed_gives_the_same_run() {
    let figures = |seed| {
        let network = settled(seed, 30, 100, v4);
        (0..30).map(|n| network.node(v4(n)).stats(network.now)).collect::<Vec<_>>()
    };
    assert_eq!(figures(13), figures(13));
    assert_ne!(figures(13), figures(14));
}
