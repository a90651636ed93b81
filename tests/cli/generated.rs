//! `--generate`: completions that the shells accept, and a man page that names every option.

use std::io::Write;
use std::process::{Command, Stdio};

use start_engine::cli::{self, Asked, Mode, args};

use crate::program::refusal;

fn generated(words: &[&str]) -> String {
    let words = std::iter::once("--generate").chain(words.iter().copied()).map(str::to_owned);
    match cli::parse(&words.collect::<Vec<_>>()) {
        Ok(Asked::Print(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn every_working_option() -> impl Iterator<Item = &'static str> {
    let options = Mode::ALL.into_iter().flat_map(args::options);
    options.filter(|option| !option.is_refused()).map(|option| option.name)
}

/// Runs a program of this system, if there is one, which must take `text` without complaint.
fn is_accepted_by(program: &str, words: &[&str], text: &str) {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        eprintln!("skipped: {program} is not on this machine");
        return;
    };
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("is read");
    let output = child.wait_with_output().expect("ends");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{program}: {complaint}");
}

#[test]
fn completions_know_every_option_and_mode_in_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let text = generated(&["completions", "--shell", shell]);
        for name in every_working_option().chain(Mode::ALL.map(Mode::flag)) {
            assert!(text.contains(name), "{shell} lacks {name}");
        }
        assert!(!text.contains("--premium"), "refused options are not offered");
    }
    assert_eq!(generated(&["completions"]), generated(&["completions", "--shell", "bash"]));
}

#[test]
fn shells_read_their_completions() {
    is_accepted_by("bash", &["-n"], &generated(&["completions", "--shell", "bash"]));
    is_accepted_by("zsh", &["-n"], &generated(&["completions", "--shell", "zsh"]));
    is_accepted_by("fish", &["-n"], &generated(&["completions", "--shell", "fish"]));
}

#[test]
fn man_page_describes_every_option_under_its_mode() {
    let page = generated(&["man"]);
    for mode in Mode::ALL.into_iter().filter(|mode| args::options(*mode).next().is_some()) {
        assert!(page.contains(&format!(".SH \"OPTIONS OF --{}\"", mode.flag().to_uppercase())), "{mode:?}");
    }
    for name in every_working_option() {
        assert!(page.contains(&name.replace('-', "\\-")), "{name}");
    }
    is_accepted_by("mandoc", &["-Wwarning"], &page);
    is_accepted_by("groff", &["-man", "-Tutf8", "-ww"], &page);
}

#[test]
fn what_cannot_be_generated_is_refused() {
    assert!(refusal(&["--generate", "cake"]).contains("completions, man"));
    assert!(refusal(&["--generate"]).contains("--generate"));
    assert!(refusal(&["--generate", "man", "--shell", "zsh"]).starts_with("--shell: "));
}
