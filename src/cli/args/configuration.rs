//! Where options come from beside the command line, and what is made of their definitions.

use crate::cli::option::{Form, Opt};

/// Every mode that runs.
pub const CONFIGURATION: &[Opt] = &[Opt::new(
    "config",
    Form::Path,
    "",
    "File of options in TOML, under the names that they have here; without a mode its tables say what runs",
)];

/// What is generated.
pub const COMPLETIONS: &[Opt] = &[Opt::new(
    "shell",
    Form::Choice(&["bash", "elvish", "fish", "powershell", "zsh"]),
    "bash",
    "Shell that the completions are for",
)];
