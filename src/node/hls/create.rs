//! Makes the transport files of an HLS broadcast: a public one, and a private one where it is asked for.
//!
//! Nothing is written before the origin has shown a live playlist that can be broadcast, and then both files
//! or none. The origin is the operator's own: it may be anywhere.

use std::io::{self, ErrorKind, Write};
use std::net::IpAddr;
use std::path::Path;

use anyhow::Context;
use ed25519_dalek::SigningKey;
use reqwest::StatusCode;
use tokio::sync::watch;

use crate::base::limits::TRANSPORT_FILE_MAX_BYTES;
use crate::media::playlist::Playlist;
use crate::net::announce::Reach;
use crate::net::origin::{Answer, OriginClient, OriginError, Validators};
use crate::net::stop::stopped;
use crate::node::config::{CreateHlsConfig, HlsBroadcast};
use crate::store::files::{self, NewFile};
use crate::wire::hls::transport::{HlsDescriptor, HlsTransport};
use crate::wire::link;

const PUBLIC_MODE: u32 = 0o644;
const PRIVATE_MODE: u32 = 0o600;

/// Both files of one broadcast.
#[derive(Debug, Clone, PartialEq)]
pub struct TransportPair {
    pub public: HlsTransport,
    pub private: HlsTransport,
}

/// Why a playlist is not broadcast. Nothing here tells its address.
#[derive(Debug, thiserror::Error)]
pub enum PlaylistRefusal {
    #[error(transparent)]
    Origin(#[from] OriginError),
    #[error("the playlist's first stream: {0}")]
    Stream(OriginError),
    #[error("the playlist has ended (EXT-X-ENDLIST), only live ones can be broadcast")]
    Ended,
    #[error("the playlist's first stream is a master playlist itself")]
    Nested,
}

impl PlaylistRefusal {
    /// Whether trying again may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Origin(error) | Self::Stream(error) if error.is_transient())
    }
}

/// Makes the files with a key of their own and prints what they are. Ends with nothing made when `stop`
/// turns true.
///
/// # Errors
/// See [`make`].
pub async fn run(config: CreateHlsConfig, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let checked = check_playlist(&config.broadcast.url, None);
    tokio::select! {
        checked = checked => checked.context("--url")?,
        () = stopped(&mut stop) => return Ok(()),
    }
    let pair = make(&config, fresh_key()?)?;
    match config.quiet {
        true => Ok(()),
        false => print(&report(&config, &pair)).context("standard output"),
    }
}

/// Reads the playlist once, and of a master playlist the first stream's too. The address is trusted; requests
/// leave from `local_address`.
///
/// # Errors
/// The origin does not show a live playlist that can be broadcast.
pub async fn check_playlist(url: &str, local_address: Option<IpAddr>) -> Result<(), PlaylistRefusal> {
    let client = OriginClient::new(Reach::Anywhere, local_address);
    let media = match read(&client, url).await? {
        Playlist::Media(media) => media,
        Playlist::Master(master) => {
            let first = master.urls.first().map_or("", |url| url);
            match read(&client, first).await.map_err(PlaylistRefusal::Stream)? {
                Playlist::Media(media) => media,
                Playlist::Master(_) => return Err(PlaylistRefusal::Nested),
            }
        }
    };
    if media.is_ended { Err(PlaylistRefusal::Ended) } else { Ok(()) }
}

async fn read(client: &OriginClient, url: &str) -> Result<Playlist, OriginError> {
    match client.playlist(url, &mut Validators::default()).await? {
        Answer::Playlist(playlist, _) => Ok(playlist),
        // nobody asked for a difference
        Answer::NotModified => Err(OriginError::Status(StatusCode::NOT_MODIFIED)),
    }
}

/// Makes and writes the files of a broadcast whose playlist was checked.
///
/// # Errors
/// A file cannot be written; none is left behind then.
pub fn make(config: &CreateHlsConfig, key: [u8; 32]) -> anyhow::Result<TransportPair> {
    let pair = transport_pair(&config.broadcast, key);
    write(config, &pair)?;
    Ok(pair)
}

/// The seed of a key that nobody had before.
///
/// # Errors
/// The operating system gives no randomness.
pub fn fresh_key() -> anyhow::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("no randomness")?;
    Ok(seed)
}

