//! The command line: what was typed, into a validated configuration.
//!
//! Words are spelled out (`compat`), read by the parser of their mode (`parser`, made from the rows of
//! `args`), and turned into the configuration of one node (`config`). Nothing is opened or started
//! here; directories that must exist are looked at.

pub mod args;
mod compat;
mod config;
mod error;
mod hls_config;
mod mode;
pub mod option;
mod parser;
mod source_config;
mod value;

pub use config::{Command, Run};
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
    let mode = compat::find_mode(words)?;
    match mode {
        None if compat::asks_for_help(words) => Ok(Asked::Print(parser::overview())),
        None => Err(missing_mode()),
        Some(mode) if compat::asks_for_help(words) => Ok(Asked::Print(parser::mode_help(mode))),
        Some(Mode::Version) => Ok(Asked::Print(version())),
        Some(mode) => {
            let matches = parser::matches(mode, compat::expand(mode, words)?)?;
            let warnings = parser::warnings(mode, &matches);
            config::run(mode, &matches, warnings).map(|run| Asked::Run(Box::new(run)))
        }
    }
}

fn missing_mode() -> UsageError {
    let usage = "usage: start-engine MODE [OPTIONS], MODE being one of";
    let list: Vec<_> = Mode::ALL.iter().map(|mode| format!("  --{}", mode.flag())).collect();
    UsageError::new("Missing required startup options").with_usage(format!("{usage}\n{}", list.join("\n")))
}
