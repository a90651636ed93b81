//! The rows of [`args`](super::args) as a parser and as help: one of each for every mode.

use std::fmt::Write;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::args;
use super::error::UsageError;
use super::mode::Mode;
use super::option::Effect;
use super::value;

/// Widest line of help.
const HELP_WIDTH: usize = 110;

/// The parser of a mode's options.
pub fn command(mode: Mode) -> Command {
    let command = Command::new("start-engine")
        .about(mode.doc())
        .override_usage(format!("start-engine --{}{}", mode.flag(), mode.usage()))
        .no_binary_name(true)
        .max_term_width(HELP_WIDTH)
        .after_help("Options of the reference engine that end this build with a reason: docs/cli.md")
        .arg(mode_argument(mode));
    args::groups(mode).iter().fold(command, |command, group| {
        command.args(group.options.iter().map(|option| option.to_arg(group.heading)))
    })
}

fn mode_argument(mode: Mode) -> Arg {
    let argument = Arg::new(mode.flag()).long(mode.flag()).overrides_with(mode.flag());
    match mode.takes_path() {
        true => argument.value_name("PATH").required(true).help(mode.doc()).value_parser(value::path),
        false => argument.action(ArgAction::SetTrue).hide(true),
    }
}

/// Reads `words`, which are spelled in full, and turns away what this build does not do.
///
/// # Errors
/// The first thing that is wrong.
pub fn matches(mode: Mode, words: Vec<String>) -> Result<ArgMatches, UsageError> {
    let matches =
        command(mode).try_get_matches_from(words).map_err(|error| UsageError::from_parser(&error))?;
    let refusal = refusals(mode, &matches).next();
    match refusal {
        Some((option, reason)) => Err(UsageError::new(format!("--{option}: {reason}"))),
        None => Ok(matches),
    }
}

fn refusals(mode: Mode, matches: &ArgMatches) -> impl Iterator<Item = (&'static str, &'static str)> {
    args::options(mode).filter(|option| is_given(matches, option.name)).filter_map(|option| {
        let harmless =
            |value: &str| matches.get_raw(option.name).is_some_and(|mut raw| raw.all(|raw| raw == value));
        match option.effect {
            Effect::Refused(reason) => Some((option.name, reason)),
            Effect::RefusedUnless(value, reason) if !harmless(value) => Some((option.name, reason)),
            _ => None,
        }
    })
}

/// What has to be said about options that are accepted and do nothing here.
pub fn warnings(mode: Mode, matches: &ArgMatches) -> Vec<String> {
    let given = args::options(mode).filter(|option| is_given(matches, option.name));
    given
        .filter_map(|option| match option.effect {
            Effect::Warns(sentence) => Some(format!("--{}: {sentence}", option.name)),
            _ => None,
        })
        .collect()
}

fn is_given(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(name) == Some(clap::parser::ValueSource::CommandLine)
}

/// The help of one mode.
pub fn mode_help(mode: Mode) -> String {
    command(mode).render_help().to_string()
}

/// The help of the program: its modes.
pub fn overview() -> String {
    let mut help = String::from(
        "The open engine for peer-to-peer live broadcasting\n\n\
         Usage: start-engine MODE [OPTIONS]\n\nModes, one of which is needed:\n",
    );
    for mode in Mode::ALL {
        let path = if mode.takes_path() { " PATH" } else { "" };
        let flag = format!("--{}{path}", mode.flag());
        let _ = writeln!(help, "  {flag:<30} {}", mode.doc());
    }
    help + "\nOptions of every mode that runs:\n" + &common_options() + HELP_CLOSING
}

const HELP_CLOSING: &str = "\nThe options of a mode: start-engine --stream-source-node --help\n\
    Any unique prefix of a mode or an option stands for it: --stream-source, --cat movies\n";

fn common_options() -> String {
    let logging = args::groups(Mode::Demo).iter().filter(|group| group.heading == "Logging");
    let options = logging.flat_map(|group| group.options);
    options.fold(String::new(), |mut text, option| {
        let option_and_value = format!("--{} {}", option.name, option.form.shape());
        let _ = writeln!(text, "  {option_and_value:<41} {}", option.doc);
        text
    })
}
