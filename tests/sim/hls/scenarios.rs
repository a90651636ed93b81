//! Honest swarms of an HLS broadcast.

use super::{AMPLE, HlsWorld, run, run_world};
use crate::events::{MILLISECOND, SECOND, Time};
use crate::plan::{Access, Change, Plan};
use crate::report::Report;

/// Everything came, once, in order, and true.
fn assert_whole(report: &Report) {
    assert_eq!((report.bad_pieces, report.disorder, report.wrong_bans), (0, 0, 0), "{report}");
    assert_eq!((report.delivered, report.stalls), (1.0, 0), "{report}");
}

/// The same when some viewers or packets were lost on the way.
fn assert_nearly_whole(report: &Report) {
    assert_eq!((report.bad_pieces, report.disorder, report.wrong_bans), (0, 0, 0), "{report}");
    assert!(report.delivered > 0.98, "{report}");
}

/// Segments of a viewer that became whole between two moments, by number.
fn whole_between(world: &HlsWorld, viewer: usize, from: Time, to: Time) -> Vec<u64> {
    let whole = world.nodes[viewer].seat.judge.whole_at.iter();
    whole.filter(|(_, at)| (from..to).contains(at)).map(|(id, _)| id.number).collect()
}

#[test]
fn lone_viewer_gets_every_segment_as_a_plain_player_would() {
    let report = run(Plan::hls("lone viewer", 1));
    assert_whole(&report);
    // A poll of up to a quarter second, two round trips, and the bytes at the origin's rate.
    assert!(report.latency_p99 < 500 * MILLISECOND, "{report}");
    assert!(report.source_copies < 1.05, "{report}");
}

#[test]
fn six_viewers_cost_the_origin_hardly_more_than_one() {
    let report = run(Plan::hls("six", 6));
    assert_whole(&report);
    assert!(report.source_copies <= 1.5, "{report}");
}

#[test]
fn twenty_viewers_cost_the_origin_a_tenth_of_twenty_copies_and_wait_hardly_longer_than_one() {
    let alone = run(Plan::hls("alone", 1).lasting(120));
    let report = run(Plan::hls("twenty", 20));
    assert_whole(&report);
    assert!(report.source_copies <= 2.0, "{report}");
    assert!(report.latency_p50 < alone.latency_p50 + 300 * MILLISECOND, "{report}");
}

#[test]
fn signers_alone_read_the_origin_and_nobody_checks() {
    for signers in [1, 3] {
        let mut world = HlsWorld::new(Plan::hls("signed", 20).with_signers(signers));
        let report = run_world(&mut world);
        assert_whole(&report);
        let [_, checked, _] = world.broadcast.origin.shares(|shown_at| world.plan.counts(shown_at));
        assert_eq!(checked, 0.0, "{report}");
        assert!(report.source_copies <= 1.1 * signers as f64, "{report}");
    }
}

#[test]
fn private_broadcast_reaches_viewers_that_cannot_reach_the_origin() {
    let report = run(Plan::hls("private", 17).private(1, 2));
    assert_whole(&report);
    assert!(report.source_copies <= 1.05, "{report}");
}

#[test]
fn scarce_uplinks_are_enough_for_all() {
    for plan in super::attacks::kinds(20) {
        let report = run(plan.uplinks(4.0, 4.0));
        assert_whole(&report);
        assert!(report.source_copies <= 2.0, "{report}");
    }
}

#[test]
fn viewer_whose_uplink_is_poor_does_not_hold_the_others_up() {
    let mut world = HlsWorld::new(Plan::hls("poor uplink", 6));
    world.nodes[0].access = Access { up: Some(60_000), ..AMPLE };
    let report = run_world(&mut world);
    assert_whole(&report);
    assert!(report.latency_p99 < 4 * SECOND, "{report}");
}

#[test]
fn viewers_go_on_with_what_peers_have_when_the_origin_dies() {
    let plan = Plan::hls("dead origin", 6)
        .with_change(14 * SECOND + 300 * MILLISECOND, Change::OriginDies)
        .with_change(16 * SECOND, Change::Turnover)
        .with_change(20 * SECOND, Change::OriginReturns);
    let mut world = HlsWorld::new(plan);
    world.run_until(19 * SECOND);
    let late = world.nodes.len() - 1;
    let viewers: Vec<usize> =
        (0..world.nodes.len()).filter(|&node| world.nodes[node].swarm.is_some()).collect();
    let newest = viewers.iter().map(|&viewer| world.nodes[viewer].last_number).max().unwrap();
    let all_there = viewers.iter().filter(|&&v| v != late).all(|&v| world.nodes[v].last_number == newest);
    let report = run_world(&mut world);
    assert!(all_there, "somebody lacks what others have: {report}");
    assert_eq!((report.bad_pieces, report.disorder), (0, 0), "{report}");
    for viewer in viewers {
        assert!(!whole_between(&world, viewer, 20 * SECOND, 26 * SECOND).is_empty(), "{viewer}: {report}");
    }
}

#[test]
fn late_comer_is_served_by_peers_when_the_origin_is_dead() {
    let plan = Plan::hls("late comer, dead origin", 6)
        .private(1, 1)
        .with_change(20 * SECOND, Change::OriginDies)
        .with_change(21 * SECOND, Change::Turnover)
        .lasting(26);
    let mut world = HlsWorld::new(plan);
    let report = run_world(&mut world);
    let late = world.nodes.last().unwrap();
    assert!(late.first_delivered_at.is_some_and(|at| at < 22 * SECOND), "{report}");
}

