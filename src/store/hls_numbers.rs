//! `<infohash>.hls`: where the numbers of an HLS broadcast are, for the node that signs it. Beside the
//! transport file it is all that moves a support node to another machine without a seam.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{self, FileError};
use crate::base::ids::Infohash;

/// Some thirty bytes a stream.
const MAX_BYTES: usize = 16 * 1024;

/// The numbers of all streams.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HlsNumbers {
    /// Rises with each reset of the origin's numbers.
    pub epoch: u64,
    /// The last number of each stream that may have been given to a segment.
    pub last: BTreeMap<u32, u64>,
}

/// The file of one broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HlsNumbersFile {
    path: PathBuf,
}

impl HlsNumbersFile {
    /// The file of the broadcast in `metadata_dir`.
    pub fn new(metadata_dir: &Path, infohash: Infohash) -> Self {
        Self { path: metadata_dir.join(format!("{infohash}.hls")) }
    }

    /// The numbers of the last run, `None` when there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn load(&self) -> Result<Option<HlsNumbers>, FileError> {
        let Some(bytes) = files::read_bounded(&self.path, MAX_BYTES)? else { return Ok(None) };
        let garbage = |_| FileError::Garbage { path: self.path.clone(), what: "piece numbers" };
        serde_json::from_slice(&bytes).map(Some).map_err(garbage)
    }

    /// Saves the numbers.
    ///
    /// # Errors
    /// The directory is missing, read-only or full.
    pub fn save(&self, numbers: &HlsNumbers) -> Result<(), FileError> {
        let text = serde_json::to_vec(numbers).unwrap_or_default();
        files::write_atomically(&self.path, &text, 0o644)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_a_restart_and_garbage_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = HlsNumbersFile::new(dir.path(), Infohash([7; 20]));
        assert_eq!(file.load().expect("no file"), None);
        let numbers = HlsNumbers { epoch: 3, last: [(0, u64::MAX), (2, 5)].into() };
        file.save(&numbers).expect("saves");
        assert_eq!(file.load().expect("loads"), Some(numbers));
        std::fs::write(&file.path, "nonsense").expect("writes");
        assert!(file.load().expect_err("garbage").to_string().contains("piece numbers"));
    }
}
