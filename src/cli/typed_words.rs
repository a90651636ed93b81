//! The words of a command line, each option together with its value: so that words can be looked for, left
//! out, and given to the nodes whose mode has them.

use super::args;
use super::compat::{self, long_name};
use super::error::UsageError;
use super::mode::Mode;
use super::option::Form;

/// An option with its value, or a word that is neither.
#[derive(Debug, Clone, PartialEq)]
struct Item {
    option: Option<String>,
    words: Vec<String>,
}

/// A command line, spelled in full.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TypedWords(Vec<Item>);

impl TypedWords {
    /// Spells `words` in full and puts them together; the options are those of `modes`.
    ///
    /// # Errors
    /// A prefix that fits several options, or an option of other modes.
    pub fn read(modes: &[Mode], words: &[String]) -> Result<Self, UsageError> {
        let takes_value = |name: &str| {
            let mut rows = modes.iter().filter_map(|mode| args::option(*mode, name));
            rows.any(|option| option.form != Form::Flag)
        };
        let mut words = compat::expand(modes, words)?.into_iter().peekable();
        let mut items = Vec::new();
        while let Some(word) = words.next() {
            let option = long_name(&word).map(str::to_owned);
            let waits = option.as_deref().is_some_and(|name| !word.contains('=') && takes_value(name));
            let value = if waits { words.next_if(|next| !next.starts_with("--")) } else { None };
            items.push(Item { option, words: std::iter::once(word).chain(value).collect() });
        }
        Ok(Self(items))
    }

    /// The last value of an option.
    pub fn value(&self, name: &str) -> Option<&str> {
        let given = self.0.iter().rfind(|item| item.option.as_deref() == Some(name))?;
        match given.words.as_slice() {
            [word] => word.split_once('=').map(|(_, value)| value),
            [_, value, ..] => Some(value),
            [] => None,
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|item| item.option.as_deref() == Some(name))
    }

    /// The words of the options that `keeps` says yes to, and those that are of no option.
    pub fn words(&self, keeps: impl Fn(&str) -> bool) -> Vec<String> {
        let kept = self.0.iter().filter(|item| item.option.as_deref().is_none_or(&keeps));
        kept.flat_map(|item| item.words.clone()).collect()
    }
}
