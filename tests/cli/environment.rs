//! `START_ENGINE_…`: every option of every mode, with the checks of the command line.

use std::process::Command as Process;

use start_engine::cli::{self, Asked, Environment, Run};

use crate::documented::{accepted, base, minimal};
use crate::table::{Answer, ROWS};

fn run_in(words: &[&str], variables: &[(&str, &str)]) -> Result<Run, String> {
    let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    match cli::parse_in(&words, &Environment::new(variables)) {
        Ok(Asked::Run(run)) => Ok(*run),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

fn variable(option: &str) -> String {
    format!("START_ENGINE_{}", option.to_uppercase().replace('-', "_"))
}

#[test]
fn every_option_can_come_from_the_environment() {
    for row in ROWS {
        for mode in row.modes.chars() {
            let base = base(mode, row);
            let is_typed = base.contains(&format!("--{}", row.name).as_str());
            let is_plain = |value: &&&str| !value.contains([' ', ',']);
            for value in row.good.iter().filter(is_plain).filter(|_| !is_typed) {
                let (option, name) = (format!("--{}", row.name), variable(row.name));
                let set = run_in(&base, &[(&name, if value.is_empty() { "1" } else { value })]);
                let typed =
                    if value.is_empty() { vec![option.as_str()] } else { vec![option.as_str(), value] };
                let works_elsewhere = ROWS.iter().any(|r| r.name == row.name && r.answer != Answer::Ends);
                match row.answer {
                    Answer::Ends if works_elsewhere => {
                        assert_eq!(set, Ok(accepted(&base)), "{name} is for other modes");
                    }
                    Answer::Ends => {
                        let line = set.expect_err("refused");
                        assert!(line.starts_with(&format!("{name}: {option}: ")), "{line}");
                    }
                    _ => {
                        let words: Vec<_> = base.iter().copied().chain(typed).collect();
                        assert_eq!(set, Ok(accepted(&words)), "{name}={value}");
                    }
                }
            }
        }
    }
}

#[test]
fn required_options_can_come_from_the_environment() {
    let variables = [
        ("START_ENGINE_NAME", "test"),
        ("START_ENGINE_SOURCE", "http://127.0.0.1/s"),
        ("START_ENGINE_TITLE", "Test"),
    ];
    assert_eq!(run_in(&["--stream-source-node"], &variables), Ok(accepted(&minimal('S'))));
}

#[test]
fn command_line_stands_above_the_environment() {
    let typed = [minimal('S'), vec!["--port", "8000"]].concat();
    assert_eq!(run_in(&typed, &[("START_ENGINE_PORT", "9000")]), Ok(accepted(&typed)));
    assert_eq!(run_in(&minimal('S'), &[("START_ENGINE_TITLE", "Other")]), Ok(accepted(&minimal('S'))));
}

#[test]
fn wrong_value_names_the_variable() {
    let line = run_in(&minimal('T'), &[("START_ENGINE_PORT", "tcp://10.0.0.1:7764")]).expect_err("no port");
    assert!(
        line.starts_with("START_ENGINE_PORT: invalid value 'tcp://10.0.0.1:7764' for '--port <N>'"),
        "{line}"
    );
    let line = run_in(&minimal('S'), &[("START_ENGINE_PUBLISH_DIR", "/nowhere")]).expect_err("no directory");
    assert_eq!(line, "START_ENGINE_PUBLISH_DIR: --publish-dir: /nowhere does not exist");
}

#[test]
fn unknown_variable_is_warned_of_and_that_of_another_mode_is_not() {
    let run = run_in(&minimal('T'), &[("START_ENGINE_PROT", "1"), ("START_ENGINE_BIND_ALL", "1")]);
    let warnings = run.expect("runs").warnings;
    assert_eq!(warnings, ["START_ENGINE_PROT is no option of any mode: it is passed over"]);
}

#[test]
fn file_can_be_named_by_the_environment() {
    let set = [("START_ENGINE_CONFIG", "tests/cli/vectors/verbose.toml")];
    assert_eq!(run_in(&minimal('T'), &set).expect("runs").log.debug, 1);
    let line = run_in(&[], &set).expect_err("it has no node");
    assert!(line.contains("no table says what runs"), "{line}");
}

#[test]
fn program_reads_its_environment() {
    let output = Process::new(env!("CARGO_BIN_EXE_start-engine"))
        .args(["--start-tracker"])
        .env("START_ENGINE_PORT", "x")
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let line = String::from_utf8(output.stderr).expect("text");
    assert!(line.starts_with("start-engine: START_ENGINE_PORT: "), "{line}");
}
