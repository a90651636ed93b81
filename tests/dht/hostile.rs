//! Strangers who lie, flood and forge: the honest still meet, and nothing grows.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use start_engine::base::ids::DhtId;
use start_engine::base::limits::{DHT_LOOKUP_PEERS_MAX, DHT_LOOKUP_QUERIES_MAX};
use start_engine::base::rng::Rng;
use start_engine::dht::{SavedTable, id};
use start_engine::wire::krpc::{Answer, Body, Contact, Message, Query};

use crate::network::{Network, Stranger, swarm, v4};

const MINUTE: Duration = Duration::from_secs(60);

/// Answers every question with nodes right beside what is looked for, at addresses where nobody is or which
/// are its own, and with peers that are none.
fn liar(own: SocketAddr, seed: u64, asked: Rc<Cell<usize>>) -> Stranger {
    let mut rng = Rng::new(seed);
    let from = id::id_for(own.ip(), &mut rng);
    Box::new(move |asker, bytes| {
        let Ok(Message { transaction, body: Body::Query(question) }) = Message::decode(bytes) else {
            return Vec::new();
        };
        let target = match question.query {
            Query::FindNode { target } => target,
            Query::GetPeers { infohash } => infohash.into(),
            Query::Ping | Query::AnnouncePeer { .. } => from,
        };
        asked.set(asked.get() + 1);
        let beside = |n: u8| {
            let mut id = target;
            id.0[19] ^= n;
            id.0[18] ^= rng.next_u64() as u8;
            let addr = ([60 + n, rng.next_u64() as u8, rng.next_u64() as u8, 1], 6881).into();
            Contact { id, addr }
        };
        let nodes: Vec<_> = (0..40).map(beside).collect();
        let peers = (0..60u8).map(|n| ([70, n, seed as u8, rng.next_u64() as u8], 666).into()).collect();
        let answer =
            Answer { from, nodes, peers, token: Some(b"poison"), seen_at: Some(([6, 6, 6, 6], 6).into()) };
        vec![(asker, answer.encode(transaction))]
    })
}

fn settled(seed: u64, count: usize) -> Network {
    let mut network = Network::of(seed, count, v4);
    (1..count).for_each(|n| network.seek(v4(n), 0, swarm(n as u8), 1000));
    network.run(2 * MINUTE);
    network
}

#[test]
fn honest_peers_are_found_among_liars() {
    let mut network = settled(1, 80);
    let asked = Rc::new(Cell::new(0));
    for n in 200..210 {
        network.add_stranger(v4(n), liar(v4(n), n as u64, asked.clone()));
        // they make themselves known
        (1..40).for_each(|node| network.inject(v4(n), v4(node), ping_of(v4(n), n as u64)));
    }
    network.run(MINUTE);
    network.seek(v4(5), 1, swarm(220), 8621);
    network.run(2 * MINUTE);
    network.seek(v4(60), 1, swarm(220), 8622);
    let wanted = SocketAddr::new(v4(5).ip(), 8621);
    network.run_until("found", 15 * MINUTE, |network| network.peers(v4(60), 1).contains(&wanted));
    assert!(asked.get() > 0, "the liars were heard");
}

fn ping_of(own: SocketAddr, seed: u64) -> Vec<u8> {
    let from = id::id_for(own.ip(), &mut Rng::new(seed));
    let query = start_engine::wire::krpc::Asked { from, query: Query::Ping, want: None, is_read_only: false };
    query.encode(b"hi")
}

#[test]
fn lookup_through_a_liar_ends_and_asks_a_bounded_number() {
    let mut network = Network::new(2);
    let asked = Rc::new(Cell::new(0));
    network.routers = vec![v4(200)];
    network.add_stranger(v4(200), liar(v4(200), 1, asked));
    network.add(v4(1), SavedTable::default());
    network.seek(v4(1), 0, swarm(1), 8621);
    network.run(5 * MINUTE);
    let stats = network.node(v4(1)).stats(network.now);
    assert!(stats.queries_sent <= stats.lookups * (DHT_LOOKUP_QUERIES_MAX as u64 + 8) + 200, "{stats:?}");
    assert!(stats.lookups < 100 && network.peers(v4(1), 0).len() <= DHT_LOOKUP_PEERS_MAX * 20);
    assert!(stats.nodes_v4 <= 1, "nobody else answered");
}

