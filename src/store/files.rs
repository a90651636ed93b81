//! Whole files: written so that a reader sees the old one or the new one, read up to a limit.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

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

/// A file to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewFile<'a> {
    pub path: &'a Path,
    pub bytes: &'a [u8],
    /// Permissions.
    pub mode: u32,
}

/// Replaces the file at `path` by `bytes` with the permissions `mode`, or leaves it as it was. What was
/// written survives a loss of power.
///
/// # Errors
/// The directory is missing, read-only or full.
pub fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    put(stage(NewFile { path, bytes, mode })?, path)
}

/// Replaces or makes all the files, or leaves each as it was.
///
/// # Errors
/// A directory is missing, read-only or full, or a file that is to be replaced cannot be read.
pub fn write_all_or_none(files: &[NewFile<'_>]) -> Result<(), FileError> {
    // a copy of each old file waits beside it, in case a later one fails
    let earlier = files.iter().map(|file| copy(file.path)).collect::<Result<Vec<_>, _>>()?;
    let staged = files.iter().map(|file| stage(*file)).collect::<Result<Vec<_>, _>>()?;
    for (at, (staged, file)) in staged.into_iter().zip(files).enumerate() {
        if let Err(error) = put(staged, file.path) {
            let touched = files.iter().zip(earlier).take(at + 1);
            touched.for_each(|(file, earlier)| put_back(file.path, earlier));
            return Err(error);
        }
    }
    Ok(())
}

/// Best effort: the error that led here is what is told.
fn put_back(path: &Path, earlier: Option<NamedTempFile>) {
    let _ = match earlier {
        Some(earlier) => put(earlier, path).is_ok(),
        None => fs::remove_file(path).is_ok(),
    };
}

/// The whole content, safely on the disk beside the place where it is to be.
fn stage(new: NewFile<'_>) -> Result<NamedTempFile, FileError> {
    let of_file = |cause| FileError::of(new.path, cause);
    let dir = directory_of(new.path);
    let mut file = tempfile::Builder::new()
        .prefix(".tmp-")
        .permissions(Permissions::from_mode(new.mode))
        .tempfile_in(dir)
        .map_err(|cause| FileError::of(dir, cause))?;
    file.as_file().set_permissions(Permissions::from_mode(new.mode)).map_err(of_file)?;
    file.write_all(new.bytes).and_then(|()| file.as_file().sync_all()).map_err(of_file)?;
    Ok(file)
}

fn put(staged: NamedTempFile, path: &Path) -> Result<(), FileError> {
    let dir = directory_of(path);
    staged.persist(path).map_err(|error| FileError::of(path, error.error))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|cause| FileError::of(dir, cause))
}

fn copy(path: &Path) -> Result<Option<NamedTempFile>, FileError> {
    let mut old = match File::open(path) {
        Ok(old) => old,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(FileError::of_reading(path, cause)),
    };
    let of_file = |cause| FileError::of_reading(path, cause);
    let metadata = old.metadata().map_err(of_file)?;
    if !metadata.is_file() {
        return Err(of_file(ErrorKind::InvalidInput.into()));
    }
    let mut file = stage(NewFile { path, bytes: &[], mode: metadata.permissions().mode() })?;
    io::copy(&mut old, &mut file).map_err(of_file)?;
    Ok(Some(file))
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

/// Checks that a file can be made or replaced at `path`. Gives its name without detours, which is the same
/// however the directory is spelled.
///
/// # Errors
/// The directory is missing or read-only, or `path` is a directory itself.
pub fn require_writable_file(path: &Path) -> Result<PathBuf, FileError> {
    let is_directory = || FileError::Io { path: path.to_owned(), cause: ErrorKind::IsADirectory.into() };
    let ends_in_slash = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    let name = path.file_name().filter(|_| !ends_in_slash && !path.is_dir()).ok_or_else(is_directory)?;
    let dir = directory_of(path);
    require_writable_dir(dir)?;
    let dir = dir.canonicalize().map_err(|cause| FileError::of(dir, cause))?;
    Ok(dir.join(name))
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
    fn all_files_are_written_or_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let paths = ["old", "new", "taken"].map(|name| dir.path().join(name));
        fs::write(&paths[0], b"old content").expect("writes");
        let file = |at: usize| NewFile { path: &paths[at], bytes: b"new content", mode: 0o600 };
        write_all_or_none(&[file(0), file(1)]).expect("writes");
        assert_eq!(fs::read(&paths[0]).expect("reads"), b"new content");
        assert_eq!(fs::read(&paths[1]).expect("reads"), b"new content");

        fs::create_dir(&paths[2]).expect("creates");
        assert!(write_all_or_none(&[file(0), file(1), file(2)]).is_err());
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 3, "no copy is left");
    }

    #[test]
    fn files_that_were_replaced_before_a_failure_are_put_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        fs::write(&old, b"old content").expect("writes");
        let earlier = [copy(&old).expect("copies"), copy(&new).expect("none")];
        write_atomically(&old, b"new content", 0o600).expect("writes");
        write_atomically(&new, b"new content", 0o600).expect("writes");
        [&old, &new].into_iter().zip(earlier).for_each(|(path, earlier)| put_back(path, earlier));
        assert_eq!(fs::read(&old).expect("reads"), b"old content");
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 1);
    }

    #[test]
    fn name_of_a_new_file_has_no_detours() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().canonicalize().expect("exists");
        fs::create_dir(root.join("sub")).expect("creates");
        let name = |path: &str| require_writable_file(&root.join(path));
        assert_eq!(name("sub/../x").expect("can be made"), root.join("x"));
        for directory in ["sub", "sub/", "x/", ".."] {
            assert!(name(directory).is_err(), "{directory}");
        }
        assert!(matches!(name("missing/x"), Err(FileError::Missing { .. })));
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
