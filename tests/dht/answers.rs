//! What a node answers to whom.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use start_engine::base::ids::{DhtId, Infohash};
use start_engine::base::limits::{
    DHT_QUERIES_PER_ADDRESS_MAX, DHT_SWARM_PEERS_MAX, DHT_SWARM_PORTS_PER_ADDRESS_MAX, DHT_SWARMS_MAX,
};
use start_engine::dht::{Dht, DhtConfig, Input, Output, SavedTable};
use start_engine::wire::krpc::{Answer, Asked, Body, Contact, ERROR_PROTOCOL, Message, Query, Want};

use crate::network::{v4, v6};

struct Asker {
    dht: Dht,
    now: Instant,
}

fn node(allows_private: bool) -> Asker {
    let now = Instant::now();
    let saved = SavedTable::default();
    let config = DhtConfig { seed: 1, secret: [1; 16], v4: true, v6: true, allows_private, saved };
    Asker { dht: Dht::new(now, config), now }
}

impl Asker {
    /// The datagrams that go to `from` because of the query.
    fn ask(&mut self, from: SocketAddr, query: Query<'_>, want: Option<Want>) -> Vec<Vec<u8>> {
        let asked = Asked { from: DhtId([3; 20]), query, want, is_read_only: true };
        self.send(from, &asked.encode(b"xy"))
    }

    fn send(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.dht.handle(self.now, Input::Datagram { from, bytes });
        let mut sent = Vec::new();
        while let Some(output) = self.dht.poll() {
            let Output::Send { to, bytes } = output else { panic!("{output:?}") };
            assert_eq!(to, from);
            sent.push(bytes);
        }
        sent
    }

    /// Token and peers.
    fn get_peers(&mut self, from: SocketAddr, infohash: Infohash) -> (Vec<u8>, Vec<SocketAddr>) {
        let sent = self.ask(from, Query::GetPeers { infohash }, None);
        let Answer { token, peers, seen_at, .. } = answer(&sent[0]);
        assert_eq!(seen_at, Some(from));
        (token.expect("a token").to_vec(), peers)
    }

    fn announce(&mut self, from: SocketAddr, infohash: Infohash, port: u16) {
        let (token, _) = self.get_peers(from, infohash);
        let query = Query::AnnouncePeer { infohash, port, is_port_implied: false, token: &token };
        assert!(matches!(decode(&self.ask(from, query, None)[0]), Body::Answer(_)));
    }
}

fn decode(bytes: &[u8]) -> Body<'_> {
    let message = Message::decode(bytes).expect("a message");
    assert_eq!(message.transaction, b"xy");
    message.body
}

fn answer(bytes: &[u8]) -> Answer<'_> {
    let Body::Answer(answer) = decode(bytes) else { panic!("no answer") };
    answer
}

const SWARM: Infohash = Infohash([5; 20]);

#[test]
fn each_kind_of_query_is_answered() {
    let mut node = node(false);
    for from in [v4(1), v6(1)] {
        assert!(answer(&node.ask(from, Query::Ping, None)[0]).nodes.is_empty());
        let find = Query::FindNode { target: DhtId([1; 20]) };
        assert!(answer(&node.ask(from, find, None)[0]).token.is_none());
        node.announce(from, SWARM, 8621);
        assert_eq!(node.get_peers(from, SWARM).1, [SocketAddr::new(from.ip(), 8621)]);
    }
}

#[test]
fn port_of_the_datagram_counts_when_it_is_implied() {
    let mut node = node(false);
    let (token, _) = node.get_peers(v4(1), SWARM);
    let query = Query::AnnouncePeer { infohash: SWARM, port: 1, is_port_implied: true, token: &token };
    node.ask(v4(1), query, None);
    assert_eq!(node.get_peers(v4(2), SWARM).1, [v4(1)]);
}

#[test]
fn announce_needs_the_token_of_its_address() {
    let mut node = node(false);
    let (token, _) = node.get_peers(v4(1), SWARM);
    for (from, token) in [(v4(2), &token[..]), (v4(1), b"wrong"), (v4(1), b"")] {
        let query = Query::AnnouncePeer { infohash: SWARM, port: 1, is_port_implied: false, token };
        assert_eq!(decode(&node.ask(from, query, None)[0]), Body::Error(ERROR_PROTOCOL));
    }
    assert_eq!(node.get_peers(v4(3), SWARM).1, []);
    node.now += Duration::from_secs(601);
    let query = Query::AnnouncePeer { infohash: SWARM, port: 1, is_port_implied: false, token: &token };
    assert_eq!(decode(&node.ask(v4(1), query, None)[0]), Body::Error(ERROR_PROTOCOL), "it is too old");
}

