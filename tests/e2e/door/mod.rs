//! Who is let in: private nodes and address rules, on loopback, where each address is another machine's.

mod mmdb;
mod rules;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use start_engine::base::ids::Infohash;
use start_engine::wire::handshake::Handshake;
use start_engine::wire::tracker_udp::encode_connect;

use crate::harness::{local, wait_until};
use crate::node::{Home, Node, address_of, transport_url_of};
use crate::origin::Origin;
use crate::wire_peer::peer_id;

/// 2 Mbit/s.
const RATE: u64 = 250_000;

fn ip(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

/// A connection that leaves from `from`.
fn connect_from(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.connect(&to.into())?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

/// The first bytes that come for `words`; none where the connection is ended. Panics where it is left open.
fn answer(from: u8, port: u16, words: &[u8]) -> Vec<u8> {
    let Ok(mut stream) = connect_from(ip(from), local(port)) else { return Vec::new() };
    let mut bytes = vec![0; 4096];
    // whoever closes the connection at once does not take the words
    let _ = stream.write_all(words);
    match stream.read(&mut bytes) {
        Ok(length) => bytes[..length].to_vec(),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("{from}: left open"),
        Err(_) => Vec::new(),
    }
}

/// Status of the answer to a GET from `127.0.0.FROM`; `None` where nothing comes.
fn status(from: u8, port: u16, path: &str) -> Option<u16> {
    let bytes = answer(from, port, format!("GET {path} HTTP/1.0\r\nHost: node\r\n\r\n").as_bytes());
    std::str::from_utf8(bytes.get(9..12)?).ok()?.parse().ok()
}

fn shakes_hands(from: u8, port: u16, infohash: Infohash) -> bool {
    !answer(from, port, &Handshake { infohash, peer_id: peer_id(from) }.encode()).is_empty()
}

fn infohash_of(node: &mut Node) -> Infohash {
    let text = node.last_word("infohash");
    Infohash(std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hex")))
}

/// What a private node opens to `127.0.0.FROM`: peer wire, tracker, transport file, state.
fn openings(from: u8, port: u16, infohash: Infohash) -> [bool; 4] {
    let is = |path: &str| status(from, port, path) == Some(200);
    let file = "/app/get_transport_file?format=raw";
    [shakes_hands(from, port, infohash), is("/scrape"), is(file), is("/app/monitor")]
}

#[test]
fn each_list_of_a_private_source_opens_its_own_parts_and_nothing_else() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let lists =
        ["--upload-to", "127.0.0.16/28", "--upload-to", "127.0.0.40:1", "--download-from", "127.0.0.50"];
    let private = ["--private-node", "1", "--monitor-node-ip", "127.0.0.60"];
    let mut source = home.quick_source(&origin, &[&lists[..], &private].concat());
    assert!(source.line("private node: ").ends_with("private node: 1"));
    assert!(source.line("|trackers: ").ends_with("trackers: []"), "its own address is not written");
    let (port, infohash) = (source.port(), infohash_of(&mut source));
    for (from, expected) in [
        (16, [true, true, true, false]),
        (31, [true, true, true, false]),
        (40, [true, true, true, false]),
        (50, [true, false, false, false]),
        (60, [false, false, true, true]),
        (1, [false; 4]),
        (15, [false; 4]),
        (32, [false; 4]),
    ] {
        assert_eq!(openings(from, port, infohash), expected, "127.0.0.{from}");
    }
    assert_eq!(status(16, port, "/app/monitor"), Some(403));
    assert_eq!(status(60, port, "/announce"), Some(404), "the tracker is not for it");
}

#[test]
fn stranger_is_reset_before_a_word_is_said_and_datagrams_are_dropped() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let lists = ["--private-node", "1", "--upload-to", "127.0.0.16", "--monitor-node-ip", "127.0.0.60"];
    let mut source = home.quick_source(&origin, &lists);
    let port = source.port();
    // silence: nobody waits for a first byte of it
    let mut stranger = connect_from(ip(2), local(port)).expect("the system accepts");
    let error = stranger.read(&mut [0]).expect_err("no end of a stream, a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);

    let ask = |from: u8| {
        let socket = UdpSocket::bind((ip(from), 0)).expect("a port");
        socket.send_to(&encode_connect(7), local(port)).expect("is sent");
        socket
    };
    // sent before: dropped long before the other is answered
    let stranger = ask(2);
    let friend = ask(16);
    friend.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
    friend.recv(&mut [0; 64]).expect("the tracker answers whom it knows");
    stranger.set_nonblocking(true).expect("a setting");
    assert!(stranger.recv(&mut [0; 64]).is_err());
    wait_until("both are counted", || {
        let state = answer(60, port, b"GET /app/monitor HTTP/1.0\r\nHost: node\r\n\r\n");
        let state = String::from_utf8_lossy(&state).into_owned();
        state.contains("\"connections_turned_away\":1,") && state.contains("\"datagrams_turned_away\":1")
    });
}

#[test]
fn private_source_does_not_publish_itself() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let private = ["--private-node", "1", "--host", "192.0.2.1"];
    for (option, value) in [("--startup-node", "192.0.2.1:7764"), ("--tracker", "udp://192.0.2.1:7764")] {
        let refusal = home.waiting_source(&origin, &[&private[..], &[option, value]].concat()).refusal();
        assert!(
            refusal.starts_with(&format!("{option} {value}: this is the private node itself")),
            "{refusal}"
        );
    }
}

#[test]
fn private_support_dials_its_list_alone_and_is_fed_by_it() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &["--stats-report-peers"]);
    let from_source = ["--download-from", &address_of(&mut source)];
    let private = ["--private-node", "1", "--monitor-node-ip", "127.0.0.1"];
    let mut support = home.support(&transport_url_of(&mut source), &[&from_source[..], &private].concat());
    wait_until("pieces", || support.monitor()["pieces_verified"].as_u64() > Some(1));
    let peer = source.monitor()["connected_peers"][0].clone();
    assert_ne!(peer["port"], support.port(), "where it listens is nobody's business: {peer}");
    // the source's own tracker, which the file names, knows of nobody but the source
    let scrape = answer(1, source.port(), b"GET /scrape HTTP/1.0\r\nHost: node\r\n\r\n");
    assert!(!String::from_utf8_lossy(&scrape).contains("10:incompletei1e"));
}
