//! Where log lines go and which are written.

use crate::cli::option::{Form, Opt};

const LEVEL: Form = Form::Choice(&["error", "info", "debug", "any"]);

/// Every mode that runs.
pub const LOGGING: &[Opt] = &[
    Opt::new(
        "log-format",
        Form::Choice(&["text", "json"]),
        "text",
        "Lines of the reference engine's form, or one JSON object a line",
    ),
    Opt::new("log-file", Form::Path, "none, lines go to stdout", "Log file; its directory must exist"),
    Opt::new(
        "log-file-mode",
        Form::Choice(&["w", "a"]),
        "a",
        "Truncate the log file at the start, or append",
    ),
    Opt::new(
        "log-max-size",
        Form::Int(0, u64::MAX),
        "0",
        "Bytes after which the log file is rotated; 0 is never",
    ),
    Opt::new("log-backup-count", Form::Int(0, 1000), "1", "Rotated log files that are kept"),
    Opt::new(
        "log-debug",
        Form::Int(0, u32::MAX as u64),
        "0",
        "Bit mask of the reference engine; not 0 is debug",
    ),
    Opt::list("log-modules", Form::ModuleLevels, "Levels by module: root:D, acestream.streamer:D"),
    Opt::flag("log-stdout", "Log to stdout beside the log file"),
    Opt::new("log-stdout-level", LEVEL, "by module", "Level for stdout; implies --log-stdout"),
    Opt::flag("log-stderr", "Log to stderr; instead of stdout unless that is asked for too"),
    Opt::new("log-stderr-level", LEVEL, "by module", "Level for stderr; implies --log-stderr"),
];
