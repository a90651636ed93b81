//! Replies of one line: what a person or a script sees when there is no stream to send.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// Whether a request comes from this machine: 127.0.0.1 or ::1, not the rest of 127/8.
pub fn is_localhost(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address == Ipv4Addr::LOCALHOST,
        IpAddr::V6(address) => address == Ipv6Addr::LOCALHOST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_two_addresses() {
        for (text, local) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("127.0.0.2", false),
            ("10.0.0.1", false),
            ("::", false),
        ] {
            assert_eq!(is_localhost(text.parse().unwrap()), local, "{text}");
        }
    }
}
