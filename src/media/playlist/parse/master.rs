//! Master playlists: variants in their order, then the renditions that have a playlist of their own.

use std::collections::BTreeSet;
use std::sync::Arc;

use m3u8_rs::{AlternativeMedia, ClosedCaptionGroupId, VariantStream};

use super::{Base, Line, PlaylistError, attributes, lines, media};
use crate::base::limits::{HLS_STREAMS_MAX, MASTER_LINES_MAX};
use crate::media::playlist::Master;
use crate::wire::hls::catalog::{Catalog, Rendition, Stream, Variant};

pub(super) fn read(text: &str, base: &Base) -> Result<Master, PlaylistError> {
    let mut reader = Reader::default();
    let says_something = |line: &Line| match line {
        Line::Tag { name, .. } => TAGS.contains(name),
        Line::Uri(_) => true,
    };
    for line in lines(text).filter(says_something).take(MASTER_LINES_MAX) {
        match line {
            Line::Tag { name, value } => reader.tag(name, value, base)?,
            Line::Uri(uri) => reader.uri(uri, base)?,
        }
    }
    reader.finish()
}

const TAGS: [&str; 5] =
    ["EXT-X-STREAM-INF", "EXT-X-MEDIA", "EXT-X-INDEPENDENT-SEGMENTS", "EXT-X-SESSION-KEY", "EXT-X-DEFINE"];

#[derive(Default)]
struct Reader {
    has_independent_segments: bool,
    /// Its address follows on a line of its own.
    next: Option<Variant>,
    variants: Vec<(Stream, Arc<str>)>,
    renditions: Vec<(Stream, Arc<str>)>,
}

impl Reader {
    fn tag(&mut self, name: &str, value: &str, base: &Base) -> Result<(), PlaylistError> {
        match name {
            "EXT-X-STREAM-INF" => self.next = attributes::variant(value).map(variant),
            "EXT-X-MEDIA" => self.take_rendition(value, base)?,
            "EXT-X-INDEPENDENT-SEGMENTS" => self.has_independent_segments = true,
            // what it says of the media playlists they say themselves; only protection is looked for
            "EXT-X-SESSION-KEY" => drop(media::key(value, base)?),
            "EXT-X-DEFINE" => return Err(PlaylistError::Unsupported { what: "EXT-X-DEFINE" }),
            _ => {}
        }
        Ok(())
    }

    fn uri(&mut self, uri: &str, base: &Base) -> Result<(), PlaylistError> {
        if let Some(variant) = self.next.take() {
            push(&mut self.variants, Stream::Variant(variant), base.join(uri)?);
        }
        Ok(())
    }

    /// One without an address is part of its variants: there is nothing to fetch.
    fn take_rendition(&mut self, list: &str, base: &Base) -> Result<(), PlaylistError> {
        let Some(mut media) = attributes::rendition(list) else { return Ok(()) };
        if let Some(uri) = media.uri.take() {
            push(&mut self.renditions, Stream::Rendition(rendition(media)), base.join(&uri)?);
        }
        Ok(())
    }

    fn finish(self) -> Result<Master, PlaylistError> {
        if self.variants.is_empty() {
            return Err(PlaylistError::NoStreams);
        }
        let all = self.variants.into_iter().chain(self.renditions).take(HLS_STREAMS_MAX as usize);
        let (mut streams, urls): (Vec<_>, Vec<_>) = all.unzip();
        forget_empty_groups(&mut streams);
        let has_independent_segments = self.has_independent_segments;
        Ok(Master { catalog: Catalog { is_master: true, has_independent_segments, streams }, urls })
    }
}

/// Leaves out what is there already, word for word.
fn push(list: &mut Vec<(Stream, Arc<str>)>, stream: Stream, url: Arc<str>) {
    let entry = (stream, url);
    if !list.contains(&entry) {
        list.push(entry);
    }
}

fn variant(tag: VariantStream) -> Variant {
    let says_none = matches!(tag.closed_captions, Some(ClosedCaptionGroupId::None));
    Variant {
        bandwidth: tag.bandwidth,
        average_bandwidth: tag.average_bandwidth,
        codecs: tag.codecs,
        resolution: tag.resolution.map(|resolution| (resolution.width, resolution.height)),
        frame_rate_milli: tag.frame_rate.map(|rate| (rate * 1000.0).round() as u64),
        audio: tag.audio,
        video: tag.video,
        subtitles: tag.subtitles,
        // captions are inside the video: a group of them names no playlist
        closed_captions: says_none.then(|| "NONE".to_owned()),
    }
}

fn rendition(tag: AlternativeMedia) -> Rendition {
    Rendition {
        kind: tag.media_type.to_string(),
        group_id: tag.group_id,
        name: tag.name,
        language: tag.language,
        is_default: tag.default,
        is_autoselect: tag.autoselect,
        is_forced: tag.forced,
        characteristics: tag.characteristics,
        channels: tag.channels,
    }
}

/// A variant that names a group of which nothing is left would be refused by players.
fn forget_empty_groups(streams: &mut [Stream]) {
    let group = |stream: &Stream| match stream {
        Stream::Rendition(rendition) => Some((rendition.kind.clone(), rendition.group_id.clone())),
        Stream::Variant(_) => None,
    };
    let groups: BTreeSet<_> = streams.iter().filter_map(group).collect();
    let is_there = |kind: &str, id: &String| groups.contains(&(kind.to_owned(), id.clone()));
    for stream in streams {
        if let Stream::Variant(variant) = stream {
            variant.audio = variant.audio.take().filter(|id| is_there("AUDIO", id));
            variant.video = variant.video.take().filter(|id| is_there("VIDEO", id));
            variant.subtitles = variant.subtitles.take().filter(|id| is_there("SUBTITLES", id));
        }
    }
}
