//! A configuration file: options in TOML under the names of the command line, tables for the nodes.
//!
//! Every key is looked up in the rows of [`args`] and every value goes through the form of its row, so a file
//! can say what the command line can and nothing else. Each complaint begins with file and line.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::args;
use super::error::UsageError;
use super::mode::Mode;
use super::option::{Form, Opt};
use super::parser;
use super::setting::{Origin, Setting};
use crate::base::limits::CONFIG_FILE_MAX_BYTES;
use crate::store::files;

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConfigFile {
    /// What stands above the tables: holds for every node that has the option.
    pub shared: Vec<Setting>,
    /// One for each node.
    pub tables: Vec<Table>,
}

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub mode: Mode,
    pub origin: Origin,
    pub settings: Vec<Setting>,
}

/// Reads the file at `path`. Without a mode of the command line, `asked`, its tables say what runs.
///
/// # Errors
/// The first thing in it that is wrong.
pub fn read(path: &Path, asked: Option<Mode>) -> Result<ConfigFile, UsageError> {
    let about_file = |error: String| UsageError::new(format!("--config: {error}"));
    let bytes = files::read_bounded(path, CONFIG_FILE_MAX_BYTES).map_err(|e| about_file(e.to_string()))?;
    let shown = path.display().to_string();
    let bytes = bytes.ok_or_else(|| about_file(format!("{shown} does not exist")))?;
    let text = String::from_utf8(bytes).map_err(|_| about_file(format!("{shown} is not UTF-8")))?;
    Document { path: shown, text: &text }.read(asked)
}

/// A place in a document: the offset of its first byte.
type Offset = usize;

struct Document<'a> {
    path: String,
    text: &'a str,
}

impl Document<'_> {
    fn read(&self, asked: Option<Mode>) -> Result<ConfigFile, UsageError> {
        let root = DeTable::parse(self.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            UsageError::new(one_line(error.message())).at(self.origin(offset))
        })?;
        let mut keys = Vec::new();
        let mut file = ConfigFile::default();
        for (name, at, value) in in_order(root.get_ref()) {
            match (Mode::OF_TABLES.into_iter().find(|mode| mode.table() == Some(name)), value.get_ref()) {
                (Some(mode), DeValue::Table(table)) => file.tables.push(self.table(mode, at, table)?),
                (Some(mode), DeValue::Array(nodes)) => file.tables.extend(self.tables(mode, nodes)?),
                (None, DeValue::Table(_)) => return Err(self.no_table(name, at)),
                _ => keys.push((name, at, value)),
            }
        }
        // in the order of the file, whatever their modes
        file.tables.sort_by_key(|table| match &table.origin {
            Origin::Line { line, .. } => *line,
            Origin::Variable(_) => 0,
        });
        let modes: Vec<_> = file.tables.iter().map(|table| table.mode).chain(asked).collect();
        if modes.is_empty() {
            let complaint =
                format!("{}: no table says what runs; [source] is one, or name a mode", self.path);
            return Err(UsageError::new(complaint));
        }
        let read = |(name, at, value)| self.setting(&modes, name, at, value);
        file.shared = keys.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(file)
    }

    fn tables(&self, mode: Mode, nodes: &DeArray<'_>) -> Result<Vec<Table>, UsageError> {
        let read = |node: &Spanned<DeValue<'_>>| match node.get_ref() {
            DeValue::Table(table) => self.table(mode, node.span().start, table),
            other => Err(self.wrong(node.span().start, &expected("a table", other))),
        };
        nodes.iter().map(read).collect()
    }

    fn table(&self, mode: Mode, at: Offset, table: &DeTable<'_>) -> Result<Table, UsageError> {
        let read = |(name, at, value)| self.setting(&[mode], name, at, value);
        let settings = in_order(table).into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Table { mode, origin: self.origin(at), settings })
    }

    /// Reads a key that at least one of the modes must have.
    fn setting(
        &self,
        modes: &[Mode],
        name: &str,
        at: Offset,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Setting, UsageError> {
        let rows = || modes.iter().filter_map(|mode| args::option(*mode, name));
        let option = rows().find(|option| !option.is_refused()).or_else(|| rows().next());
        let Some(option) = option else { return Err(self.no_option(modes, name, at)) };
        if name == "config" {
            return Err(self.wrong(at, "config: a file cannot name another"));
        }
        let at = value.span().start;
        let values = texts(option, value.get_ref())
            .map_err(|complaint| self.wrong(at, &format!("{name}: {complaint}")))?;
        for value in &values {
            parser::check(option, value).map_err(|error| error.at(self.origin(at)))?;
        }
        Ok(Setting::new(option, values, self.origin(at)))
    }

    fn no_option(&self, modes: &[Mode], name: &str, at: Offset) -> UsageError {
        let has_form =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        let told = modes.first().filter(|_| has_form).map(|mode| parser::unknown(*mode, name));
        let told = told.unwrap_or_else(|| UsageError::new(format!("{name:?} is not an option")));
        told.at(self.origin(at))
    }

    fn no_table(&self, name: &str, at: Offset) -> UsageError {
        let known: Vec<_> = Mode::OF_TABLES.iter().filter_map(|mode| mode.table()).collect();
        self.wrong(at, &format!("{name:?} is no table; there are {}", known.join(", ")))
    }

    fn wrong(&self, at: Offset, complaint: &str) -> UsageError {
        UsageError::new(complaint).at(self.origin(at))
    }

    fn origin(&self, at: Offset) -> Origin {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Origin::Line { path: self.path.clone(), line }
    }
}

/// Key, place and value, in the order of the file.
fn in_order<'a, 'b>(table: &'a DeTable<'b>) -> Vec<(&'a str, Offset, &'a Spanned<DeValue<'b>>)> {
    let keys = table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value));
    let mut keys: Vec<_> = keys.collect();
    keys.sort_by_key(|(_, at, _)| *at);
    keys
}

/// The values as they would be typed.
fn texts(option: &Opt, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    match value {
        DeValue::Array(values) if option.repeated => {
            values.iter().map(|value| scalar(option.form, value.get_ref())).collect()
        }
        DeValue::Array(_) => Err("expected one value, found an array".to_owned()),
        value => Ok(vec![scalar(option.form, value)?]),
    }
}

fn scalar(form: Form, value: &DeValue<'_>) -> Result<String, String> {
    let is_whole = matches!(form, Form::Int(..) | Form::PowerOfTwo(..));
    let is_switch = matches!(form, Form::Flag | Form::Bool);
    match value {
        DeValue::Boolean(is_on) if is_switch => Ok(u8::from(*is_on).to_string()),
        DeValue::Integer(number)
            if is_whole || is_switch || matches!(form, Form::Number | Form::Date | Form::Choice(_)) =>
        {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            parsed.map(|number| number.to_string()).map_err(|_| format!("{number} is too large"))
        }
        DeValue::Float(number) if form == Form::Number => Ok(number.as_str().to_owned()),
        DeValue::Datetime(date) if form == Form::Date => Ok(date.to_string()),
        DeValue::String(text) if !is_whole && !is_switch && form != Form::Number => {
            Ok(text.clone().into_owned())
        }
        other => Err(expected(kind_of(form), other)),
    }
}

fn kind_of(form: Form) -> &'static str {
    match form {
        Form::Flag | Form::Bool => "true or false",
        Form::Int(..) | Form::PowerOfTwo(..) => "a whole number",
        Form::Number => "a number",
        Form::Date => "a date",
        _ => "a string",
    }
}

fn expected(kind: &str, found: &DeValue<'_>) -> String {
    let found = match found {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    format!("expected {kind}, found {found}")
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}
