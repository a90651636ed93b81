//! The table of `docs/performance.md` for HLS broadcasts; it runs only when asked for.
//! `SIM_SIZES=20,50` chooses the numbers of viewers.

use super::{HlsWorld, run_world};
use crate::plan::Plan;

const DEFAULT_SIZES: &str = "20";

#[test]
#[ignore = "takes a minute; prints the table of docs/performance.md"]
fn hls_table() {
    let sizes = std::env::var("SIM_SIZES").unwrap_or_else(|_| DEFAULT_SIZES.to_owned());
    println!(
        "| broadcast | uplinks | latency p50, p99 (ms) | origin's copies: segments, checks, playlists | of all copies | duplicates | control |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    row(Plan::hls("lone viewer", 1), "ample");
    for viewers in sizes.split(',').map(|size| size.parse().unwrap()) {
        for (uplinks, factor) in [("2x", Some(2.0)), ("4x", Some(4.0)), ("ample", None)] {
            for plan in super::attacks::kinds(viewers) {
                row(factor.into_iter().fold(plan, |plan, factor| plan.uplinks(factor, factor)), uplinks);
            }
        }
    }
}

fn row(plan: Plan, uplinks: &str) {
    let mut world = HlsWorld::new(plan.lasting(60));
    let report = run_world(&mut world);
    let [segments, checks, playlists] = world.broadcast.origin.shares(|at| world.plan.counts(at));
    let ms = |time: crate::events::Time| time / crate::events::MILLISECOND;
    println!(
        "| {}, {} viewers | {uplinks} | {}, {} | {segments:.2}, {checks:.2}, {playlists:.2} | {:.1} % | {:.1} % | {:.1} % |",
        report.name,
        report.nodes,
        ms(report.latency_p50),
        ms(report.latency_p99),
        100.0 * report.source_copies / report.nodes as f64,
        100.0 * report.duplicates,
        100.0 * report.control,
    );
}
