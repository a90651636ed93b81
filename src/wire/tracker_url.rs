//! The address of a tracker, checked once where it is read: a URL that is a [`TrackerUrl`] can be asked.
//! Nothing is resolved or dialled here.

use std::fmt;
use std::str::FromStr;

use crate::base::limits::TRACKER_URL_MAX_BYTES;

/// How a tracker is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrackerScheme {
    Http,
    Https,
    Udp,
}

/// An `http`, `https` or `udp` URL with a host, and for `udp` with a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrackerUrl {
    text: String,
    scheme: TrackerScheme,
    host: String,
    port: u16,
}

/// Why a text is no tracker's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrackerUrlError {
    #[error("tracker URL of {0} bytes is longer than {TRACKER_URL_MAX_BYTES}")]
    TooLong(usize),
    #[error("tracker URL contains white space, control or non-ASCII characters")]
    BadCharacter,
    #[error("tracker URL `{0}` does not begin with http://, https:// or udp://")]
    UnknownScheme(String),
    #[error("tracker URL `{0}` has no host")]
    NoHost(String),
    #[error("tracker URL `{0}` has no usable port")]
    BadPort(String),
}

impl TrackerUrl {
    pub fn scheme(&self) -> TrackerScheme {
        self.scheme
    }

    /// A name, or an address without the brackets of IPv6.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for TrackerUrl {
    type Err = TrackerUrlError;

    fn from_str(text: &str) -> Result<Self, TrackerUrlError> {
        if text.len() > TRACKER_URL_MAX_BYTES {
            return Err(TrackerUrlError::TooLong(text.len()));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TrackerUrlError::BadCharacter);
        }
        let (scheme, rest) = split_scheme(text)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
        let (host, port) = split_host(authority, text)?;
        let port = match (port, scheme) {
            (Some(port), _) => port,
            (None, TrackerScheme::Http) => 80,
            (None, TrackerScheme::Https) => 443,
            (None, TrackerScheme::Udp) => return Err(TrackerUrlError::BadPort(text.to_owned())),
        };
        Ok(Self { text: text.to_owned(), scheme, host: host.to_owned(), port })
    }
}

fn split_scheme(text: &str) -> Result<(TrackerScheme, &str), TrackerUrlError> {
    let unknown = || TrackerUrlError::UnknownScheme(text.to_owned());
    let (name, rest) = text.split_once("://").ok_or_else(unknown)?;
    let scheme = match name.to_ascii_lowercase().as_str() {
        "http" => TrackerScheme::Http,
        "https" => TrackerScheme::Https,
        "udp" => TrackerScheme::Udp,
        _ => return Err(unknown()),
    };
    Ok((scheme, rest))
}

fn split_host<'a>(authority: &'a str, text: &str) -> Result<(&'a str, Option<u16>), TrackerUrlError> {
    let no_host = || TrackerUrlError::NoHost(text.to_owned());
    let bad_port = || TrackerUrlError::BadPort(text.to_owned());
    let (host, rest) = match authority.strip_prefix('[') {
        Some(inner) => inner.split_once(']').ok_or_else(no_host)?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if host.is_empty() {
        return Err(no_host());
    }
    if rest.is_empty() {
        return Ok((host, None));
    }
    let digits = rest.strip_prefix(':').ok_or_else(bad_port)?;
    match digits.parse() {
        Ok(port) if port > 0 => Ok((host, Some(port))),
        _ => Err(bad_port()),
    }
}

impl fmt::Display for TrackerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (TrackerScheme, String, u16) {
        let url: TrackerUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), text);
        (url.scheme(), url.host().to_owned(), url.port())
    }

    #[test]
    fn urls_of_all_three_schemes_give_host_and_port() {
        use TrackerScheme::{Http, Https, Udp};
        assert_eq!(parts("udp://t1.example.org:2710/announce"), (Udp, "t1.example.org".into(), 2710));
        assert_eq!(parts("HTTP://10.0.0.1/announce?k=a:b"), (Http, "10.0.0.1".into(), 80));
        assert_eq!(parts("https://user:word@tracker.example/x"), (Https, "tracker.example".into(), 443));
        assert_eq!(parts("udp://[2001:db8::1]:6969"), (Udp, "2001:db8::1".into(), 6969));
    }

    #[test]
    fn unusable_urls_name_their_fault() {
        let parse = |text: &str| text.parse::<TrackerUrl>().unwrap_err();
        assert_eq!(parse("wss://x/announce"), TrackerUrlError::UnknownScheme("wss://x/announce".into()));
        assert_eq!(parse("announce"), TrackerUrlError::UnknownScheme("announce".into()));
        assert_eq!(parse("udp://host/announce"), TrackerUrlError::BadPort("udp://host/announce".into()));
        assert_eq!(parse("http://host:0/"), TrackerUrlError::BadPort("http://host:0/".into()));
        assert_eq!(parse("http://host:99999/"), TrackerUrlError::BadPort("http://host:99999/".into()));
        assert_eq!(parse("http:///announce"), TrackerUrlError::NoHost("http:///announce".into()));
        assert_eq!(parse("http://[::1/announce"), TrackerUrlError::NoHost("http://[::1/announce".into()));
        assert_eq!(parse("http://a b/"), TrackerUrlError::BadCharacter);
        assert_eq!(parse(&format!("http://{}/", "a".repeat(300))), TrackerUrlError::TooLong(308));
    }
}
