//! Nodes that hear of each other from each other alone, honest and not.

use start_engine::base::limits::PEX_CANDIDATES_PER_PEER_MAX;
use start_engine::swarm::{Close, Machine};

use super::events::SECOND;
use super::hostile::Behaviour;
use super::plan::{Access, Knowledge, Plan};
use super::{TsWorld, run_world};

/// Everybody knows the node before it, and nobody a tracker.
fn chain(name: &'static str, viewers: usize) -> Plan {
    Plan { knowledge: Knowledge::OneNode, warm_up: 12 * SECOND, ..Plan::new(name, viewers).lasting(30) }
}

/// Peers of each node.
fn degrees(world: &mut TsWorld) -> Vec<usize> {
    let now = world.instant();
    let swarms = world.nodes.iter_mut().filter_map(|node| node.swarm.as_mut());
    swarms.map(|swarm| swarm.stats(now).peers.len()).collect()
}

#[test]
fn nodes_that_each_know_one_other_are_all_connected_by_exchange_alone() {
    for speaks_ut_pex in [true, false] {
        let mut world = TsWorld::new(Plan { speaks_ut_pex, ..chain("exchange", 9) });
        let report = run_world(&mut world);
        assert_eq!(degrees(&mut world), [9; 10], "ut_pex {speaks_ut_pex}: {report}");
        assert_eq!((report.delivered, report.stalls), (1.0, 0), "{report}");
        assert_eq!(report.wrong_bans, 0, "{report}");
    }
}

#[test]
fn exchange_makes_a_mesh_of_a_long_chain() {
    let mut world = TsWorld::new(chain("long chain", 60).lasting(60));
    let report = run_world(&mut world);
    assert!(degrees(&mut world).iter().all(|&degree| degree >= 5), "{:?}: {report}", degrees(&mut world));
    assert!(report.delivered > 0.99, "{report}");
}

#[test]
fn exchange_costs_next_to_nothing() {
    let report = super::run(Plan::new("cost of exchange", 30).lasting(60));
    assert!(report.control < 0.02, "{report}");
    assert_eq!(report.delivered, 1.0, "{report}");
}

#[test]
fn flood_of_invented_addresses_is_borne_within_bounds() {
    let plan = chain("pex flood", 12).with_hostile(0.25, Behaviour::PexFlooder);
    let mut world = TsWorld::new(Plan { viewer: Access { up: None, down: None }, ..plan });
    let report = run_world(&mut world);
    let now = world.instant();
    // three flooders, each a peer of all, and the true addresses
    let known_max = 3 * PEX_CANDIDATES_PER_PEER_MAX + 20;
    for node in world.nodes.iter_mut().filter(|node| node.is_honest()) {
        let stats = node.swarm.as_mut().unwrap().stats(now);
        assert!(stats.known_addresses <= known_max, "{} known: {report}", stats.known_addresses);
    }
    let dials = world.tally.dials;
    assert!(dials < 13 * 30 * 16, "{dials} dials: {report}");
    assert_eq!((report.stalls, report.wrong_bans), (0, 0), "{report}");
    assert!(report.delivered > 0.99, "{report}");
}

#[test]
fn private_addresses_that_liars_name_are_never_dialled() {
    let mut world = TsWorld::new(chain("pex liars", 12).with_hostile(0.25, Behaviour::PexLiar));
    let report = run_world(&mut world);
    assert_eq!(world.tally.private_dials, 0, "{report}");
    assert!(report.delivered > 0.99, "{report}");
    assert!(!report.closes.contains_key(&Close::Malformed), "{report}");
}
