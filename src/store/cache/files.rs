//! The files of one broadcast's cache: `live.<infohash>.0`, `.1`, …, each of as many places as fit, and what
//! others left behind. Never larger together than was allowed.
#![allow(clippy::disallowed_methods, reason = "the age of a file is told by the clock")]

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::base::ids::Infohash;
use crate::base::limits::CACHE_FILE_MAX_BYTES;

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(pub u32);

/// Places of one size in files of a directory.
#[derive(Debug)]
pub struct PlaceFiles {
    dir: PathBuf,
    infohash: Infohash,
    record_bytes: u64,
    places: u32,
    places_a_file: u32,
    /// By number; `None` is opened when it is needed.
    files: Vec<Option<File>>,
    /// `live.<infohash>.lock`, empty: held as long as these files are in use.
    _lock: File,
}

impl PlaceFiles {
    /// Takes the files of `infohash` in `dir`, which is created when missing, for so many `places`.
    ///
    /// # Errors
    /// The directory cannot be used, or another process uses these files.
    pub fn open(dir: &Path, infohash: Infohash, record_bytes: u64, places: u32) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let _lock = lock(&lock_path(dir, infohash))?;
        let places_a_file = u32::try_from(CACHE_FILE_MAX_BYTES / record_bytes).unwrap_or(u32::MAX).max(1);
        let count = places.div_ceil(places_a_file);
        let files = (0..count).map(|_| None).collect();
        let mut opened =
            Self { dir: dir.to_owned(), infohash, record_bytes, places, places_a_file, files, _lock };
        opened.cut()?;
        Ok(opened)
    }

    /// All places, taken or not.
    pub fn places(&self) -> impl Iterator<Item = Place> + use<> {
        (0..self.places).map(Place)
    }

    /// Reads what lies at a place; `None` where the file is shorter.
    pub fn read(&mut self, place: Place) -> io::Result<Option<Vec<u8>>> {
        let (number, offset) = self.locate(place);
        if self.files[number].is_none() {
            match OpenOptions::new().read(true).write(true).open(self.path(number)) {
                Ok(file) => self.files[number] = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        let Some(file) = &self.files[number] else { return Ok(None) };
        let mut record = vec![0; self.record_bytes as usize];
        match file.read_exact_at(&mut record, offset) {
            Ok(()) => Ok(Some(record)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a record. The file must be the one that others see: see [`PlaceFiles::lost`].
    pub fn write(&mut self, place: Place, record: &[u8]) -> io::Result<()> {
        let (number, offset) = self.locate(place);
        if self.files[number].is_none() {
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).open(self.path(number))?;
            self.files[number] = Some(file);
        }
        let Some(file) = &self.files[number] else { return Err(io::ErrorKind::NotFound.into()) };
        file.write_all_at(record, offset)
    }

    /// The places of files that somebody removed or replaced; these files are let go.
    pub fn lost(&mut self) -> Vec<Place> {
        let mut lost = Vec::new();
        for number in 0..self.files.len() {
            let path = self.path(number);
            let is_there = self.files[number].as_ref().is_none_or(|file| is_same(file, &path));
            if !is_there {
                self.files[number] = None;
                let first = number as u32 * self.places_a_file;
                lost.extend((first..self.places.min(first + self.places_a_file)).map(Place));
            }
        }
        lost
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        let length = |file: &File| file.metadata().map_or(0, |metadata| metadata.len());
        self.files.iter().flatten().map(length).sum()
    }

    /// Removes the files.
    pub fn remove(self) {
        for number in 0..self.files.len() {
            let _ = fs::remove_file(self.path(number));
        }
        let _ = fs::remove_file(lock_path(&self.dir, self.infohash));
    }

    /// Removes files, and ends of files, that are beyond what is allowed now.
    fn cut(&mut self) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)?.flatten() {
            let Some((infohash, number)) = parse_name(&entry.file_name().to_string_lossy()) else { continue };
            if infohash != self.infohash {
                continue;
            }
            if number as usize >= self.files.len() {
                fs::remove_file(entry.path())?;
                continue;
            }
            let first = number * self.places_a_file;
            let places = self.places_a_file.min(self.places - first);
            let allowed = u64::from(places) * self.record_bytes;
            if entry.metadata()?.len() > allowed {
                OpenOptions::new().write(true).open(entry.path())?.set_len(allowed)?;
            }
        }
        Ok(())
    }

    fn locate(&self, place: Place) -> (usize, u64) {
        let number = place.0 / self.places_a_file;
        let offset = u64::from(place.0 % self.places_a_file) * self.record_bytes;
        (number as usize, offset)
    }

    fn path(&self, number: usize) -> PathBuf {
        self.dir.join(format!("live.{}.{number}", self.infohash))
    }

    /// Removes what other broadcasts left in the directory that nobody uses and that is older than `life`.
    pub fn clean(&self, life: Duration) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some((infohash, _)) = parse_name(&name.to_string_lossy()) else { continue };
            if infohash != self.infohash && is_older(&entry.path(), life) {
                remove_unused(&self.dir, infohash, &entry.path());
            }
        }
    }
}

fn remove_unused(dir: &Path, infohash: Infohash, path: &Path) {
    let lock_path = lock_path(dir, infohash);
    // whoever holds the lock uses the file; who left no lock does not
    let Ok(_lock) = lock(&lock_path) else { return };
    if fs::remove_file(path).is_ok() {
        tracing::info!(target: super::LOG, "removed {}: nobody has used it for a day", path.display());
    }
    let _ = fs::remove_file(lock_path);
}

fn lock_path(dir: &Path, infohash: Infohash) -> PathBuf {
    dir.join(format!("live.{infohash}.lock"))
}

fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) if is_same(&file, path) => Ok(file),
        Ok(()) => Err(io::Error::other("another node just removed the pieces of this broadcast there")),
        Err(TryLockError::WouldBlock) => {
            Err(io::Error::other("another node keeps the pieces of this broadcast there"))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Infohash and number in a file's name.
fn parse_name(name: &str) -> Option<(Infohash, u32)> {
    let (infohash, number) = name.strip_prefix("live.")?.split_once('.')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((infohash.parse().ok()?, number.parse().ok()?))
}

fn is_older(path: &Path, life: Duration) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    let age = modified.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
    age.is_ok_and(|age| age > life)
}

fn is_same(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(seen)) => (open.dev(), open.ino()) == (seen.dev(), seen.ino()),
        _ => false,
    }
}
