//! The text form of a content id: `acestream://` and 40 hexadecimal digits, or the digits alone.

use crate::base::ids::{Infohash, ParseIdError};

/// The scheme of a link to a broadcast.
pub const SCHEME: &str = "acestream://";

/// Reads a link or a bare id; the scheme and the digits in either case, one closing `/` allowed.
pub fn parse(text: &str) -> Result<Infohash, ParseIdError> {
    let text = text.trim();
    match text.get(..SCHEME.len()) {
        Some(head) if head.eq_ignore_ascii_case(SCHEME) => {
            let id = &text[SCHEME.len()..];
            id.strip_suffix('/').unwrap_or(id).parse()
        }
        _ => text.parse(),
    }
}

/// The link to a broadcast.
pub fn format(content_id: Infohash) -> String {
    format!("{SCHEME}{content_id}")
}
