//! The descriptor of an HLS broadcast: what its transport file says, public or private.
//!
//! It decides which descriptors are accepted, how the infohash follows from one, and what of it the public
//! may know: of a hidden manifest neither the URL nor anything that it could be guessed from. The private
//! key is in the private file alone and is never shown by `Debug`.
//!
//! | key | type | meaning |
//! |---|---|---|
//! | `transport_type` | string | `hls` |
//! | `name` | string | title |
//! | `pubkey` | string | 32 bytes of Ed25519 public key, minted with the file |
//! | `private_key` | string | its 32-byte seed; only in the private file |
//! | `manifest_url` | string | the playlist; not in the public file of a hidden manifest |
//! | `base_url` | string | what the identity is made from in place of `manifest_url`; hidden with it |
//! | `hide_manifest`, `hide_segments` | int 1 | who may know where manifest and segments are; absent is 0 |
//! | `trackers`, `categories`, `countries`, `languages` | list of strings | absent when empty |
//! | `startup_nodes` | list of strings | as in every descriptor |
//! | `provider_key`, `sid` | string | broadcaster and stream, for statistics |

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use ed25519_dalek::{SigningKey, VerifyingKey};
use sha1::{Digest, Sha1};

use crate::base::hex::Hex;
use crate::base::ids::Infohash;
use crate::base::limits;
use crate::wire::bencode::{self, Dict, List, Value};
use crate::wire::descriptor::{decode, startup_nodes};
use crate::wire::transport_file::TransportFileError;

/// Value of `transport_type`.
pub const TRANSPORT_TYPE: &str = "hls";

/// Keys that have a field of their own.
const MODELLED: [&str; 15] = [
    "base_url",
    "categories",
    "countries",
    "hide_manifest",
    "hide_segments",
    "languages",
    "manifest_url",
    "name",
    "private_key",
    "provider_key",
    "pubkey",
    "sid",
    "startup_nodes",
    "trackers",
    "transport_type",
];

type Result<T> = std::result::Result<T, TransportFileError>;

/// What an HLS broadcast is; see the table above.
#[derive(Clone, PartialEq, Default)]
pub struct HlsDescriptor {
    pub title: String,
    /// Ed25519.
    pub pubkey: [u8; 32],
    /// What the identity of a shown manifest is made from, when that is not `manifest_url` itself.
    pub base_url: Option<String>,
    /// As it was typed. Only the public file of a hidden manifest has none.
    pub manifest_url: Option<String>,
    pub hides_manifest: bool,
    pub hides_segments: bool,
    /// One URL an element.
    pub trackers: Vec<String>,
    pub categories: Vec<String>,
    /// ISO 3166-1 alpha-3.
    pub countries: Vec<String>,
    /// ISO 639-3.
    pub languages: Vec<String>,
    pub provider_key: Option<String>,
    pub sid: Option<String>,
    pub startup_nodes: Vec<SocketAddr>,
    /// Seed of the key that `pubkey` belongs to; in the private file alone.
    pub private_key: Option<[u8; 32]>,
    /// Everything else, key -> raw bencoded value.
    pub other: BTreeMap<Vec<u8>, Bytes>,
}

impl HlsDescriptor {
    /// Reads a canonical dict and checks all that [`TransportFileError`] names.
    pub fn decode(bencoded: &[u8]) -> Result<Self> {
        let dict = bencode::parse(bencoded, limits::TRANSPORT_FILE_MAX_BYTES)?;
        dict.as_dict().ok_or(TransportFileError::NotADict)?;
        check_kind(&dict)?;
        let descriptor = Self {
            title: decode::name(&dict)?,
            pubkey: key(&dict, "pubkey")?.ok_or(TransportFileError::Missing("pubkey"))?,
            base_url: url(&dict, "base_url")?,
            manifest_url: url(&dict, "manifest_url")?,
            hides_manifest: decode::flag(&dict, "hide_manifest"),
            hides_segments: decode::flag(&dict, "hide_segments"),
            trackers: decode::trackers(&dict)?,
            categories: decode::categories(&dict)?,
            countries: regions(&dict, "countries")?,
            languages: regions(&dict, "languages")?,
            provider_key: text(&dict, "provider_key")?,
            sid: text(&dict, "sid")?,
            startup_nodes: startup_nodes::read(dict.get("startup_nodes"))?,
            private_key: key(&dict, "private_key")?,
            other: other(&dict),
        };
        descriptor.check()?;
        Ok(descriptor)
    }

