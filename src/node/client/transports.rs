//! Transport files that this client has seen, kept by infohash and content id.

use std::fs;
use std::path::{Path, PathBuf};

use crate::base::ids::Infohash;
use crate::base::limits::{TRANSPORT_FILE_MAX_BYTES, TRANSPORTS_KEPT_MAX};
use crate::store::files::{self, FileError};
use crate::wire::hls::transport::AnyTransport;

/// A directory of files, two names each.
pub struct Transports {
    dir: PathBuf,
}

impl Transports {
    /// In `transports` below the state directory.
    pub fn new(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("transports") }
    }

    /// The file that `id` stands for, as infohash or content id. One that does not match its name is
    /// none.
    pub fn load(&self, id: Infohash) -> Option<AnyTransport> {
        let bytes = files::read_bounded(&self.path(id), TRANSPORT_FILE_MAX_BYTES).ok()??;
        let file = AnyTransport::parse(bytes.into()).ok()?;
        (file.infohash() == id || file.content_id() == id).then_some(file)
    }

    /// Keeps `file` under both its names; the ones not used for longest make room.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn save(&self, file: &AnyTransport) -> Result<(), FileError> {
        if self.load(file.infohash()).is_some_and(|known| known.content_id() == file.content_id()) {
            return Ok(());
        }
        let io = |cause| FileError::Io { path: self.dir.clone(), cause };
        fs::create_dir_all(&self.dir).map_err(io)?;
        self.make_room();
        for id in [file.infohash(), file.content_id()] {
            files::write_atomically(&self.path(id), file.public().bytes(), 0o644)?;
        }
        Ok(())
    }

    fn path(&self, id: Infohash) -> PathBuf {
        self.dir.join(format!("{id}.acelive"))
    }

    fn make_room(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let age = |entry: fs::DirEntry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()));
        let mut by_age: Vec<_> = entries.flatten().filter_map(age).collect();
        by_age.sort_unstable();
        let surplus = (by_age.len() + 2).saturating_sub(TRANSPORTS_KEPT_MAX);
        for (_, path) in by_age.into_iter().take(surplus) {
            // One that cannot be removed is tried again next time.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::transport_file::{Descriptor, TransportFile};

    fn file(name: &str) -> AnyTransport {
        let descriptor = Descriptor {
            name: name.to_owned(),
            pubkey: Bytes::from_static(b"abc"),
            piece_length: 65536,
            chunk_length: 16384,
            bitrate: 1,
            ..Descriptor::default()
        };
        AnyTransport::MpegTs(TransportFile::build(descriptor))
    }

    #[test]
    fn file_is_found_by_both_names_and_not_by_a_forged_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let transports = Transports::new(dir.path());
        let known = file("one");
        assert_eq!(transports.load(known.infohash()), None);
        transports.save(&known).expect("saves");
        assert_eq!(transports.load(known.infohash()).as_ref(), Some(&known));
        assert_eq!(transports.load(known.content_id()).as_ref(), Some(&known));
        fs::copy(transports.path(known.infohash()), transports.path(Infohash([7; 20]))).expect("copies");
        assert_eq!(transports.load(Infohash([7; 20])), None);
    }

    #[test]
    fn number_of_files_is_bounded() {
        let dir = tempfile::tempdir().expect("a directory");
        let transports = Transports::new(dir.path());
        fs::create_dir_all(&transports.dir).expect("creates");
        for n in 0..TRANSPORTS_KEPT_MAX + 5 {
            fs::write(transports.dir.join(format!("{n}")), b"").expect("writes");
        }
        transports.save(&file("new")).expect("saves");
        assert_eq!(fs::read_dir(&transports.dir).expect("lists").count(), TRANSPORTS_KEPT_MAX);
    }
}
