//! What an operator gets wrong, and what servers and files hold that cannot be: one line, exit code 1; and
//! what is tried again.

use std::fs;
use std::net::TcpListener;

use start_engine::wire::bencode::Dict;
use start_engine::wire::container;

use crate::harness::wait_until;
use crate::node::{Home, transport_url_of};
use crate::origin::{FixedServer, Mood, Origin};

const RATE: u64 = 250_000;

fn refusal_of_source(answer: impl Into<Vec<u8>>) -> String {
    let server = FixedServer::start(answer);
    Home::new().source(&server.url(), &[]).refusal()
}

fn assert_names(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.contains(word), "{word:?} is not in {line:?}");
    }
}

#[test]
fn source_that_is_no_transport_stream_ends_the_node() {
    let html = "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html><body>no stream</body></html>";
    assert_names(&refusal_of_source(html), &["http://127.0.0.1:", "no MPEG transport stream", "HTML"]);
    let mut noise = b"HTTP/1.0 200 OK\r\n\r\n".to_vec();
    noise.extend((0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x3f));
    assert_names(&refusal_of_source(noise), &["no MPEG transport stream", "no packets"]);
    assert_names(&refusal_of_source("HTTP/1.0 404 Not Found\r\n\r\n"), &["answered 404"]);
    assert_names(&refusal_of_source("HTTP/1.0 403 Forbidden\r\n\r\n"), &["answered 403"]);
}

#[test]
fn source_file_that_is_missing_or_text_ends_the_node() {
    let home = Home::new();
    let line = home.source("/nowhere/x.ts", &[]).refusal();
    assert_names(&line, &["/nowhere/x.ts"]);
    fs::write(home.file("x.ts"), "no stream".repeat(1000)).expect("writes");
    let path = home.file("x.ts");
    assert_names(&home.source(path.to_str().expect("text"), &[]).refusal(), &["x.ts"]);
}

#[test]
fn port_in_use_ends_every_node_before_anything_is_written() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let on_it = ["--port", &port];
    let nodes = [
        home.source(&origin.url(), &on_it),
        home.support("/nowhere/x.acelive", &on_it),
        home.client(&on_it),
        home.client(&["--http-port", &port]),
        home.tracker(&on_it),
    ];
    for node in nodes {
        assert_names(&node.refusal(), &[&format!("127.0.0.1:{port}"), "in use"]);
    }
    assert_eq!(origin.requests(), 0, "ports are checked before the source is opened");
    assert!(!home.file("test.sauth").exists() && !home.file("test.acelive").exists());
}

#[test]
fn directories_that_are_missing_or_read_only_are_named() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    for option in ["--publish-dir", "--metadata-dir", "--pid-file-dir"] {
        let line = home.source(&origin.url(), &[option, "/nowhere"]).refusal();
        assert_names(&line, &[option, "/nowhere", "does not exist"]);
        let line = home.source(&origin.url(), &[option, "/proc"]).refusal();
        assert_names(&line, &[option, "/proc"]);
    }
    assert_names(&home.source(&origin.url(), &["--state-dir", "/proc/x"]).refusal(), &["/proc/x"]);
    assert_eq!(origin.requests(), 0);
}

#[test]
fn key_file_that_is_no_key_is_refused_and_kept() {
    let origin = Origin::start(RATE);
    let of_another_kind = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
    let damaged = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    for content in ["", "garbage", of_another_kind, damaged] {
        let home = Home::new();
        fs::write(home.file("test.sauth"), content).expect("writes");
        let line = home.source(&origin.url(), &[]).refusal();
        assert_names(&line, &["test.sauth", "RSA private key"]);
        assert_eq!(fs::read_to_string(home.file("test.sauth")).expect("reads"), content);
    }
    assert_eq!(origin.requests(), 0);
}

#[test]
fn restart_file_that_is_no_number_is_refused_and_kept() {
    let origin = Origin::start(RATE);
    for content in ["", "seven", "-1", "12a", "99999999999999999999", "4294967295"] {
        let home = Home::new();
        fs::write(home.file("test.restart"), content).expect("writes");
        assert_names(&home.source(&origin.url(), &[]).refusal(), &["test.restart"]);
        assert_eq!(fs::read_to_string(home.file("test.restart")).expect("reads"), content);
    }
}

/// Transport files that cannot be used, and what is said of each.
fn unusable_files(good: &[u8]) -> Vec<(Vec<u8>, &'static str)> {
    let other_version = [b"AceStreamTransport\x00\x09".as_slice(), &good[20..]].concat();
    let absurd = |key: &str, value: i64| {
        let descriptor = Dict::new()
            .bytes("name", "x")
            .bytes("authmethod", "RSA")
            .bytes("pubkey", [0x30; 124])
            .int("piece_length", 65_536)
            .int("chunk_length", 16_384)
            .int("bitrate", 100_000)
            .int(key, value);
        container::seal(&descriptor.encode())
    };
    let deep = [b"l".repeat(5_000), b"e".repeat(5_000)].concat();
    vec![
        (good[..good.len() - 7].to_vec(), "truncated"),
        (good[..19].to_vec(), "truncated"),
        (other_version, "version 9"),
        (absurd("piece_length", 1 << 40), "piece length"),
        (absurd("piece_length", 0), "piece length"),
        (absurd("chunk_length", 3), "chunk length"),
        (container::seal(&deep), "deep"),
        (vec![b'A'; 1_048_577], "larger than"),
        (b"<html></html>".to_vec(), "not a transport file"),
        (Vec::new(), "not a transport file"),
    ]
}

