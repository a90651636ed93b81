//! `/webui/api/service`: which engine this is, in the envelope that its callers expect.

use crate::wire::extended::ENGINE_VERSION;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::base::limits::CALLBACK_MAX_BYTES;
use crate::http::reply::line;
use crate::http::selector::{Query, value};

/// What `get_version` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// As in `3.2.11`.
    pub version: String,
    /// The same as a number: two digits a part and two zeros, as in 3021100.
    pub code: u32,
}

impl Version {
    /// The engine that players expect, and whose behaviour this one mirrors.
    pub fn of_engine() -> Self {
        Self { version: "3.2.11".to_owned(), code: ENGINE_VERSION as u32 }
    }
}

/// Answers one call: `method=get_version`, with `format=jsonp&callback=NAME` as a script.
pub fn answer(version: &Version, query: &Query) -> Response {
    let envelope = match value(query, "method") {
        Some("get_version") => result(version),
        Some(other) => failure(format!("unknown method {}", other.chars().take(80).collect::<String>())),
        None => failure("expected method=get_version".into()),
    };
    match value(query, "format") {
        Some("jsonp") => script(value(query, "callback"), &envelope),
        _ => reply("application/json", envelope.to_string()),
    }
}

fn result(version: &Version) -> Value {
    let result = json!({ "version": version.version, "code": version.code, "platform": "linux" });
    json!({ "result": result, "error": null })
}

fn failure(error: String) -> Value {
    json!({ "result": null, "error": error })
}

fn script(callback: Option<&str>, envelope: &Value) -> Response {
    match callback.filter(|name| is_callback(name)) {
        Some(name) => reply("application/javascript", format!("{name}({envelope});")),
        None => line(
            StatusCode::BAD_REQUEST,
            format!("callback=: expected a JavaScript name of at most {CALLBACK_MAX_BYTES} bytes"),
        ),
    }
}

/// Names joined by dots, of letters, digits, `_` and `$`: nothing else may reach the script.
fn is_callback(name: &str) -> bool {
    let is_name = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || "_$".contains(first))
            && part.chars().all(|other| other.is_ascii_alphanumeric() || "_$".contains(other))
    };
    name.len() <= CALLBACK_MAX_BYTES && name.split('.').all(is_name)
}

fn reply(content_type: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_callbacks() {
        assert!(is_callback("jQuery123_4") && is_callback("a.$b._c"));
        for bad in ["", "1a", "a..b", "a(", "a;b", "alert(1)//", "é", &"a".repeat(65)] {
            assert!(!is_callback(bad), "{bad}");
        }
    }
}
