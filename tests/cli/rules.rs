//! Rules that join options, defaults, and spelling.

use std::net::IpAddr;
use std::time::Duration;

use start_engine::cli::Command;
use start_engine::node::config::{
    ClientConfig, CreateHlsConfig, DHT_ROUTERS, DhtOptions, HlsBroadcast, HlsSupportOptions,
    PublishHlsConfig, SourceConfig, SupportConfig, TrackerConfig,
};
use start_engine::wire::transport_file::Quality;

use crate::documented::{accepted, minimal, refused};

fn with<'a>(mode: char, words: &[&'a str]) -> Vec<&'a str> {
    minimal(mode).into_iter().chain(words.iter().copied()).collect()
}

fn source(words: &[&str]) -> SourceConfig {
    match accepted(&with('S', words)).command {
        Command::Source(config) => config,
        other => panic!("{other:?}"),
    }
}

fn support(words: &[&str]) -> SupportConfig {
    match accepted(&with('R', words)).command {
        Command::Support(config) => config,
        other => panic!("{other:?}"),
    }
}

fn client(words: &[&str]) -> ClientConfig {
    match accepted(words).command {
        Command::Client(config) => config,
        other => panic!("{other:?}"),
    }
}

fn create_hls(words: &[&str]) -> CreateHlsConfig {
    match accepted(&with('H', words)).command {
        Command::CreateHls(config) => config,
        other => panic!("{other:?}"),
    }
}

fn publish_hls(words: &[&str]) -> PublishHlsConfig {
    match accepted(&with('P', words)).command {
        Command::PublishHls(config) => config,
        other => panic!("{other:?}"),
    }
}

/// Who builds a node by hand takes no part in the DHT unless told to; the command line tells it.
fn usual_dht() -> DhtOptions {
    DhtOptions { is_enabled: true, routers: DHT_ROUTERS.map(str::to_owned).to_vec() }
}

#[test]
fn nodes_to_enter_the_dht_by_take_the_place_of_the_usual_ones() {
    let given =
        ["--dht-bootstrap", "a.example:1", "--dht-bootstrap", "[::1]:2", "--dht-bootstrap", "a.example:1"];
    assert_eq!(source(&given).common.dht.routers, ["a.example:1", "[::1]:2"]);
    assert!(!source(&["--dht-enabled", "0"]).common.dht.is_enabled);
}

#[test]
fn defaults_are_the_documented_ones() {
    let mut default_source = SourceConfig::new("test", "http://127.0.0.1/s", "Test");
    default_source.common.dht = usual_dht();
    assert_eq!(source(&[]), default_source);
    assert_eq!(source(&[]).common.port, 7764);
    let mut default_support = SupportConfig::new("test.acelive");
    default_support.common.dht = usual_dht();
    assert_eq!(support(&[]), default_support);
    assert_eq!(support(&[]).common.port, 8621);
    let client = client(&["--client-console"]);
    assert!(client.common.state_dir.as_ref().expect("under home").ends_with(".ACEStream"));
    assert_eq!((client.http_port, client.common.port), (6878, 8621));
    let maps_port = [source(&[]).common.maps_port, support(&[]).common.maps_port, client.common.maps_port];
    assert_eq!(maps_port, [false, false, true]);
    let Command::Tracker(tracker) = accepted(&["--start-tracker"]).command else { panic!("a tracker") };
    assert_eq!(tracker, TrackerConfig { bind: vec![], port: 7764, pid_file_dir: "/tmp".into() });
}

#[test]
fn seed_command_is_read_as_it_is_spelled() {
    let line = [
        "--stream-source-node",
        "--source",
        "http://host/stream",
        "--name",
        "test",
        "--title",
        "Test Stream",
        "--bitrate",
        "0",
        "--quality",
        "SD",
        "--category",
        "entertaining",
    ];
    let Command::Source(config) = accepted(&line).command else { panic!("a source") };
    let mut expected = SourceConfig {
        quality: Quality::Sd,
        categories: vec!["entertaining".to_owned()],
        ..SourceConfig::new("test", "http://host/stream", "Test Stream")
    };
    expected.common.dht = usual_dht();
    assert_eq!(config, expected);
}

