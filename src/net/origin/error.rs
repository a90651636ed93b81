//! Why an origin gave nothing usable, in one line that names neither its host nor its URL: in a private
//! broadcast nobody may learn them. Who may tell adds them.

use std::error::Error;
use std::io;

use reqwest::StatusCode;
use rustls::{CertificateError, Error as TlsError};

use crate::base::limits::{HTTP_CLIENT_REDIRECTS_MAX, ORIGIN_MIN_BYTES_PER_SECOND};
use crate::media::playlist::parse::PlaylistError;
use crate::media::playlist::sequencer::Bad;
use crate::net::announce::printable;
use crate::net::fetch::{causes, innermost_cause};
use crate::net::reach::Refusal;

/// Why an origin gave nothing usable.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    #[error("the address is no http:// or https:// URL")]
    BadUrl,
    #[error("the server's address is not public")]
    NotPublic,
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    #[error("the server cannot be trusted: {0}")]
    Tls(String),
    #[error("the server does not speak HTTP: {0}")]
    NotHttp(String),
    #[error("the server did not answer in time")]
    NoAnswer,
    #[error("the server answered with more than {HTTP_CLIENT_REDIRECTS_MAX} redirects")]
    Redirects,
    #[error("the server answered {0}")]
    Status(StatusCode),
    #[error("the server's answer broke off: {0}")]
    BrokenOff(String),
    #[error("the server sent less than {ORIGIN_MIN_BYTES_PER_SECOND} bytes a second")]
    TooSlow,
    #[error("the server sent more than {max_bytes} bytes")]
    TooLarge { max_bytes: u64 },
    #[error("the server sent less than it should")]
    Short,
    #[error("the server sent another range than was asked for")]
    OtherRange,
    #[error("the server changed the segment while it was read")]
    Changed,
    #[error("the server has no such range")]
    OutOfRange,
    #[error("the key has {bytes} bytes instead of 16")]
    Key { bytes: usize },
    #[error("the segment cannot be decrypted with its key")]
    Undecryptable,
    #[error("it is no media playlist any more")]
    NotMedia,
    #[error(transparent)]
    Playlist(#[from] PlaylistError),
    #[error(transparent)]
    Sequence(#[from] Bad),
}

impl OriginError {
    /// Whether trying again may help: the server is away, overloaded or not ready yet.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::NoAnswer | Self::BrokenOff(_) | Self::TooSlow | Self::Short => true,
            Self::Status(status) => {
                let waits = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
                status.is_server_error() || waits.contains(status)
            }
            Self::Playlist(PlaylistError::Empty) => true,
            _ => false,
        }
    }

    /// Whether the origin does not have it, or never in a form that can be taken.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Status(status) => [StatusCode::NOT_FOUND, StatusCode::GONE].contains(status),
            Self::TooLarge { .. } | Self::OutOfRange => true,
            _ => false,
        }
    }

    /// A request that got no answer.
    pub(super) fn unanswered(error: reqwest::Error) -> Self {
        if let Some(refusal) = causes(&error).find_map(|cause| cause.downcast_ref::<Refusal>()) {
            return match refusal {
                Refusal::NotPublic => Self::NotPublic,
                Refusal::Redirects => Self::Redirects,
            };
        }
        if let Some(failure) = causes(&error).find_map(as_tls) {
            return Self::Tls(describe(failure));
        }
        let is_parse = |cause: &hyper::Error| cause.is_parse();
        if causes(&error).any(|cause| cause.downcast_ref().is_some_and(is_parse)) {
            return Self::NotHttp(clean_cause(error));
        }
        match error {
            error if error.is_builder() => Self::BadUrl,
            error if error.is_timeout() => Self::NoAnswer,
            error => Self::Unreachable(clean_cause(error)),
        }
    }

    /// A body that ended before its end.
    pub(super) fn broken_off(error: reqwest::Error) -> Self {
        Self::BrokenOff(clean_cause(error))
    }
}

impl From<Refusal> for OriginError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotPublic => Self::NotPublic,
            Refusal::Redirects => Self::Redirects,
        }
    }
}

fn clean_cause(error: reqwest::Error) -> String {
    printable(&innermost_cause(error))
}

/// TLS failures travel inside I/O errors, of which only the cause's cause is a cause.
fn as_tls<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    let inside = |error: &'a (dyn Error + 'static)| -> Option<&'a (dyn Error + 'static)> {
        Some(error.downcast_ref::<io::Error>()?.get_ref()?)
    };
    std::iter::successors(Some(cause), |&error| inside(error)).find_map(|error| error.downcast_ref())
}

/// Without the names that rustls repeats.
fn describe(failure: &TlsError) -> String {
    let certificate = match failure {
        TlsError::InvalidCertificate(certificate) => certificate,
        TlsError::AlertReceived(alert) => return format!("it broke off TLS: {alert:?}"),
        _ => return "TLS failed".into(),
    };
    let why = match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another name"
        }
        CertificateError::Revoked => "was revoked",
        CertificateError::UnknownIssuer => "has an unknown issuer",
        _ => "is not valid",
    };
    format!("its certificate {why}")
}
