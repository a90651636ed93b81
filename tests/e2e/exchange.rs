//! Peers that no tracker of the broadcast names: by public trackers where it allows them, and by word of peers
//! in the form that existing engines read.

use std::net::TcpListener;

use start_engine::base::ids::Infohash;
use start_engine::wire::extended::LiveInfo;
use start_engine::wire::message::Message;

use crate::harness::{local, wait_until};
use crate::node::{Home, address_of, transport_url_of};
use crate::origin::Origin;
use crate::viewer::Viewer;
use crate::wire_peer::WirePeer;

/// 2 Mbit/s.
const RATE: u64 = 250_000;

#[test]
fn public_tracker_joins_viewers_of_a_broadcast_that_allows_it() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut tracker = home.tracker(&[]);
    let url = format!("http://127.0.0.1:{}/announce", tracker.port());
    let public = ["--public-tracker", url.as_str()];
    let source_words = ["--skip-internal-tracker", "--allow-public-trackers", "1"];
    let mut source = home.quick_source(&origin, &source_words);
    let from_source = ["--download-from", &address_of(&mut source)];
    let mut support = home.support(&transport_url_of(&mut source), &[&public[..], &from_source].concat());
    wait_until("the support node is connected", || support.monitor()["connected_peers_count"] == 1);
    let mut client = home.client(&public);
    let seen = Viewer::of_url(&mut client, &home.transport_url(), origin.stream).plays(100);
    assert_eq!((seen.status, seen.continuity_errors), (200, 0), "{seen:?}");
    assert_eq!(source.monitor()["connected_peers_count"], 1, "the support node keeps where it is to itself");
}

#[test]
fn public_tracker_is_not_asked_about_a_broadcast_that_does_not_allow_it() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let trap = TcpListener::bind("127.0.0.1:0").expect("a port");
    trap.set_nonblocking(true).expect("sets");
    let url = format!("http://{}/announce", trap.local_addr().expect("bound"));
    let _source = home.quick_source(&origin, &[]);
    let mut client = home.client(&["--public-tracker", &url]);
    Viewer::of_url(&mut client, &home.transport_url(), origin.stream).plays(origin.stream.packets_in(3));
    assert!(trap.accept().is_err(), "it was asked");
}

#[test]
fn peer_without_ut_pex_is_told_of_the_others_in_message_12() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &[]);
    let infohash: Infohash = source.last_word("infohash: ").parse().expect("an infohash");
    let mut support = home.support(&transport_url_of(&mut source), &[]);
    let support_port = support.port();
    wait_until("the support node holds something", || support.monitor()["last_piece"].is_u64());
    let mut peer = WirePeer::dial(local(source.port()), infohash, 5).expect("shakes hands");
    peer.describe(5, LiveInfo::EMPTY).expect("describes itself");
    let told = peer.receive_until(|message| matches!(message, Message::PeerExchange(_)));
    let Ok(Message::PeerExchange(records)) = told else { panic!("{told:?}") };
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!(record.address.to_string(), format!("127.0.0.1:{support_port}"));
    assert!(record.peer_id.0.starts_with(b"R30------"));
    assert!(record.max_piece >= record.min_piece && record.min_piece >= 0, "{record:?}");
    assert_eq!(record.distance_from_source, 0);
}
