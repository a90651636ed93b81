//! The configurations around HLS broadcasts, and the rules that their options follow together.

use std::path::{Path, PathBuf};

use super::config::{Typed, support_of, unique};
use super::error::UsageError;
use crate::base::limits::REGIONS_MAX;
use crate::node::config::{
    CreateHlsConfig, HlsBroadcast, HlsSupportOptions, PublishHlsConfig, SupportConfig,
};
use crate::store::files;

/// Longest part of a title that names a file, bytes.
const SLUG_MAX_BYTES: usize = 100;

/// Builds what the making of transport files is told.
///
/// # Errors
/// A hidden manifest without a private file, outputs that cannot be written or are one.
pub(super) fn create_hls(typed: &Typed<'_>) -> Result<CreateHlsConfig, UsageError> {
    let config = CreateHlsConfig {
        broadcast: broadcast(typed)?,
        output_public: typed.required_path("output-public")?,
        output_private: typed.get("output-private"),
        quiet: typed.flag("quiet"),
    };
    if config.broadcast.hides_manifest && config.output_private.is_none() {
        return Err(UsageError::new("--hide-hls-manifest needs --output-private"));
    }
    check_outputs(&config)?;
    Ok(config)
}

/// Builds what making and feeding a broadcast at once is told.
///
/// # Errors
/// A monotonic sequence of a public broadcast, outputs that cannot be written or are one.
pub(super) fn publish_hls(typed: &Typed<'_>) -> Result<PublishHlsConfig, UsageError> {
    let broadcast = broadcast(typed)?;
    let options = hls_support(typed)?;
    if options.force_monotonic_sequence && !broadcast.hides_manifest {
        return Err(UsageError::new("--hls-force-monotonic-sequence 1 needs --hide-hls-manifest"));
    }
    let slug = slug(&broadcast.title);
    let publish_dir = typed.given_dir("publish-dir")?.unwrap_or_else(|| ".".into());
    let public = typed.get("output-public");
    let private = typed.get("output-private");
    let private = private.unwrap_or_else(|| options.metadata_dir.join(format!("{slug}_private.acelive")));
    let url = private.to_string_lossy().into_owned();
    let create = CreateHlsConfig {
        broadcast,
        output_public: public.unwrap_or_else(|| publish_dir.join(format!("{slug}.acelive"))),
        output_private: Some(private),
        quiet: typed.flag("quiet"),
    };
    check_outputs(&create)?;
    // its trackers are those of the transport file
    let support = SupportConfig { trackers: Vec::new(), ..support_of(typed, url, options)? };
    Ok(PublishHlsConfig { create, support })
}

/// What a support node is told about HLS.
///
/// # Errors
/// A directory that cannot be used.
pub(super) fn hls_support(typed: &Typed<'_>) -> Result<HlsSupportOptions, UsageError> {
    let default = HlsSupportOptions::default();
    let max_errors = typed.get::<u64>("hls-bad-manifest-max-errors").and_then(|count| count.try_into().ok());
    Ok(HlsSupportOptions {
        hide_segments: typed.flag("hide-hls-segments"),
        broadcast_last_source_piece: typed.flag("hls-broadcast-last-source-piece"),
        skip_data: typed.flag("hls-skip-data"),
        skip_metadata_broadcast: typed.flag("hls-skip-metadata-broadcast"),
        bad_manifest_max_errors: max_errors.unwrap_or(default.bad_manifest_max_errors),
        bad_manifest_retry_interval: typed
            .seconds("hls-bad-manifest-retry-interval")
            .unwrap_or(default.bad_manifest_retry_interval),
        force_monotonic_sequence: typed.flag("hls-force-monotonic-sequence"),
        // whether the default one takes files is of no interest to relays of MPEG-TS
        metadata_dir: typed.given_dir("metadata-dir")?.unwrap_or(default.metadata_dir),
    })
}

fn broadcast(typed: &Typed<'_>) -> Result<HlsBroadcast, UsageError> {
    Ok(HlsBroadcast {
        base_url: typed.get("base-url"),
        hides_manifest: typed.flag("hide-hls-manifest"),
        hides_segments: typed.flag("hide-hls-segments"),
        categories: unique(typed.list("category")),
        countries: typed.bounded_list("country", REGIONS_MAX)?,
        languages: typed.bounded_list("language", REGIONS_MAX)?,
        trackers: typed.trackers("tracker")?,
        startup_nodes: typed.startup_nodes()?,
        provider_key: typed.get("provider-key"),
        sid: typed.get("sid"),
        ..HlsBroadcast::new(typed.required("url")?, typed.required("title")?)
    })
}

fn check_outputs(config: &CreateHlsConfig) -> Result<(), UsageError> {
    let public = output("output-public", &config.output_public)?;
    let Some(private) = &config.output_private else { return Ok(()) };
    if output("output-private", private)? == public {
        return Err(UsageError::new("--output-private and --output-public are one file"));
    }
    Ok(())
}

/// The file that will be written, by a name that no other has.
fn output(option: &str, path: &Path) -> Result<PathBuf, UsageError> {
    files::require_writable_file(path).map_err(|error| UsageError::new(format!("--{option}: {error}")))
}

/// What a title makes of a file's name: its letters and digits in lower case, hyphens between words.
fn slug(title: &str) -> String {
    let words = title.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = words.collect::<Vec<_>>().join("-").to_lowercase();
    let end = (0..=SLUG_MAX_BYTES.min(slug.len())).rev().find(|end| slug.is_char_boundary(*end));
    slug.truncate(end.unwrap_or(0));
    let trimmed = slug.trim_end_matches('-');
    if trimmed.is_empty() { "broadcast".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_become_names_of_files() {
        assert_eq!(slug("Test Stream 2"), "test-stream-2");
        assert_eq!(slug("  ../Канал «Один»! "), "канал-один");
        assert_eq!(slug("!?"), "broadcast");
        assert_eq!(slug(&"ä".repeat(200)).len(), SLUG_MAX_BYTES);
        assert_eq!(slug(&format!("{} b", "a".repeat(99))), "a".repeat(99));
    }
}
