//! Optional keys of a descriptor that our own engine writes. How other engines spell most of these is
//! not known, so a value that does not fit is left alone and written back as it was.
//!
//! | key | type | meaning |
//! |---|---|---|
//! | `tags` | list of strings | free tags |
//! | `description`, `logo_url` | string | for people |
//! | `date_start`, `date_end` | int | scheduled broadcast, Unix seconds |
//! | `provider_key`, `sid` | string | broadcaster and stream, for statistics |
//! | `timeshift` | int | length of a player's time-shift bar, seconds |
//! | `meta_trackers` | list of strings | URLs, stored only |
//! | `deinterlacing_mode` | string | hint to players |
//! | `x_stream_key` | string | 32 bytes of Ed25519 public key, then the RSA signature of the source's key for them |

use bytes::Bytes;

use crate::base::limits;
use crate::wire::bencode::{Dict, List, Value};

/// See the table above. Absent is `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    pub tags: Vec<String>,
    pub description: Option<String>,
    pub logo_url: Option<String>,
    /// Unix seconds.
    pub date_start_s: Option<i64>,
    /// Unix seconds.
    pub date_end_s: Option<i64>,
    pub provider_key: Option<String>,
    pub sid: Option<String>,
    pub timeshift_s: Option<u32>,
    pub metatrackers: Vec<String>,
    pub deinterlacing_mode: Option<String>,
    pub stream_key: Option<StreamKey>,
}

/// The stream's second key. Nothing here checks the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamKey {
    /// Ed25519.
    pub public_key: [u8; 32],
    /// RSASSA-PKCS1-v1_5 with SHA-1 by the source's key over `start-engine stream key v1`, a zero byte, and
    /// `public_key`.
    pub signature: Bytes,
}

impl Details {
    pub(super) fn read(dict: &Value<'_>) -> Self {
        Self {
            tags: texts(dict, "tags", limits::CATEGORIES_MAX, limits::CATEGORY_MAX_BYTES),
            description: text(dict, "description", limits::DESCRIPTION_MAX_BYTES),
            logo_url: text(dict, "logo_url", limits::LOGO_URL_MAX_BYTES),
            date_start_s: dict.get_int("date_start"),
            date_end_s: dict.get_int("date_end"),
            provider_key: text(dict, "provider_key", limits::PROVIDER_TEXT_MAX_BYTES),
            sid: text(dict, "sid", limits::PROVIDER_TEXT_MAX_BYTES),
            timeshift_s: dict.get_int("timeshift").and_then(|seconds| seconds.try_into().ok()),
            metatrackers: texts(dict, "meta_trackers", limits::TRACKERS_MAX, limits::TRACKER_URL_MAX_BYTES),
            deinterlacing_mode: text(dict, "deinterlacing_mode", limits::PROVIDER_TEXT_MAX_BYTES),
            stream_key: dict.get_bytes("x_stream_key").and_then(StreamKey::read),
        }
    }

    pub(super) fn write(&self, dict: Dict) -> Dict {
        let list = |dict: Dict, key: &str, texts: &[String]| match texts {
            [] => dict,
            texts => dict.list(key, texts.iter().collect::<List>()),
        };
        let dict = list(dict, "tags", &self.tags);
        list(dict, "meta_trackers", &self.metatrackers)
            .maybe(self.description.as_ref(), |dict, text| dict.bytes("description", text))
            .maybe(self.logo_url.as_ref(), |dict, text| dict.bytes("logo_url", text))
            .maybe(self.date_start_s, |dict, seconds| dict.int("date_start", seconds))
            .maybe(self.date_end_s, |dict, seconds| dict.int("date_end", seconds))
            .maybe(self.provider_key.as_ref(), |dict, text| dict.bytes("provider_key", text))
            .maybe(self.sid.as_ref(), |dict, text| dict.bytes("sid", text))
            .maybe(self.timeshift_s, |dict, seconds| dict.int("timeshift", seconds.into()))
            .maybe(self.deinterlacing_mode.as_ref(), |dict, text| dict.bytes("deinterlacing_mode", text))
            .maybe(self.stream_key.as_ref(), |dict, key| dict.bytes("x_stream_key", key.encode()))
    }
}

impl StreamKey {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (public_key, signature) = bytes.split_first_chunk()?;
        let fits = (1..=limits::PUBKEY_MAX_BYTES).contains(&signature.len());
        fits.then(|| Self { public_key: *public_key, signature: Bytes::copy_from_slice(signature) })
    }

    fn encode(&self) -> Vec<u8> {
        [self.public_key.as_slice(), &self.signature].concat()
    }
}

/// The keys that `details` will write.
pub(super) fn keys(details: &Details) -> Vec<&'static str> {
    let present = [
        ("tags", !details.tags.is_empty()),
        ("description", details.description.is_some()),
        ("logo_url", details.logo_url.is_some()),
        ("date_start", details.date_start_s.is_some()),
        ("date_end", details.date_end_s.is_some()),
        ("provider_key", details.provider_key.is_some()),
        ("sid", details.sid.is_some()),
        ("timeshift", details.timeshift_s.is_some()),
        ("meta_trackers", !details.metatrackers.is_empty()),
        ("deinterlacing_mode", details.deinterlacing_mode.is_some()),
        ("x_stream_key", details.stream_key.is_some()),
    ];
    present.into_iter().filter_map(|(key, present)| present.then_some(key)).collect()
}

fn text(dict: &Value<'_>, key: &str, max_bytes: usize) -> Option<String> {
    dict.get_str(key).filter(|text| text.len() <= max_bytes).map(String::from)
}

/// Empty unless all of the list fits.
fn texts(dict: &Value<'_>, key: &str, max: usize, max_bytes: usize) -> Vec<String> {
    let items = dict.get(key).and_then(Value::as_list).filter(|items| items.len() <= max).unwrap_or_default();
    let texts: Option<Vec<String>> = items
        .iter()
        .map(|item| item.as_str().filter(|text| text.len() <= max_bytes).map(String::from))
        .collect();
    texts.unwrap_or_default()
}
