//! What is offered for deployment, tried as far as this machine allows.

use std::path::{Path, PathBuf};
use std::process::Command;

use start_engine::cli::{self, Command as Asked};

use crate::configuration::File;

fn offered(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deploy").join(name);
    std::fs::read_to_string(path).expect("docs/deploy has it")
}

#[test]
fn example_file_starts_three_nodes() {
    let dirs = ["/var/lib/start-engine", "/var/cache/start-engine", "/run/start-engine"];
    let text = dirs.iter().fold(offered("start-engine.toml"), |text, dir| text.replace(dir, "/tmp"));
    let Asked::Nodes(nodes) = File::new(&text).run(&[]).command else { panic!("several nodes") };
    let names: Vec<_> = nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["source:test", "support:8621", "support:8622"]);
}

#[test]
fn unit_has_no_line_that_systemd_does_not_know() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("skipped: systemd-analyze is not on this machine");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let path: PathBuf = dir.path().join("start-engine.service");
    // neither the program nor its manual has to be installed for this
    let unit = offered("start-engine.service")
        .replace("/usr/local/bin/start-engine", env!("CARGO_BIN_EXE_start-engine"));
    std::fs::write(&path, unit.replace("Documentation=man:start-engine(1)\n", "")).expect("writes");
    let output = Command::new("systemd-analyze").arg("verify").arg(&path).output().expect("it runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    let about_unit: Vec<_> = complaint.lines().filter(|line| line.contains("start-engine.service")).collect();
    assert!(about_unit.is_empty(), "{complaint}");
}

#[test]
fn variables_of_the_container_are_options() {
    let file = offered("Containerfile");
    let line = file.lines().find_map(|line| line.strip_prefix("ENV ")).expect("variables");
    let pairs = line.split(' ').filter_map(|pair| pair.split_once('='));
    let environment = cli::Environment::new(pairs.map(|(name, value)| (name.into(), value.into())));
    assert_eq!(environment.warnings(), [""; 0]);
}
