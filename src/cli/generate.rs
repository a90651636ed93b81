//! `--generate`: the man page and shell completions, made from the definitions that the parser is made of.

use clap::{Arg, ArgAction, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::args;
use super::compat;
use super::error::UsageError;
use super::mode::Mode;
use super::parser;

/// What `words` ask for, as text.
///
/// # Errors
/// Nothing to generate is named, or nothing that there is.
pub fn text(words: &[String]) -> Result<String, UsageError> {
    let matches = parser::matches(Mode::Generate, compat::expand(&[Mode::Generate], words)?)?;
    let value = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let bytes = match (value(Mode::Generate.flag()), value("shell")) {
        (Some("man"), Some(_)) => return Err(UsageError::new("--shell: a man page is for no shell")),
        (Some("man"), None) => man_page(),
        (_, shell) => completions(shell.unwrap_or("bash")),
    };
    String::from_utf8(bytes).map_err(|_| UsageError::new("--generate: what was made is not UTF-8"))
}

fn completions(shell: &str) -> Vec<u8> {
    let shell = match shell {
        "elvish" => Shell::Elvish,
        "fish" => Shell::Fish,
        "powershell" => Shell::PowerShell,
        "zsh" => Shell::Zsh,
        _ => Shell::Bash,
    };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut every_mode(), "start-engine", &mut text);
    text
}

/// A parser that knows every mode and every option, for those who look at words before a mode is typed.
fn every_mode() -> Command {
    let modes = Mode::ALL.into_iter().map(|mode| {
        let flag = Arg::new(mode.flag()).long(mode.flag()).help(mode.doc()).help_heading("Modes");
        let flag = if mode == Mode::Version { flag.short('v') } else { flag };
        match mode.operand() {
            Some(form) => form.describe(flag),
            None => flag.action(ArgAction::SetTrue),
        }
    });
    let print_config = Arg::new("print-config").long("print-config").action(ArgAction::SetTrue);
    let print_config = print_config.help(parser::PRINT_CONFIG_DOC).help_heading("Modes");
    let mut command = Command::new("start-engine").disable_version_flag(true).args(modes).arg(print_config);
    let mut known: Vec<&str> = Vec::new();
    for group in Mode::ALL.into_iter().flat_map(args::groups) {
        for option in group.options.iter().filter(|option| !option.is_refused()) {
            if !known.contains(&option.name) {
                known.push(option.name);
                command = command.arg(option.to_arg(group.heading).required(false));
            }
        }
    }
    command
}

/// One page: the modes, then the options of each.
fn man_page() -> Vec<u8> {
    let about = "open engine for peer-to-peer live broadcasting";
    let program = Command::new("start-engine").about(about).disable_help_flag(true);
    let program = program.override_usage("start-engine MODE [OPTIONS]\nstart-engine --config FILE [OPTIONS]");
    let program = Man::new(program).title("START-ENGINE").source(super::version().trim_end().to_owned());
    let mut page = Vec::new();
    let rendered = (|| {
        program.render_title(&mut page)?;
        program.render_name_section(&mut page)?;
        program.render_synopsis_section(&mut page)?;
        modes_only().render_options_section(&mut page)?;
        Mode::ALL.into_iter().try_for_each(|mode| options_of(mode, &mut page))
    })();
    // a vector takes everything
    let _: std::io::Result<()> = rendered;
    page
}

fn modes_only() -> Man {
    let modes =
        every_mode().get_arguments().filter(|a| a.get_help_heading() == Some("Modes")).cloned().collect();
    let modes: Vec<Arg> = modes;
    let bare = modes.into_iter().map(|argument| argument.help_heading(None::<&str>));
    Man::new(Command::new("start-engine").disable_version_flag(true).args(bare))
}

fn options_of(mode: Mode, page: &mut Vec<u8>) -> std::io::Result<()> {
    if args::options(mode).next().is_none() {
        return Ok(());
    }
    let mut section = Vec::new();
    Man::new(parser::command(mode).disable_help_flag(true)).render_options_section(&mut section)?;
    let section = String::from_utf8_lossy(&section);
    let title = format!(".SH \"OPTIONS OF --{}\"\n", mode.flag().to_uppercase());
    page.extend_from_slice(title.as_bytes());
    // what the page calls a section is one of this mode here
    let parts = section.lines().filter(|line| !line.starts_with(".SH OPTIONS"));
    for line in parts {
        page.extend_from_slice(line.replacen(".SH ", ".SS ", 1).as_bytes());
        page.push(b'\n');
    }
    Ok(())
}
