//! The HTTP client of one broadcast: one pool of connections to its origin. It decides where requests may
//! go, what they carry, and how long an answer may take to begin.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Response, Url};
use tokio::time::timeout;

use super::error::OriginError;
use crate::base::limits::{ORIGIN_ANSWER_TIMEOUT, ORIGIN_IDLE_CONNECTIONS_MAX, ORIGIN_SMALL_TIMEOUT};
use crate::net::announce::Reach;
use crate::net::fetch::{http_client_builder, read_bounded};
use crate::net::reach::{self, PublicNames};

/// Asks the origin of one broadcast. A copy shares its connections.
#[derive(Debug, Clone)]
pub struct OriginClient {
    http: reqwest::Client,
    reach: Reach,
    /// The first URL that was asked: others on its server do not repeat its user and password.
    first: Arc<OnceLock<Url>>,
}

impl OriginClient {
    /// `local_address` is where connections leave from.
    ///
    /// # Panics
    /// When the bundled certificates are unusable, which no input can cause.
    pub fn new(reach: Reach, local_address: Option<IpAddr>) -> Self {
        // bodies are passed on as they are, and lengths must mean bytes
        let plain = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
        let redirects: Policy = reach::redirects(reach);
        let mut builder = http_client_builder()
            .redirect(redirects)
            .referer(false)
            .default_headers(plain)
            .pool_max_idle_per_host(ORIGIN_IDLE_CONNECTIONS_MAX)
            .local_address(local_address);
        if reach == Reach::PublicOnly {
            builder = builder.dns_resolver(PublicNames);
        }
        let http = builder.build().expect("the bundled root certificates are valid");
        Self { http, reach, first: Arc::default() }
    }

    /// The answer's head, whatever its status.
    pub(super) async fn get(&self, url: &str, headers: HeaderMap) -> Result<Response, OriginError> {
        let url = parse(url)?;
        reach::check(&url, self.reach)?;
        let login = self.first.get_or_init(|| url.clone());
        let request = self.http.get(with_login(url, login)).headers(headers);
        match timeout(ORIGIN_ANSWER_TIMEOUT, request.send()).await {
            Ok(answer) => answer.map_err(OriginError::unanswered),
            Err(_elapsed) => Err(OriginError::NoAnswer),
        }
    }
}

/// The whole of a body that is small.
pub(super) async fn read_small(response: Response, max_bytes: usize) -> Result<Bytes, OriginError> {
    match timeout(ORIGIN_SMALL_TIMEOUT, read_bounded(response, max_bytes)).await {
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => Err(OriginError::TooLarge { max_bytes: max_bytes as u64 }),
        Ok(Err(error)) => Err(OriginError::broken_off(error)),
        Err(_elapsed) => Err(OriginError::TooSlow),
    }
}

fn parse(url: &str) -> Result<Url, OriginError> {
    let url = Url::parse(url).map_err(|_| OriginError::BadUrl)?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(OriginError::BadUrl),
    }
}

/// The URL with the user and password of the other one, where that is on the same server.
fn with_login(mut url: Url, login: &Url) -> Url {
    if url.origin() == login.origin() && url.username().is_empty() && url.password().is_none() {
        // only URLs without host refuse, and these are never asked
        let _without_host =
            url.set_username(login.username()).and_then(|()| url.set_password(login.password()));
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_goes_to_its_own_server_only() {
        let login: Url = "http://me:se%40cret@origin.example/live.m3u8".parse().unwrap();
        let with = |url: &str| with_login(url.parse().unwrap(), &login).to_string();
        assert_eq!(with("http://origin.example/1.ts"), "http://me:se%40cret@origin.example/1.ts");
        assert_eq!(with("http://you@origin.example/1.ts"), "http://you@origin.example/1.ts");
        for elsewhere in ["https://origin.example/", "http://origin.example:81/", "http://cdn.example/"] {
            assert_eq!(with(elsewhere), elsewhere);
        }
    }

    #[test]
    fn other_schemes_are_no_origin() {
        for url in ["file:///etc/passwd", "ftp://origin.example/", "live.m3u8", ""] {
            assert!(matches!(parse(url), Err(OriginError::BadUrl)), "{url}");
        }
    }
}
