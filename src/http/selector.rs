//! What a player asks for: the query of `/ace/getstream`, read once into types that cannot be wrong.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::StatusCode;

use crate::base::ids::Infohash;
use crate::base::limits::{PLAYOUT_MAX_SPAN, SELECTOR_URL_MAX_BYTES};
use crate::base::net::is_localhost;

/// Which broadcast.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// SHA-1 of a transport file.
    ContentId(Infohash),
    Infohash(Infohash),
    /// Where a transport file is: `http://`, `https://`, or from this machine only `file://`.
    Url(String),
    /// Where the playlist of an HLS broadcast is, as typed: `http://` or `https://`.
    ManifestUrl(String),
}

/// Why a request is refused before anything is opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    #[error(
        "expected one of content_id=, id=, infohash= (40 hexadecimal digits) or url= (of a transport file)"
    )]
    NoSelector,
    #[error("{name}={value}: expected 40 hexadecimal digits")]
    BadHex { name: String, value: String },
    #[error("url={url}: expected http://, https:// or file:// and at most {SELECTOR_URL_MAX_BYTES} bytes")]
    BadUrl { url: String },
    #[error("expected manifest_url= (of an HLS playlist)")]
    NoManifestUrl,
    #[error("manifest_url={url}: expected http:// or https:// and at most {SELECTOR_URL_MAX_BYTES} bytes")]
    BadManifestUrl { url: String },
    #[error("file:// is opened for requests from 127.0.0.1 and ::1 only, this one came from {from}")]
    FileFromElsewhere { from: SocketAddr },
    #[error("buffer={value}: expected seconds from 0 to {}", PLAYOUT_MAX_SPAN.as_secs())]
    BadBuffer { value: String },
    #[error("format={value}: expected no format, for the stream itself")]
    BadFormat { value: String },
    #[error("{what} is not in this build; without it, /ace/getstream sends the stream itself")]
    NotInThisBuild { what: &'static str },
}

impl BadRequest {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::FileFromElsewhere { .. } => StatusCode::FORBIDDEN,
            Self::NotInThisBuild { .. } => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// A request for a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRequest {
    pub selector: Selector,
    /// Seconds of stream to begin with; `None` for the node's own.
    pub buffer: Option<Duration>,
    pub wish: Wish,
}

/// Which stream of a broadcast that has several. Broadcasts of one stream ignore it, so nothing here is
/// an error before the streams are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wish {
    /// `stream_id=`.
    pub stream_id: Option<String>,
    /// `quality=`.
    pub quality: Option<String>,
}

/// The pairs of a query, in their order. A name without a value is as if it were not there.
pub type Query = Vec<(String, String)>;

/// Reads the query of a request that came from `from`. Names it does not know are no error: players
/// send many.
pub fn parse(query: &Query, from: SocketAddr) -> Result<StreamRequest, BadRequest> {
    check_format(query)?;
    let buffer = value(query, "buffer").map(parse_buffer).transpose()?;
    Ok(StreamRequest { selector: parse_selector(query, from)?, buffer, wish: parse_wish(query) })
}

/// Reads the query of `/hls/manifest.m3u8`, which names the playlist of an HLS broadcast itself.
pub fn parse_manifest(query: &Query) -> Result<(Selector, Wish), BadRequest> {
    check_format(query)?;
    let url = value(query, "manifest_url").ok_or(BadRequest::NoManifestUrl)?;
    match scheme(url).as_deref() {
        Some("http" | "https") => Ok((Selector::ManifestUrl(url.into()), parse_wish(query))),
        _ => Err(BadRequest::BadManifestUrl { url: shown(url) }),
    }
}

fn check_format(query: &Query) -> Result<(), BadRequest> {
    match value(query, "format") {
        Some("json" | "jsonp") => Err(BadRequest::NotInThisBuild { what: "format=json" }),
        Some(other) => Err(BadRequest::BadFormat { value: shown(other) }),
        None => Ok(()),
    }
}

/// The first value given for `name`.
pub fn value<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

fn parse_selector(query: &Query, from: SocketAddr) -> Result<Selector, BadRequest> {
    for name in ["content_id", "id"] {
        if let Some(text) = value(query, name) {
            return parse_hex(name, text).map(Selector::ContentId);
        }
    }
    if let Some(text) = value(query, "infohash") {
        return parse_hex("infohash", text).map(Selector::Infohash);
    }
    if let Some(url) = value(query, "url") {
        return parse_url(url, from);
    }
    match value(query, "magnet") {
        Some(_) => Err(BadRequest::NotInThisBuild { what: "magnet=" }),
        None => Err(BadRequest::NoSelector),
    }
}

