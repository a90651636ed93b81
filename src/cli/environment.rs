//! Options from the environment: `START_ENGINE_LOG_FILE` is `--log-file`.
//!
//! The variables hold for whatever the process runs, so one that the mode has no option for is passed over.
//! One that no mode has an option for is not: it is warned of, and does not end the program, since the
//! environment is rarely made for one program alone.

use std::ffi::OsString;

use super::args;
use super::error::UsageError;
use super::mode::Mode;
use super::option::Opt;
use super::parser;
use super::setting::{Origin, Setting};

const PREFIX: &str = "START_ENGINE_";
/// Of the build, not of a run.
const REVISION: &str = "START_ENGINE_REVISION";

/// The variables of the environment that begin as ours do and are not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: Vec<(String, OsString)>,
}

impl Environment {
    /// Picks out what concerns this program.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let ours = |(name, value): (OsString, OsString)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX) && name != REVISION)?;
            (!value.is_empty()).then_some((name, value))
        };
        let mut variables: Vec<_> = variables.into_iter().filter_map(ours).collect();
        variables.sort();
        Self { variables }
    }

    /// What is set for an option that one of `modes` has.
    ///
    /// # Errors
    /// A value in another form than its option asks for, or of an option that only ends the program.
    pub fn settings(&self, modes: &[Mode]) -> Result<Vec<Setting>, UsageError> {
        let read = |(variable, value): &(String, OsString)| {
            let option = option_of_modes(variable, modes)?;
            Some(setting(variable, option, value))
        };
        self.variables.iter().filter_map(read).collect()
    }

    /// What has to be said about variables that set nothing in any mode.
    pub fn warnings(&self) -> Vec<String> {
        let names = self.variables.iter().map(|(variable, _)| variable);
        let unknown = names.filter(|variable| option_of_modes(variable, &Mode::ALL).is_none());
        unknown.map(|variable| format!("{variable} is no option of any mode: it is passed over")).collect()
    }
}

/// The option, of a mode that has it working. One that only ends the program is an option where no mode at
/// all has it working: else the variable is meant for these.
fn option_of_modes(variable: &str, modes: &[Mode]) -> Option<&'static Opt> {
    let name = option_name(variable)?;
    let rows = |modes: &[Mode]| -> Vec<&'static Opt> {
        modes.iter().filter_map(|mode| args::option(*mode, &name)).collect()
    };
    let works = |option: &&'static Opt| !option.is_refused();
    let mine = rows(modes);
    let is_for_others = || rows(&Mode::ALL).iter().any(works);
    let working = mine.iter().copied().find(works);
    working.or_else(|| mine.first().copied().filter(|_| !is_for_others()))
}

fn option_name(variable: &str) -> Option<String> {
    let name = variable.strip_prefix(PREFIX)?;
    let is_upper = !name.chars().any(|character| character.is_lowercase() || character == '-');
    is_upper.then(|| name.to_ascii_lowercase().replace('_', "-"))
}

fn setting(variable: &str, option: &Opt, value: &OsString) -> Result<Setting, UsageError> {
    let text = value.to_str().ok_or_else(|| UsageError::new(format!("{variable} is not UTF-8")))?;
    let values: Vec<String> = match option.repeated {
        true => split(text),
        false => vec![text.to_owned()],
    };
    for value in &values {
        parser::check(option, value).map_err(|error| error.at(variable))?;
    }
    Ok(Setting::new(option, values, Origin::Variable(variable.to_owned())))
}

/// Commas or white space part the values of a list.
fn split(text: &str) -> Vec<String> {
    let parts = text.split(|character: char| character == ',' || character.is_whitespace());
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::new(pairs.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn lists_are_parted_by_commas_and_spaces() {
        let set = environment(&[("START_ENGINE_BIND", "127.0.0.1, ::1\n10.0.0.1,")]);
        let words = set.settings(&[Mode::Source]).expect("three addresses")[0].words();
        assert_eq!(words, ["--bind=127.0.0.1", "--bind=::1", "--bind=10.0.0.1"]);
    }

    #[test]
    fn flags_are_switched_by_0_and_1() {
        let words = |value| {
            let set = environment(&[("START_ENGINE_PERMANENT", value)]);
            set.settings(&[Mode::Source]).map(|settings| settings[0].words())
        };
        assert_eq!(words("1").expect("on"), ["--permanent"]);
        assert_eq!(words("0").expect("off"), [""; 0]);
        let error = words("on").expect_err("no switch").to_string();
        assert!(
            error.starts_with("START_ENGINE_PERMANENT: ") && error.contains("expected 0 or 1"),
            "{error}"
        );
    }

    #[test]
    fn variables_of_other_modes_and_other_programs_set_nothing() {
        let set = environment(&[("START_ENGINE_HTTP_PORT", "x"), ("PORT", "1"), ("START_ENGINE_PORT", "")]);
        assert_eq!(set.settings(&[Mode::Source]), Ok(vec![]));
        assert!(set.warnings().is_empty());
        let unknown = environment(&[("START_ENGINE_PROT", "1"), ("START_ENGINE_port", "1"), (REVISION, "x")]);
        assert_eq!(unknown.warnings().len(), 2, "{:?}", unknown.warnings());
    }
}
