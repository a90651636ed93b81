//! A value that was given elsewhere than on the command line, and the place to name when it is wrong.

use std::fmt;

use super::option::{Form, Opt};

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of a file, counted from 1.
    Line { path: String, line: usize },
    /// A variable of the environment.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { path, line } => write!(f, "{path}:{line}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// An option and its values, each of which has the form that the option asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    pub name: &'static str,
    form: Form,
    /// One, or any number for an option that may be repeated. A flag has `0` or `1`.
    values: Vec<String>,
    pub origin: Origin,
}

impl Setting {
    pub fn new(option: &Opt, values: Vec<String>, origin: Origin) -> Self {
        Self { name: option.name, form: option.form, values, origin }
    }

    /// The only value, or the last.
    pub fn value(&self) -> Option<&str> {
        self.values.last().map(String::as_str)
    }

    /// As it would have been typed.
    pub fn words(&self) -> Vec<String> {
        let word = |value: &String| match (self.form, value.as_str()) {
            (Form::Flag, "1") => Some(format!("--{}", self.name)),
            (Form::Flag, _) => None,
            _ => Some(format!("--{}={value}", self.name)),
        };
        self.values.iter().filter_map(word).collect()
    }
}
