//! Configuration files: what they say reaches the nodes, what stands above them wins, and what is wrong in
//! them is told with file, line and key.

use std::path::PathBuf;

use start_engine::cli::{self, Asked, Command, Environment, Run};
use start_engine::node::config::{NodeConfig, SourceConfig, SupportConfig};

use crate::documented::{accepted, minimal};

/// A file in a directory of its own.
pub struct File(tempfile::TempDir);

impl File {
    pub fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("nodes.toml"), text).expect("writes");
        Self(dir)
    }

    pub fn path(&self) -> String {
        self.0.path().join("nodes.toml").to_str().expect("text").to_owned()
    }

    fn answer(&self, words: &[&str], variables: &[(&str, &str)]) -> Result<Asked, cli::UsageError> {
        let path = self.path();
        let words = ["--config", &path].into_iter().chain(words.iter().copied()).map(str::to_owned);
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        cli::parse_in(&words.collect::<Vec<_>>(), &Environment::new(variables))
    }

    pub fn run_in(&self, words: &[&str], variables: &[(&str, &str)]) -> Run {
        match self.answer(words, variables) {
            Ok(Asked::Run(run)) => *run,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    pub fn run(&self, words: &[&str]) -> Run {
        self.run_in(words, &[])
    }

    /// The complaint, without the directory of the file.
    fn refusal(&self, words: &[&str]) -> String {
        let error = self.answer(words, &[]).expect_err("wrong").to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        error.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn source_of(run: Run) -> SourceConfig {
    match run.command {
        Command::Source(config) => config,
        other => panic!("{other:?}"),
    }
}

/// Names and configurations of several nodes.
fn nodes_of(run: Run) -> Vec<(String, NodeConfig)> {
    match run.command {
        Command::Nodes(nodes) => nodes.into_iter().map(|node| (node.name, node.config)).collect(),
        other => panic!("{other:?}"),
    }
}

fn names_of(run: Run) -> Vec<String> {
    nodes_of(run).into_iter().map(|(name, _)| name).collect()
}

const SOURCE: &str = "[source]\nname = \"test\"\nsource = \"http://127.0.0.1/s\"\ntitle = \"Test\"\n";
const THREE: &str = r#"
max-peers = 10

[[source]]
name = "one"
source = "http://127.0.0.1/1"
title = "One"
port = 8001

[[source]]
name = "two"
source = "http://127.0.0.1/2"
title = "Two"
port = 8002
max-peers = 20

[[support]]
url = "http://127.0.0.1:8001/app/get_transport_file?format=raw"
"#;

#[test]
fn one_table_is_the_same_as_the_mode_and_its_options() {
    assert_eq!(File::new(SOURCE).run(&[]), accepted(&minimal('S')));
    let file = File::new("name = \"test\"\nsource = \"http://127.0.0.1/s\"\ntitle = \"Test\"\n");
    assert_eq!(file.run(&["--stream-source-node"]), accepted(&minimal('S')), "a mode needs no table");
    assert_eq!(File::new(SOURCE).run(&["--stream-source-node"]), accepted(&minimal('S')));
}

#[test]
fn each_kind_of_value_is_written_as_toml_does() {
    let more = "permanent = true\nallow-public-trackers = 1\nport = 0x1f\nsource-key-bits = 1024\n\
                date-start = 2030-01-31T18:00:00+01:00\ndate-end = 1900000000\n\
                tracker = [\"udp://a:1/a\", \"udp://b:1/a\"]\ntag = \"two words\"\n";
    let read = source_of(File::new(&format!("{SOURCE}{more}")).run(&[]));
    let typed = [
        "--permanent",
        "--allow-public-trackers=1",
        "--port=31",
        "--source-key-bits=1024",
        "--date-start=2030-01-31T18:00:00+01:00",
        "--date-end=1900000000",
        "--tracker=udp://a:1/a",
        "--tracker=udp://b:1/a",
        "--tag=two words",
    ];
    let words: Vec<_> = minimal('S').into_iter().chain(typed).collect();
    assert_eq!(read, source_of(accepted(&words)));
}

#[test]
fn command_line_stands_above_environment_above_table_above_shared_keys() {
    let file =
        File::new(&format!("max-peers = 1\nmax-connections = 1\nupload-limit = 1\n{SOURCE}max-peers = 2"));
    let variables = [("START_ENGINE_MAX_PEERS", "3"), ("START_ENGINE_MAX_CONNECTIONS", "3")];
    let max_peers = |words: &[&str], variables: &[_]| {
        let common = source_of(file.run_in(words, variables)).common;
        (common.max_peers, common.max_connections, common.upload_limit)
    };
    assert_eq!(max_peers(&[], &[]), (2, 1, Some(1024)));
    assert_eq!(max_peers(&[], &variables), (3, 3, Some(1024)));
    assert_eq!(max_peers(&["--max-peers", "4"], &variables), (4, 3, Some(1024)));
    let by_prefix = max_peers(&["--max-con=4"], &variables);
    assert_eq!(by_prefix, (3, 4, Some(1024)), "prefixes stand for options here too");
}

#[test]
fn list_replaces_the_lists_beneath_it() {
    let file = File::new(&format!("{SOURCE}tracker = [\"udp://a:1/a\", \"udp://b:1/a\"]"));
    let trackers = |words: &[&str], variables: &[_]| source_of(file.run_in(words, variables)).trackers;
    assert_eq!(trackers(&[], &[]), ["udp://a:1/a", "udp://b:1/a"]);
    let variable = [("START_ENGINE_TRACKER", "udp://c:1/a udp://d:1/a")];
    assert_eq!(trackers(&[], &variable), ["udp://c:1/a", "udp://d:1/a"]);
    assert_eq!(trackers(&["--tracker", "udp://e:1/a"], &variable), ["udp://e:1/a"]);
}

#[test]
fn flag_of_the_file_can_be_switched_off_by_the_environment() {
    let file = File::new(&format!("{SOURCE}permanent = true"));
    assert!(source_of(file.run(&[])).permanent);
    assert!(!source_of(file.run_in(&[], &[("START_ENGINE_PERMANENT", "0")])).permanent);
}

#[test]
fn several_tables_are_several_nodes_with_names() {
    let file = File::new(THREE);
    assert_eq!(names_of(file.run(&[])), ["source:one", "source:two", "support:8621"]);
    let max_peers: Vec<_> =
        nodes_of(file.run(&[])).iter().map(|(_, node)| node.common().expect("peers").max_peers).collect();
    assert_eq!(max_peers, [10, 20, 10]);
    let run = file.run(&["--upload-limit", "7", "--timeshift", "9"]);
    for (name, node) in nodes_of(run) {
        assert_eq!(node.common().expect("peers").upload_limit, Some(7 * 1024), "{name}");
        if let NodeConfig::Source(source) = node {
            assert_eq!(
                source.timeshift.map(|span| span.as_secs()),
                Some(9),
                "options of some of the nodes too"
            );
        }
    }
}

#[test]
fn nodes_without_a_port_of_their_own_are_numbered() {
    let file = File::new(
        "port = 0\n[[tracker]]\n[[support]]\nurl = \"a.acelive\"\n[[support]]\nurl = \"b.acelive\"\n",
    );
    assert_eq!(names_of(file.run(&[])), ["tracker:#1", "support:#2", "support:#3"]);
}

#[test]
fn directory_of_all_nodes_is_parted_among_them() {
    let dirs = |run: Run| -> Vec<_> {
        let common = |node: &NodeConfig| node.common().cloned().expect("peers");
        nodes_of(run).iter().map(|(_, node)| (common(node).state_dir, common(node).cache_dir)).collect()
    };
    let two = "[[support]]\nurl = \"a\"\n[[support]]\nurl = \"a\"\nport = 1\nstate-dir = \"/own\"\n";
    let file = File::new(&format!("state-dir = \"/var/s\"\ncache-dir = \"/var/c\"\n{two}"));
    let path = |text: &str| PathBuf::from(text);
    let expected = [
        (Some(path("/var/s/support-8621")), path("/var/c/support-8621")),
        (Some(path("/own")), path("/var/c/support-1")),
    ];
    assert_eq!(dirs(file.run(&[])), expected);
    let typed = dirs(file.run(&["--state-dir", "/typed"]));
    assert_eq!(typed[0].0, Some(path("/typed/support-8621")));
    assert_eq!(typed[1].0, Some(path("/typed/support-1")));
    let alone = File::new("state-dir = \"/var/s\"\n[support]\nurl = \"a\"\n").run(&[]);
    let Command::Support(SupportConfig { common, .. }) = alone.command else { panic!("a support node") };
    assert_eq!(common.state_dir, Some(path("/var/s")), "one node has it for itself");
}

#[test]
fn shared_key_concerns_only_the_nodes_that_make_something_of_it() {
    let clients = "[[client]]\nhttp-port = 1\nstate-dir = \"/tmp/x\"\n[[support]]\nurl = \"a\"\nport = 2\n";
    let file = File::new(&format!("stats-report-peers = true\n{clients}"));
    let reports: Vec<_> = nodes_of(file.run(&[]))
        .iter()
        .map(|(_, n)| n.common().expect("peers").service.reports_peers)
        .collect();
    assert_eq!(reports, [false, true], "the client has no node interface");
}

#[test]
fn log_is_that_of_the_process() {
    let file = File::new(&format!("log-debug = 1\nlog-modules = \"LM:E\"\n{THREE}"));
    assert_eq!(file.run(&[]).log.debug, 1);
    assert_eq!(file.run(&["--log-debug", "7"]).log.debug, 7);
    assert_eq!(file.run(&["--debug-pieces"]).log.modules.len(), 2);
    let file = File::new(&format!("{THREE}log-debug = 1\n"));
    let line = file.refusal(&[]);
    assert!(line.starts_with("nodes.toml:19: --log-debug: ") && line.contains("above the tables"), "{line}");
}

#[test]
fn whatever_is_wrong_is_told_with_its_line() {
    let cases = [
        ("port = \"7\"", "nodes.toml:5: port: expected a whole number, found a string"),
        (
            "port = 70000",
            "nodes.toml:5: invalid value '70000' for '--port <N>': expected a whole number from 0 to",
        ),
        ("port = [1]", "nodes.toml:5: port: expected one value, found an array"),
        ("title = 1", "nodes.toml:5: "),
        ("permanent = \"yes\"", "nodes.toml:5: permanent: expected true or false, found a string"),
        ("permanent = 2", "nodes.toml:5: invalid value '2' for '--permanent"),
        ("quality = \"4K\"", "nodes.toml:5: invalid value '4K' for '--quality"),
        (
            "tilte = \"x\"",
            "nodes.toml:5: unexpected argument '--tilte' found; tip: a similar argument exists: '--title'",
        ),
        ("help = true", "nodes.toml:5: --help is not an option of --stream-source-node"),
        ("\"a b\" = 1", "nodes.toml:5: \"a b\" is not an option"),
        ("premium = true", "nodes.toml:5: --premium: premium broadcasts are out of scope"),
        ("publish-dir = \"/nowhere\"", "nodes.toml:5: --publish-dir: /nowhere does not exist"),
        ("date-start = 2\ndate-end = 1", "nodes.toml:6: --date-end is not after --date-start"),
        (
            "\ntracker = [\"udp://a:1/a\",\n 7]",
            "nodes.toml:6: tracker: expected a string, found a whole number",
        ),
        ("port = 1\nport = 2", "nodes.toml:6: duplicate key"),
        ("port = ", "nodes.toml:5: "),
        ("config = \"x\"", "nodes.toml:5: config: a file cannot name another"),
        ("[sauce]\nport = 1", "nodes.toml:5: \"sauce\" is no table; there are source, support, client"),
        ("[[source]]\nport = 1", "nodes.toml:5: "),
    ];
    for (more, expected) in cases {
        let line = File::new(&format!("{SOURCE}{more}\n")).refusal(&[]);
        assert!(line.starts_with(expected), "{more}: {line}");
    }
    let line = File::new("\n[source]\nname = \"x\"\n").refusal(&[]);
    assert!(
        line.starts_with("nodes.toml:2: [source]: ") && line.contains("--source") && line.contains("--title"),
        "{line}"
    );
    let line = File::new("log-debug = 1\n").refusal(&[]);
    assert!(line.starts_with("nodes.toml: no table says what runs"), "{line}");
}

#[test]
fn mistake_on_the_command_line_is_not_blamed_on_the_file() {
    let file = File::new(SOURCE);
    assert!(file.refusal(&["--port", "x"]).starts_with("invalid value 'x' for '--port"));
    assert!(file.refusal(&["--tilte", "x"]).starts_with("unexpected argument '--tilte'"));
    assert!(File::new(THREE).refusal(&["--tilte", "x"]).starts_with("unexpected argument '--tilte'"));
    let line = File::new(THREE).refusal(&["--bind-all"]);
    assert!(line.starts_with("--bind-all is not an option of --stream-source-node or"), "{line}");
}

#[test]
fn nodes_that_get_in_each_others_way_are_named() {
    let source = |name: &str, port: u16| {
        format!("[[source]]\nname = \"{name}\"\nsource = \"-\"\ntitle = \"x\"\nport = {port}\n")
    };
    let refusal = |text: String| File::new(&text).refusal(&[]);
    let line = refusal(source("a", 1) + &source("b", 1));
    assert_eq!(line, "nodes.toml:6: source:a and source:b both take port 1");
    let line = refusal(source("a", 1) + &source("a", 2));
    assert_eq!(line, "nodes.toml:6: source:a and source:a have the same --name a");
    let line = refusal(source("a", 1) + &source("b", 2));
    assert_eq!(line, "nodes.toml:6: source:a and source:b have the same --source -, the standard input");
    let clients = "[[client]]\nport = 1\nstate-dir = \"/x\"\n[[client]]\nport = 6878\nhttp-port = 2\nstate-dir = \"/y\"\n";
    assert_eq!(refusal(clients.to_owned()), "nodes.toml:4: client:1 and client:6878 both take port 6878");
    let clients =
        "[[client]]\nport = 1\nhttp-port = 3\nstate-dir = \"/x\"\n[[client]]\nport = 2\nstate-dir = \"/x\"\n";
    assert_eq!(
        refusal(clients.to_owned()),
        "nodes.toml:5: client:1 and client:2 have the same --state-dir /x"
    );
}

#[test]
fn same_port_on_other_addresses_is_no_conflict() {
    let node =
        |ip: &str, pid: &str| format!("[[tracker]]\nport = 1\nbind = \"{ip}\"\npid-file-dir = \"{pid}\"\n");
    assert_eq!(
        names_of(File::new(&(node("127.0.0.1", "/tmp") + &node("127.0.0.2", "/var/tmp"))).run(&[])).len(),
        2
    );
    let line = File::new(&(node("127.0.0.1", "/tmp") + &node("127.0.0.2", "/tmp"))).refusal(&[]);
    assert!(line.contains("both take port 1"), "the pid file would be one: {line}");
}

#[test]
fn mode_beside_a_file_of_other_nodes_is_refused() {
    let line = File::new(THREE).refusal(&["--stream-source-node"]);
    assert!(line.starts_with("nodes.toml:4: ") && line.ends_with("leave the mode out"), "{line}");
    let line = File::new(SOURCE).refusal(&["--start-tracker"]);
    assert!(line.ends_with("leave the mode out"), "{line}");
}

#[test]
fn file_that_cannot_be_read_is_named() {
    let refused = |path: &str| crate::program::refusal(&["--config", path]);
    assert_eq!(refused("/nowhere/x.toml"), "--config: /nowhere/x.toml does not exist");
    assert!(refused("/tmp").starts_with("--config: /tmp"));
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x.toml");
    std::fs::write(&path, b"title = \"\xff\"").expect("writes");
    assert!(refused(path.to_str().expect("text")).ends_with("x.toml is not UTF-8"));
}
