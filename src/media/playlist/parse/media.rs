//! Media playlists, line by line: keys and maps hold for the segments behind them, everything else for the
//! next segment alone.

use std::collections::VecDeque;
use std::sync::Arc;

use m3u8_rs::KeyMethod;

use super::{Base, Line, PlaylistError, attributes, lines};
use crate::base::limits::{
    MEDIA_SEQUENCE_MAX, PLAYLIST_SEGMENTS_MAX, PROGRAM_DATE_TIME_MAX_BYTES, SEGMENT_DURATION_MAX_S,
};
use crate::media::playlist::{InitSection, Media, Segment};
use crate::wire::hls::segment::{ByteRange, Key, Resource, Tags};

const MICROS_PER_SECOND: u64 = 1_000_000;
/// `urn:uuid:` and a UUID takes 45.
const SHOWN_NAME_MAX_BYTES: usize = 64;

pub(super) fn read(text: &str, base: &Base) -> Result<Media, PlaylistError> {
    let mut reader = Reader::new(base);
    for line in lines(text) {
        match line {
            Line::Tag { name, value } => reader.tag(name, value)?,
            Line::Uri(uri) => reader.uri(uri)?,
        }
    }
    reader.finish()
}

/// A segment as the lines say it. Addresses and lists are read for those that are kept alone: of a long
/// playlist most are dropped again.
struct Listed<'a> {
    uri: &'a str,
    range: Option<ByteRange>,
    /// `None`: not readable.
    duration_us: Option<u64>,
    map: Option<MapLists<'a>>,
    key: Option<&'a str>,
    tags: Tags,
}

/// The attribute list of a map, and that of the key that held where it stood.
type MapLists<'a> = (&'a str, Option<&'a str>);

/// What was said of the next segment.
#[derive(Default)]
struct Next {
    /// Outside: whether there was an `EXTINF`.
    duration_us: Option<Option<u64>>,
    /// Length and start.
    range: Option<(u64, Option<u64>)>,
    tags: Tags,
}

struct Reader<'a> {
    base: &'a Base,
    target_duration_s: u64,
    first_sequence: u64,
    discontinuity_sequence: u64,
    is_ended: bool,
    key: Option<&'a str>,
    map: Option<MapLists<'a>>,
    next: Next,
    /// The address of the last segment, and where its byte range ended.
    last_range: Option<(&'a str, u64)>,
    /// The newest.
    kept: VecDeque<Listed<'a>>,
    /// Segments before those that are kept, and the discontinuities at them.
    dropped: u64,
    dropped_discontinuities: u64,
}

impl<'a> Reader<'a> {
    fn new(base: &'a Base) -> Self {
        Self {
            base,
            target_duration_s: 0,
            first_sequence: 0,
            discontinuity_sequence: 0,
            is_ended: false,
            key: None,
            map: None,
            next: Next::default(),
            last_range: None,
            kept: VecDeque::new(),
            dropped: 0,
            dropped_discontinuities: 0,
        }
    }

    fn tag(&mut self, name: &str, value: &'a str) -> Result<(), PlaylistError> {
        match name {
            "EXTINF" => self.next.duration_us = Some(duration_us(value)?),
            "EXT-X-BYTERANGE" => self.next.range = Some(range(value, "EXT-X-BYTERANGE")?),
            "EXT-X-DISCONTINUITY" => self.next.tags.discontinuity = true,
            "EXT-X-GAP" => self.next.tags.gap = true,
            "EXT-X-PROGRAM-DATE-TIME" => self.next.tags.program_date_time = date_time(value),
            "EXT-X-KEY" => self.key = Some(value),
            "EXT-X-MAP" => self.map = Some((value, self.key)),
            "EXT-X-TARGETDURATION" => self.target_duration_s = target_duration_s(value),
            "EXT-X-MEDIA-SEQUENCE" => self.first_sequence = sequence(value, "EXT-X-MEDIA-SEQUENCE")?,
            "EXT-X-DISCONTINUITY-SEQUENCE" => {
                self.discontinuity_sequence = sequence(value, "EXT-X-DISCONTINUITY-SEQUENCE")?
            }
            "EXT-X-ENDLIST" => self.is_ended = true,
            "EXT-X-PLAYLIST-TYPE" => self.is_ended |= value == "VOD",
            "EXT-X-I-FRAMES-ONLY" => return Err(unsupported("EXT-X-I-FRAMES-ONLY")),
            "EXT-X-DEFINE" => return Err(unsupported("EXT-X-DEFINE")),
            "EXT-X-SKIP" => return Err(unsupported("EXT-X-SKIP")),
            _ => {}
        }
        Ok(())
    }

