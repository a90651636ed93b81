//! Where requests to origins and trackers may lead. A URL from a stranger must not make this node knock on its own
//! network's doors: the address is checked before each connection, whether it stands in the URL, in the
//! target of a redirect, or comes from a name.

use std::net::{IpAddr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Action, Attempt, Policy};

use crate::base::limits::HTTP_CLIENT_REDIRECTS_MAX;
use crate::base::net::is_public;
use crate::net::announce::Reach;

/// Why this node itself broke a request off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the address is not public")]
    NotPublic,
    #[error("too many redirects")]
    Redirects,
}

/// # Errors
/// The URL names an address that must not be reached; names are checked when they are resolved.
pub(super) fn check(url: &Url, reach: Reach) -> Result<(), Refusal> {
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match literal {
        Ok(ip) if reach == Reach::PublicOnly && !is_public(ip) => Err(Refusal::NotPublic),
        _ => Ok(()),
    }
}

pub(super) fn redirects(reach: Reach) -> Policy {
    Policy::custom(move |attempt| follow(attempt, reach))
}

fn follow(attempt: Attempt<'_>, reach: Reach) -> Action {
    // the first of the previous URLs is no redirect
    if attempt.previous().len() > HTTP_CLIENT_REDIRECTS_MAX {
        return attempt.error(Refusal::Redirects);
    }
    match check(attempt.url(), reach) {
        Ok(()) => attempt.follow(),
        Err(refusal) => attempt.error(refusal),
    }
}

/// Resolves names to public addresses only.
pub(super) struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(Refusal::NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::net::fetch::{causes, http_client_builder};

    /// Answers one request with a redirect to a place where nobody listens.
    fn redirecting_server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _head = stream.read(&mut [0; 1024]).unwrap();
            stream.write_all(
                b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            )
        });
        addr
    }

    #[test]
    fn redirects_do_not_lead_into_the_own_network() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let follow = |reach| {
            let client = http_client_builder().redirect(redirects(reach)).build().unwrap();
            let url = format!("http://{}/", redirecting_server());
            let error = runtime.block_on(client.get(url).send()).unwrap_err();
            causes(&error).find_map(|cause| cause.downcast_ref().copied())
        };
        assert_eq!(follow(Reach::PublicOnly), Some(Refusal::NotPublic));
        assert_eq!(follow(Reach::Anywhere), None, "it is followed, to where nobody listens");
    }

    #[test]
    fn addresses_in_any_spelling_are_seen_through() {
        let not_public = [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]:80/",
            "https://169.254.169.254/latest",
        ];
        for url in not_public {
            let url = url.parse().unwrap();
            assert_eq!(check(&url, Reach::PublicOnly), Err(Refusal::NotPublic), "{url}");
            assert_eq!(check(&url, Reach::Anywhere), Ok(()), "{url}");
        }
        for url in ["http://1.2.3.4/", "http://[2606:4700::1]/", "http://origin.example/"] {
            assert_eq!(check(&url.parse().unwrap(), Reach::PublicOnly), Ok(()), "{url}");
        }
    }
}
