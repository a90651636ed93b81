//! The one port: who gets which connection, floods, and the stop.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::routing::get;
use start_engine::base::cidr::Networks;
use start_engine::http::serve::HttpServices;
use start_engine::net::bind::{BindError, bind_tcp};
use start_engine::net::connections::Connections;
use start_engine::net::door::Door;
use start_engine::net::listen::{ListenTargets, PeerConnection, run};
use start_engine::node::tracker::new_service;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

struct Running {
    address: SocketAddr,
    peers: mpsc::Receiver<PeerConnection>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn start(max_connections: usize) -> Running {
    let bound = bind_tcp(&[Ipv4Addr::LOCALHOST.into()], 0).unwrap();
    let address = (Ipv4Addr::LOCALHOST, bound.port).into();
    let (sender, peers) = mpsc::channel(4);
    let who = |ConnectInfo(remote): ConnectInfo<SocketAddr>| async move { remote.to_string() };
    let app = axum::Router::new().route("/who", get(who)).route("/hang", get(std::future::pending::<()>));
    let http = Arc::new(HttpServices { tracker: Some(new_service(Networks::default()).unwrap()), app });
    let (stop, stopped) = watch::channel(false);
    let targets = ListenTargets { door: Door::open(), http, peers: Some(sender) };
    let task = tokio::spawn(run(bound.tcp, Connections::new(max_connections), targets, stopped));
    Running { address, peers, stop, task }
}

impl Running {
    async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}

async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // a connection that is closed with unread bytes ends in a reset
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn peer_is_handed_on_with_all_its_bytes() {
    let mut running = start(10);
    let mut dialled = TcpStream::connect(running.address).await.unwrap();
    dialled.write_all(b"\x11AceStreamProtocol").await.unwrap();
    let (mut stream, remote, _permit) = running.peers.recv().await.unwrap();
    assert_eq!(remote, dialled.local_addr().unwrap());
    let mut head = [0; 18];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"\x11AceStreamProtocol");
    running.stop().await;
}

#[tokio::test]
async fn routes_learn_the_address_of_their_client() {
    let running = start(10);
    let answer = exchange(running.address, b"GET /who HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200") && answer.contains("127.0.0.1:"), "{answer}");
    let answer = exchange(running.address, b"GET /nothing HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 404"), "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn old_client_without_host_is_answered_and_several_requests_share_a_connection() {
    let running = start(10);
    let query = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=aaaaaaaaaaaaaaaaaaaa&port=9";
    let old = format!("GET /announce?{query} HTTP/1.0\r\n\r\n");
    let answer = exchange(running.address, old.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.0 200") && answer.ends_with("5:peers0:e"), "{answer}");
    let scrape = "GET /scrape?info_hash=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: t\r\n";
    let twice = format!("{scrape}\r\n{scrape}Connection: close\r\n\r\n");
    let answer = exchange(running.address, twice.as_bytes()).await;
    assert_eq!(answer.matches("10:incompletei1e").count(), 2, "{answer}");
    let answer = exchange(running.address, b"POST /announce HTTP/1.0\r\nContent-Length: 0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 405"), "{answer}");
    let answer = exchange(running.address, b"GET /announce?info_hash=1 HTTP/1.0\r\n\r\n").await;
    assert!(answer.ends_with("d14:failure reason30:info_hash is not 20 bytes longe"), "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn neither_peer_nor_http_is_closed() {
    let running = start(10);
    for stranger in [&b"\x16\x03\x01"[..], b"\x13BitTorrent protocol", b"\0\0\0\0", b"get / HTTP/1.0\r\n\r\n"]
    {
        assert_eq!(exchange(running.address, stranger).await, "");
    }
    running.stop().await;
}

#[tokio::test]
async fn silent_connections_hold_no_more_than_their_places() {
    let running = start(8);
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(running.address).await.unwrap());
    }
    let mut closed = 0;
    for stream in &mut silent[8..] {
        closed += usize::from(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
    }
    assert_eq!(closed, 42);
    silent.truncate(8);
    silent[0].write_all(b"GET /who HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    silent[0].read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    drop(silent);
    while !exchange(running.address, b"GET /who HTTP/1.0\r\n\r\n").await.contains("200") {}
    running.stop().await;
}

#[tokio::test]
async fn hundreds_of_silent_connections_do_not_keep_others_waiting() {
    let running = start(2000);
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(TcpStream::connect(running.address).await.unwrap());
    }
    let answer = exchange(running.address, b"GET /who HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn swarm_that_takes_no_peers_does_not_keep_http_waiting() {
    let running = start(100);
    let mut peers = Vec::new();
    for _ in 0..20 {
        let mut peer = TcpStream::connect(running.address).await.unwrap();
        peer.write_all(&[0x11]).await.unwrap();
        peers.push(peer);
    }
    let answer = exchange(running.address, b"GET /who HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn stop_ends_idle_silent_and_hanging_connections() {
    let running = start(100);
    let _silent = TcpStream::connect(running.address).await.unwrap();
    let mut hanging = TcpStream::connect(running.address).await.unwrap();
    hanging.write_all(b"GET /hang HTTP/1.1\r\nHost: t\r\n\r\n").await.unwrap();
    let address = running.address;
    running.stop().await;
    assert!(matches!(hanging.read(&mut [0]).await, Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn port_in_use_is_one_clear_line() {
    let first = bind_tcp(&[Ipv4Addr::LOCALHOST.into()], 0).unwrap();
    let second = bind_tcp(&[Ipv4Addr::LOCALHOST.into()], first.port).unwrap_err();
    assert!(matches!(second, BindError::PortInUse { .. }));
    assert_eq!(second.to_string(), format!("cannot listen on 127.0.0.1:{}: port is in use", first.port));
}
