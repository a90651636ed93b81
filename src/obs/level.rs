//! Which level of which module is written.

use tracing::Level;
use tracing::level_filters::LevelFilter;

/// The target under which all of this program's own lines are.
const OURS: &str = "acestream";
const OURS_CRATE: &str = "start_engine";
/// The name that stands for every module there is.
const ROOT: &str = "root";

/// Modules and their levels, the later entry winning; `root` is all of them.
pub type ModuleLevels = Vec<(String, LevelFilter)>;

/// What is no list of module levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected name:LEVEL, LEVEL being D, I, W or E (as in root:D)")]
pub struct NotLevels;

/// Reads `name:LEVEL`, several joined by commas.
pub fn parse_modules(text: &str) -> Result<ModuleLevels, NotLevels> {
    text.split([',', ';']).map(|part| module_level(part.trim())).collect()
}

/// The same in writing.
pub fn spell_modules(modules: &[(String, LevelFilter)]) -> String {
    let spelled: Vec<_> = modules.iter().map(|(name, level)| format!("{name}:{}", letter(*level))).collect();
    spelled.join(",")
}

fn module_level(part: &str) -> Result<(String, LevelFilter), NotLevels> {
    let (module, level) = part.rsplit_once(':').unwrap_or((part, ""));
    match (module.is_empty(), level_of(level)) {
        (false, Some(level)) => Ok((module.to_owned(), level)),
        _ => Err(NotLevels),
    }
}

/// A level by its letter or name, as loggers of the reference's kind spell them.
fn level_of(text: &str) -> Option<LevelFilter> {
    match text.to_ascii_lowercase().as_str() {
        "t" | "trace" | "any" => Some(LevelFilter::TRACE),
        "d" | "debug" => Some(LevelFilter::DEBUG),
        "i" | "info" => Some(LevelFilter::INFO),
        "w" | "warn" | "warning" => Some(LevelFilter::WARN),
        "e" | "error" | "c" | "critical" => Some(LevelFilter::ERROR),
        _ => None,
    }
}

fn letter(level: LevelFilter) -> char {
    match level {
        LevelFilter::TRACE => 'T',
        LevelFilter::DEBUG => 'D',
        LevelFilter::INFO => 'I',
        LevelFilter::WARN => 'W',
        _ => 'E',
    }
}

/// Levels by module. A module is a dotted prefix of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    /// For this program's modules.
    ours: LevelFilter,
    /// For the crates that it stands on.
    others: LevelFilter,
    modules: Vec<(String, LevelFilter)>,
}

impl Levels {
    /// `debug` lowers this program's modules from info to debug; `modules` says more of some of them.
    pub fn new(debug: bool, modules: &[(String, LevelFilter)]) -> Self {
        let root = modules.iter().rev().find(|(module, _)| module == ROOT).map(|(_, level)| *level);
        let ours = if debug { LevelFilter::DEBUG } else { LevelFilter::INFO };
        Self {
            ours: root.unwrap_or(ours),
            others: root.unwrap_or(LevelFilter::WARN),
            modules: modules.iter().filter(|(module, _)| module != ROOT).cloned().collect(),
        }
    }

    /// The most detailed level that lines of `target` are written at. The longest module that fits
    /// decides; of two equal ones, the later.
    pub fn of(&self, target: &str) -> LevelFilter {
        let fitting = self.modules.iter().filter(|(module, _)| is_within(target, module));
        let default = if is_ours(target) { self.ours } else { self.others };
        fitting.max_by_key(|(module, _)| module.len()).map_or(default, |(_, level)| *level)
    }

    /// Whether a sink with a level of its own, or without, takes the line.
    pub fn allow(&self, sink: Option<LevelFilter>, target: &str, level: Level) -> bool {
        let threshold = match sink {
            Some(own) if is_ours(target) || own == LevelFilter::TRACE => own,
            _ => self.of(target),
        };
        level <= threshold
    }
}

fn is_ours(target: &str) -> bool {
    is_prefix(target, OURS) || is_prefix(target, OURS_CRATE)
}

/// `module` may be written with or without the leading `acestream.`.
fn is_within(target: &str, module: &str) -> bool {
    let short = target.strip_prefix(OURS).and_then(|rest| rest.strip_prefix('.'));
    is_prefix(target, module) || short.is_some_and(|short| is_prefix(short, module))
}

fn is_prefix(target: &str, module: &str) -> bool {
    let rest = target.strip_prefix(module);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(debug: bool, modules: &[(&str, LevelFilter)]) -> Levels {
        let modules: Vec<_> = modules.iter().map(|(module, level)| ((*module).to_owned(), *level)).collect();
        Levels::new(debug, &modules)
    }

    #[test]
    fn modules_are_spelled_as_they_are_read() {
        let text = "root:D,acestream.LM:E,a:I,b:W,c:T";
        assert_eq!(parse_modules(text).map(|modules| spell_modules(&modules)), Ok(text.to_owned()));
    }

    #[test]
    fn own_modules_log_info_and_others_only_warnings() {
        let levels = levels(false, &[]);
        assert_eq!(levels.of("acestream.streamer"), LevelFilter::INFO);
        assert_eq!(levels.of("hyper::proto"), LevelFilter::WARN);
    }

    #[test]
    fn module_is_a_dotted_prefix_and_not_a_string_prefix() {
        let levels = levels(false, &[("acestream.stream", LevelFilter::DEBUG)]);
        assert_eq!(levels.of("acestream.stream.input"), LevelFilter::DEBUG);
        assert_eq!(levels.of("acestream.streamer"), LevelFilter::INFO);
    }

    #[test]
    fn leading_name_may_be_left_out() {
        assert_eq!(levels(false, &[("LM", LevelFilter::DEBUG)]).of("acestream.LM"), LevelFilter::DEBUG);
    }

    #[test]
    fn root_sets_every_module_that_has_no_level_of_its_own() {
        let levels = levels(false, &[("root", LevelFilter::DEBUG), ("LM", LevelFilter::ERROR)]);
        assert_eq!(levels.of("hyper::proto"), LevelFilter::DEBUG);
        assert_eq!(levels.of("acestream.LM"), LevelFilter::ERROR);
    }

    #[test]
    fn longest_module_decides_and_the_later_of_equal_ones() {
        let modules = [("a", LevelFilter::DEBUG), ("a.b", LevelFilter::ERROR), ("a.b", LevelFilter::TRACE)];
        assert_eq!(levels(false, &modules).of("a.b.c"), LevelFilter::TRACE);
    }

    #[test]
    fn level_of_a_sink_replaces_that_of_own_modules() {
        let levels = levels(true, &[]);
        assert!(!levels.allow(Some(LevelFilter::ERROR), "acestream", Level::INFO));
        assert!(levels.allow(None, "acestream", Level::DEBUG));
        assert!(!levels.allow(Some(LevelFilter::DEBUG), "hyper", Level::DEBUG));
        assert!(levels.allow(Some(LevelFilter::TRACE), "hyper", Level::DEBUG));
    }
}
