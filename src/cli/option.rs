//! What one option is: its name, the form of its value, its default, its effect and its sentence of
//! documentation, in one row from which parser, help and `docs/cli.md` are made.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, ValueParser};
use clap::{Arg, ArgAction, ValueHint};

use super::value;

/// The form of a value, checked when it is read. Each is read into the type that its line names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// Present or not: `bool`.
    Flag,
    /// `0` or `1`: `bool`.
    Bool,
    /// A whole number between two bounds, both included: `u64`.
    Int(u64, u64),
    /// A power of two between two bounds, both included: `u32`.
    PowerOfTwo(u32, u32),
    /// A number of at least 0 that may have decimals: `f64`.
    Number,
    /// One of a fixed set: `String`.
    Choice(&'static [&'static str]),
    /// Text of 1 to so many bytes without control characters: `String`.
    Text(usize),
    /// `[a-z0-9_-]+`: `String`.
    Name,
    /// `[A-Za-z0-9_-]+`: `String`.
    Token,
    /// A path: `PathBuf`.
    Path,
    /// What a source node reads: `String`.
    SourceUrl,
    /// A path, `file://` or `http(s)://`: `String`.
    FileOrUrl,
    /// `http(s)://`: `String`.
    Url,
    /// `http(s)://`, of a playlist: `String`.
    PlaylistUrl,
    /// `http(s)://` or `udp://`: `String`.
    TrackerUrl,
    /// Three letters, read as upper case: `String`.
    Country,
    /// Three letters, read as lower case: `String`.
    Language,
    /// A host name or address: `String`.
    Host,
    /// An address without port: `IpAddr`.
    Ip,
    /// A host name or address, and a port: `String`.
    HostPort,
    /// `1.2.3.4:80` or `[::1]:80`: `SocketAddr`.
    Address,
    /// The same, or without port, or a network: `Listed`.
    Listed,
    /// RFC 3339 or Unix seconds: `i64`.
    Date,
    /// `name:LEVEL`, several joined by commas: `Vec<(String, LevelFilter)>`.
    ModuleLevels,
}

/// What becomes of an option that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Works,
    /// Accepted; the sentence is logged as a warning.
    Warns(&'static str),
    /// Ends the program: the reason.
    Refused(&'static str),
    /// Ends the program unless its value is the first text: value, reason.
    RefusedUnless(&'static str, &'static str),
}

/// One option.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Opt {
    /// Without the dashes.
    pub name: &'static str,
    pub form: Form,
    /// May be given more than once.
    pub repeated: bool,
    pub required: bool,
    /// As shown in help and documentation; empty: none.
    pub default: &'static str,
    pub effect: Effect,
    pub doc: &'static str,
}

impl Opt {
    pub const fn new(name: &'static str, form: Form, default: &'static str, doc: &'static str) -> Self {
        Self { name, form, repeated: false, required: false, default, effect: Effect::Works, doc }
    }

