//! Who the stream is: its keys, its numbers, and the transport file that names them.

use std::path::PathBuf;

use bytes::Bytes;
use rsa::rand_core::OsRng;

use super::super::config::SourceConfig;
use super::LOG;
use super::detect::StreamShape;
use crate::base::limits::TRANSPORT_FILE_MAX_BYTES;
use crate::live::source_key::SourceKey;
use crate::store::files;
use crate::store::restart::RestartFile;
use crate::store::stream_keys;
use crate::wire::descriptor::{Descriptor, Details};
use crate::wire::link;
use crate::wire::transport_file::TransportFile;

/// What the stream brought along from earlier runs.
pub struct Keys {
    pub key: SourceKey,
    pub pubkey: Bytes,
    pub restart: RestartFile,
    pub last_piece: Option<u64>,
    /// How the transport file that was published before cuts the stream, if it is of this stream.
    pub earlier: Option<StreamShape>,
}

impl Keys {
    /// Reads the files of the stream, and mints keys that are missing.
    ///
    /// # Errors
    /// A file is garbage or cannot be read.
    pub fn open(config: &SourceConfig) -> anyhow::Result<Self> {
        let (key, is_new) = stream_keys::open(&config.metadata_dir, &config.name, config.key_bits)?;
        if is_new {
            tracing::info!(target: LOG, "made a new key of {} bits", config.key_bits);
        }
        let bits = 8 * key.verifier().signature_length() as u32;
        if bits != config.key_bits {
            tracing::warn!(target: LOG, "{}.sauth holds a key of {bits} bits, which stays", config.name);
        }
        let pubkey = key.public_spki_der()?;
        let restart = RestartFile::new(&config.metadata_dir, &config.name);
        let last_piece = restart.load()?;
        anyhow::ensure!(
            last_piece.is_none_or(|last| last < u64::from(u32::MAX)),
            "{}.restart: piece numbers end at {}",
            config.name,
            u32::MAX
        );
        let earlier = earlier_shape(config, &pubkey);
        Ok(Self { key, pubkey, restart, last_piece, earlier })
    }

    /// The number of the next piece.
    pub fn next_piece(&self) -> u64 {
        self.last_piece.map_or(0, |last| last + 1)
    }
}

fn transport_path(config: &SourceConfig) -> PathBuf {
    config.publish_dir.join(format!("{}.acelive", config.name))
}

/// A file that is missing, unreadable or of another stream says nothing; it is written anew anyway.
fn earlier_shape(config: &SourceConfig, pubkey: &Bytes) -> Option<StreamShape> {
    let bytes = files::read_bounded(&transport_path(config), TRANSPORT_FILE_MAX_BYTES).ok()??;
    let descriptor = TransportFile::parse(bytes.into()).ok()?.descriptor;
    let is_same = descriptor.name == config.title && descriptor.pubkey == *pubkey;
    let shape = StreamShape {
        bitrate: descriptor.bitrate,
        piece_length: descriptor.piece_length,
        chunk_length: descriptor.chunk_length,
    };
    (is_same && shape.bitrate > 0).then_some(shape)
}

/// Writes the transport file and tells the operator what to give to viewers.
///
/// # Errors
/// The publish directory cannot be written to.
pub fn publish(
    config: &SourceConfig,
    keys: &Keys,
    shape: StreamShape,
    internal_tracker: Option<String>,
) -> anyhow::Result<TransportFile> {
    let trackers: Vec<_> = internal_tracker.into_iter().chain(config.trackers.iter().cloned()).collect();
    let file = TransportFile::build(descriptor(config, keys, shape, trackers)?);
    files::write_atomically(&transport_path(config), &file.bytes, 0o644)?;
    log(config, &file);
    Ok(file)
}

fn descriptor(
    config: &SourceConfig,
    keys: &Keys,
    shape: StreamShape,
    trackers: Vec<String>,
) -> anyhow::Result<Descriptor> {
    Ok(Descriptor {
        name: config.title.clone(),
        pubkey: keys.pubkey.clone(),
        piece_length: shape.piece_length,
        chunk_length: shape.chunk_length,
        bitrate: shape.bitrate,
        quality: config.quality,
        trackers,
        categories: config.categories.clone(),
        allow_public_trackers: config.allow_public_trackers,
        permanent: config.permanent,
        startup_nodes: config.startup_nodes.clone(),
        details: Details {
            tags: config.tags.clone(),
            description: config.description.clone(),
            logo_url: config.logo_url.clone(),
            date_start_s: config.date_start,
            date_end_s: config.date_end,
            provider_key: config.provider_key.clone(),
            sid: config.sid.clone(),
            timeshift_s: config.timeshift.and_then(|span| u32::try_from(span.as_secs()).ok()),
            metatrackers: config.metatrackers.clone(),
            deinterlacing_mode: config.deinterlacing_mode.clone(),
            stream_key: Some(keys.key.certified_stream_key(&mut OsRng)?),
        },
        other: Default::default(),
    })
}

fn log(config: &SourceConfig, file: &TransportFile) {
    let descriptor = &file.descriptor;
    tracing::info!(target: LOG, "private node: {}", u8::from(config.common.door.is_private));
    tracing::info!(target: LOG, "trackers: {}", quoted(&descriptor.trackers));
    tracing::info!(target: LOG, "metatrackers: {}", quoted(&config.metatrackers));
    tracing::info!(target: LOG, "bitrate: {}", descriptor.bitrate);
    tracing::info!(target: LOG, "piece size: {}", descriptor.piece_length);
    tracing::info!(target: LOG, "chunk size: {}", descriptor.chunk_length);
    tracing::info!(target: LOG, "publish dir: {}", config.publish_dir.display());
    tracing::info!(target: LOG, "cache dir: {}", config.common.cache_dir.display());
    tracing::info!(target: LOG, "transport file: {}", transport_path(config).display());
    tracing::info!(target: LOG, "infohash: {}", file.infohash);
    tracing::info!(target: LOG, "content id: {}", file.content_id);
    tracing::info!(target: LOG, "link: {}", link::format(file.content_id));
}

/// A list as the log shows it: `['a', 'b']`.
fn quoted(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| format!("'{text}'")).collect();
    format!("[{}]", quoted.join(", "))
}
