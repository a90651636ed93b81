//! Messages of the DHT: the examples of BEP 5, round trips, and what no honest node writes.

use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use start_engine::base::ids::{DhtId, Infohash};
use start_engine::base::limits::{DHT_REPLY_NODES_MAX, DHT_REPLY_PEERS_MAX, DHT_TRANSACTION_MAX_BYTES};
use start_engine::wire::bencode::{Dict, List};
use start_engine::wire::krpc::{
    self, Answer, Asked, Body, Contact, ERROR_METHOD_UNKNOWN, ERROR_PROTOCOL, KrpcError, Message, Query,
    Want, encode_error, is_krpc,
};

const ASKER: DhtId = DhtId(*b"abcdefghij0123456789");
const OTHER: [u8; 20] = *b"mnopqrstuvwxyz123456";

/// The queries of BEP 5, as it prints them.
fn queries() -> [(&'static str, Query<'static>); 4] {
    let announce = Query::AnnouncePeer {
        infohash: Infohash(OTHER),
        port: 6881,
        is_port_implied: true,
        token: b"aoeusnth",
    };
    [
        ("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", Query::Ping),
        (
            "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe",
            Query::FindNode { target: DhtId(OTHER) },
        ),
        (
            "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe",
            Query::GetPeers { infohash: Infohash(OTHER) },
        ),
        (
            "d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e\
             5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe",
            announce,
        ),
    ]
}

#[test]
fn queries_are_written_and_read_as_the_standard_prints_them() {
    for (text, query) in queries() {
        let asked = Asked { from: ASKER, query, want: None, is_read_only: false };
        assert_eq!(String::from_utf8(asked.encode(b"aa")), Ok(text.to_owned()));
        assert!(is_krpc(text.as_bytes()));
        let message = Message { transaction: b"aa", body: Body::Query(asked) };
        assert_eq!(Message::decode(text.as_bytes()), Ok(message));
    }
}

#[test]
fn answers_are_read_and_written_as_the_standard_prints_them() {
    let peers: Vec<SocketAddr> = [*b"axje.u", *b"idhtnm"]
        .map(|[a, b, c, d, e, f]| ([a, b, c, d], u16::from_be_bytes([e, f])).into())
        .into();
    let pong = "d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re";
    let found = "d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re";
    let answers = [
        (pong, Answer { from: DhtId(OTHER), nodes: vec![], peers: vec![], token: None, seen_at: None }),
        (found, Answer { from: ASKER, nodes: vec![], peers, token: Some(b"aoeusnth"), seen_at: None }),
    ];
    for (text, answer) in answers {
        assert_eq!(String::from_utf8(answer.encode(b"aa")), Ok(text.to_owned()));
        let message = Message { transaction: b"aa", body: Body::Answer(answer) };
        assert_eq!(Message::decode(text.as_bytes()), Ok(message));
    }
}

#[test]
fn errors_are_read_and_written_as_the_standard_prints_them() {
    let text = "d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee";
    assert_eq!(encode_error(b"aa", 201, "A Generic Error Ocurred"), text.as_bytes());
    let message = Message { transaction: b"aa", body: Body::Error(201) };
    assert_eq!(Message::decode(text.as_bytes()), Ok(message));
}

#[test]
fn torn_nodes_of_the_printed_examples_are_passed_over() {
    let text = b"d1:rd2:id20:0123456789abcdefghij5:nodes9:def456...e1:t2:aa1:y1:re";
    let Ok(Message { body: Body::Answer(answer), .. }) = Message::decode(text) else { panic!("an answer") };
    assert_eq!((answer.from, answer.nodes.len()), (DhtId(*b"0123456789abcdefghij"), 0));
}

fn contact() -> impl Strategy<Value = Contact> {
    (any::<[u8; 20]>(), address()).prop_map(|(id, addr)| Contact { id: DhtId(id), addr })
}

