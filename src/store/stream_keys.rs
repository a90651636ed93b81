//! `<name>.sauth`: the private keys of a stream, readable by their owner only.

use std::path::{Path, PathBuf};

use rsa::rand_core::OsRng;

use super::files::{self, FileError};
use crate::live::source_key::{SourceKey, SourceKeyError};

/// Two PEM blocks of the largest keys are far smaller.
const MAX_BYTES: usize = 64 * 1024;
const MODE: u32 = 0o600;

#[derive(Debug, thiserror::Error)]
pub enum StreamKeysError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{}: {cause}", path.display())]
    Key { path: PathBuf, cause: SourceKeyError },
}

/// Reads the keys of the stream `name`. What is missing is minted and written: the whole file, with an
/// RSA key of `new_key_bits`, or the second key of a file that another engine wrote. The flag says
/// whether the RSA key, and with it the stream, is new.
///
/// # Errors
/// A file that is garbage is never overwritten.
pub fn open(
    metadata_dir: &Path,
    name: &str,
    new_key_bits: u32,
) -> Result<(SourceKey, bool), StreamKeysError> {
    let path = metadata_dir.join(format!("{name}.sauth"));
    let of_key = |cause| StreamKeysError::Key { path: path.clone(), cause };
    let (key, is_new, wants_writing) = match files::read_bounded(&path, MAX_BYTES)? {
        None => (SourceKey::generate(new_key_bits as usize, &mut OsRng).map_err(of_key)?, true, true),
        Some(bytes) => {
            let text = String::from_utf8(bytes).map_err(|_| of_key(SourceKeyError::NoRsaKey))?;
            let (key, minted) = SourceKey::from_pem(&text, &mut OsRng).map_err(of_key)?;
            (key, false, minted)
        }
    };
    if wants_writing {
        let pem = key.to_pem().map_err(of_key)?;
        files::write_atomically(&path, pem.as_bytes(), MODE)?;
    }
    Ok((key, is_new))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_survive_and_nobody_else_reads_them() {
        let dir = tempfile::tempdir().expect("a directory");
        let (first, is_new) = open(dir.path(), "test", 768).expect("mints");
        assert!(is_new);
        let (second, is_new) = open(dir.path(), "test", 768).expect("reads");
        assert!(!is_new);
        assert_eq!(first.to_pem().expect("pem"), second.to_pem().expect("pem"));
        let mode = fs::metadata(dir.path().join("test.sauth")).expect("exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn second_key_is_appended_to_the_file_of_another_engine() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("test.sauth");
        open(dir.path(), "test", 768).expect("mints");
        let whole = fs::read_to_string(&path).expect("reads");
        let rsa_only = whole.split("-----BEGIN PRIVATE KEY-----").next().expect("rsa").to_owned();
        fs::write(&path, &rsa_only).expect("writes");
        let (_, is_new) = open(dir.path(), "test", 768).expect("reads");
        assert!(!is_new);
        let completed = fs::read_to_string(&path).expect("reads");
        assert!(completed.starts_with(&rsa_only) && completed.contains("BEGIN PRIVATE KEY"));
        assert_ne!(completed, whole, "a fresh second key");
    }

    #[test]
    fn garbage_and_keys_of_another_kind_are_refused_and_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("test.sauth");
        let of_another_kind = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
        let damaged = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        for content in ["", "garbage", of_another_kind, damaged] {
            fs::write(&path, content).expect("writes");
            assert!(matches!(open(dir.path(), "test", 768), Err(StreamKeysError::Key { .. })), "{content}");
            assert_eq!(fs::read_to_string(&path).expect("reads"), content);
        }
    }
}
