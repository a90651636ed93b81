//! `docs/cli.md` says of every option what the definitions say. With `UPDATE_DOCS=1` the tables are
//! written anew; what stands above them is left as it is.

use std::fmt::Write;
use std::path::Path;

use start_engine::cli::option::{Effect, Opt};
use start_engine::cli::{ABSENT_MODES, Mode, args};

const MARK: &str = "<!-- Below: written by `UPDATE_DOCS=1 cargo test --test cli`. -->\n";

#[test]
fn reference_holds_every_option_as_it_is_defined() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let document = std::fs::read_to_string(&path).expect("docs/cli.md exists");
    let (introduction, tables) = document.split_once(MARK).expect("docs/cli.md holds the mark");
    let expected = reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{introduction}{MARK}{expected}")).expect("docs/cli.md is written");
        return;
    }
    let stale = expected.lines().find(|line| !tables.lines().any(|found| found == *line));
    assert_eq!(stale, None, "docs/cli.md lacks this line; run with UPDATE_DOCS=1");
    assert_eq!(tables, expected, "docs/cli.md says more than the definitions; run with UPDATE_DOCS=1");
}

#[test]
fn reference_names_the_module_of_every_debug_option() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let document = std::fs::read_to_string(path).expect("docs/cli.md exists");
    for (option, target) in args::DEBUG_TARGETS {
        let (option, target) = (format!("`--{option}`"), format!("| `{target}` |"));
        let told = document.lines().any(|line| line.contains(&option) && line.contains(&target));
        assert!(told, "docs/cli.md lacks the module of {option}");
    }
}

#[test]
fn every_debug_option_shows_lines_that_exist() {
    let mut sources = String::new();
    read_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    for (option, target) in args::DEBUG_TARGETS {
        assert!(sources.contains(&format!("debug!(target:\"{target}\"")), "--{option} shows nothing");
    }
}

fn read_sources(dir: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => read_sources(&path, sources),
            false if path.extension().is_some_and(|extension| extension == "rs") => {
                sources.extend(std::fs::read_to_string(&path).expect("text").split_whitespace());
            }
            false => {}
        }
    }
}

fn reference() -> String {
    let mut text = String::new();
    for mode in Mode::ALL.into_iter().filter(|mode| args::options(*mode).next().is_some()) {
        let _ = write!(text, "\n## --{}\n\n{}.\n", mode.flag(), mode.doc());
        write_mode(&mut text, mode);
    }
    text.push_str("\n## Modes that are not in this build\n\n| mode | reason |\n| --- | --- |\n");
    for (mode, reason) in ABSENT_MODES {
        let _ = writeln!(text, "| `--{mode}` | {reason} |");
    }
    text
}

fn write_mode(text: &mut String, mode: Mode) {
    for group in args::groups(mode) {
        let options = group.options.iter().filter(|option| !option.is_refused());
        let rows: String = options.map(effective_row).collect();
        if !rows.is_empty() {
            let head = "| option | form | default | effect |\n| --- | --- | --- | --- |\n";
            let _ = write!(text, "\n### {}\n\n{head}{rows}", group.heading);
        }
    }
    let refused: String = args::options(mode).filter_map(refused_row).collect();
    if !refused.is_empty() {
        let head = "| option | reason |\n| --- | --- |\n";
        let _ = write!(text, "\n### Ends the program\n\n{head}{refused}");
    }
}

fn effective_row(option: &Opt) -> String {
    let default = if option.required { "required" } else { option.default };
    let mut effect = option.doc.to_owned();
    match option.effect {
        Effect::RefusedUnless(value, reason) => {
            let _ = write!(effect, ". Any other value than `{value}` ends the program: {reason}");
        }
        Effect::Warns(sentence) => {
            let _ = write!(effect, ": {sentence}");
        }
        Effect::Works | Effect::Refused(_) => {}
    }
    let repeated = if option.repeated { "; may be repeated" } else { "" };
    let form = format!("{}{repeated}", form(option));
    format!("| `--{}` | {} | {default} | {} |\n", option.name, in_cell(&form), in_cell(&effect))
}

fn form(option: &Opt) -> String {
    match (option.form.shape(), option.form.range()) {
        (shape, _) if shape.is_empty() => "flag".to_owned(),
        (shape, range) if range.is_empty() => format!("`{shape}`"),
        (_, range) => range,
    }
}

fn refused_row(option: &Opt) -> Option<String> {
    match option.effect {
        Effect::Refused(reason) => Some(format!("| `--{}` | {reason} |\n", option.name)),
        _ => None,
    }
}

fn in_cell(text: &str) -> String {
    text.replace('|', "\\|")
}
