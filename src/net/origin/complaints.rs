//! One line for each cause of trouble, not one for each segment it strikes. Addresses are named only where
//! everybody may know them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::mem::{Discriminant, discriminant};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::LOG;
use super::error::OriginError;
use crate::base::limits::ORIGIN_COMPLAINTS_MAX;
use crate::net::fetch::without_userinfo;

/// Trouble that lasted for so long is worth a word when it is over.
const NOTABLE: Duration = Duration::from_secs(5);

/// What could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Wanted {
    Manifest,
    Playlist,
    Segment,
    Check,
    Init,
}

/// A status counts by its class.
#[derive(PartialEq, Eq, Hash)]
struct Cause {
    stream: u32,
    wanted: Wanted,
    error: Discriminant<OriginError>,
    status_class: u16,
}

pub(super) struct Complaints {
    shows_urls: bool,
    /// When each was seen last.
    seen: Mutex<HashMap<Cause, Instant>>,
    /// What cannot be had, and since when.
    troubles: Mutex<BTreeMap<(u32, Wanted), Instant>>,
}

impl Complaints {
    pub(super) fn new(shows_urls: bool) -> Self {
        Self { shows_urls, seen: Mutex::default(), troubles: Mutex::default() }
    }

    /// Says it, unless it was said for the same cause.
    pub(super) fn tell(
        &self,
        stream: u32,
        wanted: Wanted,
        what: impl fmt::Display,
        url: &str,
        error: &OriginError,
    ) {
        let place = self.place(url);
        lock(&self.troubles).entry((stream, wanted)).or_insert_with(Instant::now);
        if self.is_new(Cause::of(stream, wanted, error)) {
            warn!(target: LOG, "{what} cannot be had from the origin{place}: {error}");
        } else {
            debug!(target: LOG, "{what} cannot be had from the origin{place}: {error}");
        }
    }

    /// It can be had again.
    pub(super) fn settled(&self, stream: u32, wanted: Wanted, what: impl fmt::Display) {
        let since = lock(&self.troubles).remove(&(stream, wanted));
        if let Some(outage) = since.map(|since| since.elapsed()).filter(|outage| *outage >= NOTABLE) {
            info!(target: LOG, "{what} can be had from the origin again after {} s", outage.as_secs());
        }
    }

    /// " (URL)", or nothing where it is secret.
    pub(super) fn place(&self, url: &str) -> String {
        let shown = Url::parse(url).ok().filter(|_| self.shows_urls);
        shown.map(|url| format!(" ({})", without_userinfo(&url))).unwrap_or_default()
    }

    fn is_new(&self, cause: Cause) -> bool {
        let now = Instant::now();
        let mut seen = lock(&self.seen);
        if seen.len() >= ORIGIN_COMPLAINTS_MAX {
            seen.retain(|cause, last| now - *last < cause.wanted.forgotten_after());
        }
        if seen.len() >= ORIGIN_COMPLAINTS_MAX && !seen.contains_key(&cause) {
            return false;
        }
        let forgotten_after = cause.wanted.forgotten_after();
        seen.insert(cause, now).is_none_or(|last| now - last >= forgotten_after)
    }
}

impl Wanted {
    /// A cause that did not show for so long is told again. Segments fail one by one, playlists for as long
    /// as the trouble lasts.
    fn forgotten_after(self) -> Duration {
        match self {
            Self::Manifest | Self::Playlist => Duration::from_secs(60),
            Self::Segment | Self::Check | Self::Init => Duration::from_secs(600),
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cause {
    fn of(stream: u32, wanted: Wanted, error: &OriginError) -> Self {
        let status_class = match error {
            OriginError::Status(status) => status.as_u16() / 100,
            _ => 0,
        };
        Self { stream, wanted, error: discriminant(error), status_class }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn is_new(complaints: &Complaints, stream: u32, error: &OriginError) -> bool {
        complaints.is_new(Cause::of(stream, Wanted::Segment, error))
    }

    #[test]
    fn each_cause_is_told_once() {
        let complaints = Complaints::new(true);
        let not_found = OriginError::Status(StatusCode::NOT_FOUND);
        assert!(is_new(&complaints, 0, &not_found));
        assert!(!is_new(&complaints, 0, &not_found));
        assert!(is_new(&complaints, 1, &not_found));
        assert!(is_new(&complaints, 0, &OriginError::Status(StatusCode::BAD_GATEWAY)));
        assert!(!is_new(&complaints, 0, &OriginError::Status(StatusCode::SERVICE_UNAVAILABLE)));
        assert!(is_new(&complaints, 0, &OriginError::Short));
    }

    #[test]
    fn secret_addresses_and_passwords_are_not_told() {
        let url = "http://me:secret@origin.example/1.ts";
        assert_eq!(Complaints::new(true).place(url), " (http://origin.example/1.ts)");
        assert_eq!(Complaints::new(false).place(url), "");
    }
}
