//! Honest swarms on good and bad networks.

use super::events::{MILLISECOND, SECOND};
use super::node::address;
use start_engine::base::cidr::Network;
use start_engine::swarm::Machine;

use super::plan::{Change, Knowledge, Plan};
use super::world::SOURCE;
use super::{TsWorld, run, run_world};

#[test]
fn every_viewer_gets_every_piece_when_uplinks_are_ample() {
    let report = run(Plan::new("ample", 20));
    assert_eq!(report.delivered, 1.0, "{report}");
    assert!(report.duplicates < 0.01, "{report}");
    assert_eq!((report.stalls, report.totals.pieces_skipped), (0, 0), "{report}");
    assert!(report.p99_pieces() < 1.0, "{report}");
}

#[test]
fn same_seed_gives_the_same_trace_twice() {
    let trace = || {
        let mut plan = Plan::new("trace", 30).uplinks(2.0, 2.0).with_turnover(SECOND).lasting(8);
        plan.loss = 0.01;
        run(plan).trace
    };
    assert_eq!(trace(), trace());
}

#[test]
fn five_hundred_viewers_with_twice_the_rate_do_not_starve() {
    let plan = Plan::new("five hundred", 500).uplinks(4.0, 2.0).lasting(14);
    let report = run(Plan { warm_up: 3 * SECOND, cool_down: 7 * SECOND, ..plan });
    assert!(report.delivered > 0.9, "{report}");
    assert!(report.stalled_viewers < 25, "{report}");
    assert!(report.duplicates < 0.12, "{report}");
}

#[test]
fn source_with_one_and_a_half_times_the_rate_feeds_twenty() {
    let report = run(Plan::new("lean source", 20).uplinks(1.5, 2.0).lasting(25));
    assert!(report.delivered > 0.95, "{report}");
    assert!(report.source_copies < 1.6, "{report}");
}

#[test]
fn chain_of_nodes_that_know_only_their_predecessor_delivers() {
    let plan = Plan { knowledge: Knowledge::Predecessor, joining: 0, ..Plan::new("chain", 3) };
    let report = run(plan);
    assert_eq!((report.delivered, report.stalls), (1.0, 0), "{report}");
}

#[test]
fn viewers_go_on_after_the_source_was_killed_and_came_back() {
    for gap in [0, 5, 1_000] {
        let plan = Plan::new("source restart", 10)
            .lasting(20)
            .with_change(8 * SECOND, Change::Kill(SOURCE))
            .with_change(9 * SECOND, Change::SkipNumbers(gap))
            .with_change(11 * SECOND, Change::Start(SOURCE));
        let mut world = TsWorld::new(plan);
        world.run_until(11 * SECOND);
        let before = world.broadcast.pieces.keys().next_back().copied();
        world.run_until(14_600 * MILLISECOND);
        let idle: Vec<_> = (1..=10).filter(|&viewer| world.nodes[viewer].last_number <= before).collect();
        let report = run_world(&mut world);
        assert!(idle.is_empty(), "gap {gap}: viewers {idle:?} wait: {report}");
        assert_eq!(report.disorder, 0, "{report}");
    }
}

#[test]
fn viewer_behind_a_relay_goes_on_after_the_source_skipped_numbers() {
    let plan =
        Plan { knowledge: Knowledge::Predecessor, ..Plan::new("restart before a chain", 2).lasting(20) }
            .with_change(8 * SECOND, Change::Kill(SOURCE))
            .with_change(9 * SECOND, Change::SkipNumbers(5))
            .with_change(9 * SECOND + 1, Change::Start(SOURCE));
    let mut world = TsWorld::new(plan);
    world.run_until(9 * SECOND);
    let before = world.broadcast.pieces.keys().next_back().copied();
    world.run_until(12 * SECOND + 500 * MILLISECOND);
    let last = world.nodes[2].last_number;
    let report = run_world(&mut world);
    assert!(last > before, "at {last:?}: {report}");
}

