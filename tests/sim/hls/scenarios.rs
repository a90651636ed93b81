//! Honest swarms of an HLS broadcast.

use super::{HlsWorld, run, run_world};
use crate::plan::Plan;
use crate::report::Report;

#[test]
fn lone_viewer_gets_every_segment_as_a_plain_player_would() {
    let report = run(Plan::hls("lone viewer", 1));
    assert_eq!(report.delivered, 1.0, "{report}");
}

#[test]
fn twenty() {
    run(Plan::hls("six", 6));
    run(Plan::hls("twenty", 20));
    run(Plan::hls("signed", 20).with_signers(1));
    run(Plan::hls("private", 17).private(1, 2));
}

#[test]
fn probe() {
    let n: usize = std::env::var("N").map_or(20, |n| n.parse().unwrap());
    for k in [crate::hostile::Behaviour::BlackHole, crate::hostile::Behaviour::Polluter] {
        for plan in super::attacks::kinds(20) {
            run(plan.with_hostile(0.2, k));
        }
    }
    for up in [2.0, 4.0] {
        for plan in super::attacks::kinds(20) {
            run(plan.uplinks(up, up));
        }
    }
    let mut world = HlsWorld::new(Plan::hls("public", n));
    let report = run_world(&mut world);
    println!("{report}");
    println!("{:?}", world.broadcast.origin.shares(|at| world.plan.counts(at)));
    for ((id, _), truth) in world.broadcast.origin.segments.iter() {
        let mut at: Vec<_> = world
            .nodes
            .iter()
            .filter_map(|n| n.seat.judge.whole_at.get(id))
            .map(|at| at.saturating_sub(truth.shown_at) / 1_000_000)
            .collect();
        at.sort();
        println!("{:?} {:.2} {at:?}", id, truth.sent_bytes as f64 / truth.content.length() as f64);
    }
}
