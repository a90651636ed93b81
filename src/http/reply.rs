//! Replies of one line: what a person or a script sees when there is no stream to send.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A plain text reply of exactly one line, readable by pages of any origin.
pub fn line(status: StatusCode, text: impl AsRef<str>) -> Response {
    let mut body: String = text.as_ref().replace(char::is_control, " ");
    body.push('\n');
    let mut reply = (status, body).into_response();
    let headers = reply.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}
