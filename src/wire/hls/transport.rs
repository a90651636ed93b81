//! The transport file of an HLS broadcast, in the container that every transport file has, and the choice
//! between it and that of an MPEG-TS broadcast.
//!
//! Two files make a pair: the public one, for everybody, and the private one, for support nodes, which also
//! holds the key that signs the piece table. Both have one infohash, and one content id, the public file's:
//! the public file follows from the private one to the byte.

use std::fmt;

use bytes::Bytes;
use sha1::{Digest, Sha1};

pub use super::descriptor::{HlsDescriptor, infohash_of_url, is_playlist_url};

use super::descriptor::is_kind;
use crate::base::ids::Infohash;
use crate::base::limits::TRANSPORT_FILE_MAX_BYTES;
use crate::wire::transport_file::{TransportFile, TransportFileError};
use crate::wire::{bencode, container};

/// A parsed container together with its exact bytes.
#[derive(Clone, PartialEq)]
pub struct HlsTransport {
    /// Of a private file these must never leave the node.
    pub bytes: Bytes,
    pub descriptor: HlsDescriptor,
    pub infohash: Infohash,
    /// SHA-1 over the bytes of the public file.
    pub content_id: Infohash,
}

impl HlsTransport {
    /// Reads a file, public or private. Everything in it is bounded and checked as
    /// [`HlsDescriptor::decode`] says.
    pub fn parse(bytes: Bytes) -> Result<Self, TransportFileError> {
        let descriptor = HlsDescriptor::decode(&container::open(&bytes)?)?;
        Ok(Self::of(bytes, descriptor))
    }

    /// Makes the file of a descriptor: the private one when it holds a private key. URLs must have passed
    /// [`is_playlist_url`], or the file is one that nobody reads. A hidden manifest is left out of a public
    /// file whatever the descriptor says.
    pub fn build(mut descriptor: HlsDescriptor) -> Self {
        if descriptor.hides_manifest && !descriptor.is_private() {
            (descriptor.manifest_url, descriptor.base_url) = (None, None);
        }
        Self::of(seal(&descriptor), descriptor)
    }

    /// The public file of the pair, byte for byte what it is elsewhere; this file itself when it is public.
    pub fn public(&self) -> Self {
        if !self.is_private() {
            return self.clone();
        }
        let descriptor = self.descriptor.public();
        Self { bytes: seal(&descriptor), descriptor, ..*self }
    }

    /// Whether this file must stay with the broadcaster.
    pub fn is_private(&self) -> bool {
        self.descriptor.is_private()
    }

    /// Whether who made a file of this infohash could not choose another playlist: that is so when it is
    /// what the infohash was made from, but for a query.
    pub fn is_manifest_bound(&self) -> bool {
        let without_query = |url: &str| url.split(['?', '#']).next().unwrap_or_default().to_owned();
        match (&self.descriptor.base_url, &self.descriptor.manifest_url) {
            (Some(base), Some(url)) if !self.descriptor.hides_manifest => {
                without_query(base) == without_query(url)
            }
            _ => true,
        }
    }

    fn of(bytes: Bytes, descriptor: HlsDescriptor) -> Self {
        let infohash = descriptor.infohash();
        let content_id = match descriptor.is_private() {
            true => Sha1::digest(seal(&descriptor.public())),
            false => Sha1::digest(&bytes),
        };
        Self { bytes, descriptor, infohash, content_id: Infohash(content_id.into()) }
    }
}

impl fmt::Debug for HlsTransport {
    /// Without the bytes, which anybody can open.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HlsTransport")
            .field("descriptor", &self.descriptor)
            .field("infohash", &self.infohash)
            .field("content_id", &self.content_id)
            .finish_non_exhaustive()
    }
}

fn seal(descriptor: &HlsDescriptor) -> Bytes {
    container::seal(&descriptor.encode()).into()
}

/// A transport file of either kind of broadcast.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyTransport {
    MpegTs(TransportFile),
    Hls(HlsTransport),
}

impl AnyTransport {
    /// Reads a file as the kind that it says it is.
    pub fn parse(bytes: Bytes) -> Result<Self, TransportFileError> {
        let bencoded = container::open(&bytes)?;
        let is_hls = is_kind(&bencode::parse(&bencoded, TRANSPORT_FILE_MAX_BYTES)?);
        match is_hls {
            true => HlsTransport::parse(bytes).map(Self::Hls),
            false => TransportFile::parse(bytes).map(Self::MpegTs),
        }
    }

    /// What may be handed to others: never the private file.
    pub fn public(&self) -> Self {
        match self {
            Self::MpegTs(file) => Self::MpegTs(file.clone()),
            Self::Hls(file) => Self::Hls(file.public()),
        }
    }

    /// The file as it was read; for others to have, those of [`public`](Self::public).
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::MpegTs(file) => &file.bytes,
            Self::Hls(file) => &file.bytes,
        }
    }

    pub fn infohash(&self) -> Infohash {
        match self {
            Self::MpegTs(file) => file.infohash,
            Self::Hls(file) => file.infohash,
        }
    }

    pub fn content_id(&self) -> Infohash {
        match self {
            Self::MpegTs(file) => file.content_id,
            Self::Hls(file) => file.content_id,
        }
    }

    /// Whether strangers may know of the broadcast: it allows public trackers, or hides nothing.
    pub fn is_open(&self) -> bool {
        match self {
            Self::MpegTs(file) => file.descriptor.allow_public_trackers,
            Self::Hls(file) => !file.descriptor.hides_manifest,
        }
    }

    pub fn title(&self) -> &str {
        match self {
            Self::MpegTs(file) => &file.descriptor.name,
            Self::Hls(file) => &file.descriptor.title,
        }
    }

    pub fn trackers(&self) -> &[String] {
        match self {
            Self::MpegTs(file) => &file.descriptor.trackers,
            Self::Hls(file) => &file.descriptor.trackers,
        }
    }
}