#[test]
fn first_source_is_read_and_the_others_are_its_backups_but_standard_input_stands_alone() {
    let config = source(&["--source", "udp://:1234", "--source", "http://b/s", "--source", "udp://:1234"]);
    assert_eq!(config.source, "http://127.0.0.1/s");
    assert_eq!(config.backup_sources, ["udp://:1234", "http://b/s"]);
    assert!(refused(&with('S', &["--source", "-"])).starts_with("--source -: "));
    let alone = ["--stream-source-node", "--name", "test", "--title", "Test", "--source", "-"];
    let Command::Source(config) = accepted(&alone).command else { panic!("a source") };
    assert_eq!((config.source.as_str(), config.backup_sources.len()), ("-", 0));
    let many: Vec<String> = (0..8).flat_map(|at| ["--source".to_owned(), format!("http://h/{at}")]).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(refused(&with('S', &many)), "--source was given 9 times, at most 8 fit");
}

#[test]
fn size_of_the_disk_cache_needs_one() {
    let line = ["--live-disk-cache-size", "300000000"];
    assert_eq!(refused(&with('S', &line)), "--live-disk-cache-size needs --live-cache-type disk");
    let cache = source(&["--live-cache-type", "disk", "--live-mem-cache-size", "50000000"]).common.live_cache;
    assert_eq!((cache.disk_bytes, cache.memory_bytes), (209_715_200, Some(50_000_000)));
}

#[test]
fn scalar_given_twice_takes_the_last_value() {
    assert_eq!(source(&["--port", "1", "--port", "2"]).common.port, 2);
    assert_eq!(source(&["--port=1", "--por=2"]).common.port, 2);
    assert!(source(&["--permanent", "--permanent"]).permanent);
    assert!(!source(&["--allow-public-trackers", "1", "--allow-public-trackers", "0"]).allow_public_trackers);
}

#[test]
fn lists_keep_their_order_and_each_value_once() {
    let trackers = ["--tracker", "udp://b:1/a", "--tracker", "udp://a:1/a", "--tracker", "udp://b:1/a"];
    assert_eq!(source(&trackers).trackers, ["udp://b:1/a", "udp://a:1/a"]);
    let bind = support(&["--bind", "::1", "--bind", "127.0.0.1"]).common.bind;
    let expected: Vec<IpAddr> =
        ["::1", "127.0.0.1"].iter().map(|ip| ip.parse().expect("an address")).collect();
    assert_eq!(bind, expected);
}

#[test]
fn more_trackers_than_a_transport_file_holds_are_refused() {
    let urls: Vec<_> = (1..=65).map(|port| format!("--tracker=udp://t:{port}/a")).collect();
    let words: Vec<_> = urls.iter().map(String::as_str).collect();
    assert_eq!(source(&words[..64]).trackers.len(), 64);
    assert!(refused(&with('S', &words)).contains("--tracker was given 65 times"));
}

#[test]
fn values_reach_their_fields() {
    let config =
        source(&["--source-read-timeout", "7", "--timeshift", "60", "--piecesize", "65536", "--sid", "a"]);
    assert_eq!(config.source_read_timeout, Duration::from_secs(7));
    assert_eq!(config.timeshift, Some(Duration::from_secs(60)));
    assert_eq!((config.piece_size, config.sid.as_deref()), (Some(65_536), Some("a")));
    let config = source(&["--date-start", "2024-02-29T23:59:58Z", "--date-end", "1709251199"]);
    assert_eq!((config.date_start, config.date_end), (Some(1_709_251_198), Some(1_709_251_199)));
}

#[test]
fn piece_smaller_than_its_chunks_is_refused() {
    let words = ["--piecesize", "16384", "--chunksize", "32768"];
    assert!(refused(&with('S', &words)).contains("--piecesize 16384 is smaller than a chunk of 32768 bytes"));
    assert_eq!(source(&["--piecesize", "32768", "--chunksize", "32768"]).piece_size, Some(32_768));
}

#[test]
fn broadcast_that_ends_before_it_begins_is_refused() {
    let words = ["--date-start", "2000", "--date-end", "2000"];
    assert!(refused(&with('S', &words)).contains("--date-end"));
}

#[test]
fn options_of_the_log_file_need_one() {
    for option in ["--log-max-size=1", "--log-backup-count=1", "--log-file-mode=a"] {
        assert!(refused(&with('S', &[option])).contains("needs --log-file"));
    }
}

#[test]
fn log_goes_to_stdout_unless_a_file_or_stderr_is_named() {
    let log = |words: &[&str]| accepted(&with('T', words)).log;
    assert!(log(&[]).stdout.is_some() && log(&[]).stderr.is_none());
    assert!(log(&["--log-stderr"]).stdout.is_none());
    assert!(log(&["--log-file", "/tmp/x.log"]).stdout.is_none());
    assert!(log(&["--log-file", "/tmp/x.log", "--log-stdout"]).stdout.is_some());
}

