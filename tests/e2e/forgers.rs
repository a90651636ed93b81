//! Peers that forge, replay, or claim what cannot be: banned, and nothing of theirs reaches a player.

use start_engine::base::ids::Infohash;
use start_engine::wire::extended::LiveInfo;

use crate::harness::{local, wait_until};
use crate::node::{Home, Node, address_of};
use crate::origin::Origin;
use crate::rogue::{Rogue, Trick};
use crate::tracker_log::TrackerLog;
use crate::viewer::Viewer;
use crate::wire_peer::WirePeer;

const RATE: u64 = 250_000;
/// One chunk a piece: whoever answers a request answers for the whole piece.
const SMALL_PIECES: [&str; 2] = ["--piecesize", "16384"];

/// A source, and a rogue that has learnt pieces from it.
fn source_and_rogue(home: &Home, origin: &Origin, trick: Trick, more: &[&str]) -> (Node, Rogue) {
    let mut source = home.quick_source(origin, &[&SMALL_PIECES, more].concat());
    let infohash: Infohash = source.last_word("infohash: ").parse().expect("an infohash");
    let rogue = Rogue::start(trick, local(source.port()), infohash);
    wait_until("the rogue knows pieces", || rogue.pieces() > 2);
    (source, rogue)
}

fn assert_unharmed(viewer: &Viewer, origin: &Origin) {
    let seen = viewer.plays(origin.stream.packets_in(3));
    assert_eq!((seen.gaps.len(), seen.continuity_errors, seen.wrong.len()), (0, 0, 0), "{seen:?}");
}

#[test]
fn peer_that_forges_pieces_is_banned_and_no_bad_byte_reaches_the_player() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let tracker = TrackerLog::start();
    let told = ["--skip-internal-tracker", "--tracker", &tracker.url()];
    let (mut source, rogue) = source_and_rogue(&home, &origin, Trick::Forge, &told);
    tracker.add_peer(rogue.address);
    let mut client = home.client(&["--download-from", &address_of(&mut source)]);
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);
    client.line(&format!("peer {} banned", rogue.address));
    assert!(rogue.lies() > 0 && rogue.thrown_out() <= rogue.connections());
    wait_until("it is thrown out", || rogue.thrown_out() == 1);
    assert_unharmed(&viewer, &origin);
    assert_eq!(rogue.connections(), 1, "nobody dials it again");

    // under its name it does not get in again, whoever dials
    let infohash = source.last_word("infohash: ").parse().expect("an infohash");
    let mut back = WirePeer::dial(local(client.port()), infohash, 1).expect("shakes hands");
    back.describe(66, LiveInfo::EMPTY).expect("sends");
    back.assert_closed("a banned node that dials");
    let mut honest = WirePeer::dial(local(client.port()), infohash, 2).expect("shakes hands");
    honest.describe(2, LiveInfo::EMPTY).expect("sends");
    honest
        .receive_until(|message| matches!(message, start_engine::wire::message::Message::Have { .. }))
        .expect("others at the same address are served");
    assert_unharmed(&viewer, &origin);
}

#[test]
fn peer_that_replays_pieces_is_banned_and_neither_the_source_nor_the_viewer_suffers() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let (mut source, rogue) = source_and_rogue(&home, &origin, Trick::Replay, &["--skip-internal-tracker"]);
    let infohash = source.last_word("infohash: ").parse().expect("an infohash");
    let mut client = home.client(&["--download-from", &address_of(&mut source)]);
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);
    viewer.plays(origin.stream.packets_in(1));
    rogue.visit(local(client.port()), infohash);
    let line = client.line(" banned: ");
    assert!(rogue.lies() > 0 && !line.contains(&address_of(&mut source)), "{line}");
    wait_until("it is thrown out", || rogue.thrown_out() == 1);
    assert_unharmed(&viewer, &origin);
    assert_eq!(client.log.count(" banned: "), 1);
}

#[test]
fn peer_that_claims_the_end_of_all_numbers_leads_nobody_astray() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let (mut source, rogue) =
        source_and_rogue(&home, &origin, Trick::ClaimTheEnd, &["--skip-internal-tracker"]);
    let rogue_address = rogue.address.to_string();
    let both = ["--download-from", &address_of(&mut source), "--download-from", &rogue_address];
    let mut client = home.client(&both);
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);
    wait_until("the client met the rogue", || rogue.connections() > 0);
    assert_unharmed(&viewer, &origin);
}
