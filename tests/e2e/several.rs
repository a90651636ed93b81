//! Several nodes in one process, from one file: one that fails is started again by itself.

use crate::harness::{get, lasting_port, monitor, names_in, wait_for, wait_until};
use crate::node::{Home, Node};
use crate::origin::{Mood, Origin};

const RATE: u64 = 500_000;

/// A file that starts two sources and a support node of the first; gives the ports too.
fn three_nodes(home: &Home, origins: [&Origin; 2]) -> (String, [u16; 3]) {
    let ports = [lasting_port(), lasting_port(), lasting_port()];
    let dir = home.text();
    let source = |name: &str, origin: &Origin, port: u16| {
        let url = origin.url();
        format!(
            "[[source]]\nname = \"{name}\"\ntitle = \"{name}\"\nsource = \"{url}\"\nport = {port}\n\
             bitrate = {RATE}\npiecesize = 65536\n"
        )
    };
    let shared = format!(
        "bind = \"127.0.0.1\"\npublish-dir = \"{dir}\"\nmetadata-dir = \"{dir}\"\npid-file-dir = \"{dir}\"\n\
         state-dir = \"{dir}/state\"\n"
    );
    let support = format!(
        "[[support]]\nurl = \"http://127.0.0.1:{}/app/get_transport_file?format=raw\"\nport = {}\n",
        ports[0], ports[2]
    );
    let nodes = source("good", origins[0], ports[0]) + &source("bad", origins[1], ports[1]) + &support;
    let path = home.file("nodes.toml");
    std::fs::write(&path, shared + &nodes).expect("writes");
    (path.to_str().expect("text").to_owned(), ports)
}

#[test]
fn node_that_fails_is_started_again_while_the_others_go_on() {
    let (good, bad, home) = (Origin::start(RATE), Origin::start(RATE), Home::new());
    bad.set_mood(Mood::Missing);
    let (file, [good_port, bad_port, support_port]) = three_nodes(&home, [&good, &bad]);
    let mut process = Node::start(["--config", &file]);

    let failed = process.line("source:bad failed: ");
    assert!(failed.contains("404") && failed.contains("; started again in 1 s"), "{failed}");
    assert!(failed.contains("|source:bad|acestream|"), "the node is in the thread's place: {failed}");
    let newest = || monitor(support_port)?["last_piece"].as_u64();
    let before = wait_for("the support node relays", newest);
    wait_until("the bad one fails again", || process.log.count("source:bad failed: ") >= 2);
    wait_until("the support node goes on", || newest().is_some_and(|piece| piece > before + 2));
    assert_eq!(monitor(good_port).expect("the good one")["connected_peers_count"], 1);

    bad.set_mood(Mood::Live);
    process.line("|source:bad|acestream.videosource|started input thread");
    wait_until("it is healthy", || matches!(get(bad_port, "/app/healthz"), Some((200, _))));
    process.line("|source:good|acestream.videosource|started input thread");
    process.line("|support:");
    assert_eq!(process.log.count("source:good failed"), 0, "{}", process.story());
    assert_eq!(process.log.count("support:"), process.log.count("|support:"), "{}", process.story());
}

#[test]
fn signal_stops_every_node_and_nothing_is_left() {
    let (one, two, home) = (Origin::start(RATE), Origin::start(RATE), Home::new());
    let (file, ports) = three_nodes(&home, [&one, &two]);
    let mut process = Node::start(["--config", &file]);
    let is_up = |port: u16| matches!(get(port, "/app/healthz"), Some((200, _)));
    wait_until("all are healthy", || ports.iter().all(|port| is_up(*port)));
    let pid_files = || names_in(home.path()).into_iter().filter(|name| name.ends_with(".pid")).count();
    assert_eq!(pid_files(), 3);
    let states = names_in(&home.file("state"));
    assert_eq!(states, ["source-bad", "source-good", &format!("support-{}", ports[2])]);
    let ended = process.end("TERM");
    assert_eq!(ended.code, Some(0), "{}", process.story());
    assert_eq!(pid_files(), 0);
    assert!(ports.iter().all(|port| crate::harness::is_free(*port)));
}

#[test]
fn what_can_never_work_is_told_before_anything_starts() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let (file, _) = three_nodes(&home, [&origin, &origin]);
    let text = std::fs::read_to_string(&file).expect("reads");
    std::fs::write(&file, text + "hls-bad-manifest-max-errors = 0\n").expect("writes");
    let line = Node::start(["--config", &file]).refusal();
    assert!(line.contains("nodes.toml:23: ") && line.contains("--hls-bad-manifest-max-errors"), "{line}");
    assert_eq!(origin.requests(), 0);
    assert_eq!(names_in(home.path()), ["nodes.toml"]);
}