/// Addresses that a datagram can be sent to.
fn address() -> impl Strategy<Value = SocketAddr> {
    let v4 =
        (1u8..224, any::<[u8; 3]>(), 1u16..).prop_map(|(a, [b, c, d], port)| ([a, b, c, d], port).into());
    let v6 = (any::<[u16; 7]>(), 1u16..)
        .prop_map(|([b, c, d, e, f, g, h], port)| SocketAddr::from(([0x2001, b, c, d, e, f, g, h], port)));
    prop_oneof![v4, v6]
}

fn query() -> impl Strategy<Value = (u8, [u8; 20], u16, bool, Vec<u8>)> {
    (0u8..4, any::<[u8; 20]>(), 1u16.., any::<bool>(), vec(any::<u8>(), 0..30))
}

proptest! {
    #[test]
    fn any_query_survives_a_round(
        (kind, key, port, is_port_implied, token) in query(),
        from in any::<[u8; 20]>(),
        want in of(any::<(bool, bool)>()),
        is_read_only: bool,
        transaction in vec(any::<u8>(), 1..=DHT_TRANSACTION_MAX_BYTES),
    ) {
        let query = match kind {
            0 => Query::Ping,
            1 => Query::FindNode { target: DhtId(key) },
            2 => Query::GetPeers { infohash: Infohash(key) },
            _ => Query::AnnouncePeer { infohash: Infohash(key), port, is_port_implied, token: &token },
        };
        let want = want.map(|(v4, v6)| Want { v4, v6 });
        let asked = Asked { from: DhtId(from), query, want, is_read_only };
        let datagram = asked.encode(&transaction);
        prop_assert!(is_krpc(&datagram));
        let message = Message { transaction: &transaction, body: Body::Query(asked) };
        prop_assert_eq!(Message::decode(&datagram), Ok(message));
    }

    #[test]
    fn any_answer_survives_a_round(
        from in any::<[u8; 20]>(),
        mut nodes in vec(contact(), 0..=DHT_REPLY_NODES_MAX),
        peers in vec(address(), 0..20),
        token in of(vec(any::<u8>(), 0..30)),
        seen_at in of(address()),
    ) {
        nodes.sort_by_key(|node| node.addr.is_ipv6());
        let answer = Answer { from: DhtId(from), nodes, peers, token: token.as_deref(), seen_at };
        let datagram = answer.encode(b"aa");
        prop_assert!(is_krpc(&datagram));
        prop_assert_eq!(Message::decode(&datagram), Ok(Message { transaction: b"aa", body: Body::Answer(answer) }));
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Message::decode(&bytes);
    }

    #[test]
    fn bent_messages_are_refused_or_read(at in 0usize..140, byte: u8, which in 0usize..4) {
        let mut bytes = queries()[which].0.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Message::decode(&bytes);
        let _ = Message::decode(&bytes[..at]);
    }
}

fn bad(text: &str) -> Option<i64> {
    match Message::decode(text.as_bytes()) {
        Ok(Message { body: Body::BadQuery(code), .. }) => Some(code),
        _ => None,
    }
}

#[test]
fn queries_that_lack_something_are_known_for_what_they_lack() {
    assert_eq!(bad("d1:ad2:id20:abcdefghij0123456789e1:q4:pong1:t2:aa1:y1:qe"), Some(ERROR_METHOD_UNKNOWN));
    let lacking = [
        "d1:q4:ping1:t2:aa1:y1:qe",
        "d1:ad2:id3:abce1:q4:ping1:t2:aa1:y1:qe",
        "d1:ad2:id20:abcdefghij0123456789e1:q9:find_node1:t2:aa1:y1:qe",
        "d1:ad2:id20:abcdefghij01234567899:info_hash3:abce1:q9:get_peers1:t2:aa1:y1:qe",
        "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti0e5:token1:xe\
         1:q13:announce_peer1:t2:aa1:y1:qe",
        "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti70000e5:token1:xe\
         1:q13:announce_peer1:t2:aa1:y1:qe",
    ];
    for text in lacking {
        assert_eq!(bad(text), Some(ERROR_PROTOCOL), "{text}");
    }
}

