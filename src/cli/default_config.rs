//! `--print-config`: a configuration file with every option that works, commented out, from the rows of
//! [`args`]. What it prints, `--config` reads, with any of its settings uncommented.

use std::fmt::Write;

use super::args::{self, Group, Scope};
use super::compat;
use super::error::UsageError;
use super::mode::Mode;
use super::option::{Effect, Form, Opt};
use super::parser;

/// Widest comment.
const WIDTH: usize = 110;

const INTRODUCTION: &str = "\
# Configuration of start-engine: start-engine --config FILE
#
# The options of the command line under their names, without the dashes. A line that begins with # and a name
# is a setting that is left as it is: remove the # to change it. The environment (START_ENGINE_LOG_FILE and so
# on) and the command line stand above what is said here.
#
# What is said above the tables holds for every node that has the option. A table is a node; several, as
# [[source]] [[source]] [[support]], run in one process.
";

/// The file for one mode, or for all that a file can ask for.
///
/// # Errors
/// A mode that has no table, or other words beside.
pub fn text(mode: Option<Mode>, words: &[String]) -> Result<String, UsageError> {
    let modes = mode.map_or_else(|| Mode::OF_TABLES.to_vec(), |mode| vec![mode]);
    if let Some(mode) = mode.filter(|mode| mode.table().is_none()) {
        let complaint = format!("--print-config: a configuration file does not ask for --{}", mode.flag());
        return Err(UsageError::new(complaint));
    }
    let expanded = compat::expand(&modes, words)?;
    let is_asking = |word: &String| word == "--print-config" || mode.is_some_and(|m| word[2..] == *m.flag());
    if let Some(other) = expanded.iter().find(|word| word.len() < 2 || !is_asking(word)) {
        return Err(UsageError::new(format!("--print-config takes a mode and nothing else, not {other}")));
    }
    Ok(written(&modes, mode.is_some()))
}

/// With one mode alone its table and what the node needs are not commented out.
fn written(modes: &[Mode], is_alone: bool) -> String {
    let mut text = INTRODUCTION.to_owned();
    let is_above = |group: &Group| match group.scope {
        Scope::Process => true,
        Scope::Shared => !is_alone,
        Scope::Node => false,
    };
    let mut above: Vec<&Group> = Vec::new();
    for group in modes.iter().flat_map(|mode| args::groups(*mode)).filter(|group| is_above(group)) {
        if !above.contains(&group) {
            above.push(group);
        }
    }
    above.into_iter().for_each(|group| write_group(&mut text, group, is_alone));
    for mode in modes {
        let (table, comment) = (mode.table().unwrap_or_default(), if is_alone { "" } else { "#" });
        let header = if is_alone { format!("[{table}]") } else { format!("[[{table}]]") };
        let _ = write!(text, "\n\n# {}.\n{comment}{header}\n", mode.doc());
        let groups = args::groups(*mode).iter().filter(|group| !is_above(group));
        groups.for_each(|group| write_group(&mut text, group, is_alone));
    }
    text
}

fn write_group(text: &mut String, group: &Group, needs_are_set: bool) {
    let works = |option: &&Opt| !option.is_refused() && option.name != "config";
    let mut options = group.options.iter().filter(works).peekable();
    if options.peek().is_some() {
        let _ = write!(text, "\n# --- {} ---\n", group.heading);
    }
    for option in options {
        let comment = if option.required && needs_are_set { "" } else { "#" };
        let _ = writeln!(text);
        wrapped(text, &explanation(option));
        let range = option.form.range().replace('`', "");
        if !range.is_empty() {
            wrapped(text, &format!("({range})"));
        }
        let _ = writeln!(text, "{comment}{} = {}", option.name, value(option));
    }
}

/// As comment lines of no more than [`WIDTH`] characters.
fn wrapped(text: &mut String, sentence: &str) {
    let mut line = String::from("#");
    for word in sentence.split(' ') {
        if line.len() + 1 + word.len() > WIDTH && line.len() > 1 {
            let _ = writeln!(text, "{line}");
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(text, "{line}");
}

fn explanation(option: &Opt) -> String {
    let mut text = option.doc.to_owned();
    if let Effect::Warns(sentence) | Effect::RefusedUnless(_, sentence) = option.effect {
        let _ = write!(text, " ({sentence})");
    }
    match option.default {
        _ if option.required => text.push_str(". Needed."),
        "" if option.repeated => text.push_str(". Default: none."),
        "" => text.push('.'),
        default => {
            let _ = write!(text, ". Default: {}.", default.replace('`', ""));
        }
    }
    text
}

/// The default where it is a value, else an example.
fn value(option: &Opt) -> String {
    let default = option.default;
    let is_value = match option.form {
        Form::Flag | Form::Bool => return (default == "1").to_string(),
        Form::Int(..) | Form::PowerOfTwo(..) | Form::Number | Form::Choice(_) => {
            parser::check(option, default).is_ok()
        }
        Form::Path => default.starts_with(['.', '/']) && !default.contains(' '),
        _ => false,
    };
    let value = match option.form {
        Form::Int(..) | Form::PowerOfTwo(..) | Form::Number if is_value => default.to_owned(),
        _ if is_value => format!("\"{default}\""),
        Form::Path => format!("\"/tmp/{}\"", option.name),
        Form::Date if option.name.ends_with("end") => "\"2030-01-31T20:00:00Z\"".to_owned(),
        form => form.example(),
    };
    if option.repeated { format!("[{value}]") } else { value }
}
