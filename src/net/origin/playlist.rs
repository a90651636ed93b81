//! Reading a playlist, again and again: only what differs from the last time is parsed.

use std::time::Duration;

use reqwest::header::{
    ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::{Response, StatusCode, Url};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::client::{OriginClient, read_small};
use super::error::OriginError;
use crate::base::limits::PLAYLIST_MAX_BYTES;
use crate::media::playlist::{Playlist, parse};

/// Dates of files are whole seconds, and so are the tags that servers make of them: a file that is younger
/// may be written again and keep them.
const FILE_DATE_STEP: Duration = Duration::from_secs(1);

/// What is known of a playlist that was read before, so that it is sent, or parsed, only when it changed.
/// One belongs to one URL.
#[derive(Debug, Clone, Default)]
pub struct Validators {
    asked_with: HeaderMap,
    seen: Option<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    digest: [u8; 32],
    since: Instant,
}

/// What an origin says when it is asked for a playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is the one that the [`Validators`] saw last.
    NotModified,
    /// The playlist, and its own URL, after redirects.
    Playlist(Playlist, Url),
}

impl OriginClient {
    /// Reads a playlist.
    ///
    /// # Errors
    /// See [`OriginError`]; the validators are then as before.
    pub async fn playlist(&self, url: &str, validators: &mut Validators) -> Result<Answer, OriginError> {
        let response = self.get(url, validators.asked_with.clone()).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if validators.seen.is_some() => return Ok(Answer::NotModified),
            status => return Err(OriginError::Status(status)),
        }
        let final_url = response.url().clone();
        let headers = headers_to_ask_with(&response);
        let body = read_small(response, PLAYLIST_MAX_BYTES).await?;
        let seen = Seen::now(&body, &final_url);
        if validators.seen.is_some_and(|before| before.digest == seen.digest) {
            validators.again(headers);
            return Ok(Answer::NotModified);
        }
        let playlist = parse::playlist(&body, final_url.as_str())?;
        *validators = Validators::first(seen, headers);
        Ok(Answer::Playlist(playlist, final_url))
    }
}

impl Seen {
    /// The same text under another URL names other segments.
    fn now(body: &[u8], url: &Url) -> Self {
        let digest = Sha256::new().chain_update(url.as_str()).chain_update([0]).chain_update(body).finalize();
        Self { digest: digest.into(), since: Instant::now() }
    }
}

impl Validators {
    fn first(seen: Seen, headers: HeaderMap) -> Self {
        let has_date = headers.contains_key(IF_MODIFIED_SINCE);
        let asked_with = if has_date { HeaderMap::new() } else { headers };
        Self { asked_with, seen: Some(seen) }
    }

    fn again(&mut self, headers: HeaderMap) {
        if self.seen.is_some_and(|seen| seen.since.elapsed() > FILE_DATE_STEP) {
            self.asked_with = headers;
        }
    }
}

fn headers_to_ask_with(response: &Response) -> HeaderMap {
    let header = |from: HeaderName, to: HeaderName| -> Option<(HeaderName, HeaderValue)> {
        response.headers().get(from).map(|value| (to, value.clone()))
    };
    [header(ETAG, IF_NONE_MATCH), header(LAST_MODIFIED, IF_MODIFIED_SINCE)].into_iter().flatten().collect()
}
