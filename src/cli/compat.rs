//! Spelling as the reference engine takes it: any unique prefix of a mode or an option stands for it.
//!
//! Works on words alone, before values are looked at: which mode is asked for, then each word
//! beginning with `--` written out in full. A prefix that fits several is an error that names them.

use super::args;
use super::config::unique;
use super::error::UsageError;
use super::mode::{ABSENT_MODES, Mode};

/// The only mode that `words` ask for, `None` when they ask for none.
///
/// # Errors
/// Two modes, a mode that this build does not have, or a prefix that fits several modes and nothing else.
pub fn find_mode(words: &[String]) -> Result<Option<Mode>, UsageError> {
    let mut found: Option<Mode> = None;
    for word in words.iter().take_while(|word| *word != "--") {
        let asked = match word.as_str() {
            "-v" => Some(Mode::Version),
            _ => long_name(word).map_or(Ok(None), mode_named)?,
        };
        match (found, asked) {
            (Some(first), Some(second)) if first != second => {
                let (first, second) = (first.flag(), second.flag());
                return Err(UsageError::new(format!(
                    "--{first} and --{second} are two modes, one is needed"
                )));
            }
            (_, Some(mode)) => found = Some(mode),
            (_, None) => {}
        }
    }
    Ok(found)
}

/// `words` with every option and mode written in full, the options being those of `modes`.
///
/// # Errors
/// A prefix that fits several options, or an option of other modes.
pub fn expand(modes: &[Mode], words: &[String]) -> Result<Vec<String>, UsageError> {
    let mut rest_is_positional = false;
    let expand_one = |word: &String| {
        rest_is_positional |= word == "--";
        match long_name(word) {
            Some(name) if !rest_is_positional => Ok(word.replacen(name, &full_name(modes, name)?, 1)),
            _ if word == "-v" => Ok("--version".to_owned()),
            _ => Ok(word.clone()),
        }
    };
    words.iter().map(expand_one).collect()
}

/// Whether help is asked for.
pub fn asks_for_help(words: &[String]) -> bool {
    let is_help = |word: &String| word == "-h" || (word.len() > 4 && "--help".starts_with(word.as_str()));
    words.iter().take_while(|word| *word != "--").any(is_help)
}

/// Whether the default configuration is asked for.
pub fn asks_for_config(words: &[String]) -> bool {
    let is_asking = |word: &String| word.len() > 4 && "--print-config".starts_with(word.as_str());
    words.iter().take_while(|word| *word != "--").any(is_asking)
}

/// Whether `word` stands for the option `name` whatever the mode is.
pub fn stands_for(word: &str, name: &str) -> bool {
    let Some(typed) = long_name(word).filter(|typed| name.starts_with(typed)) else { return false };
    let others = every_option().chain(mode_flags()).filter(|known| *known != name);
    typed == name || others.into_iter().all(|other| !other.starts_with(typed))
}

/// `name` of `--name` and `--name=value`.
pub(super) fn long_name(word: &str) -> Option<&str> {
    let name = word.strip_prefix("--")?.split('=').next()?;
    (!name.is_empty()).then_some(name)
}

fn mode_named(name: &str) -> Result<Option<Mode>, UsageError> {
    let is_option = |option: &str| option.starts_with(name);
    let is_exact = mode_flags().any(|flag| flag == name);
    if !is_exact && every_option().any(is_option) {
        return Ok(None);
    }
    let candidates: Vec<_> = mode_flags().filter(|flag| flag.starts_with(name)).collect();
    match only_one(name, candidates)? {
        Some(flag) => mode_of(flag).map(Some),
        None => Ok(None),
    }
}

fn mode_of(flag: &str) -> Result<Mode, UsageError> {
    if let Some((_, reason)) = ABSENT_MODES.iter().find(|(absent, _)| *absent == flag) {
        return Err(UsageError::new(format!("--{flag}: {reason}")));
    }
    let unknown = || UsageError::new(format!("--{flag} is not a mode"));
    Mode::ALL.into_iter().find(|mode| mode.flag() == flag).ok_or_else(unknown)
}

fn full_name(modes: &[Mode], name: &str) -> Result<String, UsageError> {
    let of_modes = modes.iter().copied().flat_map(args::options).map(|option| option.name);
    let known = of_modes.chain(["help", "print-config"]).chain(mode_flags());
    let candidates = known.filter(|known| known.starts_with(name)).collect();
    match only_one(name, unique(candidates))? {
        Some(full) => Ok(full.to_owned()),
        None if every_option().any(|option| option == name) => {
            let flags: Vec<_> = modes.iter().map(|mode| mode.flag()).collect();
            let list = unique(flags).join(" or --");
            Err(UsageError::new(format!("--{name} is not an option of --{list}")))
        }
        None => Ok(name.to_owned()),
    }
}

/// The candidate that is `name` itself, or the only one.
fn only_one<'a>(name: &str, candidates: Vec<&'a str>) -> Result<Option<&'a str>, UsageError> {
    match candidates.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        several => match several.iter().find(|candidate| **candidate == name) {
            Some(exact) => Ok(Some(exact)),
            None => {
                let list = several.join(", --");
                Err(UsageError::new(format!("--{name} is ambiguous, it could be --{list}")))
            }
        },
    }
}

fn mode_flags() -> impl Iterator<Item = &'static str> {
    Mode::ALL.into_iter().map(Mode::flag).chain(ABSENT_MODES.into_iter().map(|(flag, _)| flag))
}

fn every_option() -> impl Iterator<Item = &'static str> {
    Mode::ALL.into_iter().flat_map(args::options).map(|option| option.name).chain(["help", "print-config"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    fn expanded(mode: Mode, line: &str) -> String {
        expand(&[mode], &words(line)).expect("unambiguous").join(" ")
    }

    #[test]
    fn old_name_of_the_source_mode_still_works() {
        let line = words("--stream-source --cache /tmp");
        assert_eq!(find_mode(&line), Ok(Some(Mode::Source)));
        assert_eq!(
            expanded(Mode::Source, "--stream-source --cache /tmp"),
            "--stream-source-node --cache-dir /tmp"
        );
    }

    #[test]
    fn prefix_of_two_options_names_both() {
        let error = expand(&[Mode::Source], &words("--log-m x")).expect_err("ambiguous").to_string();
        assert!(error.contains("--log-max-size") && error.contains("--log-modules"), "{error}");
    }

    #[test]
    fn exact_name_wins_over_longer_ones() {
        assert_eq!(find_mode(&words("--get-file-info x")), Ok(Some(Mode::GetFileInfo)));
        assert_eq!(expanded(Mode::Source, "--log-file=x"), "--log-file=x");
    }

    #[test]
    fn values_and_what_follows_two_dashes_stay_as_they_are() {
        assert_eq!(
            expanded(Mode::Source, "--titl --desc=--tit -- --tit"),
            "--title --description=--tit -- --tit"
        );
    }

    #[test]
    fn two_modes_are_refused() {
        let error = find_mode(&words("--demo --start-tracker")).expect_err("two modes").to_string();
        assert!(error.contains("--demo") && error.contains("--start-tracker"), "{error}");
        assert_eq!(find_mode(&words("--demo --demo")), Ok(Some(Mode::Demo)));
    }

    #[test]
    fn option_of_another_mode_is_named_as_such() {
        let error = expand(&[Mode::Source], &words("--bind-all")).expect_err("a client's").to_string();
        assert!(error.contains("--bind-all is not an option of --stream-source-node"), "{error}");
    }
}
