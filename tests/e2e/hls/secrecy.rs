//! What nodes of a private broadcast say, all of it, searched for what nobody may learn.

use std::net::SocketAddrV4;

use start_engine::base::ids::Infohash;
use start_engine::wire::container;
use start_engine::wire::extended::LiveInfo;
use start_engine::wire::hls::table::{TABLE_ID, TableMessage, Watching};
use start_engine::wire::message::Message;

use super::http;
use super::nodes::{HlsNode, Transport, ip, watching_clients};
use super::origin::{HlsOrigin, Plan, SEGMENT_STEM};
use super::relay::Relay;
use crate::wire_peer::{WirePeer, description, node_key};

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The word itself, and how it looks in hexadecimal digits, in base64 at each of three places, backwards, and
/// percent-encoded.
fn disguises(word: &str) -> Vec<Vec<u8>> {
    let bytes = word.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    let escaped = word.replace(':', "%3A");
    let backwards = bytes.iter().rev().copied().collect();
    let mut all = vec![
        bytes.to_vec(),
        hex.to_uppercase().into(),
        hex.into(),
        percent.into(),
        escaped.into(),
        backwards,
    ];
    all.extend((0..3).map(|skipped| base64_of_whole_triples(&bytes[skipped..])));
    all
}

fn base64_of_whole_triples(bytes: &[u8]) -> Vec<u8> {
    let sextets = |triple: &[u8; 3]| {
        let bits = u32::from_be_bytes([0, triple[0], triple[1], triple[2]]);
        [18, 12, 6, 0].map(|shift| BASE64[(bits >> shift & 0x3f) as usize])
    };
    bytes.as_chunks::<3>().0.iter().flat_map(sextets).collect()
}

/// Which of the secrets stand in the text, in whatever disguise.
fn found(secrets: &[String], text: &[u8]) -> Vec<String> {
    let stands = |word: &&String| {
        disguises(word).iter().any(|shape| text.windows(shape.len()).any(|part| part == shape))
    };
    secrets.iter().filter(stands).cloned().collect()
}

fn assert_keeps(secrets: &[String], what: &str, text: &[u8]) {
    assert_eq!(found(secrets, text), Vec::<String>::new(), "{what} betrays the origin");
}

fn log_of(node: &HlsNode) -> Vec<u8> {
    node.node.story().into_bytes()
}

/// A stranger joins at a node, takes part for a while, and writes down what it is told.
fn told_to_a_stranger(node: SocketAddrV4, infohash: Infohash, tag: u8) -> Vec<u8> {
    let relay = Relay::to(node);
    let mut peer = WirePeer::dial(relay.socket(), infohash, tag).expect("shakes hands");
    let mut description = description(LiveInfo::EMPTY, false);
    description.piece_table = Some(TABLE_ID);
    let watching = Watching { streams: vec![(0, 0)], ..Watching::default() };
    let payload = TableMessage::Watching(watching).encode();
    for message in [
        Message::ExtendedHandshake(description.sign(&node_key(tag))),
        Message::Extended { id: TABLE_ID, payload },
        Message::Interested,
    ] {
        peer.send(&message).expect("sends");
    }
    for _ in 0..6 {
        peer.receive_until(is_entry).expect("it is told of segments");
    }
    relay.said()
}

fn is_entry(message: &Message) -> bool {
    match message {
        Message::Extended { id: TABLE_ID, payload } => {
            matches!(TableMessage::decode(payload), Some(TableMessage::Entry { .. }))
        }
        _ => false,
    }
}

#[test]
fn search_finds_the_origin_in_the_private_file_and_in_any_disguise() {
    let origin = HlsOrigin::start(Plan::default());
    let transport = Transport::private(&origin, &[]);
    let private = std::fs::read(transport.private_file()).expect("a file");
    let text = container::open(&private).expect("a container");
    assert_eq!(found(&origin.secrets(), &text).len(), 2, "folder and host are in its manifest URL");
    let secrets = [SEGMENT_STEM.to_owned()];
    for shape in disguises(SEGMENT_STEM) {
        assert_eq!(found(&secrets, &[b"before ", &shape[..], b" after"].concat()).len(), 1);
    }
}

#[test]
fn public_file_of_a_private_broadcast_holds_nothing_that_leads_to_the_origin() {
    let origin = HlsOrigin::start(Plan::default());
    let base = format!("{}?nonce=none", origin.url());
    let transport = Transport::private(&origin, &["--base-url", &base]);
    let public = std::fs::read(transport.public_file()).expect("a file");
    assert_keeps(&origin.secrets(), "the public file", &public);
    assert_keeps(&origin.secrets(), "its descriptor", &container::open(&public).expect("a container"));
    let again = Transport::private(&origin, &["--base-url", &base]);
    assert_ne!(again.infohash, transport.infohash, "it comes from a key that was made, not from the address");
    let open = Transport::public(&origin, &["--base-url", &base]);
    assert!(![&again.infohash, &transport.infohash].contains(&&open.infohash));
}

