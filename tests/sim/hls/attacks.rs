//! Swarms of an HLS broadcast with nodes that lie.

use start_engine::swarm::Close;

use super::{HlsWorld, run_world};
use crate::events::{MILLISECOND, SECOND, Time};
use crate::hostile::Behaviour;
use crate::plan::Plan;
use crate::report::Report;

/// No viewer got a wrong byte, or a segment out of order, and no honest node was taken for a liar.
fn assert_clean(report: &Report) {
    assert_eq!((report.bad_pieces, report.disorder, report.wrong_bans), (0, 0, 0), "{report}");
}

/// Everybody whom a liar told its lies banned it within three segments of the first one.
fn assert_caught(world: &HlsWorld, report: &Report) {
    let patience = 3 * world.plan.hls.segment;
    let told: Vec<_> = world.broadcast.lies.iter().collect();
    assert!(!told.is_empty(), "nobody lied: {report}");
    let is_late = |&(&(liar, victim), &at): &(&(usize, usize), &Time)| {
        let caught_at = world.tally.verdicts.get(&(victim, liar));
        let is_over = at + patience <= world.now && world.nodes[victim].is_honest();
        is_over && caught_at.is_none_or(|&caught_at| caught_at > at + patience)
    };
    let late: Vec<_> = told.iter().filter(|told| is_late(told)).collect();
    let ms = |time: &Time| time / MILLISECOND;
    let shown: Vec<_> = late
        .iter()
        .map(|(pair, at)| (pair, ms(at), world.tally.verdicts.get(&(pair.1, pair.0)).map(ms)))
        .collect();
    assert!(late.is_empty(), "{} of {} not in time: {shown:?} {report}", late.len(), told.len());
}

fn attack(plan: Plan) -> (HlsWorld, Report) {
    let mut world = HlsWorld::new(plan);
    let report = run_world(&mut world);
    println!("{:?}", world.broadcast.origin.shares(|at| world.plan.counts(at)));
    assert_clean(&report);
    (world, report)
}

/// The three kinds of broadcast, with so many viewers.
pub fn kinds(viewers: usize) -> [Plan; 3] {
    let plan = |name| Plan::hls(name, viewers);
    [plan("unsigned"), plan("signed").with_signers(1), plan("private").private(1, 2)]
}

#[test]
fn liars_about_tables_are_never_played_and_banned_within_three_segments() {
    for plan in kinds(20) {
        let (world, report) = attack(plan.with_hostile(0.3, Behaviour::TableLiar));
        assert_caught(&world, &report);
        assert!(report.delivered > 0.99, "{report}");
    }
}

#[test]
fn those_who_pass_lies_on_as_the_word_of_others_do_no_harm() {
    for plan in kinds(20) {
        let (_, report) = attack(plan.with_hostile(0.3, Behaviour::PassingLiar));
        assert!(report.delivered > 0.99, "{report}");
    }
}

#[test]
fn senders_of_false_chunks_are_banned_by_their_hashes() {
    for plan in kinds(20) {
        let (world, report) = attack(plan.with_hostile(0.3, Behaviour::Polluter));
        assert_caught(&world, &report);
        assert!(report.delivered > 0.99, "{report}");
    }
}

#[test]
fn nobody_waits_long_for_peers_that_announce_fetches_and_never_finish() {
    for plan in kinds(20) {
        let (_, report) = attack(plan.with_hostile(0.3, Behaviour::FalsePromiser));
        assert!(report.delivered > 0.99, "{report}");
    }
}

#[test]
fn forged_and_replayed_entries_of_a_private_broadcast_are_worth_nothing() {
    let plan = Plan::hls("forgers", 17).private(1, 2).with_hostile(0.2, Behaviour::Forger);
    let (world, report) = attack(plan);
    assert_caught(&world, &report);
    assert!(report.closes.contains_key(&Close::Forged), "{report}");
    assert!(report.delivered > 0.99, "{report}");
}

#[test]
fn who_sends_tables_that_are_none_is_left() {
    for plan in kinds(10) {
        let (_, report) = attack(plan.with_hostile(0.2, Behaviour::Babbler));
        assert!(report.closes.contains_key(&Close::Malformed), "{report}");
        assert!(report.delivered > 0.99, "{report}");
    }
}

#[test]
fn black_holes_and_free_riders_are_got_around() {
    for behaviour in [Behaviour::BlackHole, Behaviour::FreeRider] {
        for plan in kinds(20) {
            let (_, report) = attack(plan.with_hostile(0.2, behaviour));
            assert!(report.delivered > 0.99, "{report}");
            assert!(report.latency_p50 < 3 * SECOND / 2, "{report}");
        }
    }
}
