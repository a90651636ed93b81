//! Reads a playlist of the origin: which segments or streams there are, where they are, and what is said of
//! them.
//!
//! It decides which playlists can be broadcast. The text comes from a stranger: what is read of it is bounded,
//! tags that are not known (those of low latency among them) are passed over, small slips that players
//! forgive are forgiven. It never fetches anything, and no error of it shows an address.

mod attributes;
mod master;
mod media;

use std::sync::Arc;

use url::Url;

use super::Playlist;
use crate::base::limits::{HLS_URL_MAX_BYTES, PLAYLIST_MAX_BYTES};

/// Why a playlist cannot be broadcast.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaylistError {
    #[error("the playlist is larger than {PLAYLIST_MAX_BYTES} bytes")]
    TooLarge,
    #[error("this is not an HLS playlist: it looks like {looks_like}")]
    NotAPlaylist { looks_like: &'static str },
    /// A media playlist; an origin that starts up may show one for a while.
    #[error("the playlist lists no segments")]
    Empty,
    #[error("the master playlist lists no streams")]
    NoStreams,
    #[error(
        "the stream is protected (method {method}, key format {key_format}): \
         only AES-128 with the key format 'identity' can be broadcast"
    )]
    Drm { method: String, key_format: String },
    #[error("the playlist uses {what}, which cannot be broadcast")]
    Unsupported { what: &'static str },
    #[error("the playlist has an unusable {tag}")]
    Malformed { tag: &'static str },
    #[error("the playlist names an address that is not HTTP(S) or is longer than {HLS_URL_MAX_BYTES} bytes")]
    Address,
}

/// Reads `text`, which came from `base`: the final address, after redirects.
///
/// A media playlist keeps its newest segments, a master playlist its first streams (`limits`). That a
/// playlist has ended is no error.
pub fn playlist(text: &[u8], base: &str) -> Result<Playlist, PlaylistError> {
    if text.len() > PLAYLIST_MAX_BYTES {
        return Err(PlaylistError::TooLarge);
    }
    let text = String::from_utf8_lossy(text);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with("#EXTM3U") {
        return Err(PlaylistError::NotAPlaylist { looks_like: look(text) });
    }
    let base = Base(Url::parse(base).map_err(|_| PlaylistError::Address)?);
    let names_a_stream = |line| matches!(line, Line::Tag { name: "EXT-X-STREAM-INF", .. });
    if lines(text).any(names_a_stream) {
        master::read(text, &base).map(Playlist::Master)
    } else {
        media::read(text, &base).map(Playlist::Media)
    }
}

/// A line that says something.
enum Line<'a> {
    Tag { name: &'a str, value: &'a str },
    Uri(&'a str),
}

/// All lines but comments and empty ones.
fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.split(['\n', '\r']).map(str::trim).filter_map(|line| match line.strip_prefix('#') {
        Some(tag) if tag.starts_with("EXT") => {
            let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
            Some(Line::Tag { name: name.trim_end(), value: value.trim_start() })
        }
        Some(_) => None,
        None if line.is_empty() => None,
        None => Some(Line::Uri(line)),
    })
}

/// What addresses in the playlist are relative to.
struct Base(Url);

impl Base {
    /// The absolute address; the fragment, which is for players alone, is dropped.
    fn join(&self, reference: &str) -> Result<Arc<str>, PlaylistError> {
        let mut url = self.0.join(reference).map_err(|_| PlaylistError::Address)?;
        url.set_fragment(None);
        let is_usable = matches!(url.scheme(), "http" | "https") && url.as_str().len() <= HLS_URL_MAX_BYTES;
        if is_usable { Ok(url.as_str().into()) } else { Err(PlaylistError::Address) }
    }
}

/// What a text that is no playlist seems to be.
fn look(text: &str) -> &'static str {
    let head: String = text.chars().take(512).collect::<String>().to_ascii_lowercase();
    let starts_with = |prefixes: &[&str]| prefixes.iter().any(|prefix| head.starts_with(prefix));
    if head.is_empty() {
        "an empty answer"
    } else if head.contains("<mpd") {
        "a DASH manifest"
    } else if starts_with(&["<!doctype html", "<html"]) || head.contains("<html") {
        "a web page"
    } else if starts_with(&["<"]) {
        "XML"
    } else if starts_with(&["{", "["]) {
        "JSON"
    } else if starts_with(&["http://", "https://"]) {
        "a list of addresses"
    } else if head.contains(['\0', '\u{fffd}']) {
        "media or other binary data"
    } else {
        "some other text"
    }
}
