//! Datagrams and queries that no client sends in good faith.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use proptest::prelude::*;
use start_engine::tracker::registry::RegistryLimits;
use start_engine::tracker::service::{HttpEndpoint, Scratch, TrackerService};
use start_engine::wire::announce::AnnounceRequest;
use start_engine::wire::tracker_http::announce_url;
use start_engine::wire::tracker_reply::decode;
use start_engine::wire::tracker_udp::{UdpReply, encode_announce, encode_connect, encode_scrape};
use tokio::net::UdpSocket;

use crate::fixture::{RunningTracker, infohash, request};

fn service() -> TrackerService {
    TrackerService::new(RegistryLimits::default(), [1; 32], Instant::now())
}

fn connect(service: &TrackerService, remote: SocketAddr) -> u64 {
    let mut scratch = Scratch::default();
    let reply = service.udp(Instant::now(), remote, &encode_connect(1), &mut scratch).unwrap();
    let Some(UdpReply::Connect { connection_id }) = UdpReply::decode(reply, 1, false) else { panic!() };
    connection_id
}

fn stranger(last: u8) -> SocketAddr {
    ([192, 0, 2, last], 5000).into()
}

fn query(request: &AnnounceRequest, rest: &str) -> String {
    let url = announce_url(&"http://t/announce".parse().unwrap(), request);
    url.split_once('?').unwrap().1.to_owned() + rest
}

#[test]
fn announce_under_a_stolen_connection_id_changes_nothing() {
    let service = service();
    let stolen = connect(&service, stranger(1));
    let datagram = encode_announce(stolen, 9, &request(1, 1001));
    let mut scratch = Scratch::default();
    let reply = service.udp(Instant::now(), stranger(2), &datagram, &mut scratch).unwrap();
    assert!(reply.len() < datagram.len(), "a refusal must not amplify");
    assert!(matches!(UdpReply::decode(reply, 9, false), Some(UdpReply::Error(_))));
    assert_eq!(service.registry().peers(), 0);
}

#[test]
fn scrape_goes_under_the_same_connection_id() {
    let service = service();
    let id = connect(&service, stranger(1));
    let mut scratch = Scratch::default();
    let announce = encode_announce(id, 2, &request(1, 1001));
    service.udp(Instant::now(), stranger(1), &announce, &mut scratch).unwrap();
    let scrape = encode_scrape(id, 3, &[infohash(9), infohash(1)]);
    let reply = service.udp(Instant::now(), stranger(1), &scrape, &mut scratch).unwrap();
    let Some(UdpReply::Scrape(counts)) = UdpReply::decode(reply, 3, false) else { panic!() };
    assert_eq!(counts.iter().map(|counts| counts.leechers).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn address_of_another_is_not_believed_from_afar() {
    let service = service();
    let now = Instant::now();
    let tell = |remote: SocketAddr, port, rest: &str| {
        decode(&service.http(now, remote, HttpEndpoint::Announce, &query(&request(1, port), rest)))
            .unwrap()
            .peers
    };
    tell(stranger(1), 1001, "&ip=198.51.100.9");
    assert_eq!(tell(stranger(2), 1002, ""), [SocketAddr::from(([192, 0, 2, 1], 1001))]);
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 5000));
    tell(local, 1003, "&ip=198.51.100.9");
    assert!(tell(stranger(3), 1004, "").contains(&([198, 51, 100, 9], 1003).into()));
    tell(local, 1005, "&ip=224.0.0.1");
    assert!(tell(stranger(4), 1006, "").iter().all(|address| !address.ip().is_multicast()));
}

#[test]
fn number_wanted_is_bounded() {
    let service = service();
    let now = Instant::now();
    let many = AnnounceRequest { num_want: Some(u32::MAX), ..request(1, 1) };
    for last in 0..250 {
        service.http(now, stranger(last), HttpEndpoint::Announce, &query(&many, ""));
    }
    let body = service.http(now, stranger(251), HttpEndpoint::Announce, &query(&many, ""));
    assert_eq!(decode(&body).unwrap().peers.len(), 200);
    let id = connect(&service, stranger(252));
    let mut scratch = Scratch::default();
    let reply = service.udp(now, stranger(252), &encode_announce(id, 2, &many), &mut scratch).unwrap();
    assert_eq!(reply.len(), 20 + 6 * 200);
}

#[tokio::test]
async fn tracker_answers_on_after_garbage() {
    let tracker = RunningTracker::start();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.connect(tracker.address()).await.unwrap();
    for length in [0, 1, 15, 16, 97, 98, 2048, 2049, 9000] {
        socket.send(&vec![0xa5; length]).await.unwrap();
    }
    let mut buffer = [0; 64];
    socket.send(&encode_connect(5)).await.unwrap();
    let length = socket.recv(&mut buffer).await.unwrap();
    assert!(matches!(UdpReply::decode(&buffer[..length], 5, false), Some(UdpReply::Connect { .. })));
    tracker.stop().await;
}

proptest! {
    #[test]
    fn no_datagram_gets_an_answer_larger_than_itself_without_a_connection_id(
        mut datagram in prop::collection::vec(any::<u8>(), 0..300), action in 0u8..4,
    ) {
        if let Some(byte) = datagram.get_mut(11) {
            *byte = action;
            datagram[8..11].fill(0);
        }
        let service = service();
        let mut scratch = Scratch::default();
        let answer = service.udp(Instant::now(), stranger(1), &datagram, &mut scratch);
        // the error's text, where a scrape asks for one swarm
        prop_assert!(answer.is_none_or(|answer| answer.len() <= datagram.len().max(48)));
        prop_assert_eq!(service.registry().peers(), 0);
    }
}