#[test]
fn nothing_that_nodes_of_a_private_broadcast_say_leads_to_the_origin() {
    let origin = HlsOrigin::start(Plan { discontinuity_every: 3, is_locked: true, ..Plan::default() });
    let secrets = origin.secrets();
    let transport = Transport::private(&origin, &[]);
    let infohash: Infohash = transport.infohash.parse().expect("an infohash");
    origin.admit(&[ip(21)]);
    let mut knowing = HlsNode::support(21, &transport.private_file(), &[]);
    let to_knowing = Relay::to(knowing.socket());
    let from_knowing = ["--download-from", &to_knowing.address()];
    let mut supports: Vec<_> =
        (22..24).map(|last| HlsNode::support(last, &transport.public_file(), &from_knowing)).collect();
    let to_supports: Vec<_> = supports.iter_mut().map(|support| Relay::to(support.socket())).collect();
    let from_support = |n: u8| vec!["--download-from".to_owned(), to_supports[usize::from(n) % 2].address()];
    let mut clients = watching_clients(31, 3, &transport.query(), from_support);
    for (_, viewer) in &clients {
        viewer.plays(6).assert_whole();
    }

    for relay in to_supports.iter().chain([&to_knowing]) {
        assert!(relay.connections() > 0 && relay.said().len() > 100_000, "the talk went by here");
        assert_keeps(&secrets, "the talk between nodes", &relay.said());
    }
    for (tag, node) in (1..).zip(supports.iter_mut().chain([&mut knowing])) {
        let told = told_to_a_stranger(node.socket(), infohash, tag);
        assert_keeps(&secrets, "what a stranger is told", &told);
        for path in ["monitor", "get_transport_file?format=raw"] {
            let answer = node.app(path);
            let opened = container::open(&answer).unwrap_or_default();
            assert_keeps(&secrets, path, &[answer, opened].concat());
        }
    }
    for support in &supports {
        assert_keeps(&secrets, "the log of a public support node", &log_of(support));
    }
    for (client, viewer) in &mut clients {
        let seen = viewer.seen();
        for url in [&seen.address, &seen.got.last().expect("a segment").url] {
            let answer = http::get(url).expect("answers");
            let head = format!("{:?}", answer.head).into_bytes();
            assert_keeps(&secrets, "an answer to a player", &[head, answer.body].concat());
        }
        assert_keeps(&secrets, "the log of a client", &log_of(client));
    }
    assert_keeps(&secrets, "the log of the node that knows", &log_of(&knowing));
    assert_eq!(origin.count(|served| served.status == 403), 0);
}

/// What a client's link to the node that knows the origin says, after a while.
fn talk_of(transport: &Transport, words: &[&str]) -> Vec<u8> {
    let mut knowing = HlsNode::support(21, &transport.private_file(), words);
    let relay = Relay::to(knowing.socket());
    let mut client = HlsNode::client(31, &["--download-from", &relay.address()]);
    client.watch(&transport.query()).plays(5).assert_whole();
    relay.said()
}

#[test]
fn segment_addresses_are_on_the_wire_unless_the_transport_or_the_node_hides_them() {
    let origin = HlsOrigin::start(Plan::default());
    let open = Transport::public(&origin, &["--hide-hls-manifest"]);
    let hiding = Transport::private(&origin, &[]);
    let secrets = [SEGMENT_STEM.to_owned()];
    assert_eq!(found(&secrets, &talk_of(&open, &[])).len(), 1, "nobody hides them here");
    assert_keeps(&secrets, "a node that hides segments", &talk_of(&open, &["--hide-hls-segments"]));
    assert_keeps(&secrets, "a broadcast that hides segments", &talk_of(&hiding, &[]));
}

#[test]
fn segment_addresses_go_to_direct_neighbours_alone_where_that_is_asked_for() {
    let secrets = [SEGMENT_STEM.to_owned()];
    for (words, goes_further) in [(&[][..], true), (&["--hls-skip-metadata-broadcast"][..], false)] {
        let origin = HlsOrigin::start(Plan::default());
        let transport = Transport::public(&origin, &["--hide-hls-manifest"]);
        let mut knowing = HlsNode::support(21, &transport.private_file(), words);
        let near = Relay::to(knowing.socket());
        let mut middle =
            HlsNode::support(22, &transport.public_file(), &["--download-from", &near.address()]);
        let far = Relay::to(middle.socket());
        let mut client = HlsNode::client(31, &["--download-from", &far.address()]);
        client.watch(&transport.query()).plays(5).assert_whole();
        assert_eq!(found(&secrets, &near.said()).len(), 1, "a direct neighbour is told");
        assert_eq!(found(&secrets, &far.said()).len(), usize::from(goes_further), "{words:?}");
    }
}