#[test]
fn what_could_not_be_answered_is_no_message() {
    let long = format!("d1:rd2:id20:mnopqrstuvwxyz123456e1:t{0}:{1}1:y1:re", 21, "x".repeat(21));
    assert_eq!(Message::decode(long.as_bytes()), Err(KrpcError::NoTransaction));
    assert_eq!(Message::decode(b"d1:y1:qe"), Err(KrpcError::NoTransaction));
    assert_eq!(Message::decode(b"d1:t2:aae"), Err(KrpcError::UnknownKind));
    assert_eq!(Message::decode(b"d1:rd2:id2:mne1:t2:aa1:y1:re"), Err(KrpcError::NoId));
    for text in [&b"le"[..], b"i5e", b"4:spam", b"", b"d1:rd2:id20:mnop"] {
        assert!(Message::decode(text).is_err());
    }
}

#[test]
fn one_answer_gives_a_bounded_number_of_nodes_and_peers() {
    let node = |n: u16| Contact { id: DhtId([7; 20]), addr: ([192, 0, 2, 1], n).into() };
    let nodes: Vec<_> = (1..40).map(node).collect();
    let peers: List = (0..170u8).map(|_| *b"axje.u").collect();
    let body = Dict::new().bytes("id", OTHER).bytes("nodes", krpc::pack_nodes(&nodes)).list("values", peers);
    // the longest datagram has no room for both
    let body = Dict::new().dict("r", body).bytes("t", "aa").bytes("y", "r").encode();
    assert!(body.len() > 1500 && Message::decode(&body).is_err());

    let body = Dict::new().bytes("id", OTHER).bytes("nodes", krpc::pack_nodes(&nodes));
    let datagram = Dict::new().dict("r", body).bytes("t", "aa").bytes("y", "r").encode();
    let Ok(Message { body: Body::Answer(answer), .. }) = Message::decode(&datagram) else {
        panic!("an answer")
    };
    assert_eq!(answer.nodes.len(), DHT_REPLY_NODES_MAX);

    let peers: List = (0..170u8).map(|_| *b"axje.u").collect();
    let body = Dict::new().bytes("id", OTHER).list("values", peers);
    let datagram = Dict::new().dict("r", body).bytes("t", "aa").bytes("y", "r").encode();
    let Ok(Message { body: Body::Answer(answer), .. }) = Message::decode(&datagram) else {
        panic!("an answer")
    };
    assert_eq!(answer.peers.len(), DHT_REPLY_PEERS_MAX);
}

#[test]
fn nobody_is_asked_at_port_zero_everywhere_or_in_two_families() {
    let odd = ["1.2.3.4:0", "0.0.0.0:80", "224.0.0.1:80", "[::]:80", "[ff02::1]:80", "[::ffff:1.2.3.4]:80"];
    let nodes: Vec<_> =
        odd.iter().map(|addr| Contact { id: ASKER, addr: addr.parse().expect("an address") }).collect();
    let answer = Answer { from: ASKER, nodes, peers: vec![], token: None, seen_at: None };
    let datagram = answer.encode(b"aa");
    let Ok(Message { body: Body::Answer(read), .. }) = Message::decode(&datagram) else {
        panic!("an answer")
    };
    assert_eq!(read.nodes, []);
}

#[test]
fn what_trackers_are_sent_is_not_taken_for_the_dht() {
    let connect = b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0abcd";
    let announce = b"d\x07\x04\x17\x27\x10\x19\x80\0\0\0\x01abcde";
    assert!(!is_krpc(connect) && !is_krpc(announce) && !is_krpc(b"") && !is_krpc(b"d"));
}
