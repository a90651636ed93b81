//! The end of a node: at either signal, at once, with nothing left behind, while players watch.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use start_engine::base::ids::{Infohash, PeerId};
use start_engine::wire::announce::AnnounceEvent;
use start_engine::wire::extended::{ExtendedHandshake, NodeKey};
use start_engine::wire::message::Message;

use crate::harness::{is_free, local, names_in, wait_for, wait_until};
use crate::node::{Home, Node, address_of, transport_url_of};
use crate::origin::Origin;
use crate::tracker_log::TrackerLog;
use crate::viewer::Viewer;
use crate::wire_peer::WirePeer;

const RATE: u64 = 250_000;
const END_WITHIN: Duration = Duration::from_secs(2);

/// Ends the node, which must leave neither port nor pid file nor process.
fn assert_ends(node: &mut Node, home: &Home, signal: &str) {
    let port = node.port();
    let pid_file = home.file(&format!("acestream-{port}.pid"));
    assert_eq!(std::fs::read_to_string(&pid_file).expect("a file"), node.pid().to_string());
    assert_eq!(node.children(), "");
    let ended = node.end(signal);
    assert_eq!(ended.code, Some(0), "{}", node.story());
    assert!(ended.took < END_WITHIN, "{ended:?}");
    assert!(!pid_file.exists() && is_free(port));
    assert_eq!(node.errors.all(), Vec::<String>::new());
}

fn announced(tracker: &TrackerLog, port: u16, event: AnnounceEvent) -> PeerId {
    let is_it = |announce: &start_engine::wire::tracker_http::HttpAnnounce| {
        announce.request.port == port && announce.request.event == event
    };
    tracker.wait_for(&format!("{event:?} of {port}"), is_it).request.peer_id
}

/// The temporary state directory of a node that listens on `port`: the one with the key that the node
/// signs with.
fn state_dir_of(port: u16, infohash: Infohash) -> PathBuf {
    let mut link = WirePeer::dial(local(port), infohash, 9).expect("shakes hands");
    let said = link.receive_until(|message| matches!(message, Message::ExtendedHandshake(_)));
    let Ok(Message::ExtendedHandshake(raw)) = said else { panic!("it does not describe itself") };
    let (node_id, _) = ExtendedHandshake::verify(&raw).expect("signed");
    let holds_key = |dir: &PathBuf| {
        let text = std::fs::read_to_string(dir.join("device.key")).unwrap_or_default();
        let seed = start_engine::base::hex::decode(text.trim());
        seed.is_some_and(|seed| NodeKey::from_seed(seed).node_id() == node_id)
    };
    let dirs = std::fs::read_dir("/tmp").expect("a directory").flatten().map(|entry| entry.path());
    dirs.into_iter().find(holds_key).expect("a directory with the node's key")
}

fn chain_ends_at(signal: &str) {
    let (origin, home, tracker) = (Origin::start(RATE), Home::new(), TrackerLog::start());
    let told = ["--skip-internal-tracker", "--tracker", &tracker.url()];
    let mut source = home.quick_source(&origin, &told);
    let infohash: Infohash = source.last_word("infohash: ").parse().expect("an infohash");
    let from_source = ["--download-from", &address_of(&mut source)];
    let mut support = home.support(&transport_url_of(&mut source), &from_source);
    let mut client = home.client(&["--download-from", &address_of(&mut support)]);
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);
    viewer.plays(origin.stream.packets_in(1));
    for node in [&mut client, &mut support, &mut source] {
        let peer_id = announced(&tracker, node.port(), AnnounceEvent::Started);
        let state_dir = match node.log.find("acestream.VideoServer").is_some() {
            true => None,
            false => Some(state_dir_of(node.port(), infohash)),
        };
        // one who still watches does not keep the node from ending
        assert_ends(node, &home, signal);
        assert_eq!(announced(&tracker, node.port(), AnnounceEvent::Stopped), peer_id);
        assert!(state_dir.is_none_or(|dir| !dir.exists()));
    }
    assert!(viewer.ended().wrong.is_empty());
    let names = names_in(&home.file("."));
    assert_eq!(names, ["state", "test.acelive", "test.restart", "test.sauth"]);
}

#[test]
fn chain_with_a_player_ends_at_sigint() {
    chain_ends_at("INT");
}

#[test]
fn chain_with_a_player_ends_at_sigterm() {
    chain_ends_at("TERM");
}

#[test]
fn source_ends_while_players_watch_and_its_server_stalls() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &[]);
    let mut client = home.client(&[]);
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);
    viewer.plays(100);
    origin.set_mood(crate::origin::Mood::Stalled);
    assert_ends(&mut source, &home, "TERM");
    assert_ends(&mut client, &home, "INT");
}

#[test]
fn nodes_that_have_not_begun_end_too() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    origin.set_mood(crate::origin::Mood::Stalled);
    let mut source = home.source(&origin.url(), &[]);
    source.line("open stream done");
    let mut waiting = home.support(&transport_url_of(&mut source), &[]);
    waiting.line("next try in");
    let mut idle = home.client(&[]);
    idle.player_port();
    let mut tracker = home.tracker(&[]);
    for (node, signal) in
        [(&mut waiting, "TERM"), (&mut source, "INT"), (&mut idle, "TERM"), (&mut tracker, "INT")]
    {
        let port = node.port();
        wait_until("its pid file", || home.file(&format!("acestream-{port}.pid")).exists());
        assert_ends(node, &home, signal);
    }
}

#[test]
fn tracker_that_does_not_answer_delays_the_end_by_less_than_two_seconds() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/announce", silent.local_addr().expect("bound"));
    let tracker = TrackerLog::start();
    let told = ["--skip-internal-tracker", "--tracker", &url, "--tracker", &tracker.url()];
    let mut source = home.quick_source(&origin, &told);
    announced(&tracker, source.port(), AnnounceEvent::Started);
    assert_ends(&mut source, &home, "TERM");
    announced(&tracker, source.port(), AnnounceEvent::Stopped);
}

#[test]
fn keys_are_the_owners_alone_and_other_files_are_as_specified() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let _source = home.quick_source(&origin, &["--category", "amateur", "--quality", "HD"]);
    let mode = std::fs::metadata(home.file("test.sauth")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let keys = std::fs::read_to_string(home.file("test.sauth")).expect("text");
    assert!(keys.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"), "PKCS#1 comes first");
    assert!(keys.contains("-----BEGIN PRIVATE KEY-----\n"), "then PKCS#8");
    let number = wait_for("a number", || std::fs::read_to_string(home.file("test.restart")).ok());
    assert!(!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()), "{number:?}");

    let bytes = std::fs::read(home.file("test.acelive")).expect("a file");
    assert!(bytes.starts_with(b"AceStreamTransport\x00\x02"));
    let file = start_engine::wire::transport_file::TransportFile::parse(bytes.into()).expect("readable");
    let descriptor = &file.descriptor;
    assert_eq!((&*descriptor.name, descriptor.bitrate), ("Test Stream", RATE));
    assert_eq!((descriptor.piece_length, descriptor.chunk_length), (65_536, 16_384));
    assert_eq!(descriptor.categories, ["amateur"]);
    assert_eq!(descriptor.pubkey.len(), 124, "RSA-768, e = 3");
}
