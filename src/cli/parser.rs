//! The rows of [`args`](super::args) as a parser and as help: one of each for every mode.

use std::fmt::Write;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::args;
use super::error::UsageError;
use super::mode::Mode;
use super::option::{Effect, Form, Opt};

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
    match mode.operand() {
        Some(form) => form.describe(argument).required(true).help(mode.doc()),
        None => argument.action(ArgAction::SetTrue).hide(true),
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

/// Looks at one value as [`matches`] does, by itself.
///
/// # Errors
/// The value has another form, or the option does nothing in this build.
pub fn check(option: &Opt, value: &str) -> Result<(), UsageError> {
    match option.effect {
        Effect::Refused(reason) => return Err(UsageError::new(format!("--{}: {reason}", option.name))),
        Effect::RefusedUnless(harmless, reason) if value != harmless => {
            // what is no value at all is told as such
            read(option, value)?;
            return Err(UsageError::new(format!("--{}: {reason}", option.name)));
        }
        _ => {}
    }
    read(option, value)
}

fn read(option: &Opt, value: &str) -> Result<(), UsageError> {
    // a flag has no value on the command line; elsewhere it is switched
    let form = if option.form == Form::Flag { Form::Bool } else { option.form };
    let argument = Opt { form, required: false, ..*option }.to_arg("");
    let command = Command::new("start-engine").no_binary_name(true).arg(argument);
    let word = format!("--{}={value}", option.name);
    command.try_get_matches_from([word]).map(|_| ()).map_err(|error| UsageError::from_parser(&error))
}

/// What is said of an option that the mode does not have, with a suggestion where one is near.
pub fn unknown(mode: Mode, name: &str) -> UsageError {
    let answer = command(mode).try_get_matches_from([format!("--{name}")]);
    match answer.map_err(|error| (error.kind(), UsageError::from_parser(&error))) {
        Err((ErrorKind::UnknownArgument, told)) => told,
        _ => UsageError::new(format!("--{name} is not an option of --{}", mode.flag())),
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
        let operand = mode.operand().map_or_else(String::new, |form| format!(" {}", form.shape()));
        let flag = format!("--{}{operand}", mode.flag());
        let _ = writeln!(help, "  {flag:<30} {}", mode.doc());
    }
    let _ = writeln!(help, "\nBeside a mode, or alone:\n  {:<30} {PRINT_CONFIG_DOC}", "--print-config");
    help + "\nOptions of every mode that runs:\n" + &common_options() + HELP_CLOSING
}

/// What `--print-config` does.
pub const PRINT_CONFIG_DOC: &str = "Print a configuration file with the defaults of the mode, or of all";

const HELP_CLOSING: &str = "\nThe options of a mode: start-engine --stream-source-node --help\n\
    Any unique prefix of a mode or an option stands for it: --stream-source, --cat movies\n";

fn common_options() -> String {
    let logging = args::groups(Mode::Demo).iter().filter(|group| group.scope == args::Scope::Process);
    let options = logging.flat_map(|group| group.options);
    options.fold(String::new(), |mut text, option| {
        let option_and_value = format!("--{} {}", option.name, option.form.shape());
        let _ = writeln!(text, "  {option_and_value:<41} {}", option.doc);
        text
    })
}
