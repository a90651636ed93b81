//! What people get wrong, through the real binary: one line that names what and why, exit code 1.

use crate::documented::minimal;
use crate::program::refusal;

fn refusal_with(mode: char, words: &[&str]) -> String {
    refusal(&minimal(mode).into_iter().chain(words.iter().copied()).collect::<Vec<_>>())
}

#[test]
fn unknown_option_gets_a_suggestion() {
    let line = refusal_with('S', &["--tilte", "x"]);
    assert!(line.contains("'--tilte'") && line.contains("'--title'"), "{line}");
    assert!(refusal_with('T', &["--quux"]).contains("'--quux'"));
}

#[test]
fn stray_word_is_refused() {
    assert!(refusal_with('T', &["stray"]).contains("'stray'"));
}

#[test]
fn option_of_another_mode_is_refused_by_name() {
    assert!(
        refusal_with('S', &["--bind-all"]).contains("--bind-all is not an option of --stream-source-node")
    );
}

#[test]
fn every_missing_option_is_named() {
    let line = refusal(&["--stream-source-node"]);
    assert!(line.contains("--name") && line.contains("--source") && line.contains("--title"), "{line}");
    assert!(refusal(&["--stream-support-node"]).contains("--url"));
}

#[test]
fn missing_value_is_named() {
    assert!(refusal_with('T', &["--port"]).contains("--port"));
    assert!(refusal_with('S', &["--quality", "--permanent"]).contains("--quality"));
}

#[test]
fn ambiguous_prefix_names_the_candidates() {
    let line = refusal_with('S', &["--log-m", "1"]);
    assert!(line.contains("--log-max-size") && line.contains("--log-modules"), "{line}");
}

#[test]
fn piece_size_that_is_no_power_of_two_is_refused() {
    assert!(
        refusal_with('S', &["--piecesize", "3"]).contains("expected a power of two from 16384 to 8388608")
    );
}

#[test]
fn hidden_manifest_needs_a_private_file_of_its_own() {
    let hidden = "--hide-hls-manifest";
    assert_eq!(refusal_with('H', &[hidden]), "--hide-hls-manifest needs --output-private");
    let same = ["--output-public", "/tmp/x.acelive", "--output-private", "/tmp/../tmp/x.acelive"];
    let one_file = "--output-private and --output-public are one file";
    assert_eq!(refusal_with('H', &[&[hidden], &same[..]].concat()), one_file);
    assert_eq!(refusal_with('P', &same), one_file);
}

#[test]
fn monotonic_sequence_of_a_public_broadcast_is_refused() {
    let line = refusal_with('P', &["--hls-force-monotonic-sequence", "1"]);
    assert_eq!(line, "--hls-force-monotonic-sequence 1 needs --hide-hls-manifest");
}

#[test]
fn outputs_that_cannot_be_written_are_named() {
    for option in ["--output-public", "--output-private"] {
        let line = |path: &str| refusal_with('H', &[option, path]);
        assert_eq!(line("/nowhere/x.acelive"), format!("{option}: /nowhere does not exist"));
        assert!(line("/proc/x.acelive").starts_with(&format!("{option}: /proc cannot be written to")));
        assert_eq!(line("/tmp"), format!("{option}: /tmp: is a directory"));
    }
}

#[test]
fn name_that_is_no_file_name_is_refused() {
    assert!(refusal_with('S', &["--name", "../x"]).contains("a-z, 0-9, _ and -"));
}

#[test]
fn missing_and_read_only_directories_are_named() {
    assert!(
        refusal_with('S', &["--publish-dir", "/nowhere"]).contains("--publish-dir: /nowhere does not exist")
    );
    assert!(
        refusal_with('S', &["--metadata-dir", "/proc"])
            .contains("--metadata-dir: /proc cannot be written to")
    );
    assert!(refusal_with('T', &["--pid-file-dir", "/dev/null"]).contains("/dev/null is not a directory"));
    assert!(refusal_with('T', &["--log-file", "/nowhere/x"]).contains("--log-file: /nowhere does not exist"));
}

#[test]
fn what_is_out_of_scope_is_refused_as_such() {
    for (option, value) in [("--login", "me"), ("--password", "secret"), ("--purse", "x")] {
        let line = refusal_with('C', &[option, value]);
        assert!(line.starts_with(&format!("{option}: ")) && line.contains("out of scope"), "{line}");
    }
    assert!(refusal_with('S', &["--premium"]).contains("out of scope"));
}

#[test]
fn database_of_countries_is_for_rules_about_them() {
    assert_eq!(refusal_with('S', &["--geoip-db", "x.mmdb"]), "--geoip-db needs --ip-filter-config");
}

#[test]
fn address_that_is_a_network_too_is_refused_with_both_readings() {
    let line = refusal_with('R', &["--download-from", "10.0.0.1/8"]);
    assert!(line.contains("expected 10.0.0.1 or 10.0.0.0/8"), "{line}");
}
