//! Where log lines go: a file, standard output, standard error. Which are written can change while the process
//! runs, and the file be opened anew.
//!
//! Where one process runs several nodes, the name of the node stands in the place of the thread. A line that a sink refuses is lost, never an error for whoever logged it.

#![allow(clippy::disallowed_methods, reason = "a log line carries the time of day")]

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::level::{Levels, ModuleLevels};
pub use super::log_file::LogFile;
use super::log_file::RotatingFile;
pub use super::log_line::LogFormat;
use super::node_name::{self, NodeName};

/// What is logged, and where to. A console is `None` when nothing goes there, `Some(None)` when each
/// module's level decides, `Some(Some(level))` when it has a level of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct LogConfig {
    pub format: LogFormat,
    /// The reference engine's bit mask: 0 is info, anything else debug.
    pub debug: u64,
    /// Levels of modules, the later entry winning; `root` is all of them.
    pub modules: ModuleLevels,
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

/// The log of this process, once there is one.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Sends every log line of the process where `config` says, from now on.
///
/// # Errors
/// The log file cannot be opened, or logging was started before.
pub fn init(config: &LogConfig) -> Result<(), LogError> {
    let lines = Lines::open(config)?;
    let subscriber = tracing_subscriber::registry().with(lines.clone());
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::StartedBefore)?;
    LINES.set(lines).map_err(|_| LogError::StartedBefore)
}

/// What decides which lines are written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogLevels {
    pub debug: u64,
    pub modules: ModuleLevels,
}

/// The levels of this process's log.
pub fn levels() -> LogLevels {
    LINES.get().map(Lines::levels).unwrap_or_default()
}

/// Changes levels from now on; what is `None` stays. Nothing happens where there is no log.
pub fn set_levels(debug: Option<u64>, modules: Option<ModuleLevels>) {
    let Some(lines) = LINES.get() else { return };
    let now = lines.set_levels(debug, modules);
    tracing::info!(
        target: "acestream",
        "log levels changed: debug {}, modules {}", now.debug, super::level::spell_modules(&now.modules)
    );
}

