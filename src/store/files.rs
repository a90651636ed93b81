//! Whole files: written so that a reader sees the old one or the new one, read up to a limit.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What keeps a file or directory from being used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{} does not exist", path.display())]
    Missing { path: PathBuf },
    #[error("{} is not a directory", path.display())]
    NotADirectory { path: PathBuf },
    #[error("{} cannot be written to: {cause}", path.display())]
    ReadOnly { path: PathBuf, cause: io::Error },
    #[error("{} is larger than {max_bytes} bytes", path.display())]
    TooLarge { path: PathBuf, max_bytes: usize },
    #[error("{} holds no {what}", path.display())]
    Garbage { path: PathBuf, what: &'static str },
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
}

impl FileError {
    fn of(path: &Path, cause: io::Error) -> Self {
        let path = path.to_owned();
        match cause.kind() {
            ErrorKind::NotFound => Self::Missing { path },
            ErrorKind::NotADirectory => Self::NotADirectory { path },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path, cause },
            _ => Self::Io { path, cause },
        }
    }

    fn of_reading(path: &Path, cause: io::Error) -> Self {
        match Self::of(path, cause) {
            Self::ReadOnly { path, cause } => Self::Io { path, cause },
            other => other,
        }
    }
}

/// Replaces the file at `path` by `bytes` with the permissions `mode`, or leaves it as it was. What was
/// written survives a loss of power.
///
/// # Errors
/// The directory is missing, read-only or full.
pub fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let of_dir = |cause| FileError::of(dir, cause);
    let of_file = |cause| FileError::of(path, cause);
    let mut file = tempfile::Builder::new()
        .prefix(".tmp-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(dir)
        .map_err(of_dir)?;
    file.as_file().set_permissions(Permissions::from_mode(mode)).map_err(of_file)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(of_file)?;
    file.persist(path).map_err(|error| of_file(error.error))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(of_dir)
}

/// The whole file at `path`, `None` when there is none.
///
/// # Errors
/// It cannot be read, or is larger than `max_bytes`.
pub fn read_bounded(path: &Path, max_bytes: usize) -> Result<Option<Vec<u8>>, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(FileError::of_reading(path, cause)),
    };
    let mut bytes = Vec::new();
    let limit = max_bytes as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(|cause| FileError::of_reading(path, cause))?;
    match bytes.len() > max_bytes {
        true => Err(FileError::TooLarge { path: path.to_owned(), max_bytes }),
        false => Ok(Some(bytes)),
    }
}

/// Checks that files can be made in `dir`, by making one that has no name for long.
///
/// # Errors
/// It is missing, no directory, or read-only.
pub fn require_writable_dir(dir: &Path) -> Result<(), FileError> {
    let metadata = fs::metadata(dir).map_err(|cause| FileError::of(dir, cause))?;
    if !metadata.is_dir() {
        return Err(FileError::NotADirectory { path: dir.to_owned() });
    }
    let probe = tempfile::Builder::new().prefix(".tmp-").tempfile_in(dir);
    probe.map(drop).map_err(|cause| FileError::ReadOnly { path: dir.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_replaced_whole_and_with_its_mode() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        write_atomically(&path, b"first, longer", 0o644).expect("writes");
        write_atomically(&path, b"second", 0o600).expect("writes");
        assert_eq!(fs::read(&path).expect("reads"), b"second");
        assert_eq!(fs::metadata(&path).expect("exists").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 1);
    }

    #[test]
    fn failed_write_leaves_no_trace() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("taken")).expect("creates");
        assert!(write_atomically(&dir.path().join("taken"), b"x", 0o600).is_err());
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 1);
        let nowhere = write_atomically(&dir.path().join("no/where"), b"x", 0o600);
        assert!(matches!(nowhere, Err(FileError::Missing { .. })));
    }

    #[test]
    fn file_of_exactly_the_limit_is_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        assert_eq!(read_bounded(&path, 4).expect("none"), None);
        fs::write(&path, b"1234").expect("writes");
        assert_eq!(read_bounded(&path, 4).expect("reads"), Some(b"1234".to_vec()));
        assert!(matches!(read_bounded(&path, 3), Err(FileError::TooLarge { max_bytes: 3, .. })));
        assert!(matches!(read_bounded(dir.path(), 3), Err(FileError::Io { .. })));
    }

    #[test]
    fn unusable_directories_say_why() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        fs::write(&file, b"").expect("writes");
        assert!(require_writable_dir(dir.path()).is_ok());
        assert!(matches!(require_writable_dir(&file), Err(FileError::NotADirectory { .. })));
        let missing = require_writable_dir(&dir.path().join("missing"));
        assert!(matches!(missing, Err(FileError::Missing { .. })));
        assert!(matches!(require_writable_dir(Path::new("/proc")), Err(FileError::ReadOnly { .. })));
    }
}
