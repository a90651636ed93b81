//! Puts together what each node is told: what its table says over what the file says for all, the
//! environment over that, the command line over everything. What comes out is words again, so that the
//! parser of the mode has the last say about all of it.

use std::path::Path;

use super::args;
use super::compat;
use super::config::{self, Command, Run};
use super::conflicts;
use super::environment::Environment;
use super::error::UsageError;
use super::file::{self, ConfigFile, Table};
use super::mode::Mode;
use super::parser;
use super::setting::{Origin, Setting};
use super::typed_words::TypedWords;
use crate::node::config::{NamedNode, NodeConfig};

/// Directories that two nodes cannot have in common: where they are told of one, each gets a part of it.
const DIRS_OF_ONE_NODE: [&str; 2] = ["state-dir", "cache-dir"];

/// The file that is asked for when no mode says which options there are.
pub fn names_file(words: &[String], environment: &Environment) -> bool {
    words.iter().any(|word| compat::stands_for(word, "config"))
        || environment.settings(&Mode::OF_TABLES).is_ok_and(|set| set.iter().any(|set| set.name == "config"))
}

/// Reads what `words`, the environment and the file that they name say together.
///
/// # Errors
/// The first thing that is wrong.
pub fn run(mode: Option<Mode>, words: &[String], environment: &Environment) -> Result<Run, UsageError> {
    let file = match path_of_file(mode, words, environment)? {
        Some(path) => file::read(Path::new(&path), mode)?,
        None => ConfigFile::default(),
    };
    let tables = nodes(mode, &file)?;
    let modes: Vec<_> = tables.iter().map(|table| table.mode).collect();
    let layers = Layers {
        shared: file.shared,
        environment: environment.settings(&modes)?,
        typed: TypedWords::read(&modes, words)?,
        modes,
    };
    let mut run = match tables.as_slice() {
        [only] => layers.one(only)?,
        several => layers.several(several)?,
    };
    run.warnings.extend(environment.warnings());
    Ok(run)
}

fn path_of_file(
    mode: Option<Mode>,
    words: &[String],
    environment: &Environment,
) -> Result<Option<String>, UsageError> {
    let modes = mode.map_or_else(|| Mode::OF_TABLES.to_vec(), |mode| vec![mode]);
    if modes.iter().all(|mode| args::option(*mode, "config").is_none()) {
        return Ok(None);
    }
    // without a mode the other words can be spelled in full only once the file says what runs
    let typed = match mode {
        Some(_) => TypedWords::read(&modes, words)?,
        None => TypedWords::read(&modes, &words_of_file(words))?,
    };
    let set = environment.settings(&modes)?;
    let variable = set.iter().find(|set| set.name == "config").and_then(Setting::value);
    let path = typed.value("config").or(variable).map(str::to_owned);
    let option = modes.iter().find_map(|mode| args::option(*mode, "config"));
    path.iter().zip(option).try_for_each(|(path, option)| parser::check(option, path))?;
    Ok(path)
}

fn words_of_file(words: &[String]) -> Vec<String> {
    let at = words.iter().rposition(|word| compat::stands_for(word, "config"));
    at.map_or_else(Vec::new, |at| words[at..].iter().take(2).cloned().collect())
}

/// The nodes that the file asks for, or the one that the command line asks for.
fn nodes(mode: Option<Mode>, file: &ConfigFile) -> Result<Vec<Table>, UsageError> {
    match (mode, file.tables.as_slice()) {
        (None, tables) => Ok(tables.to_vec()),
        (Some(mode), []) => {
            let origin = Origin::Variable(format!("--{}", mode.flag()));
            Ok(vec![Table { mode, origin, settings: Vec::new() }])
        }
        (Some(mode), [only]) if only.mode == mode => Ok(vec![only.clone()]),
        (Some(mode), [first, ..]) => {
            let complaint = format!(
                "the file asks for {} node{}, --{} for one of its own: leave the mode out",
                file.tables.len(),
                if file.tables.len() == 1 { " of another mode" } else { "s" },
                mode.flag()
            );
            Err(UsageError::new(complaint).at(&first.origin))
        }
    }
}

/// What is said beside the tables.
struct Layers {
    modes: Vec<Mode>,
    shared: Vec<Setting>,
    environment: Vec<Setting>,
    typed: TypedWords,
}

impl Layers {
    fn one(&self, table: &Table) -> Result<Run, UsageError> {
        let (settings, words) = self.told(table);
        let run = read(table.mode, &settings, words);
        run.map_err(|error| self.with_place(error, table, &settings))
    }

    fn several(&self, tables: &[Table]) -> Result<Run, UsageError> {
        let mut warnings = Vec::new();
        let mut nodes = Vec::new();
        for (place, table) in tables.iter().enumerate() {
            self.check_scope(table)?;
            let (settings, words) = self.told(table);
            let run = read(table.mode, &settings, words);
            let run = run.map_err(|error| self.with_place(error, table, &settings))?;
            warnings.extend(run.warnings);
            let Some(config) = run.command.into_node() else { continue };
            nodes.push(self.named(table, place, config));
        }
        conflicts::check(&nodes, tables)?;
        let run =
            Run { command: Command::Nodes(nodes), log: self.log()?, warnings: config::unique(warnings) };
        Ok(run)
    }