#[test]
fn peers_on_private_networks_are_kept_only_where_they_are_allowed() {
    for (allows_private, kept) in [(false, 0), (true, 1)] {
        let mut node = node(allows_private);
        let lan = "192.168.1.5:6881".parse().expect("an address");
        node.announce(lan, SWARM, 8621);
        assert_eq!(node.get_peers(v4(1), SWARM).1.len(), kept);
    }
}

#[test]
fn what_others_announce_is_bounded() {
    let mut node = node(false);
    (0..DHT_SWARM_PORTS_PER_ADDRESS_MAX as u16 + 30).for_each(|n| node.announce(v4(1), SWARM, 1000 + n));
    assert_eq!(node.dht.stats(node.now).stored_peers, DHT_SWARM_PORTS_PER_ADDRESS_MAX);
    for n in 0..DHT_SWARM_PEERS_MAX + 50 {
        node.announce(v4(n), SWARM, 8621);
    }
    assert_eq!(node.dht.stats(node.now).stored_peers, DHT_SWARM_PEERS_MAX);
    for n in 0..DHT_SWARMS_MAX as u32 + 50 {
        node.now += Duration::from_millis(200);
        let mut infohash = [0; 20];
        infohash[..4].copy_from_slice(&n.to_be_bytes());
        node.announce(v4(n as usize), Infohash(infohash), 8621);
    }
    assert!(node.dht.stats(node.now).stored_swarms <= DHT_SWARMS_MAX);
    node.now += Duration::from_secs(31 * 60);
    node.dht.handle(node.now, Input::Timer);
    assert_eq!(node.dht.stats(node.now).stored_peers, 0);
}

#[test]
fn longest_answer_fits_a_packet() {
    let mut node = node(false);
    for n in 0..200 {
        for addr in [v4(n), v6(n)] {
            node.announce(addr, SWARM, 8621);
            let id = DhtId([n as u8; 20]);
            ping_back(&mut node, Contact { id, addr });
        }
    }
    let both = Some(Want { v4: true, v6: true });
    for from in [v4(250), v6(250)] {
        let sent = node.ask(from, Query::GetPeers { infohash: SWARM }, both);
        let answer = answer(&sent[0]);
        assert_eq!((sent.len(), answer.nodes.len()), (1, 16));
        assert!(answer.peers.len() >= 20 && sent[0].len() <= 1200, "{}", sent[0].len());
    }
}

/// Somebody asks, is asked back and answers: now it is known.
fn ping_back(node: &mut Asker, contact: Contact) {
    let asked = Asked { from: contact.id, query: Query::Ping, want: None, is_read_only: false };
    let sent = node.send(contact.addr, &asked.encode(b"xy"));
    for bytes in sent {
        let message = Message::decode(&bytes).expect("a message");
        if let Body::Query(_) = message.body {
            let answer =
                Answer { from: contact.id, nodes: vec![], peers: vec![], token: None, seen_at: None };
            node.send(contact.addr, &answer.encode(message.transaction));
        }
    }
}

#[test]
fn wrong_queries_are_told_so_in_fewer_bytes_than_they_took() {
    let mut node = node(false);
    let query = b"d1:ad2:id20:abcdefghij0123456789e1:q4:pong1:t2:xy1:y1:qe";
    let sent = node.send(v4(1), query);
    assert!(matches!(decode(&sent[0]), Body::Error(204)) && sent[0].len() <= query.len());
    assert_eq!(node.send(v4(1), b"d1:q4:ping1:y1:qe"), Vec::<Vec<u8>>::new());
}

#[test]
fn who_asks_too_much_is_not_answered_for_a_while() {
    let mut node = node(false);
    let answered =
        |node: &mut Asker, from| (0..300).map(|_| node.ask(from, Query::Ping, None).len()).sum::<usize>();
    assert_eq!(answered(&mut node, v4(1)), DHT_QUERIES_PER_ADDRESS_MAX as usize);
    assert_eq!(node.ask(v4(2), Query::Ping, None).len(), 1);
    assert_eq!(node.dht.stats(node.now).queries_dropped, 200);
    node.now += Duration::from_secs(10);
    assert_eq!(node.ask(v4(1), Query::Ping, None).len(), 1);
}
