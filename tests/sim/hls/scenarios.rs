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
