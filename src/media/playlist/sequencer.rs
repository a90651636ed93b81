//! Turns the media playlists of one stream, as they come, into piece numbers.
//!
//! - A number is the origin's media sequence. With [`Numbering::Monotonic`] it is that plus whatever keeps
//!   numbers rising for ever.
//! - A playlist goes backwards when its last segment is lower than that of the playlist before and its first
//!   is not higher. Such a playlist is bad: nothing of it is used. A good one in between makes up for it.
//! - With as many bad ones in a row as are allowed a new run begins. Numbers said before mean nothing any
//!   more; monotonic ones go on instead: the first segment gets the next number and a discontinuity before
//!   it, unless the playlist still holds the segment that was the newest, by address and range: that one
//!   keeps its number, and nothing is torn.
//! - A leap forwards is taken as it is, up to what the wire can tell; beyond, a new run begins at once.
//! - A playlist that does not change, or that loses segments at its start, is an ordinary one.
//! - After a restart of the node a monotonic stream goes on behind the last number it was told.
//! - Segments that turn up below the start of a monotonic run have no number, and are left out.
//!
//! It never gives up, and holds the same few values whatever the playlists say.

use super::{Media, Segment};
use crate::base::limits::{MEDIA_SEQUENCE_MAX, SEQUENCE_LEAP_MAX};
use crate::wire::hls::segment::{Key, Resource, Tags};

/// What numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    /// The origin's media sequence.
    Origin,
    /// Rising through resets and restarts; `last_number` is the last one of an earlier life of the node.
    Monotonic { last_number: Option<u64> },
}

/// A playlist in our numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// All numbers said before mean nothing any more.
    pub is_reset: bool,
    /// The origin's playlist, but: `sequence` is the number; where that is not the origin's, initialisation
    /// vectors that follow from the origin's are explicit; `discontinuity_sequence` goes on where numbers do.
    pub media: Media,
}

/// The media sequence went backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the media sequence went back from {before} to {now} ({in_a_row} of {max_errors} in a row)")]
pub struct Bad {
    /// The last segment of the last good playlist, and of this one.
    pub before: u64,
    pub now: u64,
    pub in_a_row: u32,
    pub max_errors: u32,
}

/// Numbers one stream.
#[derive(Debug)]
pub struct Sequencer {
    is_monotonic: bool,
    max_errors: u32,
    /// Bad playlists in a row.
    errors: u32,
    highest_number: Option<u64>,
    run: Option<Run>,
}

/// Playlists whose numbers hang together.
#[derive(Debug)]
struct Run {
    /// Number less media sequence.
    offset: i128,
    /// The lowest number that belongs to it.
    lowest: i128,
    /// The segment before which there is a discontinuity that the origin does not show.
    torn_at: Option<u64>,
    /// Ours less the origin's, wrapping.
    discontinuity_offset: u64,
    /// `None` until the first playlist was numbered.
    seen: Option<Seen>,
}

/// What is remembered of the last good playlist.
#[derive(Debug)]
struct Seen {
    /// In the origin's sequence.
    first: u64,
    last: u64,
    newest: Resource,
    newest_number: u64,
    /// Discontinuities up to the newest and at it.
    discontinuities: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    On,
    Back,
    /// Further forwards than the wire can tell.
    Leap,
}

impl Sequencer {
    /// `max_errors` bad playlists in a row reset the stream; 0 is as 1.
    pub fn new(numbering: Numbering, max_errors: u32) -> Self {
        let (is_monotonic, last_number) = match numbering {
            Numbering::Origin => (false, None),
            Numbering::Monotonic { last_number } => (true, last_number),
        };
        let highest_number = last_number.map(|number| number.min(MEDIA_SEQUENCE_MAX));
        Self { is_monotonic, max_errors: max_errors.max(1), errors: 0, highest_number, run: None }
    }

    /// Takes the playlist as it is now. Whoever knows that it did not change hands it over again if it was
    /// bad: each time counts.
    pub fn take(&mut self, media: &Media) -> Result<Numbered, Bad> {
        let (Some(first), Some(last)) = (media.segments.first(), media.segments.last()) else {
            return Ok(Numbered { is_reset: false, media: media.clone() });
        };
        let seen = self.run.as_ref().and_then(|run| run.seen.as_ref());
        let step = seen.map(|seen| seen.step_to(first.sequence, last.sequence));
        if let (Some(Step::Back), Some(seen)) = (&step, seen) {
            self.errors += 1;
            if self.errors < self.max_errors {
                let (in_a_row, max_errors) = (self.errors, self.max_errors);
                return Err(Bad { before: seen.last, now: last.sequence, in_a_row, max_errors });
            }
        }
        self.errors = 0;
        let run = match self.run.take() {
            Some(run) if step == Some(Step::On) => run,
            before => self.begin(before.and_then(|run| run.seen), media, first),
        };
        let numbered = self.run.insert(run).number(media, last);
        self.highest_number =
            self.highest_number.max(numbered.segments.last().map(|segment| segment.sequence));
        let is_reset = !self.is_monotonic && step.is_some_and(|step| step != Step::On);
        Ok(Numbered { is_reset, media: numbered })
    }

