//! What the swarm is told of a playlist: its segments, as far as they can be played.

use super::inits::Inits;
use crate::media::playlist::{Media, Segment};
use crate::swarm::hls::event::{ListedSegment, Listing};
use crate::wire::hls::segment::Key;

/// The newest unbroken run of segments whose initialisation sections are known; `None` when there is none.
/// Sequences of `media` are our numbers. For a node that decrypts, all vectors are explicit.
pub(super) fn listing(stream: u32, media: &Media, inits: &Inits, decrypts: bool) -> Option<Listing> {
    let listed = |segment: &Segment| {
        let number = segment.sequence;
        let key = segment.key.clone().map(|key| if decrypts { with_iv(key, number) } else { key });
        let (duration_us, at, tags) = (segment.duration_us, segment.at.clone(), segment.tags.clone());
        Some(ListedSegment { number, duration_us, at, key, init: inits.of(segment)?, tags })
    };
    let all: Vec<Option<ListedSegment>> = media.segments.iter().map(listed).collect();
    let run = all.split(Option::is_none).rfind(|run| !run.is_empty())?;
    let segments: Vec<ListedSegment> = run.iter().flatten().cloned().collect();
    let first = segments.first()?.number;
    let left_out = media.segments.iter().take_while(|segment| segment.sequence < first);
    let torn = left_out.filter(|segment| segment.tags.discontinuity).count() as u64;
    Some(Listing {
        stream,
        target_duration_s: media.target_duration_s,
        discontinuity_sequence: media.discontinuity_sequence.saturating_add(torn),
        segments,
    })
}

/// Where the origin says none it is the media sequence, which is the number here: the sequencer makes the
/// others explicit.
fn with_iv(key: Key, number: u64) -> Key {
    let iv = key.iv.unwrap_or(u128::from(number).to_be_bytes());
    Key { iv: Some(iv), ..key }
}
