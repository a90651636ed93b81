//! Swarms with nodes that do not keep to the rules.

use start_engine::swarm::Close;

use super::events::SECOND;
use super::hostile::Behaviour;
use super::plan::{Knowledge, Plan};
use super::report::Report;
use super::run;

/// No viewer got a wrong byte, or a piece out of order.
fn assert_clean(report: &Report) {
    assert_eq!((report.bad_pieces, report.disorder), (0, 0), "{report}");
}

#[test]
fn polluters_are_banned_and_no_bad_byte_is_delivered() {
    let report = run(Plan::new("polluters", 20).uplinks(4.0, 8.0).with_hostile(0.3, Behaviour::Polluter));
    assert_clean(&report);
    assert!(report.totals.bans > 0, "{report}");
    assert!(report.delivered > 0.97, "{report}");
    assert_eq!(report.wrong_bans, 0, "{report}");
}

#[test]
fn head_liar_does_not_lead_a_join_astray_for_long() {
    let report = run(Plan::new("head liars", 20).with_hostile(0.2, Behaviour::HeadLiar));
    assert_clean(&report);
    assert_eq!(report.without_piece, 0, "{report}");
    assert!(report.delivered > 0.95, "{report}");
}

#[test]
fn replayer_is_banned_and_honest_peers_are_not() {
    let report = run(Plan::new("replayer", 20).uplinks(4.0, 8.0).with_hostile(0.05, Behaviour::Replayer));
    // A piece from before a viewer's time is true as far as it can know, once.
    assert!(report.bad_pieces <= 2, "{report}");
    assert_eq!((report.disorder, report.wrong_bans), (0, 0), "{report}");
    assert!(report.totals.bans > 0, "{report}");
    assert!(report.delivered > 0.95, "{report}");
}

#[test]
fn replayers_who_agree_get_nothing_played_twice() {
    let report = run(Plan::new("replayers", 20).uplinks(4.0, 8.0).with_hostile(0.2, Behaviour::Replayer));
    // Each of them may get one piece from before a viewer's time believed, once.
    assert!(report.bad_pieces <= 4, "{report}");
    assert_eq!((report.disorder, report.wrong_bans), (0, 0), "{report}");
}

#[test]
fn free_riders_do_not_starve_those_who_give() {
    let plan = Plan::new("free riders", 30).with_hostile(0.2, Behaviour::FreeRider).uplinks(4.0, 2.0);
    let report = run(Plan { cool_down: 7 * SECOND, ..plan.lasting(20) });
    assert_clean(&report);
    assert!(report.delivered > 0.9, "{report}");
}

#[test]
fn peers_that_claim_all_and_send_nothing_are_got_around() {
    let report = run(Plan::new("black holes", 20).uplinks(4.0, 8.0).with_hostile(0.3, Behaviour::BlackHole));
    assert_clean(&report);
    assert_eq!(report.stalls, 0, "{report}");
    assert!(report.delivered > 0.97, "{report}");
}

#[test]
fn flood_of_haves_does_no_harm() {
    let report = run(Plan::new("have flood", 20).with_hostile(0.1, Behaviour::HaveFlooder));
    assert_clean(&report);
    assert!(report.delivered > 0.97, "{report}");
    assert_eq!(report.stalls, 0, "{report}");
}

#[test]
fn viewer_whose_only_peer_forges_gets_nothing_and_bans_it() {
    let plan = Plan { knowledge: Knowledge::Predecessor, ..Plan::new("forger alone", 2) };
    let mut world = super::TsWorld::new(plan);
    world.set_behaviour(1, Behaviour::Polluter);
    let report = super::run_world(&mut world);
    assert_clean(&report);
    assert_eq!(world.nodes[2].delivered, 0, "{report}");
    assert!(report.closes.contains_key(&Close::Forged), "{report}");
}
