//! `/app/update?name=value&…`: what of a running node can be changed.

use axum::http::{HeaderMap, header};

use crate::http::selector::Query;
use crate::obs::level::{ModuleLevels, parse_modules};

/// The new values; what is not named stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Update {
    pub max_peers: Option<usize>,
    pub max_connections: Option<usize>,
    /// KB a second, 0 without limit.
    pub upload_limit: Option<u64>,
    pub download_limit: Option<u64>,
    /// As `--log-debug`.
    pub log_debug: Option<u64>,
    /// As `--log-modules`, in its place.
    pub log_modules: Option<ModuleLevels>,
}

/// Why nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUpdate {
    #[error("{0}: expected {NAMES}")]
    Unknown(String),
    #[error("{name}={value}: expected a whole number from {min} to {max}")]
    Value { name: &'static str, value: String, min: u64, max: u64 },
    #[error("log_modules={value}: {why}")]
    Modules { value: String, why: String },
    #[error("nothing to change: expected {NAMES}")]
    Nothing,
}

const NAMES: &str = "max_peers, max_connections, upload_limit, download_limit, log_debug or log_modules";
/// A terabyte a second.
const RATE_MAX: u64 = 1 << 30;
const PEERS_MAX: u64 = 100_000;
const CONNECTIONS_MAX: u64 = 1_000_000;

impl Update {
    /// All of the query or nothing.
    pub fn parse(query: &Query) -> Result<Self, BadUpdate> {
        let mut update = Self::default();
        for (name, value) in query {
            match name.as_str() {
                "max_peers" => update.max_peers = Some(number("max_peers", value, 1, PEERS_MAX)? as usize),
                "max_connections" => {
                    update.max_connections =
                        Some(number("max_connections", value, 1, CONNECTIONS_MAX)? as usize);
                }
                "log_debug" => update.log_debug = Some(number("log_debug", value, 0, u32::MAX.into())?),
                "log_modules" => update.log_modules = Some(modules(value)?),
                "upload_limit" => update.upload_limit = Some(number("upload_limit", value, 0, RATE_MAX)?),
                "download_limit" => {
                    update.download_limit = Some(number("download_limit", value, 0, RATE_MAX)?);
                }
                unknown => return Err(BadUpdate::Unknown(unknown.chars().take(64).collect())),
            }
        }
        if update == Self::default() { Err(BadUpdate::Nothing) } else { Ok(update) }
    }
}

fn number(name: &'static str, value: &str, min: u64, max: u64) -> Result<u64, BadUpdate> {
    let number = value.parse().ok().filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| BadUpdate::Value { name, value: value.chars().take(64).collect(), min, max })
}

/// No text: no module has a level of its own.
fn modules(value: &str) -> Result<ModuleLevels, BadUpdate> {
    if value.is_empty() {
        return Ok(ModuleLevels::new());
    }
    parse_modules(value)
        .map_err(|why| BadUpdate::Modules { value: value.chars().take(64).collect(), why: why.to_string() })
}

/// Whether a page of another site asks, by way of a browser on an allowed machine.
pub fn is_from_a_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    headers.contains_key(header::ORIGIN) || site.is_some_and(|site| site != b"none")
}