#[test]
fn one_voice_does_not_move_a_node() {
    let mut network = Network::new(3);
    network.routers = vec![v4(200)];
    network.add_stranger(v4(200), liar(v4(200), 1, Rc::default()));
    network.add(v4(1), SavedTable::default());
    let before = network.node(v4(1)).saved().id_v4;
    network.seek(v4(1), 0, swarm(1), 8621);
    network.run(5 * MINUTE);
    assert_eq!(network.node(v4(1)).saved().id_v4, before);
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let mut network = settled(4, 30);
    let before = network.node(v4(3)).saved();
    let forged = Answer {
        from: DhtId([1; 20]),
        nodes: vec![Contact { id: DhtId([2; 20]), addr: v4(250) }],
        peers: vec![v4(251)],
        token: None,
        seen_at: Some(v4(252)),
    };
    for n in 0..2000u32 {
        network.inject(v4(250), v4(3), forged.encode(&n.to_be_bytes()));
    }
    network.run(Duration::from_secs(5));
    let after = network.node(v4(3)).saved();
    assert!(after.nodes.iter().all(|node| node.addr != v4(250)));
    assert_eq!(after.id_v4, before.id_v4);
    assert!(!network.peers(v4(3), 0).contains(&v4(251)));
}

#[test]
fn right_answer_from_another_address_does_not_count() {
    let mut network = Network::new(5);
    network.routers = vec![v4(200)];
    network.add(v4(1), SavedTable::default());
    // whoever runs the router answers from next door
    network.add_stranger(
        v4(200),
        Box::new(|asker, bytes| {
            let Ok(message) = Message::decode(bytes) else { return Vec::new() };
            let answer = Answer {
                from: DhtId([9; 20]),
                nodes: vec![],
                peers: vec![],
                token: None,
                seen_at: Some(asker),
            };
            vec![(
                v4(201),
                [asker.to_string().as_bytes(), b"|", &answer.encode(message.transaction)].concat(),
            )]
        }),
    );
    network.add_stranger(
        v4(201),
        Box::new(|_, bytes| {
            let Some(at) = bytes.iter().position(|&byte| byte == b'|') else { return Vec::new() };
            let asker = String::from_utf8_lossy(&bytes[..at]).parse().expect("an address");
            vec![(asker, bytes[at + 1..].to_vec())]
        }),
    );
    network.seek(v4(1), 0, swarm(1), 8621);
    network.run(MINUTE);
    let stats = network.node(v4(1)).stats(network.now);
    assert!(stats.queries_sent > 0 && stats.answers == 0 && stats.nodes_v4 == 0, "{stats:?}");
}

#[test]
fn martians_are_neither_asked_nor_given_to_the_swarm() {
    let mut network = Network::new(6);
    network.routers = vec![v4(200)];
    network.add(v4(1), SavedTable::default());
    let martians = ["10.0.0.1:80", "127.0.0.1:80", "192.168.1.1:80", "169.254.1.1:80", "255.255.255.255:1"];
    let martians = martians.map(|addr| addr.parse::<SocketAddr>().expect("an address"));
    let reached = Rc::new(Cell::new(0));
    for addr in martians {
        let reached = reached.clone();
        network.add_stranger(
            addr,
            Box::new(move |_, _| {
                reached.set(reached.get() + 1);
                Vec::new()
            }),
        );
    }
    network.add_stranger(
        v4(200),
        Box::new(move |asker, bytes| {
            let Ok(message) = Message::decode(bytes) else { return Vec::new() };
            let node = |(n, addr): (usize, &SocketAddr)| Contact { id: DhtId([n as u8; 20]), addr: *addr };
            let nodes = martians.iter().enumerate().map(node).collect();
            let answer = Answer {
                from: DhtId([9; 20]),
                nodes,
                peers: martians.to_vec(),
                token: Some(b"t"),
                seen_at: Some(asker),
            };
            vec![(asker, answer.encode(message.transaction))]
        }),
    );
    network.seek(v4(1), 0, swarm(1), 8621);
    network.run(10 * MINUTE);
    assert_eq!((reached.get(), network.peers(v4(1), 0)), (0, vec![]));
    assert_eq!(network.node(v4(1)).stats(network.now).nodes_v4, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_datagrams_leave_a_node_that_still_answers(noise in vec(vec(any::<u8>(), 0..120), 0..60)) {
        let mut network = Network::of(7, 3, v4);
        network.seek(v4(1), 0, swarm(1), 8621);
        noise.into_iter().for_each(|bytes| network.inject(v4(99), v4(1), bytes));
        network.run(MINUTE);
        network.seek(v4(2), 0, swarm(1), 8622);
        network.run(MINUTE);
        prop_assert_eq!(network.peers(v4(2), 0), [SocketAddr::new(v4(1).ip(), 8621)]);
    }
}