#[test]
fn viewers_of_a_killed_relay_move_on() {
    for change in [Change::Kill(1), Change::Vanish(1)] {
        let plan = Plan::new("relay lost", 10).with_change(6 * SECOND, change);
        let report = run(plan);
        assert!(report.delivered > 0.99, "{report}");
        assert_eq!(report.stalls, 0, "{report}");
    }
}

#[test]
fn churn_costs_nobody_else_a_piece() {
    let report = run(Plan::new("churn", 30).with_turnover(SECOND / 4));
    // Who left in the moment before a piece came counts as one who missed it.
    assert!(report.delivered > 0.95, "{report}");
    assert_eq!((report.stalls, report.totals.pieces_skipped), (0, 0), "{report}");
}

#[test]
fn one_percent_of_lost_packets_does_no_harm() {
    let report = run(Plan { loss: 0.01, ..Plan::new("loss", 20) });
    assert!(report.delivered > 0.99, "{report}");
    assert!(report.duplicates < 0.1, "{report}");
    assert_eq!(report.stalls, 0, "{report}");
}

#[test]
fn late_comer_is_served_at_once() {
    let late = 21;
    let plan = Plan::new("late comer", 20).with_change(10 * SECOND, Change::Turnover);
    let mut world = TsWorld::new(plan);
    let report = run_world(&mut world);
    let first = world.nodes[late].first_delivered_at.unwrap();
    assert!(
        first < 10 * SECOND + 700 * MILLISECOND,
        "{} got its first piece at {first} ns: {report}",
        address(late)
    );
}

#[test]
fn upload_limit_is_kept_and_used() {
    for kilobytes in [160, 220] {
        let limit = kilobytes * 1_024;
        let plan = Plan::new("upload limit", 20).lasting(30);
        let mut world = TsWorld::new(Plan { source_upload_limit: Some(limit), ..plan });
        world.run_until(10 * SECOND);
        let before = world.tally.source_bytes;
        let report = run_world(&mut world);
        let sent = (world.tally.source_bytes - before) as f64 / 20.0;
        assert!((sent / limit as f64 - 1.0).abs() < 0.03, "{sent} of {limit}: {report}");
    }
}

#[test]
fn download_limit_is_kept_and_used() {
    // less than the stream's rate, so that there is always more to fetch
    let limit = 100 * 1_024;
    let plan = Plan::new("download limit", 5).lasting(30);
    let mut world = TsWorld::new(Plan { viewer_download_limit: Some(limit), ..plan });
    world.run_until(10 * SECOND);
    let came = |world: &mut TsWorld| {
        let now = world.instant();
        let swarm = world.nodes[1].swarm.as_mut().expect("a viewer");
        swarm.stats(now).downloaded_bytes
    };
    let before = came(&mut world);
    let report = run_world(&mut world);
    let rate = (came(&mut world) - before) as f64 / 20.0;
    assert!((rate / limit as f64 - 1.0).abs() < 0.03, "{rate} of {limit}: {report}");
}

#[test]
fn source_with_a_poor_uplink_serves_its_chosen_network_whole_and_others_with_the_rest() {
    // pieces that each of ten viewers, connected to the source alone, got of those made
    let verified = |chosen: &str| {
        let chosen = chosen.parse::<Network>().expect("a network");
        let plan = Plan { served_first: [chosen].into_iter().collect(), ..Plan::new("served first", 10) };
        let mut world = TsWorld::new(Plan { max_peers: 1, ..plan.uplinks(2.2, 2.0).lasting(25) });
        world.run_until(24 * SECOND);
        let now = world.instant();
        let pieces =
            |index: usize| world.nodes[index].swarm.as_mut().map(|swarm| swarm.stats(now).pieces_verified);
        (1..=10).filter_map(pieces).collect::<Vec<u64>>()
    };
    let made = 24 * 131_072 / 65_536;
    for (network, chosen) in [("1.1.0.4/31", [4, 5]), ("1.1.0.8/31", [8, 9])] {
        let verified = verified(network);
        for (viewer, &pieces) in (1..).zip(&verified) {
            let is_fair = if chosen.contains(&viewer) { pieces >= made * 8 / 10 } else { pieces < made / 2 };
            assert!(is_fair, "{network}: viewer {viewer} of {verified:?}, {made} made");
        }
    }
}