/// Opens the log file anew under its name: whoever rotates logs has moved it away. One that cannot be opened
/// leaves the old one in use.
pub fn reopen() {
    match LINES.get().map(Lines::reopen) {
        Some(Ok(true)) => tracing::info!(target: "acestream", "the log file is opened anew"),
        Some(Err(error)) => tracing::error!(target: "acestream", "{error}; lines go on to the old one"),
        Some(Ok(false)) | None => {}
    }
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

/// The layer that makes lines of events. A copy writes to the same sinks.
#[derive(Debug, Clone)]
struct Lines(Arc<Log>);

#[derive(Debug)]
struct Log {
    format: LogFormat,
    levels: RwLock<(LogLevels, Levels)>,
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
        // an object is for a program, which wants no colours
        let is_coloured = |is_terminal: bool| is_terminal && config.format == LogFormat::Text;
        if let Some(level) = config.stdout {
            sinks.push((level, Sink::Stdout { coloured: is_coloured(io::stdout().is_terminal()) }));
        }
        if let Some(level) = config.stderr {
            sinks.push((level, Sink::Stderr { coloured: is_coloured(io::stderr().is_terminal()) }));
        }
        let told = LogLevels { debug: config.debug, modules: config.modules.clone() };
        let levels = RwLock::new((told, Levels::new(config.debug != 0, &config.modules)));
        Ok(Self(Arc::new(Log { format: config.format, levels, sinks })))
    }

    fn levels(&self) -> LogLevels {
        self.0.levels.read().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    fn set_levels(&self, debug: Option<u64>, modules: Option<ModuleLevels>) -> LogLevels {
        let told = {
            let mut levels = self.0.levels.write().unwrap_or_else(PoisonError::into_inner);
            let told = &mut levels.0;
            told.debug = debug.unwrap_or(told.debug);
            told.modules = modules.unwrap_or_else(|| told.modules.clone());
            let told = told.clone();
            levels.1 = Levels::new(told.debug != 0, &told.modules);
            told
        };
        // whoever logs remembers whether anybody listens
        tracing::callsite::rebuild_interest_cache();
        told
    }

    /// Whether there is a file at all.
    fn reopen(&self) -> Result<bool, LogError> {
        let files = self.0.sinks.iter().filter_map(|(_, sink)| match sink {
            Sink::File(file) => Some(file),
            Sink::Stdout { .. } | Sink::Stderr { .. } => None,
        });
        let mut has_file = false;
        for file in files {
            has_file = true;
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.reopen().map_err(|cause| LogError::File { path: file.path().to_owned(), cause })?;
        }
        Ok(has_file)
    }

    fn sinks_for(&self, metadata: &Metadata<'_>) -> impl Iterator<Item = &Sink> {
        let (target, level) = (metadata.target(), *metadata.level());
        let levels = self.0.levels.read().unwrap_or_else(PoisonError::into_inner);
        self.0.sinks.iter().filter(move |(own, _)| levels.1.allow(*own, target, level)).map(|(_, sink)| sink)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match self.sinks_for(metadata).next() {
            _ if node_name::is_name(metadata) => Interest::always(),
            Some(_) => Interest::always(),
            None => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        node_name::is_name(metadata) || self.sinks_for(metadata).next().is_some()
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let name = NodeName::of(attributes);
        if let (Some(name), Some(span)) = (name, context.span(id)) {
            span.extensions_mut().insert(name);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut spans = context.event_scope(event).into_iter().flatten();
        let node = spans.find_map(|span| span.extensions().get::<NodeName>().map(|name| name.0.clone()));
        let line = self.0.format.line(now, &node.unwrap_or_else(thread_name), event);
        for sink in self.sinks_for(event.metadata()) {
            let _ = sink.write(&line, *event.metadata().level());
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
    use std::path::Path;

    use super::*;

    fn config(path: &Path, modules: ModuleLevels) -> LogConfig {
        let file = LogFile { path: path.to_owned(), truncate: false, max_bytes: None, backups: 0 };
        LogConfig { format: LogFormat::Text, debug: 0, modules, file: Some(file), stdout: None, stderr: None }
    }

    /// What was logged by `act`, without times and threads.
    fn tails(lines: &Lines, path: &Path, act: impl FnOnce()) -> Vec<String> {
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines.clone()), act);
        let written = std::fs::read_to_string(path).expect("reads");
        written.lines().filter_map(|line| line.splitn(3, '|').nth(2).map(str::to_owned)).collect()
    }

    #[test]
    fn events_reach_the_file_at_the_level_of_their_module() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.log");
        let modules = vec![("acestream.LM".to_owned(), LevelFilter::DEBUG)];
        let lines = Lines::open(&config(&path, modules)).expect("opens");
        let tails = tails(&lines, &path, || {
            tracing::info!(target: "acestream.streamer", pieces = 3, name = "x y", "shown {}", 1);
            tracing::debug!(target: "acestream.streamer", "hidden");
            tracing::debug!(target: "acestream.LM", "listen on 7764");
        });
        assert_eq!(tails, ["acestream.streamer|shown 1 pieces=3 name=x y", "acestream.LM|listen on 7764"]);
    }

    #[test]
    fn levels_that_change_hold_for_places_that_logged_before() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.log");
        let lines = Lines::open(&config(&path, Vec::new())).expect("opens");
        let log = |turn: u32| tracing::debug!(target: "acestream.streamer", "turn {turn}");
        let tails = tails(&lines, &path, || {
            log(1);
            lines.set_levels(Some(1), None);
            log(2);
            lines.set_levels(None, Some(vec![("streamer".to_owned(), LevelFilter::INFO)]));
            log(3);
            let told = lines.set_levels(None, Some(Vec::new()));
            assert_eq!(told, LogLevels { debug: 1, modules: Vec::new() });
            log(4);
        });
        assert_eq!(tails, ["acestream.streamer|turn 2", "acestream.streamer|turn 4"]);
    }

    #[test]
    fn lines_of_many_threads_are_whole_and_no_file_exceeds_its_size() {
        const THREADS: usize = 8;
        const LINES_EACH: usize = 200;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.log");
        let mut config = config(&path, Vec::new());
        let file = LogFile { path, truncate: false, max_bytes: Some(4096), backups: 1000 };
        config.file = Some(file);
        config.format = LogFormat::Json;
        let lines = Lines::open(&config).expect("opens");
        let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(lines));
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let dispatch = dispatch.clone();
                scope.spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        for number in 0..LINES_EACH {
                            tracing::info!(target: "acestream", thread, number, "a line");
                        }
                    });
                });
            }
        });
        let mut seen = Vec::new();
        for entry in std::fs::read_dir(dir.path()).expect("a directory") {
            let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("text");
            assert!(text.len() <= 4096, "{}", text.len());
            for line in text.lines() {
                let line: serde_json::Value = serde_json::from_str(line).expect("a whole object");
                let [thread, number] = ["thread", "number"].map(|name| line["fields"][name].as_u64());
                seen.push((thread.expect("a field"), number.expect("a field")));
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), THREADS * LINES_EACH);
    }

    #[test]
    fn moved_file_is_left_and_one_that_cannot_be_opened_is_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, moved) = (dir.path().join("x.log"), dir.path().join("moved"));
        let lines = Lines::open(&config(&path, Vec::new())).expect("opens");
        let subscriber = tracing_subscriber::registry().with(lines.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "acestream", "first");
            std::fs::rename(&path, &moved).expect("moves");
            std::fs::create_dir(&path).expect("in its place");
            let error = lines.reopen().expect_err("it is a directory").to_string();
            assert!(error.contains("x.log"), "{error}");
            tracing::info!(target: "acestream", "second");
            std::fs::remove_dir(&path).expect("away");
            assert!(lines.reopen().expect("opens"));
            tracing::info!(target: "acestream", "third");
        });
        let count = |path: &Path| std::fs::read_to_string(path).expect("reads").lines().count();
        assert_eq!((count(&moved), count(&path)), (2, 1));
    }
}
