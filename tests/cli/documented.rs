//! Runs the table of documented options through the parser.

use start_engine::cli::{self, Asked, Run};

use crate::table::{Answer, ROWS, Row};

/// The shortest command line of a mode.
pub fn minimal(mode: char) -> Vec<&'static str> {
    match mode {
        'S' => vec![
            "--stream-source-node",
            "--name",
            "test",
            "--source",
            "http://127.0.0.1/s",
            "--title",
            "Test",
        ],
        'R' => vec!["--stream-support-node", "--url", "test.acelive"],
        'C' => vec!["--client-console", "--state-dir", "/tmp/unused"],
        'T' => vec!["--start-tracker"],
        'D' => vec!["--demo"],
        'H' => {
            vec![
                "--create-hls-transport",
                "--url",
                "http://h/live.m3u8",
                "--title",
                "Test",
                "--output-public",
                "/tmp/unused.acelive",
            ]
        }
        'P' => vec!["--publish-hls-stream", "--url", "http://h/live.m3u8", "--title", "Test"],
        other => panic!("no mode {other}"),
    }
}

/// Reads a command line that must be right.
pub fn accepted(words: &[&str]) -> Run {
    match parse(words) {
        Ok(Asked::Run(run)) => *run,
        other => panic!("{words:?}: {other:?}"),
    }
}

/// Reads a command line that must be wrong.
pub fn refused(words: &[&str]) -> String {
    match parse(words) {
        Err(error) => error.to_string(),
        other => panic!("{words:?}: {other:?}"),
    }
}

fn parse(words: &[&str]) -> Result<Asked, cli::UsageError> {
    cli::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
}

/// The minimal line of a mode, with what the option needs beside it.
pub fn base(mode: char, row: &Row) -> Vec<&'static str> {
    let mut words = minimal(mode);
    if ["log-file-mode", "log-max-size", "log-backup-count"].contains(&row.name) {
        words.extend(["--log-file", "/tmp/x.log"]);
    }
    if row.name == "geoip-db" {
        words.extend(["--ip-filter-config", "/tmp/x.json"]);
    }
    // the console that is used anyway when none is named
    if row.name == "log-stdout" {
        words.push("--log-stderr");
    }
    if row.name == "live-disk-cache-size" {
        words.extend(["--live-cache-type", "disk"]);
    }
    // neither stands alone
    if mode == 'H' && row.name == "hide-hls-manifest" {
        words.extend(["--output-private", "/tmp/unused_private.acelive"]);
    }
    if mode == 'P' && row.name == "hls-force-monotonic-sequence" {
        words.push("--hide-hls-manifest");
    }
    words
}

fn each_row_and_mode(check: impl Fn(&Row, Vec<&'static str>)) {
    for row in ROWS {
        row.modes.chars().for_each(|mode| check(row, base(mode, row)));
    }
}

/// `--name value`, or `--name` alone for a flag.
fn given<'a>(base: &[&'a str], option: &'a str, value: &'a str) -> Vec<&'a str> {
    let value = (!value.is_empty()).then_some(value);
    base.iter().copied().chain([option]).chain(value).collect()
}

#[test]
fn every_option_in_its_form_has_its_effect() {
    each_row_and_mode(|row, base| {
        let option = format!("--{}", row.name);
        for value in row.good {
            let words = given(&base, &option, value);
            match row.answer {
                Answer::Acts => assert_ne!(accepted(&words), accepted(&base), "{words:?}"),
                Answer::OnlyAs(_) => assert_eq!(accepted(&words), accepted(&base), "{words:?}"),
                Answer::Ends => assert!(refused(&words).starts_with(&format!("{option}: ")), "{words:?}"),
            }
        }
    });
}

#[test]
fn every_option_in_another_form_is_refused_by_name() {
    each_row_and_mode(|row, base| {
        let option = format!("--{}", row.name);
        for value in row.bad {
            let word = format!("{option}={value}");
            let words: Vec<_> = base.iter().copied().chain([word.as_str()]).collect();
            let complaint = refused(&words);
            assert!(complaint.contains(&option), "{words:?}: {complaint}");
            assert_eq!(complaint.lines().count(), 1, "{complaint}");
        }
    });
}

#[test]
fn option_that_says_what_is_done_anyway_ends_the_program_when_it_says_more() {
    for (name, value) in [("live-adjust-buffer-time", "1"), ("use-internal-buffering", "1")] {
        let row = ROWS.iter().find(|row| row.name == name).expect("a row");
        assert!(matches!(row.answer, Answer::OnlyAs(harmless) if harmless != value));
        for mode in row.modes.chars() {
            let option = format!("--{name}");
            let complaint = refused(&given(&minimal(mode), &option, value));
            assert!(complaint.starts_with(&format!("{option}: ")), "{complaint}");
        }
    }
}

#[test]
fn options_work_with_an_equals_sign_too() {
    let base = minimal('S');
    let joined: Vec<_> = base.iter().copied().chain(["--port=8000"]).collect();
    let apart: Vec<_> = base.iter().copied().chain(["--port", "8000"]).collect();
    assert_eq!(accepted(&joined), accepted(&apart));
}

#[test]
fn definitions_and_documented_options_are_the_same() {
    use start_engine::cli::{Mode, args};
    let modes = [(Mode::Source, 'S'), (Mode::Support, 'R'), (Mode::Client, 'C')];
    let hls = [(Mode::CreateHls, 'H'), (Mode::PublishHls, 'P')];
    let others = [(Mode::Tracker, 'T'), (Mode::Demo, 'D')];
    for (mode, letter) in modes.into_iter().chain(hls).chain(others) {
        for option in args::options(mode) {
            let in_table = ROWS.iter().any(|row| {
                row.name == option.name && (row.modes.contains(letter) || row.answer == Answer::Ends)
            });
            assert!(in_table, "--{} of {mode:?} is missing from the table", option.name);
        }
    }
}
