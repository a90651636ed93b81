//! The first reading of an origin: which streams it has. It is tried until it works, since an origin may
//! start after the nodes that carry it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;

use super::access::Access;
use super::complaints::Wanted;
use super::error::OriginError;
use super::playlist::{Answer, Validators};
use crate::media::playlist::{Master, Media, Playlist};
use crate::net::backoff::Backoff;
use crate::wire::hls::catalog::{Catalog, Stream, Variant};

const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// What an origin has.
pub(super) struct Manifest {
    pub catalog: Arc<Catalog>,
    /// Of the media playlists.
    pub urls: Vec<Arc<str>>,
    /// The only stream's playlist, where the manifest is that.
    pub first: Option<First>,
}

/// A media playlist that was read already.
pub(super) struct First {
    pub media: Media,
    pub validators: Validators,
}

/// Reads it, however often that takes.
pub(super) async fn read(access: &Access, url: &str, seed: u64) -> Manifest {
    let mut backoff = Backoff::new(PAUSE, PAUSE_MAX, seed);
    loop {
        let error = match once(access, url).await {
            Ok(manifest) => {
                access.complaints.settled(0, Wanted::Manifest, "the HLS playlist");
                return manifest;
            }
            Err(error) => error,
        };
        access.complaints.tell(0, Wanted::Manifest, "the HLS playlist", url, &error);
        tokio::time::sleep(backoff.next_pause()).await;
    }
}

async fn once(access: &Access, url: &str) -> Result<Manifest, OriginError> {
    let mut validators = Validators::default();
    match access.client.playlist(url, &mut validators).await? {
        Answer::Playlist(Playlist::Master(Master { catalog, urls }), _) => {
            Ok(Manifest { catalog: Arc::new(catalog), urls, first: None })
        }
        Answer::Playlist(Playlist::Media(media), _) => {
            let first = Some(First { media, validators });
            Ok(Manifest { catalog: Arc::new(lone_stream()), urls: vec![url.into()], first })
        }
        Answer::NotModified => Err(OriginError::Status(StatusCode::NOT_MODIFIED)),
    }
}

fn lone_stream() -> Catalog {
    let streams = vec![Stream::Variant(Variant::default())];
    Catalog { is_master: false, has_independent_segments: false, streams }
}
