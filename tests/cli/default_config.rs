//! `--print-config`: what is printed is read back, as it is and with every setting uncommented.

use start_engine::cli::{self, Asked, Command, Mode, args};

use crate::configuration::File;
use crate::documented::accepted;
use crate::program::refusal;

fn printed(words: &[&str]) -> String {
    match cli::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()) {
        Ok(Asked::Print(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn printed_for(mode: Mode) -> String {
    printed(&[&format!("--{}", mode.flag()), "--print-config"])
}

/// Settings and tables begin right after their `#`.
fn uncommented(text: &str) -> String {
    let strip = |line: &str| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => {
            setting.to_owned()
        }
        _ => line.to_owned(),
    };
    let text = text.lines().map(strip).collect::<Vec<_>>().join("\n");
    // the sizes of a cache on disk go with one
    text.replace("live-cache-type = \"memory\"", "live-cache-type = \"disk\"")
}

/// Every option that a file can set.
fn settable(mode: Mode) -> impl Iterator<Item = &'static str> {
    let works = args::options(mode).filter(|option| !option.is_refused());
    works.map(|option| option.name).filter(|name| *name != "config")
}

#[test]
fn default_file_of_a_mode_is_read_back_as_the_defaults() {
    let run = File::new(&printed_for(Mode::Source)).run(&[]);
    let typed = ["--name", "name", "--title", "text", "--source", "http://127.0.0.1:8080/stream.ts"];
    let words: Vec<_> = std::iter::once("--stream-source-node").chain(typed).collect();
    assert_eq!(run, accepted(&words));
}

#[test]
fn every_setting_of_a_mode_can_be_uncommented() {
    for mode in Mode::OF_TABLES {
        let text = uncommented(&printed_for(mode));
        for name in settable(mode) {
            assert!(text.lines().any(|line| line.starts_with(&format!("{name} = "))), "{name} of {mode:?}");
        }
        File::new(&text).run(&[]);
    }
}

#[test]
fn default_file_of_all_modes_has_every_option_and_is_read_back() {
    let text = printed(&["--print-config"]);
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')), "nothing in it is set");
    let text = uncommented(&text);
    for name in Mode::OF_TABLES.into_iter().flat_map(settable) {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name} = "))), "{name}");
    }
    // the defaults of five nodes take the same ports
    let ports_are_free = |line: &str| !line.starts_with("port = ") && !line.starts_with("http-port = ");
    let text: Vec<_> = text.lines().filter(|line| ports_are_free(line)).collect();
    let run = File::new(&text.join("\n")).run(&["--port", "0"]);
    assert!(matches!(run.command, Command::Nodes(nodes) if nodes.len() == Mode::OF_TABLES.len()));
}

#[test]
fn prefixes_ask_for_it_too_and_other_words_are_refused() {
    assert_eq!(printed(&["--start-t", "--print-c"]), printed_for(Mode::Tracker));
    assert!(refusal(&["--demo", "--print-config"]).contains("does not ask for --demo"));
    assert!(
        refusal(&["--start-tracker", "--print-config", "--port", "1"]).contains("nothing else, not --port")
    );
}
