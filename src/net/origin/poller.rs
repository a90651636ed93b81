//! Reads the media playlist of one stream as long as somebody follows it, and tells what it lists.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::info;

use super::LOG;
use super::access::Access;
use super::cadence::Cadence;
use super::complaints::Wanted;
use super::error::OriginError;
use super::inits::Inits;
use super::listing::listing;
use super::manifest::First;
use super::playlist::{Answer, Validators};
use crate::media::playlist::sequencer::{Numbered, Sequencer};
use crate::media::playlist::{Master, Media, Playlist};
use crate::swarm::hls::event::{Listing, OriginEvent};
use crate::wire::hls::catalog::Catalog;

/// A playlist that was read before its stream was followed is of use for so long.
const FIRST_LIFETIME: Duration = Duration::from_secs(1);
/// The pause at a playlist that has ended: it may begin anew.
const ENDED_PAUSE: Duration = Duration::from_secs(5);
/// Failures in a row after which the master playlist is asked for the address anew: those of some origins
/// are good for a few hours, or for as long as one of many servers lives.
const FAILURES_MAX: u32 = 3;

/// What is wanted of a poller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Orders {
    pub is_followed: bool,
    /// How often a reading at once was asked for.
    pub reads: u64,
}

pub(super) struct Poller {
    pub access: Arc<Access>,
    pub events: mpsc::Sender<OriginEvent>,
    pub orders: watch::Receiver<Orders>,
    pub stream: u32,
    pub url: Arc<str>,
    /// The master playlist that named the URL.
    pub master: Option<(Arc<str>, Arc<Catalog>)>,
    pub first: Option<(First, Instant)>,
    pub sequencer: Sequencer,
    pub inits: Inits,
    pub decrypts: bool,
    pub bad_manifest_pause: Duration,
    pub cadence: Cadence,
    pub progress: Progress,
}

/// What was read and told so far.
#[derive(Default)]
pub(super) struct Progress {
    validators: Validators,
    reads: u64,
    /// In a row.
    failures: u32,
    has_ended: bool,
    /// Number of the newest segment seen.
    newest: Option<u64>,
    told: Option<Arc<Listing>>,
}

/// Nobody gives orders or hears events any more.
struct Unheard;

impl Poller {
    pub(super) async fn run(mut self) {
        while self.until_due().await.is_ok() && self.read().await.is_ok() {}
    }

    async fn until_due(&mut self) -> Result<(), Unheard> {
        loop {
            let orders = *self.orders.borrow_and_update();
            if !orders.is_followed {
                self.orders.wait_for(|orders| orders.is_followed).await.map_err(|_| Unheard)?;
                self.begin();
                continue;
            }
            if std::mem::replace(&mut self.progress.reads, orders.reads) != orders.reads {
                self.cadence.hurry(Instant::now());
            }
            tokio::select! {
                () = sleep_until(self.cadence.next()) => return Ok(()),
                changed = self.orders.changed() => changed.map_err(|_| Unheard)?,
            }
        }
    }

    /// Whoever follows the stream now may know nothing of it.
    fn begin(&mut self) {
        self.progress = Progress { reads: self.orders.borrow().reads, ..Progress::default() };
        self.inits.forget();
        self.cadence.rest(Instant::now(), Duration::ZERO);
    }

    async fn read(&mut self) -> Result<(), Unheard> {
        self.cadence.began(Instant::now());
        match self.playlist().await {
            Ok(media) => {
                self.progress.failures = 0;
                match media {
                    Some(media) => self.take(media).await?,
                    None => self.cadence.unchanged(Instant::now()),
                }
            }
            Err(error) => self.failed(&error).await,
        }
        Ok(())
    }

    /// The playlist, if it is another than before.
    async fn playlist(&mut self) -> Result<Option<Media>, OriginError> {
        let first = self.first.take().filter(|(_, read_at)| read_at.elapsed() < FIRST_LIFETIME);
        if let Some((First { media, validators }, _)) = first {
            self.progress.validators = validators;
            return Ok(Some(media));
        }
        match self.access.client.playlist(&self.url, &mut self.progress.validators).await? {
            Answer::NotModified => Ok(None),
            Answer::Playlist(Playlist::Media(media), _) => Ok(Some(media)),
            Answer::Playlist(Playlist::Master(_), _) => Err(OriginError::NotMedia),
        }
    }

