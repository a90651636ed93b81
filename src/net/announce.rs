//! Announces to a tracker, over HTTP(S) or UDP, once. It decides how long a tracker may take and which of
//! its addresses is asked; when to announce and what becomes of the peers is its caller's.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::announce_udp;
use super::fetch::{http_client_builder, http_client_from, innermost_cause, read_bounded};
use super::reach::{self, PublicNames};
use crate::base::limits::{TRACKER_FAILURE_MAX_CHARS, TRACKER_REPLY_MAX_BYTES};
use crate::base::net::{canonical, is_public};
use crate::wire::announce::{AnnounceReply, AnnounceRequest};
use crate::wire::tracker_http::announce_url;
use crate::wire::tracker_reply::{self, ReplyError};
use crate::wire::tracker_url::{TrackerScheme, TrackerUrl};

/// Time for an HTTP tracker to answer in full.
const HTTP_TIMEOUT: Duration = Duration::from_secs(15);

/// Where a tracker may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Anywhere: the operator, or somebody on this machine or network, named it.
    Anywhere,
    /// Not on loopback, private or link-local addresses: a stranger named it.
    PublicOnly,
}

/// Why an announce failed.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    #[error("tracker {url} has no address: {source}")]
    Unresolved { url: TrackerUrl, source: io::Error },
    #[error("tracker {url} is at {address}, which is not public")]
    NotPublic { url: TrackerUrl, address: IpAddr },
    #[error("tracker {url} cannot be reached: {source}")]
    Socket { url: TrackerUrl, source: io::Error },
    #[error("tracker {url} cannot be asked: {reason}")]
    Http { url: TrackerUrl, reason: String },
    #[error("tracker {url} answered with HTTP status {status}")]
    Status { url: TrackerUrl, status: u16 },
    #[error("tracker {url} did not answer within {} s", waited.as_secs())]
    Timeout { url: TrackerUrl, waited: Duration },
    #[error("tracker {url} refused: {reason}")]
    Refused { url: TrackerUrl, reason: String },
    #[error("tracker {url} sent more than {TRACKER_REPLY_MAX_BYTES} bytes")]
    TooLarge { url: TrackerUrl },
    #[error("tracker {url} sent no usable answer: {source}")]
    Unreadable { url: TrackerUrl, source: ReplyError },
}

/// How trackers are asked. They learn a node's address from where its announce comes from, so announces
/// leave from where dials do.
#[derive(Debug, Clone)]
pub struct TrackerClient {
    http: reqwest::Client,
    /// Follows names and redirects to public addresses only.
    public_http: reqwest::Client,
    from: Option<IpAddr>,
}

impl TrackerClient {
    /// Requests leave from `from`, to trackers of the same family; a copy shares its connections.
    ///
    /// # Panics
    /// When the bundled certificates are unusable, which no input can cause.
    pub fn new(from: Option<IpAddr>) -> Self {
        let public_http = http_client_builder()
            .local_address(from)
            .redirect(reach::redirects(Reach::PublicOnly))
            .dns_resolver(PublicNames)
            .build()
            .expect("the bundled root certificates are valid");
        Self { http: http_client_from(from), public_http, from }
    }
}

/// Announces `request` and waits for the answer, 15 s at most.
pub async fn announce(
    client: &TrackerClient,
    url: &TrackerUrl,
    request: &AnnounceRequest,
    reach: Reach,
) -> Result<AnnounceReply, AnnounceError> {
    match url.scheme() {
        TrackerScheme::Udp => announce_udp::announce(client.from, url, request, reach).await,
        TrackerScheme::Http | TrackerScheme::Https => announce_http(client, url, request, reach).await,
    }
}

async fn announce_http(
    client: &TrackerClient,
    url: &TrackerUrl,
    request: &AnnounceRequest,
    reach: Reach,
) -> Result<AnnounceReply, AnnounceError> {
    let http = match reach {
        Reach::Anywhere => &client.http,
        Reach::PublicOnly => {
            resolve(url, reach).await?;
            &client.public_http
        }
    };
    let response = http.get(announce_url(url, request)).timeout(HTTP_TIMEOUT).send().await;
    let response = response.map_err(|error| http_error(url, error))?;
    if let Some(remote) = response.remote_addr() {
        // the client looked before it connected; this is for what it may have missed
        check_reach(url, remote, reach)?;
    }
    let status = response.status();
    let body = read_bounded(response, TRACKER_REPLY_MAX_BYTES).await;
    let body = body.map_err(|error| http_error(url, error))?;
    let body = body.ok_or_else(|| AnnounceError::TooLarge { url: url.clone() })?;
    match tracker_reply::decode(&body) {
        Ok(reply) => Ok(reply),
        Err(ReplyError::Failure(reason)) => {
            Err(AnnounceError::Refused { url: url.clone(), reason: printable(&reason) })
        }
        Err(_) if !status.is_success() => {
            Err(AnnounceError::Status { url: url.clone(), status: status.as_u16() })
        }
        Err(source) => Err(AnnounceError::Unreadable { url: url.clone(), source }),
    }
}

fn http_error(url: &TrackerUrl, error: reqwest::Error) -> AnnounceError {
    if error.is_timeout() {
        return AnnounceError::Timeout { url: url.clone(), waited: HTTP_TIMEOUT };
    }
    AnnounceError::Http { url: url.clone(), reason: printable(&innermost_cause(error)) }
}

/// The tracker's addresses: of each family the first, IPv4 before IPv6.
pub(super) async fn resolve(url: &TrackerUrl, reach: Reach) -> Result<Vec<SocketAddr>, AnnounceError> {
    let found = tokio::net::lookup_host((url.host(), url.port())).await;
    let found: Vec<SocketAddr> =
        found.map_err(|source| AnnounceError::Unresolved { url: url.clone(), source })?.collect();
    let v4 = found.iter().find(|address| address.is_ipv4());
    let v6 = found.iter().find(|address| address.is_ipv6());
    for &address in &found {
        check_reach(url, address, reach)?;
    }
    let addresses: Vec<_> = v4.into_iter().chain(v6).copied().collect();
    if addresses.is_empty() {
        let source = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        return Err(AnnounceError::Unresolved { url: url.clone(), source });
    }
    Ok(addresses)
}

fn check_reach(url: &TrackerUrl, address: SocketAddr, reach: Reach) -> Result<(), AnnounceError> {
    let address = canonical(address.ip());
    if reach == Reach::PublicOnly && !is_public(address) {
        return Err(AnnounceError::NotPublic { url: url.clone(), address });
    }
    Ok(())
}

/// One line of what a tracker says, for logs and terminals.
pub(super) fn printable(text: &str) -> String {
    let clean = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    clean.take(TRACKER_FAILURE_MAX_CHARS).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(printable("no\u{1b}[31m such\r\ntorrent "), "no [31m such  torrent");
        assert_eq!(printable(&"x".repeat(1000)).len(), TRACKER_FAILURE_MAX_CHARS);
    }
}
