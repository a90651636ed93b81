//! Honest swarms on good and bad networks.

use super::events::SECOND;
use super::plan::Plan;
use super::{run, world::World};

#[test]
fn every_viewer_gets_every_piece_when_uplinks_are_ample() {
    let report = run(Plan::new("ample", 20));
    assert!(report.delivered > 0.97, "{report}");
    assert!(report.duplicates < 0.01, "{report}");
    assert_eq!((report.stalls, report.totals.pieces_skipped), (0, 0), "{report}");
    assert!(report.p99_pieces() < 1.0, "{report}");
}

#[test]
fn same_seed_gives_the_same_trace_twice() {
    let trace = || {
        let mut plan = Plan::new("trace", 30).uplinks(2.0, 2.0).with_turnover(SECOND).lasting(8);
        plan.loss = 0.01;
        let mut world = World::new(plan);
        world.run();
        world.trace()
    };
    assert_eq!(trace(), trace());
}
