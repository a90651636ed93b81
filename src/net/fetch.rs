//! The HTTP client that all outgoing requests share: transport files, trackers, ingest. It decides TLS,
//! redirects and how long a connection may take; never how long a body may, since live bodies do not end.

use std::time::Duration;

use crate::base::limits::{DIAL_TIMEOUT, HTTP_CLIENT_REDIRECTS_MAX};

/// Idle connections are dropped after this time.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes a client; a copy shares its connections, so one a runtime is enough. It trusts the bundled root
/// certificates and those of the system.
///
/// # Panics
/// When the bundled certificates are unusable, which no input can cause.
pub fn http_client() -> reqwest::Client {
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
        .redirect(reqwest::redirect::Policy::limited(HTTP_CLIENT_REDIRECTS_MAX))
        .no_proxy()
        .build()
        .expect("the bundled root certificates are valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_is_made_with_the_bundled_roots() {
        http_client();
        assert!(webpki_root_certs::TLS_SERVER_ROOT_CERTS.len() > 50);
    }
}