    pub const fn flag(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, Form::Flag, "", doc)
    }

    pub const fn list(name: &'static str, form: Form, doc: &'static str) -> Self {
        Self { repeated: true, ..Self::new(name, form, "", doc) }
    }

    pub const fn required(name: &'static str, form: Form, doc: &'static str) -> Self {
        Self { required: true, ..Self::new(name, form, "", doc) }
    }

    pub const fn required_list(name: &'static str, form: Form, doc: &'static str) -> Self {
        Self { repeated: true, ..Self::required(name, form, doc) }
    }

    /// An option of the reference engine that this build does not act on.
    pub const fn refused(name: &'static str, form: Form, reason: &'static str) -> Self {
        Self { effect: Effect::Refused(reason), ..Self::new(name, form, "", "") }
    }

    pub const fn refused_list(name: &'static str, form: Form, reason: &'static str) -> Self {
        Self { repeated: true, ..Self::refused(name, form, reason) }
    }

    pub const fn with(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }

    /// Does nothing but end the program.
    pub const fn is_refused(&self) -> bool {
        matches!(self.effect, Effect::Refused(_))
    }

    /// The definition for the parser. Refused options parse, and are left out of the help.
    pub fn to_arg(self, heading: &'static str) -> Arg {
        let arg = Arg::new(self.name)
            .long(self.name)
            .help(self.help())
            .help_heading(heading)
            .required(self.required)
            .hide(self.is_refused())
            .hide_possible_values(self.form.shows_its_choices());
        match (self.form, self.repeated) {
            (Form::Flag, _) => arg.action(ArgAction::SetTrue).overrides_with(self.name),
            (form, true) => form.describe(arg.action(ArgAction::Append)),
            (form, false) => form.describe(arg.action(ArgAction::Set).overrides_with(self.name)),
        }
    }

    fn help(&self) -> String {
        let mut help = self.doc.to_owned();
        if self.repeated {
            help.push_str(" [may be repeated]");
        }
        if self.required {
            help.push_str(" [required]");
        } else if !self.default.is_empty() {
            help.push_str(&format!(" [default: {}]", self.default));
        }
        help
    }
}

impl Form {
    /// The definition of an argument whose value has this form.
    pub fn describe(self, arg: Arg) -> Arg {
        let hint = match self {
            Self::Path | Self::SourceUrl | Self::FileOrUrl => ValueHint::AnyPath,
            _ => ValueHint::Other,
        };
        let arg = arg.value_name(self.shape()).value_hint(hint);
        arg.value_parser(self.parser()).allow_negative_numbers(true)
    }

    /// How help and documentation write a value.
    pub fn shape(self) -> String {
        match self {
            Self::Flag => String::new(),
            Self::Bool => "0|1".to_owned(),
            Self::Int(..) | Self::PowerOfTwo(..) | Self::Number => "N".to_owned(),
            Self::Choice(values) if self.shows_its_choices() => values.join("|"),
            Self::Choice(_) => "CHOICE".to_owned(),
            Self::Text(_) => "TEXT".to_owned(),
            Self::Name | Self::Token => "NAME".to_owned(),
            Self::Path => "PATH".to_owned(),
            Self::SourceUrl | Self::FileOrUrl => "URL|PATH".to_owned(),
            Self::Url | Self::PlaylistUrl | Self::TrackerUrl => "URL".to_owned(),
            Self::Country | Self::Language => "CODE".to_owned(),
            Self::Host => "HOST".to_owned(),
            Self::Ip => "IP".to_owned(),
            Self::HostPort => "HOST:PORT".to_owned(),
            Self::Address => "IP:PORT".to_owned(),
            Self::Listed => "IP[/N][:PORT]".to_owned(),
            Self::Date => "DATE".to_owned(),
            Self::ModuleLevels => "NAME:LEVEL".to_owned(),
        }
    }

    /// The shape lists all that is accepted.
    fn shows_its_choices(self) -> bool {
        matches!(self, Self::Choice(values) if values.len() <= 5)
    }

    /// What is accepted, in words, where the shape alone does not say it.
    pub fn range(self) -> String {
        match self {
            Self::Int(min, u64::MAX) => format!("a whole number, at least {min}"),
            Self::Int(min, max) => format!("a whole number from {min} to {max}"),
            Self::PowerOfTwo(min, max) => format!("a power of two from {min} to {max}"),
            Self::Number => "a number, at least 0".to_owned(),
            Self::Choice(values) => format!("one of {}", values.join(", ")),
            Self::Text(max) => format!("1 to {max} bytes of text"),
            Self::Name => "characters `a-z0-9_-`".to_owned(),
            Self::Token => "characters `A-Za-z0-9_-`".to_owned(),
            Self::SourceUrl => "`http(s)://`, `udp://`, `rtp://`, `file:`, a path, or `-`".to_owned(),
            Self::FileOrUrl => "a path, `file://` or `http(s)://`".to_owned(),
            Self::Url | Self::PlaylistUrl => "`http(s)://`".to_owned(),
            Self::Country => "three letters of ISO 3166-1".to_owned(),
            Self::Language => "three letters of ISO 639-3".to_owned(),
            Self::TrackerUrl => "`http(s)://` or `udp://`".to_owned(),
            Self::HostPort => "`host:80`, `1.2.3.4:80` or `[::1]:80`".to_owned(),
            Self::Address => "`1.2.3.4:80` or `[::1]:80`".to_owned(),
            Self::Listed => "`1.2.3.4:80`, `[::1]:80`, or a whole network as `10.0.0.0/8`".to_owned(),
            Self::Date => "RFC 3339 or Unix seconds".to_owned(),
            Self::ModuleLevels => "`name:LEVEL`, several joined by commas".to_owned(),
            Self::Flag | Self::Bool | Self::Path | Self::Host | Self::Ip => String::new(),
        }
    }

