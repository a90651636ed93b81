//! Attribute lists, each put in the one form that m3u8-rs reads as it is meant.
//!
//! Given a whole playlist, m3u8-rs 6 loses the order of keys and maps, makes addresses of the ends of titles
//! and lets an attribute without a value swallow the lines that follow; it passes over a tag for an empty
//! text, a missing bandwidth, or an attribute that is out of place. So it gets each tag by itself, with the
//! attributes that matter and nothing else.

use m3u8_rs::{AlternativeMedia, Key, Map, MasterPlaylist, MediaPlaylist, VariantStream};

use crate::base::limits::{HLS_URL_MAX_BYTES, PLAYLIST_ATTRIBUTES_MAX, PLAYLIST_TEXT_MAX_BYTES};

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Uri,
    Word,
    /// `YES` or `NO`.
    Flag,
    /// `1280x720`
    Size,
    Integer,
    /// Frames a second.
    Rate,
    /// A text, or the word `NONE`.
    TextOrNone,
}

type Known = (&'static str, Form);

const KEY: &[Known] =
    &[("METHOD", Form::Word), ("URI", Form::Uri), ("IV", Form::Word), ("KEYFORMAT", Form::Text)];
const MAP: &[Known] = &[("URI", Form::Uri), ("BYTERANGE", Form::Text)];
const VARIANT: &[Known] = &[
    ("BANDWIDTH", Form::Integer),
    ("AVERAGE-BANDWIDTH", Form::Integer),
    ("CODECS", Form::Text),
    ("RESOLUTION", Form::Size),
    ("FRAME-RATE", Form::Rate),
    ("AUDIO", Form::Text),
    ("VIDEO", Form::Text),
    ("SUBTITLES", Form::Text),
    ("CLOSED-CAPTIONS", Form::TextOrNone),
];
const RENDITION: &[Known] = &[
    ("TYPE", Form::Word),
    ("URI", Form::Uri),
    ("GROUP-ID", Form::Text),
    ("NAME", Form::Text),
    ("LANGUAGE", Form::Text),
    ("DEFAULT", Form::Flag),
    ("AUTOSELECT", Form::Flag),
    ("CHARACTERISTICS", Form::Text),
    ("CHANNELS", Form::Text),
];
const SUBTITLES: &[Known] = &[("FORCED", Form::Flag)];

/// `EXT-X-KEY` and `EXT-X-SESSION-KEY`.
pub(super) fn key(list: &str) -> Option<Key> {
    // m3u8-rs wants an IV exactly where there is none
    if value(list, "METHOD") == Some("NONE") {
        return Some(Key::default());
    }
    segment_tag("EXT-X-KEY", &written(list, KEY))?.key
}

/// `EXT-X-MAP`.
pub(super) fn map(list: &str) -> Option<Map> {
    segment_tag("EXT-X-MAP", &written(list, MAP))?.map
}

/// `EXT-X-STREAM-INF`; the bandwidth is 0 when it is missing or no number.
pub(super) fn variant(list: &str) -> Option<VariantStream> {
    let mut attributes = written(list, VARIANT);
    if !attributes.starts_with("BANDWIDTH=") {
        attributes = format!("BANDWIDTH=0,{attributes}");
    }
    master_tag("EXT-X-STREAM-INF", &attributes)?.variants.pop()
}

/// `EXT-X-MEDIA`.
pub(super) fn rendition(list: &str) -> Option<AlternativeMedia> {
    let mut attributes = written(list, RENDITION);
    if value(list, "TYPE") == Some("SUBTITLES") {
        attributes += &written(list, SUBTITLES);
    }
    master_tag("EXT-X-MEDIA", &attributes)?.alternatives.pop()
}

fn segment_tag(name: &str, attributes: &str) -> Option<m3u8_rs::MediaSegment> {
    let text = format!("#EXTM3U\n#{name}:{attributes}\nx\n");
    let playlist: MediaPlaylist = m3u8_rs::parse_media_playlist_res(text.as_bytes()).ok()?;
    playlist.segments.into_iter().next()
}

fn master_tag(name: &str, attributes: &str) -> Option<MasterPlaylist> {
    let text = format!("#EXTM3U\n#{name}:{attributes}\n");
    m3u8_rs::parse_master_playlist_res(text.as_bytes()).ok()
}

/// The known attributes that have a usable value, in the order of `known`, each followed by a comma.
fn written(list: &str, known: &[Known]) -> String {
    let given: Vec<(&str, &str)> = attributes(list).collect();
    let find = |name: &str| given.iter().find(|(given, _)| *given == name).map(|(_, value)| *value);
    let write = |&(name, form): &Known| Some(format!("{name}={},", form.write(find(name)?)?));
    known.iter().filter_map(write).collect()
}

fn value<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    attributes(list).find(|(given, _)| *given == name).map(|(_, value)| value)
}

/// Names and values, the quotes of the values taken off; what is no pair is left out.
fn attributes(list: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut is_quoted = false;
    let between = move |character: char| {
        is_quoted ^= character == '"';
        character == ',' && !is_quoted
    };
    list.split(between).take(PLAYLIST_ATTRIBUTES_MAX).filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim(), value.trim().trim_matches('"')))
    })
}

impl Form {
    /// `None` when nothing usable is left of it.
    fn write(self, value: &str) -> Option<String> {
        let longest = if self == Self::Uri { HLS_URL_MAX_BYTES + 1 } else { PLAYLIST_TEXT_MAX_BYTES };
        let value = &value[..value.floor_char_boundary(longest)];
        let text: String = value.chars().filter(|c| !c.is_control() && *c != '"').collect();
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        match self {
            Self::TextOrNone if text == "NONE" => Some(text.to_owned()),
            Self::Text | Self::Uri | Self::TextOrNone => Some(format!("\"{text}\"")),
            Self::Word => is_word(text).then(|| text.to_owned()),
            Self::Flag => text.eq_ignore_ascii_case("YES").then(|| "YES".to_owned()),
            Self::Size => size(text).map(|(width, height)| format!("{width}x{height}")),
            Self::Integer => integer(text).map(|number| number.to_string()),
            Self::Rate => rate(text).map(|rate| rate.to_string()),
        }
    }
}

fn size(text: &str) -> Option<(u64, u64)> {
    let (width, height) = text.split_once(['x', 'X'])?;
    Some((integer(width)?, integer(height)?))
}

/// Frames a second, as far as anything shows so many.
fn rate(text: &str) -> Option<f64> {
    text.parse().ok().filter(|rate| (0.0..=100_000.0).contains(rate))
}

/// The number before a fraction or whatever else, up to what bencode holds.
fn integer(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok().filter(|number| i64::try_from(*number).is_ok())
}

fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