#[test]
fn official_command_lines_fail_only_where_they_ask_for_what_is_absent() {
    let line = [
        "--source-reconnect-interval",
        "20",
        "--skip-internal-tracker",
        "--close-connections-from-same-peer",
        "1",
        "--max-peers",
        "10",
        "--stats-report-interval",
        "4",
        "--permanent",
        "--live-cache-type",
        "memory",
        "--private-node",
        "0",
        "--log-file",
        "/tmp/x.log",
        "--log-backup-count",
        "1",
        "--log-max-size",
        "100000000",
    ];
    let config = source(&line);
    assert!(
        config.permanent && config.common.close_connections_from_same_peer && config.skip_internal_tracker
    );
    assert!(refused(&with('S', &["--disk-cache-limit", "1"])).starts_with("--disk-cache-limit: "));
}

#[test]
fn transport_of_an_hls_broadcast_is_described_by_its_options() {
    let config = create_hls(&[]);
    assert_eq!(config.broadcast, HlsBroadcast::new("http://h/live.m3u8", "Test"));
    assert_eq!((config.output_private, config.quiet), (None, false));
    let line = [
        "--base-url=http://h/",
        "--hide-hls-manifest",
        "--hide-hls-segments",
        "--output-private=/tmp/unused_private.acelive",
        "--category=sport",
        "--country=pol",
        "--country=POL",
        "--language=POL",
        "--tracker=udp://t:1/a",
        "--startup-node=10.0.0.1:8621",
        "--provider-key=key",
        "--sid=1",
    ];
    let expected = HlsBroadcast {
        base_url: Some("http://h/".to_owned()),
        hides_manifest: true,
        hides_segments: true,
        categories: vec!["sport".to_owned()],
        countries: vec!["POL".to_owned()],
        languages: vec!["pol".to_owned()],
        trackers: vec!["udp://t:1/a".to_owned()],
        startup_nodes: vec!["10.0.0.1:8621".parse().expect("an address")],
        provider_key: Some("key".to_owned()),
        sid: Some("1".to_owned()),
        ..HlsBroadcast::new("http://h/live.m3u8", "Test")
    };
    assert_eq!(create_hls(&line).broadcast, expected);
}

#[test]
fn support_node_is_told_how_to_read_an_origin() {
    let line = [
        "--hide-hls-segments",
        "--hls-broadcast-last-source-piece",
        "--hls-bad-manifest-max-errors=3",
        "--hls-bad-manifest-retry-interval=4",
        "--hls-force-monotonic-sequence=1",
        "--metadata-dir=/tmp",
    ];
    let expected = HlsSupportOptions {
        hide_segments: true,
        broadcast_last_source_piece: true,
        skip_data: false,
        skip_metadata_broadcast: false,
        bad_manifest_max_errors: 3,
        bad_manifest_retry_interval: Duration::from_secs(4),
        force_monotonic_sequence: true,
        metadata_dir: "/tmp".into(),
    };
    assert_eq!(support(&line).hls, expected);
    assert_eq!((support(&[]).hls.bad_manifest_max_errors), 5);
    assert_eq!(support(&[]).hls.bad_manifest_retry_interval, Duration::from_secs(2));
}

#[test]
fn published_broadcast_is_fed_from_its_private_file() {
    let config = publish_hls(&["--title", "Test Stream", "--publish-dir=/tmp", "--metadata-dir=/var/tmp"]);
    assert_eq!(config.create.output_public.to_str(), Some("/tmp/test-stream.acelive"));
    let private = "/var/tmp/test-stream_private.acelive";
    assert_eq!(config.create.output_private.as_deref().and_then(|path| path.to_str()), Some(private));
    assert_eq!((config.support.url.as_str(), config.support.common.port), (private, 8621));
    let config = publish_hls(&["--output-public=/tmp/a", "--output-private=/tmp/b", "--tracker=udp://t:1/a"]);
    assert_eq!(config.create.output_public.to_str(), Some("/tmp/a"));
    assert_eq!(config.support.url, "/tmp/b");
    assert_eq!(config.create.broadcast.trackers, ["udp://t:1/a"]);
    assert!(config.support.trackers.is_empty(), "they are in the transport file");
}

#[test]
fn making_a_transport_file_logs_only_where_it_is_told_to() {
    let log = |words: &[&str]| accepted(&with('H', words)).log;
    assert!(log(&[]).stdout.is_none() && log(&[]).stderr.is_none());
    assert!(log(&["--log-debug", "1"]).stderr.is_some());
    assert!(log(&["--log-stdout"]).stdout.is_some());
    let quiet = accepted(&with('P', &["--quiet"])).log;
    assert!(quiet.stdout.is_none() && quiet.stderr.is_none());
}
