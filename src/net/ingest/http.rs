//! A stream over HTTP: the request, what its answer means, the body. Redirects, TLS, chunks and
//! user:password are the client's work.

use bytes::Bytes;
use reqwest::{Client, Response, StatusCode, Url};

use super::icy::{self, IcyBody, IcyError, TitleFilter};
use super::{Failure, IngestError};
use crate::net::fetch::{causes, innermost_cause, without_userinfo};

/// A body that is read as it comes.
pub(super) enum Body {
    Http(Response, Option<TitleFilter>),
    Icy(IcyBody),
}

pub(super) async fn open(url: &Url, client: &Client) -> Result<Body, Failure> {
    match client.get(url.clone()).header("Icy-MetaData", "0").send().await {
        Ok(response) => {
            judge(response.status(), url)?;
            let interval = response.headers().get("icy-metaint").and_then(|value| value.to_str().ok());
            let titles = interval.and_then(|value| value.trim().parse().ok()).and_then(TitleFilter::new);
            Ok(Body::Http(response, titles))
        }
        Err(error) if is_unreadable_head(&error) => {
            let url = &icy_url(url, &error);
            icy::open(url).await.map(Body::Icy).map_err(|error| match error {
                IcyError::Status(status) => judge(status, url).err().unwrap_or(unusual(status)),
                error => Failure::Transient(error.to_string()),
            })
        }
        Err(error) if error.is_redirect() => {
            Err(Failure::Final(IngestError::Redirects { url: without_userinfo(url).into() }))
        }
        Err(error) => Err(Failure::Transient(innermost_cause(error))),
    }
}

impl Body {
    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let (chunk, titles) = match self {
            Self::Http(response, titles) => {
                let chunk =
                    response.chunk().await.map_err(|error| Failure::Transient(innermost_cause(error)))?;
                (chunk, titles)
            }
            Self::Icy(body) => {
                let chunk = body.next().await.map_err(|error| Failure::Transient(error.to_string()))?;
                (Some(chunk).filter(|chunk| !chunk.is_empty()), &mut body.titles)
            }
        };
        Ok(match titles {
            Some(titles) => chunk.map(|chunk| titles.strip(chunk)),
            None => chunk,
        })
    }

    pub(super) fn is_html(&self) -> bool {
        let Self::Http(response, _) = self else { return false };
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        content_type.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/html"))
    }
}

fn judge(status: StatusCode, url: &Url) -> Result<(), Failure> {
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(()),
        status if status.is_client_error() => {
            Err(Failure::Final(IngestError::Refused { url: without_userinfo(url).into(), status }))
        }
        status => Err(unusual(status)),
    }
}

fn unusual(status: StatusCode) -> Failure {
    Failure::Transient(format!("the server answered {status}"))
}

/// Whether the server spoke, but not HTTP.
fn is_unreadable_head(error: &reqwest::Error) -> bool {
    let is_plain = error.url().is_some_and(|url| url.scheme() == "http");
    is_plain
        && causes(error).any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse))
}

/// Where redirects led to, with the user and password of the same host.
fn icy_url(asked: &Url, error: &reqwest::Error) -> Url {
    let mut url = error.url().unwrap_or(asked).clone();
    if url.host() == asked.host() && url.username().is_empty() {
        let password = asked.password();
        let _without_host = url.set_username(asked.username()).and_then(|()| url.set_password(password));
    }
    url
}
