//! A log file that is rotated by size: `x.log`, `x.log.1` (the newest backup), `x.log.2` …

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Where and how a log file is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    pub path: PathBuf,
    /// Start with an empty file; append otherwise.
    pub truncate: bool,
    /// Size that no line makes the file exceed, unless it is the first; `None` never rotates.
    pub max_bytes: Option<u64>,
    /// Rotated files that are kept. With none, a full file is emptied.
    pub backups: usize,
}

/// The open file. Writes whole lines.
#[derive(Debug)]
pub struct RotatingFile {
    config: LogFile,
    file: File,
    written_bytes: u64,
}

impl RotatingFile {
    /// # Errors
    /// The file cannot be opened for writing.
    pub fn open(config: LogFile) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(!config.truncate).truncate(config.truncate);
        let file = options.open(&config.path)?;
        let written_bytes = file.metadata()?.len();
        Ok(Self { config, file, written_bytes })
    }

    pub fn path(&self) -> &Path {
        &self.config.path
    }

    /// Opens the path again, which may be another file by now, and appends to it.
    ///
    /// # Errors
    /// It cannot be opened; the file that was open stays so.
    pub fn reopen(&mut self) -> io::Result<()> {
        *self = Self {
            config: self.config.clone(),
            ..Self::open(LogFile { truncate: false, ..self.config.clone() })?
        };
        Ok(())
    }

    /// Writes one line, after a rotation when it would not fit.
    ///
    /// # Errors
    /// The disk refuses; a failed rotation leaves the line in the file as it is.
    pub fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        let after = self.written_bytes.saturating_add(line.len() as u64);
        let is_full = self.config.max_bytes.is_some_and(|max_bytes| after > max_bytes);
        let rotated = if is_full && self.written_bytes > 0 { self.rotate() } else { Ok(()) };
        self.file.write_all(line)?;
        self.written_bytes = self.written_bytes.saturating_add(line.len() as u64);
        rotated
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.config.backups).rev() {
            move_away(&backup(&self.config.path, number), &backup(&self.config.path, number + 1))?;
        }
        if self.config.backups > 0 {
            move_away(&self.config.path, &backup(&self.config.path, 1))?;
        }
        *self = Self::open(LogFile { truncate: true, ..self.config.clone() })?;
        Ok(())
    }
}

/// Somebody may have taken the file away already.
fn move_away(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn backup(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dir: &Path, truncate: bool, backups: usize) -> LogFile {
        LogFile { path: dir.join("x.log"), truncate, max_bytes: Some(8), backups }
    }

    fn content(dir: &Path, name: &str) -> String {
        fs::read_to_string(dir.join(name)).unwrap_or_else(|_| "missing".to_owned())
    }

    #[test]
    fn full_file_becomes_the_newest_backup_and_the_oldest_goes() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut file = RotatingFile::open(config(dir.path(), false, 2)).expect("opens");
        for line in ["first\n", "second\n", "third\n", "fourth\n"] {
            file.write_line(line.as_bytes()).expect("writes");
        }
        assert_eq!(content(dir.path(), "x.log"), "fourth\n");
        assert_eq!(content(dir.path(), "x.log.1"), "third\n");
        assert_eq!(content(dir.path(), "x.log.2"), "second\n");
        assert_eq!(content(dir.path(), "x.log.3"), "missing");
    }

    #[test]
    fn without_backups_a_full_file_is_emptied() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut file = RotatingFile::open(config(dir.path(), false, 0)).expect("opens");
        file.write_line(b"first\n").expect("writes");
        file.write_line(b"second\n").expect("writes");
        assert_eq!(content(dir.path(), "x.log"), "second\n");
        assert_eq!(content(dir.path(), "x.log.1"), "missing");
    }

    #[test]
    fn line_longer_than_the_limit_is_written_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut file = RotatingFile::open(config(dir.path(), false, 1)).expect("opens");
        file.write_line(b"longer than the limit\n").expect("writes");
        assert_eq!(content(dir.path(), "x.log"), "longer than the limit\n");
    }

    #[test]
    fn file_is_appended_to_or_truncated_as_asked() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("x.log"), "old\n").expect("writes");
        let mut file = RotatingFile::open(config(dir.path(), false, 1)).expect("opens");
        file.write_line(b"new\n").expect("writes");
        assert_eq!(content(dir.path(), "x.log"), "old\nnew\n");
        let mut file = RotatingFile::open(config(dir.path(), true, 1)).expect("opens");
        file.write_line(b"new\n").expect("writes");
        assert_eq!(content(dir.path(), "x.log"), "new\n");
    }
}