    /// The highest number given yet, or in an earlier life of the node: what a monotonic stream has to keep.
    pub fn last_number(&self) -> Option<u64> {
        self.highest_number
    }

    fn begin(&self, before: Option<Seen>, media: &Media, first: &Segment) -> Run {
        match (before, self.highest_number.filter(|_| self.is_monotonic)) {
            (_, None) => Run { offset: 0, lowest: 0, torn_at: None, discontinuity_offset: 0, seen: None },
            (Some(before), Some(highest)) => Run::continued(&before, media)
                .unwrap_or_else(|| Run::torn(Some(before), highest, media, first)),
            (None, Some(highest)) => Run::torn(None, highest, media, first),
        }
    }
}

impl Run {
    /// A run in which the newest segment of the one before keeps its number, if it is still there.
    fn continued(before: &Seen, media: &Media) -> Option<Self> {
        let at = media.segments.iter().position(|segment| segment.at == before.newest)?;
        let discontinuities =
            media.discontinuity_sequence.wrapping_add(discontinuities(&media.segments[..=at]));
        Some(Self {
            offset: i128::from(before.newest_number) - i128::from(media.segments[at].sequence),
            lowest: 0,
            torn_at: None,
            discontinuity_offset: before.discontinuities.wrapping_sub(discontinuities),
            seen: None,
        })
    }

    /// A run whose first segment gets the number behind the highest.
    fn torn(before: Option<Seen>, highest: u64, media: &Media, first: &Segment) -> Self {
        let number = highest.saturating_add(1);
        let discontinuities = before.map_or(media.discontinuity_sequence, |before| before.discontinuities);
        Self {
            offset: i128::from(number) - i128::from(first.sequence),
            lowest: number.into(),
            torn_at: (!first.tags.discontinuity).then_some(number),
            discontinuity_offset: discontinuities.wrapping_sub(media.discontinuity_sequence),
            seen: None,
        }
    }

    fn number(&mut self, media: &Media, last: &Segment) -> Media {
        let has_number = |segment: &Segment| self.number_of(segment).is_some();
        let below = media.segments.iter().position(has_number).unwrap_or(media.segments.len());
        let (below, rest) = media.segments.split_at(below);
        let segments: Vec<Segment> = rest.iter().filter_map(|segment| self.renumbered(segment)).collect();
        let is_tear_behind =
            segments.first().zip(self.torn_at).is_some_and(|(first, torn_at)| torn_at < first.sequence);
        let discontinuity_sequence = media
            .discontinuity_sequence
            .wrapping_add(self.discontinuity_offset)
            .wrapping_add(discontinuities(below))
            .wrapping_add(u64::from(is_tear_behind));
        if let (Some(first), Some(newest)) = (media.segments.first(), segments.last()) {
            self.seen = Some(Seen {
                first: first.sequence,
                last: last.sequence,
                newest: newest.at.clone(),
                newest_number: newest.sequence,
                discontinuities: discontinuity_sequence.wrapping_add(discontinuities(&segments)),
            });
        }
        Media { segments, discontinuity_sequence, ..*media }
    }

    fn number_of(&self, segment: &Segment) -> Option<u64> {
        let number = i128::from(segment.sequence) + self.offset;
        u64::try_from(number).ok().filter(|_| number >= self.lowest)
    }

    fn renumbered(&self, segment: &Segment) -> Option<Segment> {
        let number = self.number_of(segment)?;
        let is_torn = self.torn_at == Some(number);
        let tags = Tags { discontinuity: segment.tags.discontinuity || is_torn, ..segment.tags.clone() };
        let is_the_origins = number == segment.sequence;
        let explicit =
            |key: Key| Key { iv: key.iv.or(Some(u128::from(segment.sequence).to_be_bytes())), ..key };
        let key = segment.key.clone().map(|key| if is_the_origins { key } else { explicit(key) });
        Some(Segment { sequence: number, tags, key, ..segment.clone() })
    }
}

impl Seen {
    fn step_to(&self, first: u64, last: u64) -> Step {
        if last < self.last && first <= self.first {
            Step::Back
        } else if last.saturating_sub(self.last) > SEQUENCE_LEAP_MAX {
            Step::Leap
        } else {
            Step::On
        }
    }
}

fn discontinuities(segments: &[Segment]) -> u64 {
    segments.iter().filter(|segment| segment.tags.discontinuity).count() as u64
}
