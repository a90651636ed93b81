//! Peers that send false chunks, with the true piece table or with one that fits them: banned, and nothing of
//! theirs is played.

use super::nodes::{HlsNode, Transport, ip};
use super::origin::{HlsOrigin, Plan};
use super::relay::{Lie, Relay};
use super::viewer::HlsViewer;
use crate::harness::wait_until;

/// A liar is thrown out before it has sent chunks of more segments.
const SEGMENTS_MAX: usize = 3;

/// The liar was met, lied, and was thrown out in time; the viewer never noticed.
fn assert_unharmed(relay: &Relay, victim: &HlsNode, viewer: &HlsViewer, origin: &HlsOrigin) {
    wait_until("it is banned", || victim.node.log.count(" banned: ") > 0);
    wait_until("it is thrown out", || relay.open() == 0);
    let lied_about = relay.lied_about();
    assert!(lied_about <= SEGMENTS_MAX, "false chunks of {lied_about} segments");
    let seen = viewer.reaches(origin.newest() + 2);
    seen.assert_whole();
    assert_eq!(relay.lied_about(), lied_about, "it may lie no more");
}

/// A public broadcast without a signer, in which a client knows the origin and a liar.
fn liar_in_a_public_broadcast(lie: Lie) {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::public(&origin, &[]);
    let mut support = HlsNode::support(11, &transport.public_file(), &[]);
    let liar = Relay::lying(support.socket(), lie);
    let mut client = HlsNode::client(31, &["--download-from", &liar.address()]);
    let viewer = client.watch(&transport.query());
    assert_unharmed(&liar, &client, &viewer, &origin);
    match lie {
        // it may be found out before it has sent a chunk
        Lie::ChunksAndTable => assert!(liar.forged_entries() > 0),
        _ => assert!(liar.lied_about() > 0),
    }
}

/// A private broadcast, in which a client knows an honest support node and one that lies.
fn liar_in_a_private_broadcast(lie: Lie) {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::private(&origin, &[]);
    origin.admit(&[ip(21)]);
    let mut knowing = HlsNode::support(21, &transport.private_file(), &[]);
    let from_knowing = ["--download-from", &knowing.address()];
    let mut supports = [22, 23].map(|last| HlsNode::support(last, &transport.public_file(), &from_knowing));
    let liar = Relay::lying(supports[0].socket(), lie);
    let both = ["--download-from", &liar.address(), "--download-from", &supports[1].address()];
    let mut client = HlsNode::client(31, &both);
    let viewer = client.watch(&transport.query());
    wait_until("it is banned", || client.node.log.count(" banned: ") > 0);
    wait_until("it is thrown out", || liar.open() == 0);
    assert!(liar.lied_about() <= SEGMENTS_MAX, "false chunks of {} segments", liar.lied_about());
    viewer.reaches(origin.newest() + 2).assert_whole();
}

#[test]
fn peer_that_forges_chunks_of_a_public_broadcast_is_banned() {
    liar_in_a_public_broadcast(Lie::Chunks);
}

#[test]
fn peer_whose_false_chunks_fit_its_false_table_is_found_out_at_the_origin() {
    liar_in_a_public_broadcast(Lie::ChunksAndTable);
}

#[test]
fn peer_that_forges_chunks_of_a_private_broadcast_is_banned() {
    liar_in_a_private_broadcast(Lie::Chunks);
}

#[test]
fn peer_that_forges_the_signed_table_is_banned() {
    liar_in_a_private_broadcast(Lie::ChunksAndTable);
}
