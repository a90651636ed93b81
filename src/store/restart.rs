//! `<name>.restart`: the number of the last piece that was made, in decimal digits.

use std::path::{Path, PathBuf};

use super::files::{self, FileError};

/// Twenty digits hold every number there is; what is longer is something else.
const MAX_BYTES: usize = 64;

/// The file of one broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartFile {
    path: PathBuf,
}

impl RestartFile {
    /// The file of the broadcast `name` in `metadata_dir`.
    pub fn new(metadata_dir: &Path, name: &str) -> Self {
        Self { path: metadata_dir.join(format!("{name}.restart")) }
    }

    /// The number of the last piece, `None` when there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else than a number.
    pub fn load(&self) -> Result<Option<u64>, FileError> {
        let garbage =
            || FileError::Garbage { path: self.path.clone(), what: "piece number in decimal digits" };
        let Some(bytes) = files::read_bounded(&self.path, MAX_BYTES)? else { return Ok(None) };
        let text = str::from_utf8(&bytes).map_err(|_| garbage())?.trim();
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(garbage());
        }
        text.parse().map(Some).map_err(|_| garbage())
    }

    /// Saves the number of the last piece.
    ///
    /// # Errors
    /// The directory is missing, read-only or full.
    pub fn save(&self, last_piece: u64) -> Result<(), FileError> {
        files::write_atomically(&self.path, last_piece.to_string().as_bytes(), 0o644)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_survives_a_restart() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = RestartFile::new(dir.path(), "test");
        assert_eq!(file.load().expect("no file"), None);
        file.save(u64::MAX).expect("saves");
        assert_eq!(file.load().expect("loads"), Some(u64::MAX));
        assert_eq!(
            std::fs::read_to_string(dir.path().join("test.restart")).expect("reads"),
            u64::MAX.to_string()
        );
    }

    #[test]
    fn number_written_by_hand_may_end_in_a_newline() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("test.restart"), "15\n").expect("writes");
        assert_eq!(RestartFile::new(dir.path(), "test").load().expect("loads"), Some(15));
    }

    #[test]
    fn anything_but_a_number_is_garbage() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = RestartFile::new(dir.path(), "test");
        for content in ["", "-1", "+1", "12a", "99999999999999999999", "\u{ff11}"] {
            std::fs::write(dir.path().join("test.restart"), content).expect("writes");
            assert!(matches!(file.load(), Err(FileError::Garbage { .. })), "{content}");
        }
    }
}
