//! The initialisation sections of one stream: each is got once and announced before a segment names it.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::access::Access;
use super::complaints::Wanted;
use crate::base::limits::ORIGIN_INITS_MAX;
use crate::media::playlist::{InitSection, Media, Segment};
use crate::net::backoff::Backoff;
use crate::wire::hls::segment::InitId;

/// The pauses after a section could not be had.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

pub(super) struct Inits {
    decrypts: bool,
    /// The newest first.
    known: VecDeque<(InitSection, InitId)>,
    missing: VecDeque<Missing>,
}

struct Missing {
    section: InitSection,
    backoff: Backoff,
    not_before: Instant,
}

impl Inits {
    pub(super) fn new(decrypts: bool) -> Self {
        Self { decrypts, known: VecDeque::new(), missing: VecDeque::new() }
    }

    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.missing.clear();
    }

    /// What the segment needs; `None` while that is not known, `Some(None)` when it needs nothing.
    pub(super) fn of(&self, segment: &Segment) -> Option<Option<InitId>> {
        let Some(section) = self.wanted(segment) else { return Some(None) };
        self.known.iter().find(|(known, _)| *known == section).map(|(_, id)| Some(*id))
    }

    /// Gets the sections that the playlist's newest segments need and that are not known yet.
    pub(super) async fn get_new(
        &mut self,
        media: &Media,
        access: &Access,
        stream: u32,
    ) -> Vec<(InitId, Bytes)> {
        let mut new = Vec::new();
        for section in self.unknown(media) {
            if self.missing.iter().any(|old| old.section == section && Instant::now() < old.not_before) {
                continue;
            }
            match access.section(&section.at, section.key.as_ref()).await {
                Ok(bytes) => {
                    let id = InitId(Sha256::digest(&bytes).into());
                    self.missing.retain(|missing| missing.section != section);
                    self.known.push_front((section, id));
                    new.push((id, bytes));
                }
                Err(error) => {
                    let what = format!("an initialisation section of stream {stream}");
                    access.complaints.tell(stream, Wanted::Init, what, &section.at.url, &error);
                    self.failed(section);
                }
            }
        }
        self.known.truncate(ORIGIN_INITS_MAX);
        new
    }

    /// The oldest first, so that the newest is remembered longest.
    fn unknown(&self, media: &Media) -> Vec<InitSection> {
        let mut named: Vec<InitSection> = Vec::new();
        for section in media.segments.iter().rev().filter_map(|segment| self.wanted(segment)) {
            if named.len() == ORIGIN_INITS_MAX {
                break;
            }
            if named.last() != Some(&section) && !named.contains(&section) {
                named.push(section);
            }
        }
        named.retain(|section| self.known.iter().all(|(known, _)| known != section));
        named.reverse();
        named
    }

    fn wanted(&self, segment: &Segment) -> Option<InitSection> {
        let mut section = segment.init.clone()?;
        match &mut section.key {
            // HLS demands an explicit vector here, so its absence means none
            Some(key) if self.decrypts => key.iv = key.iv.or(Some([0; 16])),
            key => *key = None,
        }
        Some(section)
    }

    fn failed(&mut self, section: InitSection) {
        let before = self.missing.iter().position(|missing| missing.section == section);
        let before = before.and_then(|index| self.missing.remove(index));
        let mut backoff = before.map_or_else(|| Backoff::new(PAUSE, PAUSE_MAX, 0), |missing| missing.backoff);
        let not_before = Instant::now() + backoff.next_pause();
        self.missing.truncate(ORIGIN_INITS_MAX - 1);
        self.missing.push_front(Missing { section, backoff, not_before });
    }
}
