//! One opened source of any kind.

use bytes::Bytes;

use super::address::SourceAddress;
use super::paced::{self, Paced};
use super::udp::{self, Datagrams};
use super::{Failure, IngestOptions, http, stdin};

pub(super) enum Reader {
    Http(http::Body),
    Udp(Datagrams),
    Paced(Box<Paced>),
    Stdin(stdin::Stdin),
}

impl Reader {
    pub(super) async fn open(address: &SourceAddress, options: &IngestOptions) -> Result<Self, Failure> {
        let transient = |error: std::io::Error| Failure::Transient(error.to_string());
        match address {
            SourceAddress::Http(url) => http::open(url, &options.client).await.map(Self::Http),
            SourceAddress::Udp(address) => udp::open(address).map(Self::Udp).map_err(transient),
            SourceAddress::File(path) => Ok(Self::Paced(paced::open_file(path).await?.into())),
            SourceAddress::Clip(clip) => Ok(Self::Paced(paced::open_clip(clip)?.into())),
            SourceAddress::Stdin => stdin::open().map(Self::Stdin).map_err(transient),
        }
    }

    /// The next bytes; `None` when the source ended.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let transient = |error: std::io::Error| Failure::Transient(error.to_string());
        match self {
            Self::Http(body) => body.next().await,
            Self::Udp(datagrams) => datagrams.next().await.map(Some).map_err(transient),
            Self::Paced(paced) => paced.next().await.map(Some),
            Self::Stdin(stdin) => stdin.next().await.map_err(transient),
        }
    }

    pub(super) fn is_html(&self) -> bool {
        matches!(self, Self::Http(body) if body.is_html())
    }
}
