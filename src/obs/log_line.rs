//! One log line of one event: `2021-12-03 11:03:08,162|MainThread|acestream|message key=value`, or the same as
//! a JSON object. Times are UTC. Whatever an event carries, its line is one line.

use std::fmt::{self, Write as _};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use crate::base::civil::Civil;

/// How lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// As the reference engine's.
    #[default]
    Text,
    /// An object a line: `time`, `level`, `thread`, `logger`, `message` and, where there are any, `fields`.
    Json,
}

impl LogFormat {
    /// The line of `event`, with its end.
    pub fn line(self, since_epoch: Duration, thread: &str, event: &Event<'_>) -> String {
        let (logger, level) = (event.metadata().target(), *event.metadata().level());
        match self {
            Self::Text => {
                let mut text = Text::default();
                event.record(&mut text);
                text_line(since_epoch, thread, logger, &text)
            }
            Self::Json => {
                let mut fields = Fields::default();
                event.record(&mut fields);
                json_line(since_epoch, thread, logger, level, fields)
            }
        }
    }
}

/// The message of an event, and its other fields as ` key=value`.
#[derive(Debug, Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

fn text_line(since_epoch: Duration, thread: &str, logger: &str, text: &Text) -> String {
    let (Civil { year, month, day, hour, minute, second }, millis) = civil(since_epoch);
    let mut line = format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02},{millis:03}|{thread}|{logger}|"
    );
    push_in_one_line(&mut line, &text.message);
    push_in_one_line(&mut line, &text.fields);
    line.push('\n');
    line
}

/// What a stranger sent can end up in a line: it must not forge another, nor steer the terminal.
fn push_in_one_line(line: &mut String, text: &str) {
    for character in text.chars() {
        match character.is_control() {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
}

/// The same for JSON, numbers and truth values being what they are.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("message", other) => self.message = other.to_string(),
            (name, value) => {
                self.others.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

fn json_line(since_epoch: Duration, thread: &str, logger: &str, level: Level, fields: Fields) -> String {
    let (Civil { year, month, day, hour, minute, second }, millis) = civil(since_epoch);
    let time = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z");
    let level = level.as_str().to_ascii_lowercase();
    let mut object = json!({
        "time": time, "level": level, "thread": thread, "logger": logger, "message": fields.message
    });
    if !fields.others.is_empty() {
        object["fields"] = Value::Object(fields.others);
    }
    format!("{object}\n")
}

fn civil(since_epoch: Duration) -> (Civil, u32) {
    let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
    (Civil::from_unix(seconds), since_epoch.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message: &str, fields: &str) -> Text {
        Text { message: message.to_owned(), fields: fields.to_owned() }
    }

    #[test]
    fn line_has_the_form_of_the_reference() {
        let at = Duration::from_millis(1_638_529_388_162);
        assert_eq!(
            text_line(at, "MainThread", "acestream", &text("enable debug: 0", "")),
            "2021-12-03 11:03:08,162|MainThread|acestream|enable debug: 0\n"
        );
    }

    #[test]
    fn fields_follow_the_message() {
        let line = text_line(Duration::ZERO, "t", "l", &text("closed", " peer=1.2.3.4:5 bytes=7"));
        assert!(line.ends_with("|t|l|closed peer=1.2.3.4:5 bytes=7\n"), "{line}");
    }

    #[test]
    fn message_from_a_stranger_cannot_forge_a_second_line() {
        let line = text_line(Duration::ZERO, "t", "l", &text("client: a\nb\x1b[2J", ""));
        assert!(line.ends_with("|client: a\\nb\\u{1b}[2J\n"), "{line}");
        let fields = Fields { message: "client: \"a\"\nb\x1b[2J".to_owned(), others: Map::new() };
        let line = json_line(Duration::ZERO, "t", "l", Level::INFO, fields);
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(!line.contains('\x1b'), "{line}");
    }

    #[test]
    fn json_line_is_an_object_with_the_time_in_milliseconds() {
        let mut fields = Fields { message: "closed".to_owned(), others: Map::new() };
        fields.others.insert("bytes".to_owned(), 7.into());
        let line = json_line(
            Duration::from_millis(1_638_529_388_162),
            "MainThread",
            "acestream",
            Level::WARN,
            fields,
        );
        let expected = json!({
            "time": "2021-12-03T11:03:08.162Z", "level": "warn", "thread": "MainThread",
            "logger": "acestream", "message": "closed", "fields": { "bytes": 7 }
        });
        assert_eq!(serde_json::from_str::<Value>(&line).expect("JSON"), expected);
    }
}
