//! What a service manager hears from the real program, through a socket as systemd has one.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use crate::harness::DEADLINE;
use crate::node::{Home, Node};
use crate::origin::{Mood, Origin};

/// The manager's end.
struct Manager {
    socket: UnixDatagram,
    path: String,
}

impl Manager {
    fn new(home: &Home) -> Self {
        let path = home.file("notify").to_str().expect("text").to_owned();
        let socket = UnixDatagram::bind(&path).expect("binds");
        socket.set_read_timeout(Some(Duration::from_secs(1))).expect("sets");
        Self { socket, path }
    }

    fn start(&self, watchdog: &str, words: &[&str]) -> Node {
        Node::start_in(&[("NOTIFY_SOCKET", &self.path), ("WATCHDOG_USEC", watchdog)], words)
    }

    /// The lines that are told up to the first that begins with `text`.
    fn hears(&self, text: &str) -> Vec<String> {
        let (start, mut heard) = (Instant::now(), Vec::new());
        let mut message = [0; 4096];
        while start.elapsed() < DEADLINE {
            let Ok(length) = self.socket.recv(&mut message) else { continue };
            heard.extend(String::from_utf8_lossy(&message[..length]).lines().map(str::to_owned));
            if heard.iter().any(|line| line.starts_with(text)) {
                return heard;
            }
        }
        panic!("{text} is not in {heard:?}");
    }
}

fn tracker_words(dir: &str) -> [&str; 7] {
    ["--start-tracker", "--port", "0", "--bind", "127.0.0.1", "--pid-file-dir", dir]
}

#[test]
fn manager_hears_that_a_node_is_ready_that_it_lives_and_that_it_stops() {
    let home = Home::new();
    let manager = Manager::new(&home);
    let mut tracker = manager.start("500000", &tracker_words(&home.text()));
    let port = tracker.port();
    let heard = manager.hears("READY=1");
    assert!(heard.contains(&format!("STATUS=listens on {port}")), "{heard:?}");
    for _ in 0..4 {
        manager.hears("WATCHDOG=1");
    }
    tracker.signal("TERM");
    manager.hears("STOPPING=1");
    assert_eq!(tracker.wait().code(), Some(0));
}

#[test]
fn source_is_ready_when_it_listens_whatever_its_input_does() {
    let (origin, home) = (Origin::start(100_000), Home::new());
    origin.set_mood(Mood::Unavailable);
    let manager = Manager::new(&home);
    let (dir, url) = (home.text(), origin.url());
    let words = ["--stream-source-node", "--name", "test", "--title", "Test", "--source", &url];
    let dirs = ["--publish-dir", &dir, "--metadata-dir", &dir, "--pid-file-dir", &dir];
    let loopback = ["--port", "0", "--bind", "127.0.0.1"];
    let source = manager.start("0", &[&words[..], &dirs, &loopback].concat());
    manager.hears("READY=1");
    source.signal("INT");
    let heard = manager.hears("STOPPING=1");
    assert!(!heard.iter().any(|line| line.starts_with("WATCHDOG")), "nobody watches: {heard:?}");
}

#[test]
fn status_names_the_nodes_that_failed() {
    let (origin, home) = (Origin::start(100_000), Home::new());
    origin.set_mood(Mood::Missing);
    let (dir, file) = (home.text(), home.file("nodes.toml"));
    let source = format!("name = \"bad\"\ntitle = \"Bad\"\nsource = \"{}\"\n", origin.url());
    let shared = format!("bind = \"127.0.0.1\"\nport = 0\npid-file-dir = \"{dir}\"\n");
    let dirs = format!("publish-dir = \"{dir}\"\nmetadata-dir = \"{dir}\"\n");
    std::fs::write(&file, format!("{shared}[tracker]\n[source]\n{source}{dirs}")).expect("writes");
    let manager = Manager::new(&home);
    let mut process = manager.start("0", &["--config", file.to_str().expect("text")]);
    let heard = manager.hears("STATUS=2 nodes, 1 listen; failed: source:bad");
    assert!(heard.iter().any(|line| line == "READY=1"), "{heard:?}");
    assert_eq!(process.end("TERM").code, Some(0));
}
