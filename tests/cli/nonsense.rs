//! Whatever is typed gets an answer, never a panic.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use proptest::prelude::*;
use start_engine::cli::{self, Mode, args};

/// A known option or mode, cut anywhere, with a value of any kind or none; or any word.
fn word() -> impl Strategy<Value = String> {
    let flags = Mode::ALL.into_iter().map(Mode::flag);
    let known: Vec<_> =
        Mode::ALL.into_iter().flat_map(args::options).map(|option| option.name).chain(flags).collect();
    let cut = (proptest::sample::select(known), 0..40_usize, "(=[^/]{0,8})?")
        .prop_map(|(name, length, value)| format!("--{}{value}", &name[..length.min(name.len())]));
    prop_oneof![3 => cut, 1 => "-{0,3}[^/-]{0,8}", 1 => "[0-9]{1,20}"]
}

proptest! {
    #[test]
    fn any_words_are_answered(mode in 0..Mode::ALL.len(), rest in prop::collection::vec(word(), 0..8)) {
        let words: Vec<_> = std::iter::once(format!("--{}", Mode::ALL[mode].flag())).chain(rest).collect();
        if let Err(error) = cli::parse(&words) {
            prop_assert!(!error.to_string().is_empty());
            prop_assert!(error.to_string().lines().count() == 1, "{error}");
        }
    }
}

#[test]
fn word_that_is_not_utf8_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_start-engine"))
        .args([OsStr::new("--get-infohash"), OsStr::from_bytes(b"\xff.acelive")])
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not UTF-8"));
}
