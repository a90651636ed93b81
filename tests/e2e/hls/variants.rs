//! Master playlists: players are offered what the origin offers, and nodes fetch what somebody watches.

use super::nodes::{HlsNode, Transport};
use super::origin::{Asked, HlsOrigin, Plan, Served};
use crate::harness::wait_until;

fn segments_of(stream: u32) -> impl Fn(&Served) -> bool {
    move |served| matches!(served.asked, Asked::Segment(id) if id.stream == stream)
}

fn playlists_of(stream: u32) -> impl Fn(&Served) -> bool {
    move |served| served.asked == Asked::Media(stream)
}

fn master() -> HlsOrigin {
    HlsOrigin::start(Plan { is_master: true, ..Plan::default() })
}

#[test]
fn player_is_offered_the_variants_of_the_origin() {
    let origin = master();
    let transport = Transport::public(&origin, &[]);
    let mut client = HlsNode::client(31, &[]);
    let seen = client.watch(&transport.query()).plays(3);
    let offers: Vec<_> = seen.variants.iter().map(|offer| offer.attributes.as_str()).collect();
    assert_eq!(offers.len(), 2);
    for (offer, words) in offers.iter().zip([
        ["BANDWIDTH=860000", "RESOLUTION=640x360", "CODECS=\"avc1.42c01e,mp4a.40.2\""],
        ["BANDWIDTH=620000", "RESOLUTION=320x180", "CODECS=\"avc1.42c01e,mp4a.40.2\""],
    ]) {
        assert!(words.iter().all(|word| offer.contains(word)), "{offer}");
    }
    assert!(!seen.variants[0].url.contains(&origin.secrets()[3]), "it is fetched through the node");
}

#[test]
fn only_what_is_watched_is_fetched() {
    let origin = master();
    let transport = Transport::public(&origin, &[]);
    // the first media playlist is looked at when the transport file is made
    let looks = origin.count(playlists_of(0));
    let mut support = HlsNode::support(11, &transport.public_file(), &[]);
    let at = support.address();
    let mut client = HlsNode::client(31, &["--download-from", &at]);
    let low = client.watch_variant(&transport.query(), 1);
    let seen = low.plays(5);
    seen.assert_whole();
    assert!(seen.got.iter().all(|got| got.id.stream == 1), "{seen:?}");
    assert_eq!((origin.count(segments_of(0)), origin.count(playlists_of(0))), (0, looks));

    let mut other = HlsNode::client(32, &["--download-from", &at]);
    let high = other.watch_variant(&transport.query(), 0);
    high.plays(3).assert_whole();
    drop(high);
    wait_until("what nobody watches any more is not fetched", || {
        let newest = origin.newest();
        let is_new = |served: &Served| matches!(served.asked, Asked::Segment(id) if id.stream == 0 && id.number + 3 > newest);
        origin.count(is_new) == 0
    });
    low.reaches(origin.newest() + 1).assert_whole();
}

#[test]
fn variants_of_a_private_broadcast_are_fetched_by_the_node_that_knows_as_they_are_watched() {
    let origin = master();
    let transport = Transport::private(&origin, &[]);
    let mut knowing = HlsNode::support(21, &transport.private_file(), &[]);
    origin.admit(&[knowing.ip]);
    let mut support =
        HlsNode::support(22, &transport.public_file(), &["--download-from", &knowing.address()]);
    let mut client = HlsNode::client(31, &["--download-from", &support.address()]);
    let low = client.watch_variant(&transport.query(), 1);
    low.plays(4).assert_whole();
    assert_eq!(origin.count(segments_of(0)), 0);
    let high = client.watch_variant(&transport.query(), 0);
    high.plays(3).assert_whole();
    low.plays(2).assert_whole();
}