    async fn take(&mut self, media: Media) -> Result<(), Unheard> {
        let numbered = match self.sequencer.take(&media) {
            Ok(numbered) => numbered,
            Err(bad) => {
                // the same text must be judged again
                self.progress.validators = Validators::default();
                self.complain(&OriginError::from(bad));
                self.cadence.rest(Instant::now(), self.bad_manifest_pause);
                return Ok(());
            }
        };
        self.access.complaints.settled(self.stream, Wanted::Playlist, self.name());
        self.plan(&numbered.media);
        self.tell(&numbered).await
    }

    /// When the next reading is due.
    fn plan(&mut self, media: &Media) {
        let now = Instant::now();
        let newest = media.segments.last();
        let number = newest.map(|segment| segment.sequence);
        if media.is_ended && !self.progress.has_ended {
            info!(target: LOG, "{} has ended", self.name());
        }
        self.progress.has_ended = media.is_ended;
        let has_grown = std::mem::replace(&mut self.progress.newest, number) != number;
        match newest {
            _ if media.is_ended => self.cadence.rest(now, ENDED_PAUSE),
            Some(segment) if has_grown => self.cadence.grew(now, Duration::from_micros(segment.duration_us)),
            _ => self.cadence.unchanged(now),
        }
    }

    async fn tell(&mut self, numbered: &Numbered) -> Result<(), Unheard> {
        let Numbered { is_reset, media } = numbered;
        if *is_reset {
            info!(target: LOG, "stream {} begins anew: its media sequence is another", self.stream);
            self.send(OriginEvent::Reset { stream: self.stream }).await?;
            self.progress.told = None;
        }
        for (id, bytes) in self.inits.get_new(media, &self.access, self.stream).await {
            self.send(OriginEvent::Init { id, bytes }).await?;
        }
        if media.segments.iter().any(|segment| self.inits.of(segment).is_none()) {
            // also when the playlist stays the same, the section is asked for again
            self.progress.validators = Validators::default();
        }
        let listing = listing(self.stream, media, &self.inits, self.decrypts).map(Arc::new);
        let Some(listing) = listing.filter(|now| self.progress.told.as_ref() != Some(now)) else {
            return Ok(());
        };
        self.progress.told = Some(listing.clone());
        self.send(OriginEvent::Listed(listing)).await
    }

    async fn failed(&mut self, error: &OriginError) {
        self.complain(error);
        self.cadence.failed(Instant::now());
        self.progress.failures += 1;
        if self.progress.failures >= FAILURES_MAX {
            self.progress.failures = 0;
            self.renew().await;
        }
    }

    /// Asks the master playlist where the stream is now.
    async fn renew(&mut self) {
        let Some((master_url, catalog)) = &self.master else { return };
        let answer = self.access.client.playlist(master_url, &mut Validators::default()).await;
        let Ok(Answer::Playlist(Playlist::Master(Master { catalog: now, urls }), _)) = answer else { return };
        // with other streams, the numbers of the old ones mean nothing
        let url = urls.into_iter().nth(self.stream as usize).filter(|_| now == **catalog);
        if let Some(url) = url.filter(|url| *url != self.url) {
            self.url = url;
            self.progress.validators = Validators::default();
            self.cadence.rest(Instant::now(), Duration::ZERO);
        }
    }

    fn complain(&self, error: &OriginError) {
        self.access.complaints.tell(self.stream, Wanted::Playlist, self.name(), &self.url, error);
    }

    fn name(&self) -> String {
        format!("the playlist of stream {}", self.stream)
    }

    async fn send(&self, event: OriginEvent) -> Result<(), Unheard> {
        self.events.send(event).await.map_err(|_| Unheard)
    }
}
