//! An HLS player: follows one variant from near its live edge, gets every segment, and checks each one to
//! the byte as it comes.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::cipher;
use super::clip::{self, SegmentId};
use super::http::{self, Answer};
use super::playlist::{self, About, Entry, Media, Offer};
use crate::harness::DEADLINE;

/// Players begin so many segments before the end of the playlist.
const BEGINS_BEFORE_END: usize = 3;
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A segment that came, whole and right.
#[derive(Debug, Clone, PartialEq)]
pub struct Got {
    /// In the viewer's playlist.
    pub number: u64,
    /// By its own account.
    pub id: SegmentId,
    pub url: String,
    pub about: About,
}

/// What a viewer has seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Of the first answer; 0 before it came.
    pub status: u16,
    /// The body of a first answer that is not 200.
    pub refusal: String,
    /// Where the first answer came from, redirects followed.
    pub address: String,
    pub variants: Vec<Offer>,
    pub playlist: Media,
    pub got: Vec<Got>,
    /// Numbers that were declared a gap, refused or broken off.
    pub lost: Vec<u64>,
    /// Numbers that the playlist dropped before the viewer came to them.
    pub skipped: Vec<Range<u64>>,
    /// Media playlists that could not be had.
    pub failures: u64,
    /// How often the numbers went back.
    pub resets: u64,
    /// What is no segment of the origin. Nothing may ever be here.
    pub wrong: Vec<String>,
    pub has_ended: bool,
}

impl Seen {
    pub fn last(&self) -> Option<u64> {
        self.got.last().map(|got| got.number)
    }

    pub fn last_id(&self) -> Option<SegmentId> {
        self.got.last().map(|got| got.id)
    }

    /// Nothing was lost, and every segment has the origin's number.
    pub fn assert_whole(&self) {
        assert_eq!((self.status, self.resets, self.failures), (200, 0, 0), "{self:?}");
        assert_eq!((self.lost.len(), self.skipped.len(), self.wrong.len()), (0, 0, 0), "{self:?}");
        self.assert_numbered_as_the_origin();
        let numbers = self.got.windows(2).all(|two| two[0].number + 1 == two[1].number);
        assert!(numbers, "{self:?}");
    }

    pub fn assert_numbered_as_the_origin(&self) {
        assert!(self.got.iter().all(|got| got.number == got.id.number), "{self:?}");
    }
}

pub struct HlsViewer {
    seen: Arc<Mutex<Seen>>,
    is_over: Arc<AtomicBool>,
}

impl HlsViewer {
    /// Plays what is at `url`: of a master playlist the first variant.
    pub fn open(url: &str) -> Self {
        Self::open_variant(url, 0)
    }

    /// Plays a variant, in the order of the master playlist.
    pub fn open_variant(url: &str, variant: usize) -> Self {
        let (seen, is_over) = (Arc::<Mutex<Seen>>::default(), Arc::new(AtomicBool::new(false)));
        let mut player =
            Player { seen: seen.clone(), is_over: is_over.clone(), next: None, manifest: url.to_owned() };
        thread::spawn(move || {
            player.play(variant);
            player.seen.lock().expect("no panic").has_ended = true;
        });
        Self { seen, is_over }
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().expect("no panic").clone()
    }

