//! The binary itself: help, version, exit codes, one line on standard error.

use std::process::{Command, Output};

pub fn start_engine(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_start-engine")).args(words).output().expect("the program runs")
}

/// Runs the program, which must refuse with exit code 1 and one line; gives the line.
pub fn refusal(words: &[&str]) -> String {
    let output = start_engine(words);
    let line = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{words:?}: {line}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{words:?}");
    assert_eq!(line.lines().count(), 1, "{words:?}: {line}");
    line.strip_prefix("start-engine: ").expect("the program's name").trim_end().to_owned()
}

fn printed(words: &[&str]) -> String {
    let output = start_engine(words);
    assert_eq!(output.status.code(), Some(0), "{words:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn version_is_one_line() {
    let line = printed(&["-v"]);
    assert!(line.starts_with(&format!("version: {} revision: ", env!("CARGO_PKG_VERSION"))), "{line}");
    assert_eq!(line.lines().count(), 1);
    assert_eq!(printed(&["--version"]), line);
    assert_eq!(printed(&["--vers"]), line);
}

#[test]
fn help_alone_lists_every_mode() {
    for help in [printed(&["--help"]), printed(&["-h"])] {
        for mode in ["--stream-source-node", "--stream-support-node", "--client-console", "--start-tracker"] {
            assert!(help.contains(mode), "{help}");
        }
        assert!(
            help.contains("--get-infohash PATH") && help.contains("--demo") && help.contains("--log-file")
        );
    }
}

#[test]
fn help_of_a_mode_shows_its_own_options_under_headings() {
    let source = printed(&["--stream-source-node", "--help"]);
    assert!(source.contains("--title") && source.contains("\nPieces and keys:\n"), "{source}");
    assert!(!source.contains("--http-port") && !source.contains("--url"), "{source}");
    assert!(!source.contains("--premium"), "refused options stay out of the help: {source}");
    let client = printed(&["--client-console", "-h"]);
    assert!(client.contains("--http-port") && !client.contains("--title"), "{client}");
}

#[test]
fn without_a_mode_the_usage_follows_the_complaint() {
    for words in [&[][..], &["--port", "1"][..]] {
        let output = start_engine(words);
        let text = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1));
        assert!(text.starts_with("start-engine: Missing required startup options\nusage: "), "{text}");
        assert!(text.contains("--stream-source-node"), "{text}");
    }
}

#[test]
fn two_modes_are_named() {
    let line = refusal(&["--stream-source-node", "--start-tracker"]);
    assert!(line.contains("--stream-source-node") && line.contains("--start-tracker"), "{line}");
    assert!(refusal(&["-v", "--demo"]).contains("two modes"));
}

#[test]
fn modes_of_other_builds_are_refused_by_name() {
    let absent = [
        "--create-transport",
        "--create-transport-multi",
        "--stream-startup-node",
        "--control-node",
        "--client-gtk",
        "--client-wx",
        "--play",
    ];
    for mode in absent {
        let line = refusal(&[mode, "--url", "http://host/x.m3u8"]);
        assert!(line.starts_with(&format!("{mode}: ")) && line.contains("in this build"), "{line}");
    }
}

#[test]
fn prefix_of_several_modes_is_ambiguous() {
    let line = refusal(&["--client"]);
    assert!(line.contains("--client-console") && line.contains("--client-gtk"), "{line}");
    let line = refusal(&["--stream-s"]);
    assert!(line.contains("--stream-source-node") && line.contains("--stream-startup-node"), "{line}");
}

#[test]
fn file_that_is_no_transport_file_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x.acelive");
    let path = path.to_str().expect("text");
    assert!(refusal(&["--get-infohash", path]).contains("x.acelive does not exist"));
    std::fs::write(path, "no transport file").expect("writes");
    assert!(refusal(&["--get-infohash", path]).contains("not a transport file"));
    assert!(refusal(&["--get-file-info", path]).contains("x.acelive: not a transport file"));
    assert!(refusal(&["--get-infohash", path, "--port", "1"]).contains("--port is not an option of"));
}

#[test]
fn transport_file_is_inspected() {
    use start_engine::wire::transport_file::{Descriptor, TransportFile};
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x.acelive");
    let file = TransportFile::build(Descriptor {
        name: "Test Stream".to_owned(),
        pubkey: vec![0x30; 124].into(),
        piece_length: 262_144,
        chunk_length: 16_384,
        bitrate: 295_972,
        trackers: vec!["udp://127.0.0.1:7764/announce".to_owned()],
        ..Descriptor::default()
    });
    std::fs::write(&path, &file.bytes).expect("writes");
    let path = path.to_str().expect("text");
    assert_eq!(printed(&["--get-infohash", path]), format!("{}\n", file.infohash));
    for mode in ["--get-file-info", "--get-file-info-with-id"] {
        let info: serde_json::Value = serde_json::from_str(&printed(&[mode, path])).expect("JSON");
        assert_eq!(info["infohash"], file.infohash.to_string());
        assert_eq!(info["content_id"], file.content_id.to_string());
        assert_eq!(info["name"], "Test Stream");
        assert_eq!(info["piece_length"], 262_144);
        assert_eq!(info["trackers"][0], "udp://127.0.0.1:7764/announce");
        assert_eq!(info["authmethod"], "RSA");
    }
}

#[test]
fn hls_transport_file_is_inspected_without_its_private_key() {
    use start_engine::wire::hls::transport::{HlsDescriptor, HlsTransport};
    use start_engine::wire::node_key::NodeKey;
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x.acelive");
    let seed = *b"a private key, which is all text";
    let private = HlsTransport::build(HlsDescriptor {
        title: "Test Stream".to_owned(),
        pubkey: NodeKey::from_seed(seed).node_id().0,
        manifest_url: Some("http://origin.example/live.m3u8".to_owned()),
        hides_manifest: true,
        private_key: Some(seed),
        ..HlsDescriptor::default()
    });
    let inspect = |file: &HlsTransport| {
        std::fs::write(&path, &file.bytes).expect("writes");
        let path = path.to_str().expect("text");
        assert_eq!(printed(&["--get-infohash", path]), format!("{}\n", private.infohash));
        let text = printed(&["--get-file-info", path]);
        assert!(!text.contains("a private key") && !text.contains("private_key"), "{text}");
        assert_eq!(printed(&["--get-file-info-with-id", path]), text);
        let info: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(info["content_id"], private.content_id.to_string());
        assert_eq!(info["pubkey"].as_str().map(str::len), Some(64));
        info
    };
    let info = inspect(&private);
    assert_eq!((&info["is_private"], &info["name"]), (&true.into(), &"Test Stream".into()));
    assert_eq!(info["manifest_url"], "http://origin.example/live.m3u8");
    let info = inspect(&private.public());
    assert_eq!(info["is_private"], false);
    assert_eq!(info.get("manifest_url"), None);
}
