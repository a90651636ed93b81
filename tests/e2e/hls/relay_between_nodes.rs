//! The relay of these tests, held against nodes that are known to work: those of an MPEG-TS broadcast.

use crate::harness::{local, wait_until};
use crate::node::{Home, transport_url_of};
use crate::origin::Origin;
use crate::viewer::Viewer;

use super::relay::{Lie, Relay};

const RATE: u64 = 250_000;

#[test]
fn relay_passes_everything_on_and_keeps_it() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &["--skip-internal-tracker"]);
    let relay = Relay::to(local(source.port()));
    let mut client = home.client(&["--download-from", &relay.address()]);
    let viewer = Viewer::of_url(&mut client, &transport_url_of(&mut source), origin.stream);
    let seen = viewer.plays(origin.stream.packets_in(2));
    assert_eq!((seen.gaps.len(), seen.continuity_errors), (0, 0), "{seen:?}");
    let said = relay.said();
    let packet = origin.stream.packet(seen.first.expect("a packet") + 3);
    assert!(said.windows(packet.len()).any(|part| part == packet), "what was played went by here");
    assert_eq!((relay.connections(), relay.open(), relay.lied_about()), (1, 1, 0));
}

#[test]
fn node_behind_a_relay_that_lies_is_banned() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &["--skip-internal-tracker", "--piecesize", "16384"]);
    let relay = Relay::lying(local(source.port()), Lie::Chunks);
    let mut client = home.client(&["--download-from", &relay.address()]);
    let _viewer = Viewer::of_url(&mut client, &transport_url_of(&mut source), origin.stream);
    client.line(" banned: ");
    wait_until("it is thrown out", || relay.open() == 0);
    assert!(relay.lied_about() > 0);
}