#[test]
fn transport_file_that_cannot_be_used_ends_the_support_node() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let _source = home.quick_source(&origin, &[]);
    let good = fs::read(home.file("test.acelive")).expect("reads");
    for (bytes, why) in unusable_files(&good) {
        fs::write(home.file("bad.acelive"), &bytes).expect("writes");
        let path = home.file("bad.acelive");
        let line = home.support(path.to_str().expect("text"), &[]).refusal();
        assert_names(&line, &["bad.acelive", why]);
        let server = FixedServer::start([b"HTTP/1.0 200 OK\r\n\r\n".as_slice(), &bytes].concat());
        let why = if bytes.len() > 1 << 20 { "more than 1048576 bytes" } else { why };
        assert_names(&home.support(&server.url(), &[]).refusal(), &[&server.url(), why]);
    }
}

#[test]
fn transport_file_that_is_not_there_ends_the_support_node() {
    let home = Home::new();
    assert_names(
        &home.support("/nowhere/x.acelive", &[]).refusal(),
        &["/nowhere/x.acelive", "does not exist"],
    );
    assert_names(&home.support("file:///nowhere/y", &[]).refusal(), &["/nowhere/y", "does not exist"]);
    assert_names(&home.support("ftp://host/x", &[]).refusal(), &["ftp://host/x"]);
    let server = FixedServer::start("HTTP/1.0 404 Not Found\r\n\r\n");
    assert_names(&home.support(&server.url(), &[]).refusal(), &[&server.url(), "404"]);
}

#[test]
fn support_node_waits_for_a_source_that_is_not_ready_or_not_there() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    origin.set_mood(Mood::Stalled);
    let port = crate::harness::lasting_port();
    let url = format!("http://127.0.0.1:{port}/app/get_transport_file?format=raw");
    let mut support = home.support(&url, &[]);
    support.line("next try in");
    let mut source = home.waiting_source(&origin, &["--port", &port.to_string()]);
    support.line("503");
    origin.set_mood(Mood::Live);
    source.line("started input thread");
    support.line("relay \"Test Stream\"");
}

#[test]
fn live_source_that_refuses_or_stalls_is_tried_again_with_a_line_each() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    origin.set_mood(Mood::Unavailable);
    let hasty = ["--source-reconnect-interval", "0", "--source-read-timeout", "1"];
    let mut source = home.source(&origin.url(), &[&hasty[..], &["--bitrate", "250000"]].concat());
    wait_until("it asks again", || origin.requests() >= 3);
    origin.set_mood(Mood::Stalled);
    source.line("no packet within");
    let lines = source.log.count("trying again in");
    assert!(lines >= 3 && lines <= origin.requests(), "{lines} lines, {} requests", origin.requests());
    assert!(source.log.count("503") >= 2 && source.is_running());
    origin.set_mood(Mood::Live);
    source.line("started input thread");

    // after the first packet nothing ends it
    let asked = origin.requests();
    origin.set_mood(Mood::Stalled);
    wait_until("it asks again", || origin.requests() > asked);
    let asked = origin.requests();
    origin.set_mood(Mood::Unavailable);
    wait_until("it asks again", || origin.requests() > asked + 1);
    origin.set_mood(Mood::Live);
    let resumed = source.log.count("stream status changed: -1->1");
    wait_until("it streams again", || source.log.count("stream status changed: -1->1") > resumed);
    assert!(source.monitor()["source_url"] == origin.url() && source.is_running());
}

#[test]
fn source_that_nobody_listens_at_is_tried_again() {
    let home = Home::new();
    let port = crate::harness::lasting_port();
    let url = format!("http://127.0.0.1:{port}/live.ts");
    let mut source = home.source(&url, &["--source-reconnect-interval", "0"]);
    wait_until("several lines", || source.log.count("trying again in") >= 3);
    assert!(source.is_running());
    let url = transport_url_of(&mut source);
    assert!(url.contains("get_transport_file"));
    let (status, _) =
        crate::harness::get(source.port(), "/app/get_transport_file?format=raw").expect("answers");
    assert_eq!(status, 503, "there is nothing to hand out yet");
}

#[test]
fn metadata_directory_that_vanishes_does_not_end_a_broadcast() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let dir = home.file("metadata");
    fs::create_dir(&dir).expect("creates");
    let mut source = home.quick_source(&origin, &["--metadata-dir", dir.to_str().expect("text")]);
    // a file that is being written may come in between
    wait_until("it is removed", || fs::remove_dir_all(&dir).is_ok());
    source.line("the last piece number is not saved");
    let made = |source: &mut crate::node::Node| source.monitor()["last_piece"].as_u64().unwrap_or(0);
    let before = made(&mut source);
    wait_until("it makes more", || made(&mut source) > before + 4);
    assert_eq!(source.end("TERM").code, Some(0));
}