#[test]
fn signer_that_was_killed_and_came_back_goes_on_with_the_numbers() {
    for plan in
        [Plan::hls("signer back", 10).with_signers(1), Plan::hls("private signer back", 10).private(1, 1)]
    {
        let plan = plan
            .with_change(16 * SECOND + 500 * MILLISECOND, Change::Kill(0))
            .with_change(20 * SECOND, Change::Start(0));
        let mut world = HlsWorld::new(plan);
        let report = run_world(&mut world);
        assert_eq!((report.bad_pieces, report.disorder, report.wrong_bans), (0, 0, 0), "{report}");
        for viewer in world.stations()..world.nodes.len() {
            let numbers = whole_between(&world, viewer, 5 * SECOND, 30 * SECOND);
            let whole = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
            assert!(whole && numbers.len() >= 11, "{viewer} got {numbers:?}: {report}");
        }
    }
}

#[test]
fn stream_that_begins_anew_is_followed() {
    let plans = [
        Plan::hls("reset", 6),
        Plan::hls("signed reset", 6).with_signers(1),
        Plan::hls("private reset", 6).private(1, 1),
        Plan::hls("reset under three signers", 6).with_signers(3),
    ];
    for plan in plans {
        let mut world = HlsWorld::new(plan.with_change(15 * SECOND, Change::ResetStream(0)));
        let report = run_world(&mut world);
        assert_eq!((report.bad_pieces, report.disorder, report.wrong_bans), (0, 0, 0), "{report}");
        for viewer in world.stations()..world.nodes.len() {
            let numbers = whole_between(&world, viewer, 20 * SECOND, 30 * SECOND);
            let resets = world.nodes[viewer].seat.judge.resets;
            assert!(
                numbers.len() >= 4 && numbers.iter().all(|&number| number < 20),
                "{viewer} {numbers:?}: {report}"
            );
            assert!((1..=3).contains(&resets), "{viewer} began anew {resets} times: {report}");
        }
    }
}

#[test]
fn node_fetches_only_the_stream_that_is_watched() {
    let mut plan = Plan::hls("two streams", 8);
    plan.hls.streams = 2;
    let mut world = HlsWorld::new(plan);
    let report = run_world(&mut world);
    assert_whole(&report);
    assert!(report.source_copies <= 1.5, "{report}");
    for (node, state) in world.nodes.iter().enumerate() {
        let is_other = |id: &start_engine::base::ids::PieceId| id.stream != node as u32 % 2;
        assert!(!state.seat.judge.whole_at.keys().any(is_other), "{node} got both: {report}");
    }

    let mut plan = Plan::hls("one of two streams", 1);
    plan.hls.streams = 2;
    let mut world = HlsWorld::new(plan);
    run_world(&mut world);
    assert!(world.broadcast.origin.sent_of(0) > 0);
    assert_eq!(world.broadcast.origin.sent_of(1), 0);
}

#[test]
fn relays_of_a_private_broadcast_follow_what_viewers_behind_them_watch() {
    let mut plan = Plan::hls("private, two streams", 6).private(1, 2);
    plan.hls.streams = 2;
    assert_whole(&run(plan));
}

#[test]
fn stream_is_followed_no_longer_than_somebody_watches_it() {
    let mut plan = Plan::hls("the viewer of one stream leaves", 2).private(1, 1).lasting(60);
    plan.hls.streams = 2;
    let stations = 2;
    let viewers: Vec<usize> = (stations..stations + 2).collect();
    let leaver = viewers.into_iter().find(|viewer| viewer % 2 == 1).expect("one of two is odd");
    let mut world = HlsWorld::new(plan.with_change(20 * SECOND, Change::Stop(leaver)));
    world.run_until(35 * SECOND);
    let sent = world.broadcast.origin.sent_of(1);
    assert!(sent > 0);
    let report = run_world(&mut world);
    assert_eq!(world.broadcast.origin.sent_of(1), sent, "{report}");
}

#[test]
fn churn_costs_nobody_else_a_segment() {
    for plan in super::attacks::kinds(20) {
        let report = run(plan.with_turnover(SECOND));
        assert_eq!((report.bad_pieces, report.disorder, report.wrong_bans), (0, 0, 0), "{report}");
        assert!(report.delivered > 0.85, "{report}");
        assert_eq!((report.stalls, report.totals.pieces_skipped), (0, 0), "{report}");
    }
}

#[test]
fn late_comer_gets_its_first_segment_at_once() {
    for plan in super::attacks::kinds(10) {
        let mut world = HlsWorld::new(plan.with_change(21 * SECOND, Change::Turnover));
        let report = run_world(&mut world);
        let late = world.nodes.last().unwrap();
        assert!(late.first_delivered_at.is_some_and(|at| at < 21 * SECOND + 700 * MILLISECOND), "{report}");
    }
}

#[test]
fn one_percent_of_lost_packets_does_no_harm() {
    for plan in super::attacks::kinds(20) {
        let report = run(Plan { loss: 0.01, ..plan });
        assert_nearly_whole(&report);
        assert_eq!(report.stalls, 0, "{report}");
        assert!(report.source_copies <= 2.0, "{report}");
    }
}

#[test]
fn same_seed_gives_the_same_trace_twice() {
    let trace = || run(Plan::hls("trace", 10).with_turnover(2 * SECOND).lasting(15)).trace;
    assert_eq!(trace(), trace());
}