    /// What is told to the node of `table`: settings, and the words that stand above them.
    fn told(&self, table: &Table) -> (Vec<Setting>, Vec<String>) {
        let mut told: Vec<&Setting> = Vec::new();
        let shared = |set: &&Setting| self.concerns(table.mode, set.name);
        let layers = self.shared.iter().filter(shared).chain(&table.settings);
        for setting in layers.chain(self.environment.iter().filter(shared)) {
            told.retain(|lower| lower.name != setting.name);
            told.push(setting);
        }
        told.retain(|setting| !self.typed.has(setting.name));
        let words = self.typed.words(|name| self.concerns(table.mode, name) || !self.is_known(name));
        (told.into_iter().filter(|set| set.name != "config").cloned().collect(), words)
    }

    /// Whether what is said for all nodes is said to one of this mode: not where the option only ends the
    /// program and another node makes something of it.
    fn concerns(&self, mode: Mode, name: &str) -> bool {
        let works = |mode: &Mode| args::option(*mode, name).is_some_and(|option| !option.is_refused());
        match args::option(mode, name) {
            Some(option) => !option.is_refused() || !self.modes.iter().any(works),
            None => false,
        }
    }

    fn is_known(&self, name: &str) -> bool {
        self.modes.iter().any(|mode| args::option(*mode, name).is_some())
    }

    fn check_scope(&self, table: &Table) -> Result<(), UsageError> {
        let of_process = |set: &&Setting| args::is_of_process(table.mode, set.name);
        table.settings.iter().find(of_process).map_or(Ok(()), |set| {
            let complaint =
                format!("--{}: the nodes of a process share one log: say it above the tables", set.name);
            Err(UsageError::new(complaint).at(&set.origin))
        })
    }

    /// A node with its name, and with its part of the directories that all nodes were told of.
    fn named(&self, table: &Table, place: usize, mut config: NodeConfig) -> NamedNode {
        let kind = table.mode.table().unwrap_or_default();
        let name = match (&config, config.port()) {
            (NodeConfig::Source(source), _) => source.name.clone(),
            (_, 0) => format!("#{}", place + 1),
            (_, port) => port.to_string(),
        };
        let part = format!("{kind}-{}", name.trim_start_matches('#'));
        let is_shared = |name: &str| {
            let is_given = |set: &Setting| set.name == name;
            let is_own = table.settings.iter().any(is_given) && !self.environment.iter().any(is_given);
            let is_told = self.typed.has(name) || self.environment.iter().chain(&self.shared).any(is_given);
            is_told && (!is_own || self.typed.has(name))
        };
        let [state_is_shared, cache_is_shared] = DIRS_OF_ONE_NODE.map(is_shared);
        if let Some(common) = config.common_mut() {
            if let Some(dir) = common.state_dir.as_mut().filter(|_| state_is_shared) {
                dir.push(&part);
            }
            if cache_is_shared {
                common.cache_dir.push(&part);
            }
        }
        NamedNode { name: format!("{kind}:{name}"), config }
    }

    /// The log of the process, as a client's options describe it: the mode that has them all and needs none.
    fn log(&self) -> Result<crate::obs::log::LogConfig, UsageError> {
        let is_of_log = |name: &str| args::is_of_process(Mode::Client, name) && name != "config";
        let settings = self.shared.iter().chain(&self.environment);
        let settings: Vec<_> =
            settings.filter(|set| is_of_log(set.name) && !self.typed.has(set.name)).cloned().collect();
        let mut latest: Vec<Setting> = Vec::new();
        for setting in settings {
            latest.retain(|earlier| earlier.name != setting.name);
            latest.push(setting);
        }
        let words = latest.iter().flat_map(Setting::words).chain(self.typed.words(is_of_log)).collect();
        let matches = parser::matches(Mode::Client, words)?;
        config::log_of(Mode::Client, &matches)
    }

    /// Says where the option stands that an error is about, unless it was typed.
    fn with_place(&self, error: UsageError, table: &Table, settings: &[Setting]) -> UsageError {
        let about = error.option().map(str::to_owned);
        let is_typed = about.as_deref().is_some_and(|name| self.typed.has(name));
        let setting = settings.iter().find(|set| Some(set.name) == about.as_deref());
        match (setting, &table.origin) {
            _ if is_typed => error,
            (Some(setting), _) => error.at(&setting.origin),
            (None, Origin::Line { .. }) => {
                error.at(format!("[{}]", table.mode.table().unwrap_or_default())).at(&table.origin)
            }
            (None, Origin::Variable(_)) => error,
        }
    }
}

fn read(mode: Mode, settings: &[Setting], words: Vec<String>) -> Result<Run, UsageError> {
    let words = settings.iter().flat_map(Setting::words).chain(words).collect();
    let matches = parser::matches(mode, words)?;
    let warnings = parser::warnings(mode, &matches);
    config::run(mode, &matches, warnings)
}
