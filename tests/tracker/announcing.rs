//! Our client and our tracker over real sockets.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use start_engine::base::cidr::Network;
use start_engine::net::announce::{AnnounceError, Reach, TrackerClient, announce};
use start_engine::node::tracker::new_service;
use start_engine::wire::announce::{AnnounceEvent, AnnounceReply, AnnounceRequest};
use start_engine::wire::tracker_url::TrackerUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use crate::fixture::{RunningTracker, request};

async fn ask(url: &TrackerUrl, request: &AnnounceRequest) -> AnnounceReply {
    announce(&TrackerClient::new(None), url, request, Reach::Anywhere).await.unwrap()
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

#[tokio::test]
async fn peers_find_each_other_over_http_and_udp() {
    let tracker = RunningTracker::start();
    let (http, udp) = (tracker.http_url(), tracker.udp_url());
    assert_eq!(ask(&http, &request(1, 1001)).await.peers, []);
    assert_eq!(ask(&udp, &request(1, 1002)).await.peers, [local(1001)]);
    let seeder = AnnounceRequest { left: 0, ..request(1, 1003) };
    let mut reply = ask(&http, &seeder).await;
    reply.peers.sort();
    assert_eq!(reply.peers, [local(1001), local(1002)]);
    assert_eq!((reply.seeders, reply.leechers), (1, 2));
    assert_eq!(ask(&udp, &request(2, 1001)).await.peers, []);
    tracker.stop().await;
}

#[tokio::test]
async fn stopped_peer_is_told_to_nobody() {
    let tracker = RunningTracker::start();
    for url in [tracker.http_url(), tracker.udp_url()] {
        ask(&url, &request(1, 1001)).await;
        let goodbye = AnnounceRequest { event: AnnounceEvent::Stopped, ..request(1, 1001) };
        assert_eq!(ask(&url, &goodbye).await.leechers, 0);
        assert_eq!(ask(&url, &AnnounceRequest { port: 0, ..request(1, 0) }).await.peers, []);
    }
    tracker.stop().await;
}

#[test]
fn secret_peer_is_answered_and_told_to_nobody() {
    let secret = ["192.0.2.0/24".parse::<Network>().unwrap()].into_iter().collect();
    let tracker = new_service(secret).unwrap();
    let announce = |address: &str| {
        let address: SocketAddr = address.parse().unwrap();
        tracker.announce(Instant::now(), &request(1, address.port()), address).unwrap().peers
    };
    assert_eq!(announce("198.51.100.1:1001"), []);
    assert_eq!(announce("192.0.2.7:1002"), ["198.51.100.1:1001".parse().unwrap()]);
    assert_eq!(announce("198.51.100.2:1003"), ["198.51.100.1:1001".parse().unwrap()]);
}

#[tokio::test]
async fn ipv6_peers_find_each_other() {
    if std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        // a machine without IPv6 has nothing to find
        return;
    }
    let tracker = RunningTracker::start_on(Ipv6Addr::LOCALHOST.into());
    let http = format!("http://[::1]:{}/announce", tracker.port).parse().unwrap();
    let udp = format!("udp://[::1]:{}", tracker.port).parse().unwrap();
    let first = SocketAddr::from((Ipv6Addr::LOCALHOST, 1001));
    ask(&http, &request(1, 1001)).await;
    assert_eq!(ask(&udp, &request(1, 1002)).await.peers, [first]);
    assert!(ask(&http, &request(1, 1003)).await.peers.contains(&first));
    tracker.stop().await;
}

#[tokio::test]
async fn loopback_tracker_is_refused_when_a_stranger_named_it() {
    let tracker = RunningTracker::start();
    for url in [tracker.http_url(), tracker.udp_url()] {
        let refused = announce(&TrackerClient::new(None), &url, &request(1, 1001), Reach::PublicOnly).await;
        assert!(matches!(refused, Err(AnnounceError::NotPublic { .. })), "{refused:?}");
    }
    tracker.stop().await;
}

/// Answers one connection with `response`, then closes.
async fn http_server(response: Vec<u8>) -> TrackerUrl {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}/announce", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(&response).await;
        }
    });
    url
}

fn ok(body: &[u8]) -> Vec<u8> {
    let mut response = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    response.extend_from_slice(body);
    response
}

async fn ask_server(response: Vec<u8>) -> Result<AnnounceReply, AnnounceError> {
    let url = http_server(response).await;
    announce(&TrackerClient::new(None), &url, &request(1, 1001), Reach::Anywhere).await
}

#[tokio::test]
async fn failure_of_a_tracker_is_passed_on_in_one_clean_line() {
    let refused = ask_server(ok(b"d14:failure reason9:no\nsuch\x1b.e")).await.unwrap_err();
    let AnnounceError::Refused { reason, .. } = &refused else { panic!("{refused}") };
    assert_eq!(reason, "no such .");
}

#[tokio::test]
async fn unusable_answers_are_errors_with_their_cause() {
    let not_found = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope".to_vec();
    assert!(matches!(ask_server(not_found).await, Err(AnnounceError::Status { status: 404, .. })));
    assert!(matches!(ask_server(ok(b"<html>")).await, Err(AnnounceError::Unreadable { .. })));
    assert!(matches!(ask_server(ok(b"li1ee")).await, Err(AnnounceError::Unreadable { .. })));
    assert!(matches!(ask_server(ok(&vec![b'l'; 600_000])).await, Err(AnnounceError::TooLarge { .. })));
    let loops = b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert!(matches!(ask_server(loops.to_vec()).await, Err(AnnounceError::Http { .. })));
}

#[tokio::test]
async fn refused_connection_is_an_error_not_a_wait() {
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let http: TrackerUrl = format!("http://{gone}/announce").parse().unwrap();
    let refused = announce(&TrackerClient::new(None), &http, &request(1, 1), Reach::Anywhere).await;
    assert!(matches!(refused, Err(AnnounceError::Http { .. })), "{refused:?}");
}

#[tokio::test]
async fn lost_udp_answer_is_asked_for_again() {
    let tracker = RunningTracker::start();
    let relay = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url: TrackerUrl = format!("udp://{}", relay.local_addr().unwrap()).parse().unwrap();
    let upstream = tracker.address();
    tokio::spawn(async move {
        let (mut buffer, mut client, mut lost) = ([0; 2048], None, false);
        while let Ok((length, from)) = relay.recv_from(&mut buffer).await {
            if from == upstream && !lost {
                lost = true;
            } else if from == upstream {
                relay.send_to(&buffer[..length], client.unwrap()).await.unwrap();
            } else {
                client = Some(from);
                relay.send_to(&buffer[..length], upstream).await.unwrap();
            }
        }
    });
    assert_eq!(ask(&url, &request(1, 1001)).await.leechers, 1);
    tracker.stop().await;
}

#[tokio::test]
async fn forged_udp_answer_is_ignored() {
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url: TrackerUrl = format!("udp://{}", server.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((_, from)) = server.recv_from(&mut buffer).await {
            let wrong_transaction = [&[0, 0, 0, 3], &[!buffer[12]; 4], &b"forged"[..]].concat();
            server.send_to(&wrong_transaction, from).await.unwrap();
            server.send_to(&[0; 3], from).await.unwrap();
            let error = [&[0, 0, 0, 3], &buffer[12..16], &b"real"[..]].concat();
            server.send_to(&error, from).await.unwrap();
        }
    });
    let refused =
        announce(&TrackerClient::new(None), &url, &request(1, 1), Reach::Anywhere).await.unwrap_err();
    assert!(matches!(&refused, AnnounceError::Refused { reason, .. } if reason == "real"), "{refused}");
}
