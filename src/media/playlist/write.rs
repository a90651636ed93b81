//! Writes the playlists that viewers get.
//!
//! It decides how what is known of segments and streams is put into lines. Texts come from strangers: a line
//! end or a quote in one of them cannot make a tag or an attribute of its own.

use crate::wire::hls::catalog::{Catalog, Rendition, Stream, Variant};
use crate::wire::hls::segment::{Key, Tags};

const MICROS_PER_SECOND: u64 = 1_000_000;

/// A media playlist to be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteMedia {
    /// Raised where a segment is longer, which players would refuse.
    pub target_duration_s: u64,
    /// Media sequence of the first segment.
    pub first_number: u64,
    /// Discontinuities before the first segment and its own tag.
    pub discontinuity_sequence: u64,
    pub segments: Vec<WriteSegment>,
}

/// A segment of it, one number after the one before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteSegment {
    pub uri: String,
    pub duration_us: u64,
    pub tags: Tags,
    pub map: Option<WriteMap>,
    pub key: Option<Key>,
}

/// The initialisation section of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteMap {
    pub uri: String,
    /// What the section itself is encrypted with.
    pub key: Option<Key>,
}

/// A master playlist; `uri` gives the address of a stream's media playlist by its index.
pub fn master(catalog: &Catalog, uri: impl Fn(usize) -> String) -> String {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:4\n".to_owned();
    if catalog.has_independent_segments {
        text += "#EXT-X-INDEPENDENT-SEGMENTS\n";
    }
    let streams = || catalog.streams.iter().enumerate();
    for (index, stream) in streams() {
        if let Stream::Rendition(rendition) = stream {
            line(&mut text, &format!("#EXT-X-MEDIA:{}", rendition_attributes(rendition, &uri(index))));
        }
    }
    for (index, stream) in streams() {
        if let Stream::Variant(variant) = stream {
            line(&mut text, &format!("#EXT-X-STREAM-INF:{}", variant_attributes(variant)));
            line(&mut text, &uri(index));
        }
    }
    text
}

/// A live media playlist.
pub fn media(media: WriteMedia) -> String {
    let mut text = "#EXTM3U\n".to_owned();
    let has_maps = media.segments.iter().any(|segment| segment.map.is_some());
    tag(&mut text, "EXT-X-VERSION", if has_maps { 6 } else { 3 });
    tag(&mut text, "EXT-X-TARGETDURATION", target_duration_s(&media));
    tag(&mut text, "EXT-X-MEDIA-SEQUENCE", media.first_number);
    if media.discontinuity_sequence > 0 {
        tag(&mut text, "EXT-X-DISCONTINUITY-SEQUENCE", media.discontinuity_sequence);
    }
    let mut state = State::default();
    for segment in &media.segments {
        state.write(&mut text, segment);
    }
    text
}

/// What holds at a place of a media playlist.
#[derive(Default)]
struct State<'a> {
    key: Option<&'a Key>,
    map: Option<&'a WriteMap>,
}

impl<'a> State<'a> {
    fn write(&mut self, text: &mut String, segment: &'a WriteSegment) {
        if segment.tags.discontinuity {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        // nothing takes a map back: where there is none, the one before holds on
        if let Some(map) = segment.map.as_ref().filter(|map| self.map != Some(*map)) {
            self.set_key(text, map.key.as_ref());
            line(text, &format!("#EXT-X-MAP:URI={}", quoted(&map.uri)));
            self.map = Some(map);
        }
        self.set_key(text, segment.key.as_ref());
        if let Some(time) = &segment.tags.program_date_time {
            line(text, &format!("#EXT-X-PROGRAM-DATE-TIME:{time}"));
        }
        if segment.tags.gap {
            text.push_str("#EXT-X-GAP\n");
        }
        line(text, &format!("#EXTINF:{},", seconds(segment.duration_us)));
        line(text, &segment.uri);
    }

    fn set_key(&mut self, text: &mut String, key: Option<&'a Key>) {
        if self.key == key {
            return;
        }
        self.key = key;
        match key {
            None => text.push_str("#EXT-X-KEY:METHOD=NONE\n"),
            Some(Key { url, iv }) => {
                let iv = iv.map(|iv| format!(",IV=0x{:032x}", u128::from_be_bytes(iv))).unwrap_or_default();
                line(text, &format!("#EXT-X-KEY:METHOD=AES-128,URI={}{iv}", quoted(url)));
            }
        }
    }
}

fn target_duration_s(media: &WriteMedia) -> u64 {
    let rounded = |us: u64| us.saturating_add(MICROS_PER_SECOND / 2) / MICROS_PER_SECOND;
    let longest = media.segments.iter().map(|segment| rounded(segment.duration_us)).max();
    media.target_duration_s.max(longest.unwrap_or(0)).max(1)
}

fn variant_attributes(variant: &Variant) -> String {
    let mut list = format!("BANDWIDTH={}", variant.bandwidth);
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            list += &format!(",{name}={value}");
        }
    };
    add("AVERAGE-BANDWIDTH", variant.average_bandwidth.map(|bandwidth| bandwidth.to_string()));
    add("CODECS", variant.codecs.as_deref().map(quoted));
    add("RESOLUTION", variant.resolution.map(|(width, height)| format!("{width}x{height}")));
    add("FRAME-RATE", variant.frame_rate_milli.map(|rate| format!("{}.{:03}", rate / 1000, rate % 1000)));
    add("AUDIO", variant.audio.as_deref().map(quoted));
    add("VIDEO", variant.video.as_deref().map(quoted));
    add("SUBTITLES", variant.subtitles.as_deref().map(quoted));
    let captions = |group: &str| if group == "NONE" { group.to_owned() } else { quoted(group) };
    add("CLOSED-CAPTIONS", variant.closed_captions.as_deref().map(captions));
    list
}

fn rendition_attributes(rendition: &Rendition, uri: &str) -> String {
    let kind: String = rendition.kind.chars().filter(|c| c.is_ascii_uppercase() || *c == '-').collect();
    let (group, name) = (quoted(&rendition.group_id), quoted(&rendition.name));
    let mut list = format!("TYPE={kind},GROUP-ID={group},NAME={name}");
    let texts = [
        ("LANGUAGE", &rendition.language),
        ("CHARACTERISTICS", &rendition.characteristics),
        ("CHANNELS", &rendition.channels),
    ];
    for (attribute, text) in texts {
        if let Some(text) = text {
            list += &format!(",{attribute}={}", quoted(text));
        }
    }
    let flags = [
        ("DEFAULT", rendition.is_default),
        ("AUTOSELECT", rendition.is_autoselect),
        // elsewhere it is not allowed
        ("FORCED", rendition.is_forced && kind == "SUBTITLES"),
    ];
    for (attribute, _) in flags.iter().filter(|(_, is_set)| *is_set) {
        list += &format!(",{attribute}=YES");
    }
    list + &format!(",URI={}", quoted(uri))
}

fn tag(text: &mut String, name: &str, value: u64) {
    line(text, &format!("#{name}:{value}"));
}

/// Appends a line, whatever control characters were in it left out.
fn line(text: &mut String, content: &str) {
    text.extend(content.chars().filter(|c| !c.is_control()));
    text.push('\n');
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', ""))
}

fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / MICROS_PER_SECOND, us % MICROS_PER_SECOND)
}
