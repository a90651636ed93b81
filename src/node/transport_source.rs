//! Where transport files come from: a path, `file://`, or a web server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use reqwest::{StatusCode, Url};

use super::relay::Trust;
use crate::base::limits::TRANSPORT_FILE_MAX_BYTES;
use crate::base::net::is_public;
use crate::net::fetch::{innermost_cause, read_bounded, without_userinfo};
use crate::store::files::{self, FileError};

/// Time for a server to send the whole file.
const FETCH_TIMEOUT: Duration = Duration::from_secs(15);
/// Where nodes give their file away, behind `/app/` and a token if they have one.
const NODE_PATH: &str = "/get_transport_file";

/// Where a transport file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportSource {
    Path(PathBuf),
    Url(Url),
}

/// A transport file, and what is known from where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub bytes: Bytes,
    /// What the place is worth.
    pub trust: Trust,
    /// The node that gave it away itself, on the port where it talks to peers.
    pub node: Option<SocketAddr>,
}

/// Why there is no transport file.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("{0}: expected a path, file://, http:// or https://")]
    BadAddress(String),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("transport file {0} does not exist")]
    NoFile(String),
    #[error("{url} answered {status}")]
    Refused { url: String, status: StatusCode },
    #[error("{url} sent more than {TRANSPORT_FILE_MAX_BYTES} bytes")]
    TooLarge { url: String },
    #[error("{url} cannot be fetched: {why}")]
    Unreachable { url: String, why: String },
    #[error("{url} is at {addr}, which is not public")]
    NotPublic { url: String, addr: SocketAddr },
}

impl FetchError {
    /// Whether trying again may help: the server is away, or not ready yet.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => status.is_server_error(),
            _ => false,
        }
    }
}

impl TransportSource {
    /// # Errors
    /// A URL of another scheme.
    pub fn parse(text: &str) -> Result<Self, FetchError> {
        let bad = || FetchError::BadAddress(text.to_owned());
        if !text.contains("://") {
            return Ok(Self::Path(PathBuf::from(text)));
        }
        let url = Url::parse(text).map_err(|_| bad())?;
        match url.scheme() {
            "http" | "https" => Ok(Self::Url(url)),
            "file" => url.to_file_path().map(Self::Path).map_err(|()| bad()),
            _ => Err(bad()),
        }
    }

    /// Gets the file. `only_public` refuses servers on loopback and private addresses.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn fetch(&self, client: &reqwest::Client, only_public: bool) -> Result<Fetched, FetchError> {
        match self {
            Self::Path(path) => read(path).map(|bytes| Fetched { bytes, trust: Trust::Local, node: None }),
            Self::Url(url) => fetch(client, url, only_public).await,
        }
    }
}

fn read(path: &Path) -> Result<Bytes, FetchError> {
    let bytes = files::read_bounded(path, TRANSPORT_FILE_MAX_BYTES)?;
    bytes.map(Bytes::from).ok_or_else(|| FetchError::NoFile(path.display().to_string()))
}

async fn fetch(client: &reqwest::Client, url: &Url, only_public: bool) -> Result<Fetched, FetchError> {
    let shown = || without_userinfo(url).to_string();
    let unreachable = |error| FetchError::Unreachable { url: shown(), why: innermost_cause(error) };
    let response = client.get(url.clone()).timeout(FETCH_TIMEOUT).send().await.map_err(unreachable)?;
    let remote = response.remote_addr();
    let is_local = remote.is_some_and(|addr| !is_public(addr.ip()));
    if let Some(addr) = remote.filter(|_| is_local && only_public) {
        return Err(FetchError::NotPublic { url: shown(), addr });
    }
    let node = remote.filter(|_| response.url().path().ends_with(NODE_PATH));
    let status = response.status();
    if !status.is_success() {
        return Err(FetchError::Refused { url: shown(), status });
    }
    let body = read_bounded(response, TRANSPORT_FILE_MAX_BYTES).await.map_err(unreachable)?;
    let body = body.ok_or_else(|| FetchError::TooLarge { url: shown() })?;
    Ok(Fetched { bytes: body, trust: if is_local { Trust::Local } else { Trust::Stranger }, node })
}

impl std::fmt::Display for TransportSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Url(url) => without_userinfo(url).fmt(f),
        }
    }
}