    /// An address without an `EXTINF` is no segment; players pass over it too.
    fn uri(&mut self, uri: &'a str) -> Result<(), PlaylistError> {
        let next = std::mem::take(&mut self.next);
        let Some(duration_us) = next.duration_us else { return Ok(()) };
        let range = next.range.map(|(length, start)| self.placed(uri, length, start)).transpose()?;
        self.last_range = range.map(|range| (uri, range.start + range.length));
        let (map, key) = (self.map, self.key);
        self.kept.push_back(Listed { uri, range, duration_us, map, key, tags: next.tags });
        if self.kept.len() > PLAYLIST_SEGMENTS_MAX {
            let oldest = self.kept.pop_front();
            self.dropped += 1;
            self.dropped_discontinuities += u64::from(oldest.is_some_and(|oldest| oldest.tags.discontinuity));
        }
        Ok(())
    }

    /// A range without a start begins where that of the segment before ended, in the same resource.
    fn placed(&self, uri: &str, length: u64, start: Option<u64>) -> Result<ByteRange, PlaylistError> {
        let continued = || self.last_range.filter(|(last, _)| *last == uri).map(|(_, end)| end);
        let start = start.or_else(continued).ok_or(malformed("EXT-X-BYTERANGE"))?;
        byte_range(start, length, "EXT-X-BYTERANGE")
    }

    fn finish(self) -> Result<Media, PlaylistError> {
        if self.kept.is_empty() {
            return Err(PlaylistError::Empty);
        }
        let target_duration_s = match self.target_duration_s {
            0 => longest_s(&self.kept).max(1),
            given => given,
        };
        let mut resolver = Resolver { base: self.base, key: None, init: None };
        let first = self.first_sequence + self.dropped;
        let segments = (first..).zip(self.kept).map(|(sequence, listed)| {
            Ok(Segment {
                sequence,
                duration_us: listed.duration_us.unwrap_or(target_duration_s * MICROS_PER_SECOND),
                at: Resource { url: self.base.join(listed.uri)?, range: listed.range },
                init: listed.map.map(|lists| resolver.init(lists)).transpose()?,
                key: resolver.key(listed.key)?,
                tags: listed.tags,
            })
        });
        let segments = segments.collect::<Result<_, _>>()?;
        let discontinuity_sequence = self.discontinuity_sequence + self.dropped_discontinuities;
        Ok(Media { target_duration_s, discontinuity_sequence, is_ended: self.is_ended, segments })
    }
}

/// Reads keys and maps, those once that many segments share.
struct Resolver<'a> {
    base: &'a Base,
    key: Option<(&'a str, Option<Key>)>,
    init: Option<(MapLists<'a>, InitSection)>,
}

impl<'a> Resolver<'a> {
    fn key(&mut self, list: Option<&'a str>) -> Result<Option<Key>, PlaylistError> {
        let Some(list) = list else { return Ok(None) };
        match &self.key {
            Some((last, key)) if *last == list => Ok(key.clone()),
            _ => {
                let key = key(list, self.base)?;
                self.key = Some((list, key.clone()));
                Ok(key)
            }
        }
    }

    fn init(&mut self, lists: MapLists<'a>) -> Result<InitSection, PlaylistError> {
        match &self.init {
            Some((last, init)) if *last == lists => Ok(init.clone()),
            _ => {
                let (map_list, key_list) = lists;
                let key = key_list.map(|list| key(list, self.base)).transpose()?.flatten();
                let init = InitSection { at: map(map_list, self.base)?, key };
                self.init = Some((lists, init.clone()));
                Ok(init)
            }
        }
    }
}

/// `EXT-X-KEY` and `EXT-X-SESSION-KEY`; `None` for the method `NONE`.
pub(super) fn key(list: &str, base: &Base) -> Result<Option<Key>, PlaylistError> {
    let key = attributes::key(list).ok_or(malformed("EXT-X-KEY"))?;
    let format = key.keyformat.as_deref().unwrap_or("identity");
    match key.method {
        KeyMethod::None => return Ok(None),
        KeyMethod::AES128 if format == "identity" => {}
        method => {
            let (method, key_format) = (presentable(&method.to_string()), presentable(format));
            return Err(PlaylistError::Drm { method, key_format });
        }
    }
    let url: Arc<str> = base.join(&key.uri.ok_or(malformed("EXT-X-KEY"))?)?;
    let iv = key.iv.map(|iv| initialisation_vector(&iv).ok_or(malformed("EXT-X-KEY"))).transpose()?;
    Ok(Some(Key { url, iv }))
}

/// The name of a method or key format, if it can be shown: an address cannot.
fn presentable(name: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_');
    let is_name = name.len() <= SHOWN_NAME_MAX_BYTES && name.chars().all(is_part);
    if is_name { name.to_owned() } else { "of its own".to_owned() }
}

/// `0x` and up to 32 hexadecimal digits.
fn initialisation_vector(text: &str) -> Option<[u8; 16]> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let are_digits = digits.chars().all(|c| c.is_ascii_hexdigit());
    let value = are_digits.then(|| u128::from_str_radix(digits, 16).ok()).flatten()?;
    Some(value.to_be_bytes())
}

