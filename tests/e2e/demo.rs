//! `--demo`: says where to look, plays, tells each second how it goes, and stops cleanly.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use start_engine::media::ts::PACKET_BYTES;

use crate::harness::{is_free, local, names_in, wait_until};
use crate::node::{Home, Node};
use crate::numbered::Continuity;

const USUAL_PORTS: [u16; 3] = [7764, 8621, 6878];

/// Port and path of the address after "watch".
fn watch_address(demo: &mut Node) -> (u16, String) {
    let line = demo.line("  watch  ");
    let address = line.split("http://127.0.0.1:").nth(1).expect("an address");
    let (port, path) = address.split_once('/').expect("a path");
    (port.parse().expect("a port"), format!("/{path}"))
}

/// Plays so many packets, which must be whole and without a break.
fn play(port: u16, path: &str, packets: usize) {
    let mut player = TcpStream::connect(local(port)).expect("connects");
    write!(player, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").expect("asks");
    let mut bytes = vec![0; 4096];
    let mut read = 0;
    let body_at = loop {
        read += player.read(&mut bytes[read..]).expect("an answer");
        if let Some(end) = bytes[..read].windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    assert!(bytes.starts_with(b"HTTP/1.0 200"), "{}", String::from_utf8_lossy(&bytes[..body_at]));
    let have = read - body_at;
    let mut body = bytes[body_at..read].to_vec();
    body.resize(packets * PACKET_BYTES, 0);
    player.read_exact(&mut body[have..]).expect("the stream");
    let mut continuity = Continuity::default();
    for packet in body.as_chunks::<PACKET_BYTES>().0 {
        assert_eq!(packet[0], 0x47);
        continuity.push(packet);
    }
    assert_eq!(continuity.errors, 0);
}

/// Runs through a demo: introduction, status lines, play, end.
fn demonstrate(words: &[&str]) -> Vec<String> {
    let temp = Home::new();
    let mut demo = Node::start_with_temp(temp.path(), [&["--demo"], words].concat());
    let (port, path) = watch_address(&mut demo);
    play(port, &path, 2000);
    let status_lines = |demo: &Node| demo.log.count(" kbit/s  piece ");
    let before = status_lines(&demo);
    wait_until("a line each second", || status_lines(&demo) >= before + 2);
    wait_until("pieces are played", || {
        let is_playing = |line: &String| line.ends_with(" ms") && !line.contains(" - played");
        demo.log.all().iter().any(is_playing)
    });
    let ended = demo.end("INT");
    assert_eq!(ended.code, Some(0), "{}", demo.story());
    assert!(ended.took < Duration::from_secs(2), "{ended:?}");
    assert!(is_free(port));
    assert_eq!(names_in(temp.path()), Vec::<String>::new(), "its files are gone");
    demo.log.all()
}

#[test]
fn demo_plays_and_stops_cleanly_on_free_ports_when_the_usual_ones_are_taken() {
    // one that somebody else holds may come free at any moment
    let taken = USUAL_PORTS.map(|port| (port, TcpListener::bind(("0.0.0.0", port))));
    let said = demonstrate(&[]).join("\n");
    for (port, _) in taken.iter().filter(|(_, held)| held.is_ok()) {
        assert!(!said.contains(&format!("127.0.0.1:{port}")), "{said}");
    }
    assert!(said.contains("  source  ") && said.contains("  support  ") && said.contains("  monitor  "));
    drop(taken);
}

#[test]
fn demo_takes_the_ports_that_it_is_told() {
    let ports = [(); 2].map(|()| crate::harness::lasting_port().to_string());
    let said = demonstrate(&["--port", &ports[0], "--http-port", &ports[1]]).join("\n");
    assert!(said.contains(&format!("source     127.0.0.1:{}", ports[0])), "{said}");
    assert!(said.contains(&format!("http://127.0.0.1:{}/ace/getstream?", ports[1])), "{said}");
}
