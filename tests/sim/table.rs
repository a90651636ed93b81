//! The table of `docs/performance.md`: minutes of computing, so it runs only when asked for.
//! `SIM_SIZES=20,100` chooses the numbers of viewers.

use super::events::SECOND;
use super::hostile::Behaviour;
use super::plan::Plan;
use super::run;

const DEFAULT_SIZES: &str = "20,100,500,1000";

#[test]
#[ignore = "takes minutes; prints the table of docs/performance.md"]
fn table() {
    let sizes = std::env::var("SIM_SIZES").unwrap_or_else(|_| DEFAULT_SIZES.to_owned());
    for viewers in sizes.split(',').map(|size| size.parse().unwrap()) {
        for (name, source, viewer) in [
            ("source 4x, viewers 2x", 4.0, 2.0),
            ("source 1.5x, viewers 2x", 1.5, 2.0),
            ("source 4x, viewers 1.25x", 4.0, 1.25),
        ] {
            run(long(name, viewers).uplinks(source, viewer));
        }
        run(Plan { loss: 0.01, ..long("4x, 2x, 1 % loss", viewers).uplinks(4.0, 2.0) });
        run(long("4x, 2x, one turnover a second", viewers).uplinks(4.0, 2.0).with_turnover(SECOND));
        run(long("4x, 2x, 20 % free riders", viewers)
            .uplinks(4.0, 2.0)
            .with_hostile(0.2, Behaviour::FreeRider));
    }
}

/// Long enough to see whether a lag grows.
fn long(name: &'static str, viewers: usize) -> Plan {
    Plan { warm_up: 15 * SECOND, ..Plan::new(name, viewers).lasting(40) }
}