fn map(list: &str, base: &Base) -> Result<Resource, PlaylistError> {
    let map = attributes::map(list).ok_or(malformed("EXT-X-MAP"))?;
    let place = |range: m3u8_rs::ByteRange| byte_range(range.offset.unwrap_or(0), range.length, "EXT-X-MAP");
    let range = map.byte_range.map(place).transpose()?;
    Ok(Resource { url: base.join(&map.uri)?, range })
}

/// `length[@start]`.
fn range(value: &str, tag: &'static str) -> Result<(u64, Option<u64>), PlaylistError> {
    match value.split_once('@') {
        Some((length, start)) => Ok((number(length, tag)?, Some(number(start, tag)?))),
        None => Ok((number(value, tag)?, None)),
    }
}

/// A range whose end bencode can hold.
fn byte_range(start: u64, length: u64, tag: &'static str) -> Result<ByteRange, PlaylistError> {
    let end = start.checked_add(length).and_then(|end| i64::try_from(end).ok());
    let is_usable = length > 0 && end.is_some();
    if is_usable { Ok(ByteRange { start, length }) } else { Err(malformed(tag)) }
}

fn number(value: &str, tag: &'static str) -> Result<u64, PlaylistError> {
    value.trim().parse().map_err(|_| malformed(tag))
}

/// A number with room to count on.
fn sequence(value: &str, tag: &'static str) -> Result<u64, PlaylistError> {
    number(value, tag)
        .and_then(|number| if number > MEDIA_SEQUENCE_MAX { Err(malformed(tag)) } else { Ok(number) })
}

/// Some origins write fractions; 0 when it is not readable.
fn target_duration_s(value: &str) -> u64 {
    let seconds = value.trim().parse::<f64>().unwrap_or(0.0);
    (seconds.ceil() as u64).min(SEGMENT_DURATION_MAX_S)
}

/// The duration before the title; `None` when it is not readable. Players' lists of channels have -1.
fn duration_us(value: &str) -> Result<Option<u64>, PlaylistError> {
    let text = value.split([',', ' ']).next().unwrap_or_default();
    let Some(seconds) = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite()) else {
        return Ok(None);
    };
    if seconds < 0.0 {
        return Err(PlaylistError::NotAPlaylist { looks_like: "a list of channels" });
    }
    let micros = (seconds * MICROS_PER_SECOND as f64).round() as u64;
    Ok(Some(micros.min(SEGMENT_DURATION_MAX_S * MICROS_PER_SECOND)))
}

fn date_time(value: &str) -> Option<String> {
    let is_plain = value.chars().all(|c| c.is_ascii_alphanumeric() || ":+-. ".contains(c));
    let is_usable = is_plain && (1..=PROGRAM_DATE_TIME_MAX_BYTES).contains(&value.len());
    is_usable.then(|| value.to_owned())
}

fn longest_s(segments: &VecDeque<Listed<'_>>) -> u64 {
    let longest_us = segments.iter().filter_map(|segment| segment.duration_us).max().unwrap_or(0);
    longest_us.div_ceil(MICROS_PER_SECOND)
}

fn malformed(tag: &'static str) -> PlaylistError {
    PlaylistError::Malformed { tag }
}

fn unsupported(what: &'static str) -> PlaylistError {
    PlaylistError::Unsupported { what }
}
