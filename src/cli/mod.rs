//! The command line: what was typed, into a validated configuration.
//!
//! Words are spelled out (`compat`), put over what a file (`file`) and the environment say (`assemble`), read
//! by the parser of their mode (`parser`, made from the rows of `args`), and turned into the configuration of
//! a node (`config`). Nothing is started here; the configuration file is read, and directories that must
//! exist are looked at.

pub mod args;
mod assemble;
mod compat;
mod config;
mod conflicts;
mod default_config;
mod environment;
mod error;
mod file;
mod generate;
mod hls_config;
mod mode;
pub mod option;
mod parser;
mod setting;
mod source_config;
mod typed_words;
mod value;

pub use config::{Command, Run};
pub use environment::Environment;
pub use error::UsageError;
pub use mode::{ABSENT_MODES, Mode};

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// Text for standard output, and nothing else.
    Print(String),
    Run(Box<Run>),
}

/// `version: X revision: Y`; the revision is `START_ENGINE_REVISION` of the build's environment, or 0.
fn version() -> String {
    let revision = option_env!("START_ENGINE_REVISION").unwrap_or("0");
    format!("version: {} revision: {revision}\n", env!("CARGO_PKG_VERSION"))
}

/// Reads the words after the program's name.
///
/// # Errors
/// The first thing that is wrong, as one line.
pub fn parse(words: &[String]) -> Result<Asked, UsageError> {
    parse_in(words, &Environment::default())
}

/// The same, with what the environment says beneath them.
///
/// # Errors
/// As [`parse`].
pub fn parse_in(words: &[String], environment: &Environment) -> Result<Asked, UsageError> {
    let mode = compat::find_mode(words)?;
    match mode {
        None if compat::asks_for_help(words) => Ok(Asked::Print(parser::overview())),
        Some(mode) if compat::asks_for_help(words) => Ok(Asked::Print(parser::mode_help(mode))),
        _ if compat::asks_for_config(words) => default_config::text(mode, words).map(Asked::Print),
        Some(Mode::Version) => Ok(Asked::Print(version())),
        Some(Mode::Generate) => generate::text(words).map(Asked::Print),
        None if !assemble::names_file(words, environment) => Err(missing_mode()),
        _ => assemble::run(mode, words, environment).map(|run| Asked::Run(Box::new(run))),
    }
}

fn missing_mode() -> UsageError {
    let usage = "usage: start-engine MODE [OPTIONS], MODE being one of";
    let list: Vec<_> = Mode::ALL.iter().map(|mode| format!("  --{}", mode.flag())).collect();
    UsageError::new("Missing required startup options").with_usage(format!("{usage}\n{}", list.join("\n")))
}