    /// A value of this form, as a configuration file writes it.
    pub fn example(self) -> String {
        match self {
            Self::Flag => "true".to_owned(),
            Self::Bool | Self::Number => "0".to_owned(),
            Self::Int(min, _) => min.to_string(),
            Self::PowerOfTwo(min, _) => min.to_string(),
            Self::Choice(values) => quoted(values.first().unwrap_or(&"")),
            Self::Text(_) => quoted("text"),
            Self::Name | Self::Token => quoted("name"),
            Self::Path => quoted("/tmp/path"),
            Self::SourceUrl => quoted("http://127.0.0.1:8080/stream.ts"),
            Self::FileOrUrl => quoted("http://192.0.2.1:7764/app/get_transport_file?format=raw"),
            Self::Url => quoted("https://example.com/logo.png"),
            Self::PlaylistUrl => quoted("https://example.com/live.m3u8"),
            Self::TrackerUrl => quoted("udp://tracker.example.com:2710/announce"),
            Self::Country => quoted("POL"),
            Self::Language => quoted("pol"),
            Self::Host => quoted("example.com"),
            Self::Ip => quoted("192.0.2.1"),
            Self::Address | Self::Listed => quoted("192.0.2.1:8621"),
            Self::HostPort => quoted("example.com:6881"),
            Self::Date => quoted("2030-01-31T18:00:00Z"),
            Self::ModuleLevels => quoted("root:D"),
        }
    }

    fn parser(self) -> ValueParser {
        match self {
            Self::Flag | Self::Bool => ValueParser::new(value::bool01),
            Self::Int(min, max) => ValueParser::new(move |text: &str| value::int(text, min, max)),
            Self::PowerOfTwo(min, max) => {
                ValueParser::new(move |text: &str| value::power_of_two(text, min, max))
            }
            Self::Number => ValueParser::new(value::number),
            Self::Choice(values) => ValueParser::new(PossibleValuesParser::new(values)),
            Self::Text(max) => ValueParser::new(move |text: &str| value::text(text, max)),
            Self::Name => ValueParser::new(value::name),
            Self::Token => ValueParser::new(value::token),
            Self::Path => ValueParser::new(value::path as fn(&str) -> Result<PathBuf, String>),
            Self::SourceUrl => ValueParser::new(value::source_url),
            Self::FileOrUrl => ValueParser::new(value::file_or_url),
            Self::Url => ValueParser::new(value::url),
            Self::PlaylistUrl => ValueParser::new(value::playlist_url),
            Self::TrackerUrl => ValueParser::new(value::tracker_url),
            Self::Country => ValueParser::new(value::country),
            Self::Language => ValueParser::new(value::language),
            Self::Host => ValueParser::new(value::host),
            Self::Ip => ValueParser::new(value::ip),
            Self::HostPort => ValueParser::new(value::host_port),
            Self::Address => ValueParser::new(value::address),
            Self::Listed => ValueParser::new(value::listed),
            Self::Date => ValueParser::new(value::date),
            Self::ModuleLevels => ValueParser::new(value::module_levels),
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