fn parse_hex(name: &str, text: &str) -> Result<Infohash, BadRequest> {
    text.parse().map_err(|_| BadRequest::BadHex { name: name.into(), value: shown(text) })
}

fn parse_url(url: &str, from: SocketAddr) -> Result<Selector, BadRequest> {
    match scheme(url).as_deref() {
        Some("file") if !is_localhost(from.ip()) => Err(BadRequest::FileFromElsewhere { from }),
        Some("http" | "https" | "file") => Ok(Selector::Url(url.into())),
        _ => Err(BadRequest::BadUrl { url: shown(url) }),
    }
}

/// The scheme of a URL that may be opened at all.
fn scheme(url: &str) -> Option<String> {
    let is_sound = url.len() <= SELECTOR_URL_MAX_BYTES && !url.contains(char::is_control);
    let (scheme, _) = url.split_once("://").filter(|_| is_sound)?;
    Some(scheme.to_ascii_lowercase())
}

fn parse_wish(query: &Query) -> Wish {
    let text = |name| value(query, name).map(shown);
    Wish { stream_id: text("stream_id"), quality: text("quality") }
}

fn parse_buffer(text: &str) -> Result<Duration, BadRequest> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds <= PLAYOUT_MAX_SPAN.as_secs_f64());
    let buffer = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    buffer.ok_or_else(|| BadRequest::BadBuffer { value: shown(text) })
}

/// As much of a value as an error repeats.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "00112233445566778899aabbccddeeff00112233";

    fn ask(query: &[(&str, &str)], from: &str) -> Result<StreamRequest, BadRequest> {
        let query = query.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        parse(&query, from.parse().unwrap())
    }

    #[test]
    fn first_selector_in_precedence_wins_wherever_it_stands() {
        let id: Infohash = HEX.parse().unwrap();
        let all = [("url", "http://h/x"), ("infohash", HEX), ("id", HEX)];
        let asked = |query: &[_]| ask(query, "10.0.0.1:5").unwrap().selector;
        assert_eq!(asked(&all), Selector::ContentId(id));
        assert_eq!(asked(&all[..2]), Selector::Infohash(id));
        assert_eq!(asked(&all[..1]), Selector::Url("http://h/x".into()));
        assert_eq!(asked(&[("id", ""), ("infohash", HEX), ("pid", "x")]), Selector::Infohash(id));
    }

    #[test]
    fn file_urls_are_for_this_machine() {
        let query = [("url", "FILE:///tmp/x.acelive")];
        assert!(ask(&query, "127.0.0.1:5").is_ok());
        assert!(ask(&query, "[::1]:5").is_ok());
        assert_eq!(ask(&query, "127.0.0.2:5").unwrap_err().status(), StatusCode::FORBIDDEN);
    }

    #[test]
    fn manifest_url_is_any_web_address_within_bounds() {
        let manifest = |url: &str| parse_manifest(&vec![("manifest_url".into(), url.into())]);
        let url = "HTTPS://h:8443/a/live.m3u8?token=x%20y#z";
        assert_eq!(manifest(url), Ok((Selector::ManifestUrl(url.into()), Wish::default())));
        let too_long = format!("http://h/{}", "x".repeat(SELECTOR_URL_MAX_BYTES));
        for bad in ["file:///tmp/x.m3u8", "h/x.m3u8", "http://h/\r\nx", &too_long] {
            assert_eq!(manifest(bad), Err(BadRequest::BadManifestUrl { url: shown(bad) }));
        }
        assert_eq!(manifest(""), Err(BadRequest::NoManifestUrl));
    }

    #[test]
    fn buffer_is_seconds_within_the_window() {
        let buffer = |text| ask(&[("id", HEX), ("buffer", text)], "[::1]:5").map(|request| request.buffer);
        assert_eq!(buffer("0"), Ok(Some(Duration::ZERO)));
        assert_eq!(buffer("2.5"), Ok(Some(Duration::from_millis(2500))));
        for bad in ["-1", "NaN", "inf", "1e9", "x"] {
            assert_eq!(buffer(bad), Err(BadRequest::BadBuffer { value: bad.into() }));
        }
    }
}
