//! What all readers of one origin share: the client, the keys, and what was complained of.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::sync::Mutex;

use super::client::{OriginClient, read_small};
use super::complaints::Complaints;
use super::decrypt::{BLOCK_BYTES, Decryptor};
use super::error::OriginError;
use super::part::Part;
use crate::base::limits::{INIT_SECTION_MAX_BYTES, ORIGIN_KEYS_MAX, ORIGIN_SMALL_TIMEOUT};
use crate::swarm::hls::event::CHUNK_BYTES;
use crate::wire::hls::segment::{Key, Resource};

pub(super) struct Access {
    pub client: OriginClient,
    pub complaints: Complaints,
    keys: Mutex<VecDeque<(Arc<str>, [u8; BLOCK_BYTES])>>,
}

/// The bytes of a segment or section from a chunk on, in the clear where a key was given.
pub(super) struct Source {
    part: Part,
    decryptor: Option<Decryptor>,
    /// Clear bytes before the wanted ones.
    skip: usize,
    total: Option<u64>,
}

impl Access {
    pub(super) fn new(client: OriginClient, complaints: Complaints) -> Self {
        Self { client, complaints, keys: Mutex::default() }
    }

    /// Opens `at` at the start of a chunk. Without a key, no more than `length` bytes are asked for.
    pub(super) async fn open(
        &self,
        at: &Resource,
        first_chunk: u16,
        length: Option<u64>,
        decrypt: Option<&Key>,
    ) -> Result<Source, OriginError> {
        let from = u64::from(first_chunk) * CHUNK_BYTES as u64;
        let Some(key) = decrypt else {
            let part = self.client.part(at, from, length).await?;
            let total = part.total();
            return Ok(Source { part, decryptor: None, skip: 0, total });
        };
        // a block is decrypted with the one before: the first of these comes out wrong and is dropped
        let skip = if from > 0 { BLOCK_BYTES } else { 0 };
        let decryptor = Decryptor::new(&self.key(&key.url).await?, &key.iv.unwrap_or_default());
        let part = self.client.part(at, from - skip as u64, None).await?;
        Ok(Source { part, decryptor: Some(decryptor), skip, total: None })
    }

    /// A whole initialisation section.
    pub(super) async fn section(&self, at: &Resource, decrypt: Option<&Key>) -> Result<Bytes, OriginError> {
        let read = async {
            let mut source = self.open(at, 0, None, decrypt).await?;
            let mut section = Vec::new();
            while let Some(bytes) = source.next().await? {
                if section.len() + bytes.len() > INIT_SECTION_MAX_BYTES {
                    return Err(OriginError::TooLarge { max_bytes: INIT_SECTION_MAX_BYTES as u64 });
                }
                section.extend_from_slice(&bytes);
            }
            if section.is_empty() { Err(OriginError::Short) } else { Ok(Bytes::from(section)) }
        };
        tokio::time::timeout(ORIGIN_SMALL_TIMEOUT, read).await.unwrap_or(Err(OriginError::TooSlow))
    }

    /// Asked for once, however many wait for it.
    async fn key(&self, url: &Arc<str>) -> Result<[u8; BLOCK_BYTES], OriginError> {
        let mut keys = self.keys.lock().await;
        if let Some((_, key)) = keys.iter().find(|(known, _)| known == url) {
            return Ok(*key);
        }
        let response = self.client.get(url, HeaderMap::new()).await?;
        if response.status() != StatusCode::OK {
            return Err(OriginError::Status(response.status()));
        }
        let body = read_small(response, 2 * BLOCK_BYTES).await?;
        let key = body.as_ref().try_into().map_err(|_| OriginError::Key { bytes: body.len() })?;
        keys.truncate(ORIGIN_KEYS_MAX - 1);
        keys.push_front((url.clone(), key));
        Ok(key)
    }

    /// Another key may be under this URL by now.
    pub(super) async fn forget_key(&self, url: &str) {
        self.keys.lock().await.retain(|(known, _)| known.as_ref() != url);
    }
}

impl Source {
    /// Bytes of the whole segment, where that is known before its end.
    pub(super) fn total(&self) -> Option<u64> {
        self.total
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, OriginError> {
        let Some(bytes) = self.part.next().await? else {
            return self
                .decryptor
                .take()
                .map(|last| last.finish().map(|clear| self.wanted(clear)))
                .transpose();
        };
        match &mut self.decryptor {
            None => Ok(Some(bytes)),
            Some(decryptor) => {
                let clear = decryptor.push(&bytes);
                Ok(Some(self.wanted(clear)))
            }
        }
    }

    fn wanted(&mut self, clear: Vec<u8>) -> Bytes {
        let skipped = self.skip.min(clear.len());
        self.skip -= skipped;
        Bytes::from(clear).slice(skipped..)
    }
}
