//! The lines that a node logs at its start: their form, and their order.

use std::io::Write;
use std::net::TcpStream;

use crate::harness::{get, lasting_port, local, wait_for, wait_until};
use crate::node::{Home, Node, transport_url_of};
use crate::origin::Origin;

/// 1 Mbit/s.
const RATE: u64 = 125_000;

/// Logger and message of each line, all of which must have the form of the reference.
fn parts(node: &Node) -> Vec<(String, String)> {
    let parts = |line: String| {
        let fields: Vec<_> = line.splitn(4, '|').collect();
        let [time, thread, logger, message] = fields[..] else { panic!("{line}") };
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00 00:00:00,000", "{line}");
        assert!(!thread.is_empty() && logger.starts_with("acestream"), "{line}");
        (logger.to_owned(), message.to_owned())
    };
    node.log.all().into_iter().map(parts).collect()
}

/// Asserts that lines of these loggers with these beginnings are there, in this order.
fn assert_in_order(node: &Node, expected: &[(&str, &str)]) {
    let lines = parts(node);
    let mut rest = lines.iter();
    for (logger, message) in expected {
        let found = rest.any(|(its_logger, its)| its_logger == logger && its.starts_with(message));
        assert!(found, "no {logger}|{message} in its place:\n{}", node.story());
    }
}

fn started_broadcast(bitrate: &str) -> (Origin, Home, Node) {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.source(&origin.url(), &["--bitrate", bitrate]);
    source.line("started input thread");
    (origin, home, source)
}

#[test]
fn source_that_measures_logs_what_the_reference_logs() {
    let (origin, home, mut source) = started_broadcast("0");
    let port = source.port();
    let bound = format!("bind: socket bound: host=127.0.0.1 port={port}");
    let tracker = format!("trackers: ['http://127.0.0.1:{port}/announce']");
    let streamer = "acestream.streamer";
    assert_in_order(
        &source,
        &[
            ("acestream", "enable debug: 0"),
            ("acestream.SocketHandler.SocketHandler", &bound),
            ("acestream.LM", &format!("listen on {port}")),
            (streamer, "init: start bitrate detection"),
            ("acestream.InfiniteHTTPStream", "detect_bitrate: done: bitrate="),
            (streamer, "private node: 0"),
            (streamer, &tracker),
            (streamer, "metatrackers: []"),
            (streamer, "bitrate: 12"),
            (streamer, "piece size: 131072"),
            (streamer, "chunk size: 16384"),
            (streamer, &format!("publish dir: {}", home.text())),
            (streamer, "cache dir: ."),
            ("acestream.videosource", "started input thread"),
        ],
    );
    let opened = format!("open stream: url={} reader=builtin", origin.url());
    let done = format!("open stream done: url={} time=", origin.url());
    let reader = "acestream.InfiniteHTTPStream";
    assert_in_order(
        &source,
        &[
            (reader, &opened),
            (reader, &done),
            (reader, "stream status changed: -1->1"),
            (reader, "detect_bitrate: done: "),
        ],
    );
    let line = source.line("detect_bitrate: done: ");
    assert!(line.contains(" bytes=") && line.contains(" time="), "{line}");
}

#[test]
fn source_that_is_told_its_bitrate_measures_nothing() {
    let (_origin, _home, source) = started_broadcast("125000");
    assert_eq!(source.log.count("detect"), 0, "{}", source.story());
    let streamer = "acestream.streamer";
    assert_in_order(
        &source,
        &[
            ("acestream", "enable debug: 0"),
            ("acestream.LM", "listen on "),
            ("acestream.InfiniteHTTPStream", "stream status changed: -1->1"),
            (streamer, "private node: 0"),
            (streamer, "bitrate: 125000"),
            (streamer, "piece size: 131072"),
            (streamer, "infohash: "),
            (streamer, "content id: "),
            (streamer, "link: acestream://"),
            ("acestream.videosource", "started input thread"),
        ],
    );
}

#[test]
fn support_node_and_client_log_where_they_are() {
    let (_origin, home, mut source) = started_broadcast("125000");
    let mut support = home.support(&transport_url_of(&mut source), &[]);
    support.line("state dir: ");
    let port = support.port();
    assert_in_order(
        &support,
        &[
            ("acestream", "enable debug: 0"),
            (
                "acestream.SocketHandler.SocketHandler",
                &format!("bind: socket bound: host=127.0.0.1 port={port}"),
            ),
            ("acestream.LM", &format!("listen on {port}")),
            ("acestream.supportnode", "state dir: /tmp/tmp"),
        ],
    );
    let mut client = home.client(&[]);
    client.player_port();
    assert_in_order(
        &client,
        &[
            ("acestream", "enable debug: 0"),
            ("acestream.LM", "listen on "),
            ("acestream.coreapp", "state_dir="),
            ("acestream.VideoServer", "start: addr=127.0.0.1 port="),
        ],
    );
}

#[test]
fn log_file_is_opened_anew_at_hangup_and_levels_change_while_the_node_runs() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let (path, moved) = (home.file("x.log"), home.file("x.log.moved"));
    let file = path.display().to_string();
    let port = lasting_port();
    let port_text = port.to_string();
    let log = ["--log-file", &file, "--log-format", "json", "--log-stdout"];
    let words = [&["--bitrate", "125000", "--port", &port_text], &log[..]].concat();
    let mut source = home.source(&origin.url(), &words);
    source.line("started input thread");
    std::fs::rename(&path, &moved).expect("moves");
    source.signal("HUP");
    wait_until("a new file", || path.exists());
    let (status, body) = wait_for("an answer", || get(port, "/app/update?log_debug=1&log_modules=link:E"));
    let state: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((status, state["log_debug"].as_u64()), (200, Some(1)));
    assert_eq!(state["log_modules"].as_str(), Some("link:E"));
    let lines = |path: &std::path::Path| -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(path).expect("reads");
        text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
    };
    let is_debug = |line: &serde_json::Value| line["level"] == "debug";
    assert!(!lines(&moved).iter().any(is_debug));
    wait_until("a line of debug", || {
        // neither peer nor HTTP
        let mut stranger = TcpStream::connect(local(port)).expect("accepted by the system");
        stranger.write_all(b"\0").expect("sends");
        lines(&path).iter().any(is_debug)
    });
    let first = &lines(&moved)[0];
    assert_eq!(
        (first["logger"].as_str(), first["message"].as_str()),
        (Some("acestream"), Some("enable debug: 0"))
    );
    assert!(first["time"].as_str().is_some_and(|time| time.len() == 24 && time.ends_with('Z')), "{first}");
    assert_eq!(source.end("INT").code, Some(0));
}