    /// The canonical dict.
    pub fn encode(&self) -> Vec<u8> {
        let kept = self.other.iter().fold(Dict::new(), |dict, (key, raw)| dict.raw(key, raw.as_ref()));
        let lists = [
            ("trackers", &self.trackers),
            ("categories", &self.categories),
            ("countries", &self.countries),
            ("languages", &self.languages),
        ];
        let lists = lists.into_iter().filter(|(_, texts)| !texts.is_empty());
        let texts = [
            ("base_url", &self.base_url),
            ("manifest_url", &self.manifest_url),
            ("provider_key", &self.provider_key),
            ("sid", &self.sid),
        ];
        let texts = texts.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?)));
        let flags = [("hide_manifest", self.hides_manifest), ("hide_segments", self.hides_segments)];
        let flags = flags.into_iter().filter(|(_, is_set)| *is_set);
        let startup_nodes = (!self.startup_nodes.is_empty()).then_some(&self.startup_nodes);

        let dict = lists.fold(kept, |dict, (key, texts)| dict.list(key, texts.iter().collect()));
        let dict = texts.fold(dict, |dict, (key, text)| dict.bytes(key, text));
        flags
            .fold(dict, |dict, (key, _)| dict.int(key, 1))
            .bytes("name", &self.title)
            .bytes("pubkey", self.pubkey)
            .bytes("transport_type", TRANSPORT_TYPE)
            .maybe(self.private_key, |dict, seed| dict.bytes("private_key", seed))
            .maybe(startup_nodes, |dict, nodes| dict.list("startup_nodes", startup_nodes::write(nodes)))
            .encode()
    }

    /// The key of the swarm: of the URL, so that whoever knows it finds the swarm, or of the public key
    /// when nobody may.
    pub fn infohash(&self) -> Infohash {
        match self.base_url.as_ref().or(self.manifest_url.as_ref()) {
            Some(url) if !self.hides_manifest => infohash_of_url(url),
            _ => infohash_of("pubkey", &self.pubkey),
        }
    }

    /// What everybody may know. Keys that we do not model stay behind too: what they tell is unknown.
    pub fn public(&self) -> Self {
        if !self.is_private() {
            return self.clone();
        }
        let shown = |url: &Option<String>| url.clone().filter(|_| !self.hides_manifest);
        Self {
            base_url: shown(&self.base_url),
            manifest_url: shown(&self.manifest_url),
            private_key: None,
            other: BTreeMap::new(),
            ..self.clone()
        }
    }

    /// Whether this is the private file's: it holds the key that signs the piece table.
    pub fn is_private(&self) -> bool {
        self.private_key.is_some()
    }

    fn check(&self) -> Result<()> {
        let needs_url = !self.hides_manifest || self.is_private();
        if needs_url && self.manifest_url.is_none() {
            return Err(TransportFileError::Missing("manifest_url"));
        }
        if !needs_url && (self.manifest_url.is_some() || self.base_url.is_some()) {
            return Err(TransportFileError::HiddenManifestShown);
        }
        let public = VerifyingKey::from_bytes(&self.pubkey).ok().filter(|key| !key.is_weak());
        let public = public.ok_or(TransportFileError::WrongType("pubkey"))?;
        match &self.private_key {
            Some(seed) if SigningKey::from_bytes(seed).verifying_key() != public => {
                Err(TransportFileError::KeysDiffer)
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for HlsDescriptor {
    /// For logs: no private key, and of a hidden manifest no URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HlsDescriptor")
            .field("title", &self.title)
            .field("pubkey", &format_args!("{}", Hex(&self.pubkey)))
            .field("manifest_url", &self.manifest_url.as_ref().filter(|_| !self.hides_manifest))
            .field("hides_manifest", &self.hides_manifest)
            .field("hides_segments", &self.hides_segments)
            .field("trackers", &self.trackers)
            .field("is_private", &self.is_private())
            .finish_non_exhaustive()
    }
}

/// The key of the swarm of the public broadcast of this URL, byte for byte as it was typed.
pub fn infohash_of_url(url: &str) -> Infohash {
    infohash_of("url", url.as_bytes())
}

fn infohash_of(key: &str, value: &[u8]) -> Infohash {
    let pair = |key: &str, value: &[u8]| List::new().bytes(key).bytes(value);
    let kind = pair("transport_type", TRANSPORT_TYPE.as_bytes());
    Infohash(Sha1::digest(List::new().list(kind).list(pair(key, value)).encode()).into())
}

/// Whether `url` can be a playlist's: `http(s)://`, a host, and nothing that would break a line of a log,
/// a playlist or a request.
pub fn is_playlist_url(url: &str) -> bool {
    let has_scheme = |scheme: &&str| {
        url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && url
                .get(scheme.len()..)
                .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']))
    };
    ["http://", "https://"].iter().any(has_scheme)
        && url.len() <= limits::HLS_URL_MAX_BYTES
        && !url.chars().any(|character| character.is_control() || character.is_whitespace())
}

/// Whether the dict says that it is one of these.
pub(super) fn is_kind(dict: &Value<'_>) -> bool {
    dict.get_bytes("transport_type") == Some(TRANSPORT_TYPE.as_bytes())
}

fn check_kind(dict: &Value<'_>) -> Result<()> {
    if is_kind(dict) {
        return Ok(());
    }
    let kind = dict
        .get("transport_type")
        .map_or("MPEG-TS live".into(), |kind| decode::printable(kind.as_bytes().unwrap_or(b"no string")));
    Err(TransportFileError::NotHls { transport_type: kind })
}

fn key(dict: &Value<'_>, name: &'static str) -> Result<Option<[u8; 32]>> {
    let Some(value) = dict.get(name) else { return Ok(None) };
    let key = value.as_bytes().and_then(|bytes| bytes.try_into().ok());
    key.map(Some).ok_or(TransportFileError::WrongType(name))
}

fn url(dict: &Value<'_>, key: &'static str) -> Result<Option<String>> {
    let Some(value) = dict.get(key) else { return Ok(None) };
    let url = value.as_str().filter(|url| is_playlist_url(url));
    url.map(|url| Some(url.to_owned())).ok_or(TransportFileError::BadUrl(key))
}

fn text(dict: &Value<'_>, key: &'static str) -> Result<Option<String>> {
    if dict.get(key).is_none() {
        return Ok(None);
    }
    let bytes = decode::bytes(dict, key, limits::PROVIDER_TEXT_MAX_BYTES)?;
    let text = std::str::from_utf8(bytes).map_err(|_| TransportFileError::WrongType(key))?;
    Ok(Some(text.to_owned()))
}

fn regions(dict: &Value<'_>, key: &'static str) -> Result<Vec<String>> {
    let codes = decode::texts(dict, key)?;
    decode::bounded(key, codes.into_iter(), limits::REGIONS_MAX, limits::REGION_CODE_MAX_BYTES)
}

fn other(dict: &Value<'_>) -> BTreeMap<Vec<u8>, Bytes> {
    let pairs = dict.as_dict().unwrap_or_default().iter();
    let unknown = pairs.filter(|(key, _)| !MODELLED.iter().any(|name| name.as_bytes() == *key));
    unknown.map(|(key, value)| (key.to_vec(), Bytes::copy_from_slice(value.raw))).collect()
}
