//! Whom a node asks for segments, and what viewers of locked segments get.

use sha1::{Digest, Sha1};
use start_engine::base::hex::Hex;

use super::nodes::{HlsNode, Transport};
use super::origin::{Asked, HlsOrigin, Plan};

#[test]
fn origin_at_a_private_address_that_comes_from_the_network_is_not_asked_unless_allowed() {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::public(&origin, &[]);
    let mut support = HlsNode::support(11, &transport.private_file(), &[]);
    let at = support.address();
    let file = std::fs::read(transport.public_file()).expect("a file");
    // from peers comes not only the stream, but the transport file itself
    let query = format!("content_id={}", Hex(&Sha1::digest(&file)));

    let mut wary = HlsNode::client(31, &["--download-from", &at]);
    wary.watch(&query).plays(5).assert_whole();
    assert_eq!(origin.count(|served| wary.is_at(served.from)), 0, "the origin is at a loopback address");

    let mut trusting = HlsNode::client(32, &["--download-from", &at, "--allow-private-addresses"]);
    trusting.watch(&query).plays(5).assert_whole();
    assert!(origin.count(|served| trusting.is_at(served.from)) > 0);
}

#[test]
fn locked_segments_of_a_public_broadcast_pass_through_locked_with_the_address_of_their_key() {
    for names_iv in [false, true] {
        let origin = HlsOrigin::start(Plan { is_locked: true, names_iv, ..Plan::default() });
        let transport = Transport::public(&origin, &[]);
        let mut support = HlsNode::support(11, &transport.public_file(), &[]);
        let mut client = HlsNode::client(31, &["--download-from", &support.address()]);
        let seen = client.watch(&transport.query()).plays(5);
        seen.assert_whole();
        for got in &seen.got {
            let key = got.about.key.as_ref().expect("a key");
            assert!(key.url.starts_with(&origin.url()[..origin.url().len() - "live.m3u8".len()]), "{key:?}");
        }
        let keys = |served: &super::origin::Served| {
            served.asked == Asked::Key && (client.is_at(served.from) || support.is_at(served.from))
        };
        assert_eq!(origin.count(keys), 0, "players fetch keys, nodes do not");
    }
}
