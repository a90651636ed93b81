//! What a wrong command line is answered with: one line, and the usage where that helps.

use std::fmt;

/// A command line that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageError {
    message: String,
    usage: Option<String>,
}

impl UsageError {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), usage: None }
    }

    /// Shown after the message, on lines of its own.
    pub fn with_usage(self, usage: String) -> Self {
        Self { usage: Some(usage), ..self }
    }

    /// The same, with the place where it was found before it.
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self { message: format!("{place}: {}", self.message), ..self }
    }

    /// The option that the message is about, without dashes: the first that it names.
    pub fn option(&self) -> Option<&str> {
        let (_, name) = self.message.split_once("--")?;
        let end = name.find(|character: char| !character.is_ascii_alphanumeric() && character != '-');
        Some(&name[..end.unwrap_or(name.len())])
    }

    /// The parser's explanation without its usage section, joined into one line.
    pub fn from_parser(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let told = lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
        let joined = told.fold(String::new(), |joined, line| match joined.chars().last() {
            None => line.trim_start_matches("error: ").to_owned(),
            Some(':') => joined + " " + line,
            Some(_) => joined + "; " + line,
        });
        Self::new(joined)
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.usage.iter().try_for_each(|usage| write!(f, "\n{usage}"))
    }
}

impl std::error::Error for UsageError {}
