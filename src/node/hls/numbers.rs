//! Keeps the numbers of a broadcast that this node signs, so that a restart goes on behind them.
//!
//! While the node runs, the file is one ahead: after a crash a number is left out, and none is used twice.

use std::collections::BTreeMap;
use std::path::Path;

use tokio::sync::mpsc;

use crate::base::ids::{Infohash, PieceId};
use crate::obs::node_name::of_node;
use crate::store::hls_numbers::{HlsNumbers, HlsNumbersFile};

/// Something that must survive.
#[derive(Debug, Clone, Copy)]
pub enum Numbered {
    Segment(PieceId),
    Epoch(u64),
}

/// Notes numbers; a task of its own writes them down. The last numbers are exact once this is dropped and
/// the task has ended.
pub struct NumbersKeeper {
    before: HlsNumbers,
    notes: mpsc::UnboundedSender<Numbered>,
}

impl NumbersKeeper {
    /// Reads what an earlier run left, else begins in an epoch of its own.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(metadata_dir: &Path, infohash: Infohash, unix_s: u64) -> anyhow::Result<Self> {
        let file = HlsNumbersFile::new(metadata_dir, infohash);
        let before = file.load()?.unwrap_or(HlsNumbers { epoch: unix_s, last: BTreeMap::new() });
        file.save(&before)?;
        let (notes, noted) = mpsc::unbounded_channel();
        tokio::spawn(of_node(keep(file, before.clone(), noted)));
        Ok(Self { before, notes })
    }

    pub fn epoch(&self) -> u64 {
        self.before.epoch
    }

    /// The last number of each stream in earlier runs.
    pub fn last(&self) -> BTreeMap<u32, u64> {
        self.before.last.clone()
    }

    /// Never waits: one note a segment is little to hold.
    pub fn note(&self, numbered: Numbered) {
        // the task ends only after this
        let _ = self.notes.send(numbered);
    }
}

async fn keep(file: HlsNumbersFile, mut numbers: HlsNumbers, mut noted: mpsc::UnboundedReceiver<Numbered>) {
    while let Some(note) = noted.recv().await {
        match note {
            Numbered::Segment(PieceId { stream, number }) => _ = numbers.last.insert(stream, number),
            Numbered::Epoch(epoch) => numbers.epoch = epoch,
        }
        let mut ahead = numbers.clone();
        ahead.last.values_mut().for_each(|number| *number = number.saturating_add(1));
        save(&file, ahead).await;
    }
    save(&file, numbers).await;
}

async fn save(file: &HlsNumbersFile, numbers: HlsNumbers) {
    let file = file.clone();
    let saved = tokio::task::spawn_blocking(move || file.save(&numbers)).await;
    if let Ok(Err(error)) = saved {
        tracing::warn!(target: "acestream.supportnode", "numbers are not kept: {error}");
    }
}
