//! Log lines: `2021-12-03 11:03:08,162|MainThread|acestream|message key=value`, one write each.
//!
//! The logger is the target of the event, times are UTC. A line that a sink refuses is lost, never an
//! error for whoever logged it.

#![allow(clippy::disallowed_methods, reason = "a log line carries the time of day")]

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::level::Levels;
pub use super::log_file::LogFile;
use super::log_file::RotatingFile;
use crate::base::civil::Civil;

/// What is logged, and where to. A console is `None` when nothing goes there, `Some(None)` when each
/// module's level decides, `Some(Some(level))` when it has a level of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct LogConfig {
    /// The reference engine's bit mask: 0 is info, anything else debug.
    pub debug: u64,
    /// Levels of modules, the later entry winning; `root` is all of them.
    pub modules: Vec<(String, LevelFilter)>,
    pub file: Option<LogFile>,
    pub stdout: Option<Option<LevelFilter>>,
    pub stderr: Option<Option<LevelFilter>>,
}

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("cannot open the log file {}: {cause}", path.display())]
    File { path: PathBuf, cause: io::Error },
    #[error("logging was started before")]
    StartedBefore,
}

/// Sends every log line of the process where `config` says, from now on.
///
/// # Errors
/// The log file cannot be opened, or logging was started before.
pub fn init(config: &LogConfig) -> Result<(), LogError> {
    let subscriber = tracing_subscriber::registry().with(Lines::open(config)?);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::StartedBefore)
}

/// A destination of lines.
#[derive(Debug)]
enum Sink {
    File(Mutex<RotatingFile>),
    Stdout { coloured: bool },
    Stderr { coloured: bool },
}

impl Sink {
    fn write(&self, line: &str, level: Level) -> io::Result<()> {
        match self {
            Self::File(file) => {
                file.lock().unwrap_or_else(PoisonError::into_inner).write_line(line.as_bytes())
            }
            Self::Stdout { coloured } => write_console(io::stdout().lock(), line, *coloured, level),
            Self::Stderr { coloured } => write_console(io::stderr().lock(), line, *coloured, level),
        }
    }
}

fn write_console(mut console: impl io::Write, line: &str, coloured: bool, level: Level) -> io::Result<()> {
    match colour(level).filter(|_| coloured) {
        Some(colour) => writeln!(console, "{colour}{}\x1b[0m", line.trim_end())?,
        None => console.write_all(line.as_bytes())?,
    }
    console.flush()
}

fn colour(level: Level) -> Option<&'static str> {
    match level {
        Level::ERROR => Some("\x1b[31m"),
        Level::WARN => Some("\x1b[33m"),
        Level::INFO => None,
        Level::DEBUG | Level::TRACE => Some("\x1b[2m"),
    }
}

/// The layer that makes lines of events.
struct Lines {
    levels: Levels,
    sinks: Vec<(Option<LevelFilter>, Sink)>,
}

impl Lines {
    fn open(config: &LogConfig) -> Result<Self, LogError> {
        let mut sinks = Vec::new();
        if let Some(file) = config.file.clone() {
            let path = file.path.clone();
            let file = RotatingFile::open(file).map_err(|cause| LogError::File { path, cause })?;
            sinks.push((None, Sink::File(Mutex::new(file))));
        }
        if let Some(level) = config.stdout {
            sinks.push((level, Sink::Stdout { coloured: io::stdout().is_terminal() }));
        }
        if let Some(level) = config.stderr {
            sinks.push((level, Sink::Stderr { coloured: io::stderr().is_terminal() }));
        }
        Ok(Self { levels: Levels::new(config.debug != 0, &config.modules), sinks })
    }

    fn sinks_for(&self, metadata: &Metadata<'_>) -> impl Iterator<Item = &Sink> {
        let (target, level) = (metadata.target(), *metadata.level());
        let takes = move |own: Option<LevelFilter>| self.levels.allow(own, target, level);
        self.sinks.iter().filter(move |(own, _)| takes(*own)).map(|(_, sink)| sink)
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match self.sinks_for(metadata).next() {
            Some(_) => Interest::always(),
            None => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.sinks_for(metadata).next().is_some()
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut text = Text::default();
        event.record(&mut text);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = line(now, thread_name().as_str(), metadata.target(), &text);
        for sink in self.sinks_for(metadata) {
            let _ = sink.write(&line, *metadata.level());
        }
    }
}

/// The message of an event, and its other fields as ` key=value`.
#[derive(Debug, Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

fn line(since_epoch: Duration, thread: &str, logger: &str, text: &Text) -> String {
    let at = Civil::from_unix(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX));
    let Civil { year, month, day, hour, minute, second } = at;
    let millis = since_epoch.subsec_millis();
    let mut line = format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02},{millis:03}|{thread}|{logger}|"
    );
    push_in_one_line(&mut line, &text.message);
    push_in_one_line(&mut line, &text.fields);
    line.push('\n');
    line
}

/// What a stranger sent can end up in a line: it must not forge another, nor steer the terminal.
fn push_in_one_line(line: &mut String, text: &str) {
    for character in text.chars() {
        match character.is_control() {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
}

fn thread_name() -> String {
    let thread = std::thread::current();
    match thread.name() {
        Some("main") => "MainThread".to_owned(),
        Some(name) => name.to_owned(),
        None => "Thread".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message: &str, fields: &str) -> Text {
        Text { message: message.to_owned(), fields: fields.to_owned() }
    }

    #[test]
    fn line_has_the_form_of_the_reference() {
        let at = Duration::from_millis(1_638_529_388_162);
        assert_eq!(
            line(at, "MainThread", "acestream", &text("enable debug: 0", "")),
            "2021-12-03 11:03:08,162|MainThread|acestream|enable debug: 0\n"
        );
    }

    #[test]
    fn fields_follow_the_message() {
        let line = line(Duration::ZERO, "t", "l", &text("closed", " peer=1.2.3.4:5 bytes=7"));
        assert!(line.ends_with("|t|l|closed peer=1.2.3.4:5 bytes=7\n"), "{line}");
    }

    #[test]
    fn message_from_a_stranger_cannot_forge_a_second_line() {
        let line = line(Duration::ZERO, "t", "l", &text("client: a\nb\x1b[2J", ""));
        assert!(line.ends_with("|client: a\\nb\\u{1b}[2J\n"), "{line}");
    }

    #[test]
    fn events_reach_the_file_at_the_level_of_their_module() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.log");
        let file = LogFile { path: path.clone(), truncate: false, max_bytes: None, backups: 0 };
        let modules = vec![("acestream.LM".to_owned(), LevelFilter::DEBUG)];
        let config = LogConfig { debug: 0, modules, file: Some(file), stdout: None, stderr: None };
        let lines = Lines::open(&config).expect("opens");
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            tracing::info!(target: "acestream.streamer", pieces = 3, name = "x y", "shown {}", 1);
            tracing::debug!(target: "acestream.streamer", "hidden");
            tracing::debug!(target: "acestream.LM", "listen on 7764");
        });
        let written = std::fs::read_to_string(path).expect("reads");
        let tails: Vec<_> = written.lines().filter_map(|line| line.splitn(3, '|').nth(2)).collect();
        assert_eq!(tails, ["acestream.streamer|shown 1 pieces=3 name=x y", "acestream.LM|listen on 7764"]);
    }
}
