//! The state directory of a node: its identity and, on support nodes, its peer id.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{self, FileError};
use crate::base::hex::{self, Hex};
use crate::base::ids::PeerId;

const KEY_FILE: &str = "device.key";
const STATE_FILE: &str = "state.json";
/// Both files are far smaller; a larger one is something else.
const MAX_BYTES: usize = 64 * 1024;

/// The directory, which goes with this value when it is a temporary one.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    /// Removes the directory when dropped.
    _temporary: Option<tempfile::TempDir>,
}

/// What `state.json` holds.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    /// Hex: peer ids of other programs may hold any byte.
    peer_id: String,
}

impl StateDir {
    /// The directory at `path`, made when it is missing; a temporary one in /tmp for `None`.
    ///
    /// # Errors
    /// It cannot be made or written to.
    pub fn open(path: Option<&Path>) -> Result<Self, FileError> {
        let Some(path) = path else { return Self::temporary() };
        fs::create_dir_all(path).map_err(|cause| FileError::ReadOnly { path: path.to_owned(), cause })?;
        files::require_writable_dir(path)?;
        Ok(Self { path: path.to_owned(), _temporary: None })
    }

    fn temporary() -> Result<Self, FileError> {
        let root = Path::new("/tmp");
        let dir = tempfile::Builder::new().prefix("tmp").tempdir_in(root);
        let dir = dir.map_err(|cause| FileError::ReadOnly { path: root.to_owned(), cause })?;
        Ok(Self { path: dir.path().to_owned(), _temporary: Some(dir) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The seed of the node's Ed25519 key: that of `device.key`, else `fresh`, which is saved there.
    ///
    /// # Errors
    /// The file holds no seed, or cannot be read or written.
    pub fn node_seed(&self, fresh: impl FnOnce() -> [u8; 32]) -> Result<[u8; 32], FileError> {
        let path = self.path.join(KEY_FILE);
        if let Some(bytes) = files::read_bounded(&path, MAX_BYTES)? {
            let text = str::from_utf8(&bytes).unwrap_or_default().trim();
            return hex::decode(text)
                .ok_or(FileError::Garbage { path, what: "key of 64 hexadecimal digits" });
        }
        let seed = fresh();
        files::write_atomically(&path, Hex(&seed).to_string().as_bytes(), 0o600)?;
        Ok(seed)
    }

    /// The peer id of the last run.
    ///
    /// # Errors
    /// `state.json` holds no peer id, or cannot be read.
    pub fn load_peer_id(&self) -> Result<Option<PeerId>, FileError> {
        let path = self.path.join(STATE_FILE);
        let Some(bytes) = files::read_bounded(&path, MAX_BYTES)? else { return Ok(None) };
        let state: Option<State> = serde_json::from_slice(&bytes).ok();
        let peer_id = state.and_then(|state| state.peer_id.parse().ok());
        peer_id.map(Some).ok_or(FileError::Garbage { path, what: "peer id" })
    }

    /// Keeps the peer id for the next run.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn save_peer_id(&self, peer_id: PeerId) -> Result<(), FileError> {
        let state = serde_json::json!(State { peer_id: peer_id.to_string() });
        files::write_atomically(&self.path.join(STATE_FILE), state.to_string().as_bytes(), 0o644)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn temporary_directory_goes_with_the_node() {
        let state = StateDir::open(None).expect("opens");
        let path = state.path().to_owned();
        state.node_seed(|| [7; 32]).expect("saves");
        assert!(path.starts_with("/tmp") && path.is_dir());
        drop(state);
        assert!(!path.exists());
    }

    #[test]
    fn given_directory_is_made_and_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a/b");
        drop(StateDir::open(Some(&path)).expect("opens"));
        assert!(path.is_dir());
        assert!(matches!(StateDir::open(Some(Path::new("/proc/x"))), Err(FileError::ReadOnly { .. })));
    }

    #[test]
    fn node_keeps_its_key_in_a_file_of_its_own() {
        let dir = tempfile::tempdir().expect("a directory");
        let state = StateDir::open(Some(dir.path())).expect("opens");
        assert_eq!(state.node_seed(|| [7; 32]).expect("saves"), [7; 32]);
        assert_eq!(state.node_seed(|| [8; 32]).expect("loads"), [7; 32]);
        let metadata = fs::metadata(dir.path().join("device.key")).expect("exists");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn key_file_that_is_garbage_is_an_error_and_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let state = StateDir::open(Some(dir.path())).expect("opens");
        fs::write(dir.path().join("device.key"), b"\xff\xfe").expect("writes");
        assert!(matches!(state.node_seed(|| [7; 32]), Err(FileError::Garbage { .. })));
        assert_eq!(fs::read(dir.path().join("device.key")).expect("reads"), b"\xff\xfe");
    }

    #[test]
    fn peer_id_survives_a_restart() {
        let dir = tempfile::tempdir().expect("a directory");
        let state = StateDir::open(Some(dir.path())).expect("opens");
        assert_eq!(state.load_peer_id().expect("none"), None);
        let peer_id = PeerId::from_random([5; 11]);
        state.save_peer_id(peer_id).expect("saves");
        assert_eq!(state.load_peer_id().expect("loads"), Some(peer_id));
        fs::write(dir.path().join("state.json"), "{}").expect("writes");
        assert!(matches!(state.load_peer_id(), Err(FileError::Garbage { .. })));
    }
}