    /// Waits until `is_so`, and fails at once when something wrong comes or nothing more will.
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&Seen) -> bool) -> Seen {
        let start = Instant::now();
        loop {
            let seen = self.seen();
            assert_eq!(seen.wrong, Vec::<String>::new(), "{what}");
            if is_so(&seen) {
                return seen;
            }
            assert!(!seen.has_ended, "{what}: it ended: {seen:?}");
            assert!(start.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}: {seen:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for so many more segments.
    pub fn plays(&self, more: usize) -> Seen {
        let wanted = self.seen().got.len() + more;
        self.wait_until(&format!("{more} segments more"), |seen| seen.got.len() >= wanted)
    }

    /// Waits for the origin's segment `number` or a newer one.
    pub fn reaches(&self, number: u64) -> Seen {
        let has = |seen: &Seen| seen.last_id().is_some_and(|id| id.number >= number);
        self.wait_until(&format!("segment {number} of the origin"), has)
    }

    /// Waits for a segment of this era of the origin, and some more.
    pub fn enters_era(&self, era: u32) -> Seen {
        self.wait_until(&format!("era {era}"), |seen| seen.last_id().is_some_and(|id| id.era >= era));
        self.plays(2)
    }

    /// Waits for an answer that is no playlist, and gives its status and text.
    pub fn refusal(&self) -> (u16, String) {
        crate::harness::wait_until("an answer", || self.seen().has_ended);
        let seen = self.seen();
        (seen.status, seen.refusal)
    }
}

impl Drop for HlsViewer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

struct Player {
    seen: Arc<Mutex<Seen>>,
    is_over: Arc<AtomicBool>,
    manifest: String,
    next: Option<u64>,
}

impl Player {
    fn play(&mut self, variant: usize) -> Option<()> {
        let first = http::get(&self.manifest);
        let first =
            first.unwrap_or_else(|error| Answer { body: error.to_string().into(), ..Answer::default() });
        let text = first.text();
        let offers = playlist::variants(&text, &first.url);
        self.note(|seen| {
            (seen.status, seen.address) = (first.status, first.url.clone());
            seen.variants = offers.clone().unwrap_or_default();
            if first.status != 200 {
                seen.refusal = text;
            }
        });
        if first.status != 200 {
            return None;
        }
        let media_url = match offers {
            Some(offers) => offers.get(variant)?.url.clone(),
            None => first.url,
        };
        while !self.is_over.load(Ordering::Relaxed) {
            match http::get(&media_url) {
                Ok(answer) if answer.status == 200 => self.follow(&answer),
                _ => self.note(|seen| seen.failures += 1),
            }
            thread::sleep(POLL_INTERVAL);
        }
        Some(())
    }

    fn follow(&mut self, answer: &Answer) {
        let media = match playlist::media(&answer.text(), &answer.url) {
            Ok(media) => media,
            Err(why) => return self.note(|seen| seen.wrong.push(why)),
        };
        self.note(|seen| seen.playlist = media.clone());
        let Some(last) = media.entries.last().map(|entry| entry.number) else { return };
        if self.next.is_some_and(|next| last + 1 < next) {
            self.next = None;
            self.note(|seen| seen.resets += 1);
        }
        let begin = media.entries.len().saturating_sub(BEGINS_BEFORE_END);
        let next = *self.next.get_or_insert(media.entries[begin].number);
        if next < media.first {
            self.note(|seen| seen.skipped.push(next..media.first));
        }
        for entry in media.entries.iter().filter(|entry| entry.number >= next) {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            self.take(entry);
            self.next = Some(entry.number + 1);
        }
    }

    fn take(&self, entry: &Entry) {
        let bytes = if entry.about.is_gap { None } else { load(entry).ok().flatten() };
        let Some(bytes) = bytes else { return self.note(|seen| seen.lost.push(entry.number)) };
        let id = clip::identity(&bytes).filter(|id| clip::segment(*id) == bytes);
        self.note(|seen| match id {
            Some(id) => seen.got.push(Got {
                number: entry.number,
                id,
                url: entry.url.clone(),
                about: entry.about.clone(),
            }),
            None => seen.wrong.push(format!("{} has {} bytes that are none", entry.number, bytes.len())),
        });
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().expect("no panic"));
    }
}

/// A segment, unlocked; `None` when it was refused or broken off.
fn load(entry: &Entry) -> io::Result<Option<Vec<u8>>> {
    let answer = http::get(&entry.url)?;
    if answer.status != 200 || !answer.is_whole {
        return Ok(None);
    }
    let Some(key) = &entry.about.key else { return Ok(Some(answer.body)) };
    let secret: Option<[u8; 16]> = http::get(&key.url)?.body.try_into().ok();
    let iv = key.iv.unwrap_or_else(|| cipher::iv_of(entry.number));
    Ok(secret.and_then(|secret| cipher::unlock(&answer.body, secret, iv)))
}
