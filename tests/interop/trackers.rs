//! A broadcast whose nodes know nothing of each other but a tracker: opentracker, aquatic and our own carry
//! source, support node and client, over HTTP and over UDP.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;

use start_engine::base::ids::Infohash;
use start_engine::wire::transport_file::TransportFile;

use crate::aquatic::Aquatic;
use crate::broadcast::{self, Source, node};
use crate::opentracker::Opentracker;
use crate::player::probe;
use crate::program::{Running, free_port, wait_for};

/// No other way to find each other.
const ALONE: [&str; 4] = ["--dht-enabled", "0", "--lsd-enabled", "0"];

#[test]
#[ignore = "needs ffmpeg and opentracker"]
fn opentracker_carries_a_swarm() {
    let dir = fresh();
    // it serves the swarms that it is told of, and a restart keeps the infohash
    let dir = Source::start(dir, "file:clip.ts", &["--skip-internal-tracker"], None).end();
    let opentracker = Opentracker::start(&infohash(&dir).to_string());
    let dir = carries_a_swarm(dir, &format!("http://{}/announce", opentracker.address));
    carries_a_swarm(dir, &format!("udp://{}", opentracker.address));
}

#[test]
#[ignore = "needs ffmpeg and aquatic_http"]
fn aquatic_carries_a_swarm_over_http() {
    let aquatic = Aquatic::over_http();
    carries_a_swarm(fresh(), &format!("http://{}/announce", aquatic.address));
}

#[test]
#[ignore = "needs ffmpeg and aquatic_udp"]
fn aquatic_carries_a_swarm_over_udp() {
    let aquatic = Aquatic::over_udp();
    carries_a_swarm(fresh(), &format!("udp://{}", aquatic.address));
}

#[test]
#[ignore = "needs ffmpeg"]
fn our_tracker_carries_a_swarm() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let _tracker = node(dir.path(), "tracker", port, &["--start-tracker"]);
    wait_for("our tracker to listen", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    for url in [format!("http://127.0.0.1:{port}/announce"), format!("udp://127.0.0.1:{port}")] {
        carries_a_swarm(fresh(), &url);
    }
}

/// Where the source finds its clip.
fn fresh() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/src/node/demo/clip.ts");
    std::fs::copy(clip, dir.path().join("clip.ts")).unwrap();
    dir
}

fn infohash(dir: &tempfile::TempDir) -> Infohash {
    let bytes = std::fs::read(dir.path().join("test.acelive")).unwrap();
    TransportFile::parse(bytes.into()).unwrap().infohash
}

/// A source, then a support node that finds it, then a client that finds both.
fn carries_a_swarm(dir: tempfile::TempDir, tracker: &str) -> tempfile::TempDir {
    let words = [&["--skip-internal-tracker", "--tracker", tracker][..], &ALONE].concat();
    let source = Source::start(dir, "file:clip.ts", &words, None);
    let (_support, support) = support(source.dir.path());
    wait_for("the support node to find the source", || peers_of(support) >= 1);
    let (client, play_url) = broadcast::client(source.dir.path(), &ALONE);
    let found = probe(&play_url, 3);
    assert!(found.len() == 2 && found[0].1 >= 50, "{tracker}: {found:?}");
    wait_for("the client to find the support node", || peers_of(support) >= 2);
    drop(client);
    source.end()
}

/// A node with the transport file alone.
fn support(dir: &Path) -> (Running, SocketAddr) {
    let (port, state) = (free_port(), dir.join("support").display().to_string());
    let file = dir.join("test.acelive").display().to_string();
    let words = ["--stream-support-node", "--url", &file, "--state-dir", &state];
    let words = [&words[..], &ALONE].concat();
    (node(dir, "support", port, &words), (Ipv4Addr::LOCALHOST, port).into())
}

/// How many are connected, as the node's own monitor tells; 0 before it answers.
fn peers_of(node: SocketAddr) -> u64 {
    monitor(node).and_then(|told| told["connected_peers_count"].as_u64()).unwrap_or_default()
}

fn monitor(node: SocketAddr) -> Option<serde_json::Value> {
    let mut stream = TcpStream::connect(node).ok()?;
    write!(stream, "GET /app/monitor HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}