/// The seed of the key in the private file of an earlier run, `None` when there is no file.
///
/// # Errors
/// What is there is no private transport file, and is not to be overwritten.
pub fn earlier_key(path: &Path) -> anyhow::Result<Option<[u8; 32]>> {
    let Some(bytes) = files::read_bounded(path, TRANSPORT_FILE_MAX_BYTES)? else { return Ok(None) };
    let file = HlsTransport::parse(bytes.into()).with_context(|| path.display().to_string())?;
    let key = file.descriptor.private_key;
    key.map(Some).with_context(|| format!("{}: not a private transport file", path.display()))
}

/// The files of a broadcast whose piece table is signed with the key of this seed.
pub fn transport_pair(broadcast: &HlsBroadcast, key: [u8; 32]) -> TransportPair {
    let private = HlsTransport::build(HlsDescriptor {
        title: broadcast.title.clone(),
        pubkey: SigningKey::from_bytes(&key).verifying_key().to_bytes(),
        base_url: broadcast.base_url.clone(),
        manifest_url: Some(broadcast.url.clone()),
        hides_manifest: broadcast.hides_manifest,
        hides_segments: broadcast.hides_segments,
        trackers: broadcast.trackers.clone(),
        categories: broadcast.categories.clone(),
        countries: broadcast.countries.clone(),
        languages: broadcast.languages.clone(),
        provider_key: broadcast.provider_key.clone(),
        sid: broadcast.sid.clone(),
        startup_nodes: broadcast.startup_nodes.clone(),
        private_key: Some(key),
        other: Default::default(),
    });
    TransportPair { public: private.public(), private }
}

fn write(config: &CreateHlsConfig, pair: &TransportPair) -> anyhow::Result<()> {
    let private = config.output_private.as_deref();
    let private = private.map(|path| NewFile { path, bytes: &pair.private.bytes, mode: PRIVATE_MODE });
    let public = NewFile { path: &config.output_public, bytes: &pair.public.bytes, mode: PUBLIC_MODE };
    let all: Vec<_> = private.into_iter().chain([public]).collect();
    Ok(files::write_all_or_none(&all)?)
}

/// What was made, for whoever gives it to viewers.
pub fn report(config: &CreateHlsConfig, pair: &TransportPair) -> String {
    let public = &pair.public;
    let private =
        config.output_private.iter().map(|path| format!("private transport file: {}\n", path.display()));
    format!(
        "transport file: {}\n{}infohash: {}\ncontent id: {}\nlink: {}\n",
        config.output_public.display(),
        private.collect::<String>(),
        public.infohash,
        public.content_id,
        link::format(public.content_id),
    )
}

/// A reader that has seen enough is no error.
pub fn print(text: &str) -> io::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn key_of_an_earlier_run_keeps_a_hidden_broadcast_the_same() {
        let dir = tempfile::tempdir().expect("a directory");
        let private = dir.path().join("private.acelive");
        let mut config = CreateHlsConfig {
            broadcast: HlsBroadcast::new("http://origin.example/a.m3u8", "Test"),
            output_public: dir.path().join("public.acelive"),
            output_private: Some(private.clone()),
            quiet: true,
        };
        config.broadcast.hides_manifest = true;
        assert_eq!(earlier_key(&private).expect("no file"), None);
        let key = fresh_key().expect("randomness");
        let first = make(&config, key).expect("written");
        config.broadcast.url = "http://origin.example/b.m3u8".to_owned();
        assert_eq!(earlier_key(&private).expect("a file"), Some(key));
        let second = make(&config, key).expect("written");
        assert_eq!(second.public, first.public);
        assert_ne!(second.private, first.private);
    }

    #[test]
    fn file_without_a_key_is_no_earlier_run() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.acelive");
        fs::write(&path, "garbage").expect("writes");
        assert!(earlier_key(&path).is_err());
        let pair = transport_pair(&HlsBroadcast::new("http://origin.example/a.m3u8", "Test"), [7; 32]);
        fs::write(&path, &pair.public.bytes).expect("writes");
        let refusal = earlier_key(&path).expect_err("public").to_string();
        assert!(refusal.ends_with("x.acelive: not a private transport file"), "{refusal}");
    }
}
