//! The HTTP client that all outgoing requests share: transport files, trackers, ingest. It decides TLS,
//! redirects and how long a connection may take, and how errors and URLs read in a message; never how long
//! a body may take, since live bodies do not end.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Response, Url};

use crate::base::limits::{DIAL_TIMEOUT, HTTP_CLIENT_REDIRECTS_MAX};

/// Idle connections are dropped after this time.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes a client; a copy shares its connections, so one a runtime is enough. It trusts the bundled root
/// certificates and those of the system.
///
/// # Panics
/// When the bundled certificates are unusable, which no input can cause.
pub fn http_client() -> reqwest::Client {
    http_client_from(None)
}

/// The same, for requests that leave from `from` where they can.
///
/// # Panics
/// As [`http_client`].
pub fn http_client_from(from: Option<IpAddr>) -> reqwest::Client {
    let redirects = reqwest::redirect::Policy::limited(HTTP_CLIENT_REDIRECTS_MAX);
    http_client_builder()
        .local_address(from)
        .redirect(redirects)
        .build()
        .expect("the bundled root certificates are valid")
}

/// What every client of this program has, for one that follows redirects in its own way.
pub(super) fn http_client_builder() -> reqwest::ClientBuilder {
    // reqwest is built without a provider of its own; a provider that is already installed serves too
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .filter_map(|certificate| reqwest::Certificate::from_der(certificate).ok());
    reqwest::Client::builder()
        .user_agent(concat!("start-engine/", env!("CARGO_PKG_VERSION")))
        .tls_certs_merge(roots)
        .connect_timeout(DIAL_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .no_proxy()
}

/// The whole body; `None` when it is longer than `max_bytes`, of which no more is read.
///
/// # Errors
/// The body broke off.
pub async fn read_bounded(mut response: Response, max_bytes: usize) -> Result<Option<Bytes>, reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(part) = response.chunk().await? {
        if body.len() + part.len() > max_bytes {
            return Ok(None);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(body.freeze()))
}

/// What happened, in the words of the innermost cause: the outer ones repeat the URL.
pub fn innermost_cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    causes(&error).last().map(ToString::to_string).unwrap_or_default()
}

/// The error and its causes, from the outside in.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The URL as it may be shown.
pub fn without_userinfo(url: &Url) -> Url {
    let mut shown = url.clone();
    // only URLs without host refuse, and these have no user either
    let _without_host = shown.set_username("").and_then(|()| shown.set_password(None));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_urls_and_causes_hold_no_password() {
        let url: Url = "http://me:secret@127.0.0.1:1/x".parse().unwrap();
        assert_eq!(without_userinfo(&url).as_str(), "http://127.0.0.1:1/x");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(http_client().get(url).send()).unwrap_err();
        assert_eq!(innermost_cause(error), "Connection refused (os error 111)");
    }

    #[test]
    fn client_is_made_with_the_bundled_roots() {
        http_client();
        assert!(webpki_root_certs::TLS_SERVER_ROOT_CERTS.len() > 50);
    }
}
