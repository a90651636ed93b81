//! The configuration of a source node, and the rules that its options follow together.

use super::config::{Typed, common, unique};
use super::error::UsageError;
use crate::base::limits::SOURCES_MAX;
use crate::node::config::SourceConfig;
use crate::wire::transport_file::Quality;

/// Builds the configuration of a source node.
///
/// # Errors
/// A piece smaller than its chunks, a broadcast that ends before it begins, unusable directories.
pub(super) fn source(typed: &Typed<'_>) -> Result<SourceConfig, UsageError> {
    let (name, title) = (typed.required("name")?, typed.required("title")?);
    let (source, backup_sources) = sources(typed)?;
    let config = described(typed, SourceConfig::new(name, source, title));
    let config = SourceConfig {
        common: common(typed, config.common.clone())?,
        backup_sources,
        publish_dir: typed.existing_dir("publish-dir", config.publish_dir.clone())?,
        metadata_dir: typed.existing_dir("metadata-dir", config.metadata_dir.clone())?,
        trackers: typed.trackers("tracker")?,
        metatrackers: typed.trackers("metatracker")?,
        startup_nodes: typed.startup_nodes()?,
        ..config
    };
    let config = cut(typed, config)?;
    dates_are_in_order(&config)?;
    Ok(config)
}

/// The first input, and those that are read when it fails.
fn sources(typed: &Typed<'_>) -> Result<(String, Vec<String>), UsageError> {
    let mut all: Vec<String> = typed.bounded_list("source", SOURCES_MAX)?;
    if all.len() > 1 && all.iter().any(|source| source == "-") {
        return Err(UsageError::new("--source -: standard input cannot be opened again, so it stands alone"));
    }
    let backups = all.split_off(1.min(all.len()));
    let first = all.pop().ok_or_else(|| UsageError::new("--source is needed"))?;
    Ok((first, backups))
}

/// What no other option can contradict.
fn described(typed: &Typed<'_>, default: SourceConfig) -> SourceConfig {
    SourceConfig {
        quality: quality(typed),
        categories: unique(typed.list("category")),
        bitrate: typed.get("bitrate").unwrap_or(default.bitrate),
        source_read_timeout: typed.seconds("source-read-timeout").unwrap_or(default.source_read_timeout),
        source_reconnect_interval: typed
            .seconds("source-reconnect-interval")
            .unwrap_or(default.source_reconnect_interval),
        host: typed.get("host"),
        skip_internal_tracker: typed.flag("skip-internal-tracker"),
        permanent: typed.flag("permanent"),
        date_start: typed.get("date-start"),
        date_end: typed.get("date-end"),
        tags: unique(typed.list("tag")),
        logo_url: typed.get("logo-url"),
        description: typed.get("description"),
        deinterlacing_mode: typed.get("deinterlacing-mode"),
        allow_public_trackers: typed.flag("allow-public-trackers"),
        provider_key: typed.get("provider-key"),
        sid: typed.get("sid"),
        timeshift: typed.seconds("timeshift"),
        ..default
    }
}

fn quality(typed: &Typed<'_>) -> Quality {
    match typed.get::<String>("quality").as_deref() {
        Some("SD") => Quality::Sd,
        Some("HD") => Quality::Hd,
        _ => Quality::Auto,
    }
}

fn cut(typed: &Typed<'_>, config: SourceConfig) -> Result<SourceConfig, UsageError> {
    let piece_size: Option<u32> = typed.get("piecesize");
    let chunk_size = typed.get("chunksize").unwrap_or(config.chunk_size);
    if let Some(piece_size) = piece_size.filter(|piece_size| *piece_size < chunk_size) {
        let complaint = format!("--piecesize {piece_size} is smaller than a chunk of {chunk_size} bytes");
        return Err(UsageError::new(complaint));
    }
    let key_bits = typed.get::<String>("source-key-bits").and_then(|bits| bits.parse().ok());
    Ok(SourceConfig { piece_size, chunk_size, key_bits: key_bits.unwrap_or(config.key_bits), ..config })
}

fn dates_are_in_order(config: &SourceConfig) -> Result<(), UsageError> {
    match (config.date_start, config.date_end) {
        (Some(start), Some(end)) if end <= start => {
            Err(UsageError::new("--date-end is not after --date-start"))
        }
        _ => Ok(()),
    }
}
