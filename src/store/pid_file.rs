//! `acestream-<port>.pid`: the process id of a running node, for those who supervise it.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::{self, FileError};

/// Exists as long as the file does. A file left by a process that died is overwritten.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    content: String,
}

impl PidFile {
    /// Writes the file of the node that listens on `port`.
    ///
    /// # Errors
    /// The directory is missing, read-only or full.
    pub fn create(dir: &Path, port: u16) -> Result<Self, FileError> {
        let path = dir.join(format!("acestream-{port}.pid"));
        let content = std::process::id().to_string();
        files::write_atomically(&path, content.as_bytes(), 0o644)?;
        Ok(Self { path, content })
    }
}

impl Drop for PidFile {
    /// Leaves a file alone that another process has written since.
    fn drop(&mut self) {
        if fs::read_to_string(&self.path).is_ok_and(|content| content == self.content) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_holds_the_process_id_and_goes_with_the_node() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("acestream-7764.pid");
        fs::write(&path, "stale").expect("writes");
        let pid_file = PidFile::create(dir.path(), 7764).expect("creates");
        assert_eq!(fs::read_to_string(&path).expect("reads"), std::process::id().to_string());
        drop(pid_file);
        assert!(!path.exists());
    }

    #[test]
    fn file_of_a_successor_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("acestream-1.pid");
        let pid_file = PidFile::create(dir.path(), 1).expect("creates");
        fs::write(&path, "another").expect("writes");
        drop(pid_file);
        assert!(path.exists());
    }
}
