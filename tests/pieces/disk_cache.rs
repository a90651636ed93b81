//! Pieces on disk: what is read back is what was written, or nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use start_engine::base::ids::Infohash;
use start_engine::base::limits::CACHE_LIFE;
use start_engine::base::rng::Rng;
use start_engine::live::piece::VerifiedPiece;
use start_engine::store::cache::{CacheConfig, DiskCache, Written, places};

use crate::{geometry, make_pieces, verifier};

const INFOHASH: Infohash = Infohash([7; 20]);
/// When the pieces were made.
const TIME_S: f64 = 1000.0;
const OTHER: Infohash = Infohash([8; 20]);
/// Of a record: a head and a piece of 64 KiB.
const RECORD_BYTES: u64 = 65_536 + 84;

fn config(dir: &Path, infohash: Infohash, pieces: u64) -> CacheConfig {
    CacheConfig {
        dir: dir.to_owned(),
        infohash,
        geometry: geometry(),
        verifier: verifier(),
        max_bytes: pieces * RECORD_BYTES + 100,
        is_temporary: false,
    }
}

fn open(dir: &Path, pieces: u64) -> DiskCache {
    DiskCache::open(config(dir, INFOHASH, pieces), TIME_S).expect("opens")
}

fn filled(dir: &Path, places: u64, pieces: &[VerifiedPiece]) -> DiskCache {
    let mut cache = open(dir, places);
    pieces.iter().for_each(|piece| _ = cache.keep(piece).expect("writes"));
    cache
}

fn numbers(cache: &DiskCache) -> Vec<u64> {
    cache.pieces().iter().map(|piece| piece.number).collect()
}

fn file(dir: &Path, infohash: Infohash, number: u32) -> PathBuf {
    dir.join(format!("live.{infohash}.{number}"))
}

fn bytes_of(piece: &VerifiedPiece) -> Vec<u8> {
    piece.chunks().flatten().copied().collect()
}

/// Whether all that a cache gives is what was made, under its number and with its time.
fn gives_only(cache: &mut DiskCache, made: &[VerifiedPiece]) {
    for number in numbers(cache) {
        let Some(piece) = cache.load(number) else { continue };
        let original = made.iter().find(|made| made.number() == number).expect("was made");
        assert_eq!(bytes_of(&piece), bytes_of(original), "piece {number}");
        assert_eq!((piece.time(), piece.digest()), (original.time(), original.digest()));
        assert_eq!(piece.payload_length(), original.payload_length());
    }
}

#[test]
fn pieces_survive_the_node_that_wrote_them() {
    let (dir, made) = (tempfile::tempdir().expect("a directory"), make_pieces(5, 4));
    drop(filled(dir.path(), 10, &made));
    let mut cache = open(dir.path(), 10);
    assert_eq!(numbers(&cache), [5, 6, 7, 8]);
    gives_only(&mut cache, &made);
    assert!(cache.load(9).is_none());
}

#[test]
fn oldest_pieces_make_room_and_files_never_outgrow_the_limit() {
    let (dir, made) = (tempfile::tempdir().expect("a directory"), make_pieces(0, 7));
    let mut cache = filled(dir.path(), 3, &made[..3]);
    for (at, piece) in made.iter().enumerate().skip(3) {
        assert_eq!(cache.keep(piece).expect("writes"), Written::InPlaceOf(Some(at as u64 - 3)));
        let sizes = fs::read_dir(dir.path()).expect("lists").map(|entry| entry.expect("a file"));
        let bytes: u64 = sizes.map(|entry| entry.metadata().expect("exists").len()).sum();
        assert!(bytes <= 3 * RECORD_BYTES, "{bytes}");
        assert_eq!(cache.bytes(), bytes);
    }
    assert_eq!(cache.keep(&made[0]).expect("needs no room"), Written::Needless, "older than all");
    assert_eq!(cache.keep(&made[6]).expect("needs no room"), Written::Needless, "held already");
    assert_eq!(numbers(&cache), [4, 5, 6]);
    gives_only(&mut cache, &made);
}

#[test]
fn smaller_limit_cuts_what_is_there() {
    let (dir, made) = (tempfile::tempdir().expect("a directory"), make_pieces(0, 6));
    drop(filled(dir.path(), 6, &made));
    fs::write(file(dir.path(), INFOHASH, 1), b"of a time with a larger limit").expect("writes");
    let mut cache = open(dir.path(), 2);
    assert_eq!(cache.bytes(), 2 * RECORD_BYTES);
    assert!(!file(dir.path(), INFOHASH, 1).exists());
    assert_eq!(numbers(&cache).len(), 2);
    gives_only(&mut cache, &made);
}

#[test]
fn flipped_bit_costs_its_piece_alone_before_and_after_a_restart() {
    let made = make_pieces(0, 3);
    let mut rng = Rng::new(1);
    // each field of the head, the piece's edges, and anywhere
    let edges = [0, 8, 28, 35, 36, 43, 44, 64, 83, 84, RECORD_BYTES as usize - 97, RECORD_BYTES as usize - 1];
    let anywhere = (0..12).map(|_| rng.below(RECORD_BYTES as usize)).collect::<Vec<_>>();
    for at in edges.into_iter().chain(anywhere) {
        let dir = tempfile::tempdir().expect("a directory");
        let mut cache = filled(dir.path(), 3, &made);
        let path = file(dir.path(), INFOHASH, 0);
        let mut bytes = fs::read(&path).expect("reads");
        bytes[RECORD_BYTES as usize + at] ^= 1 << rng.below(8);
        fs::write(&path, &bytes).expect("writes");
        assert!(cache.load(1).is_none(), "bit in byte {at}");
        assert_eq!(numbers(&cache), [0, 2], "and it is not kept any more");
        gives_only(&mut cache, &made);
        drop(cache);
        let mut again = open(dir.path(), 3);
        assert_eq!(numbers(&again), [0, 2], "bit in byte {at}");
        gives_only(&mut again, &made);
    }
}

#[test]
fn truncated_file_and_torn_write_cost_what_is_missing() {
    let (dir, made) = (tempfile::tempdir().expect("a directory"), make_pieces(0, 5));
    drop(filled(dir.path(), 4, &made[..4]));
    let path = file(dir.path(), INFOHASH, 0);
    let whole = fs::read(&path).expect("reads");
    for length in
        [0, 10, RECORD_BYTES as usize - 1, RECORD_BYTES as usize, 3 * RECORD_BYTES as usize + 20_000]
    {
        fs::write(&path, &whole[..length]).expect("writes");
        let mut cache = open(dir.path(), 4);
        assert_eq!(numbers(&cache).len(), length / RECORD_BYTES as usize);
        gives_only(&mut cache, &made);
    }
    // the head of the next piece over the body of the one before, and the other way round
    drop(filled(dir.path(), 4, &made[..4]));
    let other_dir = tempfile::tempdir().expect("a directory");
    drop(filled(other_dir.path(), 1, &made[4..]));
    let newer = fs::read(file(other_dir.path(), INFOHASH, 0)).expect("reads");
    for torn_at in [40, 84, 30_000, RECORD_BYTES as usize - 1] {
        let mut torn = whole.clone();
        torn[..torn_at].copy_from_slice(&newer[..torn_at]);
        fs::write(&path, &torn).expect("writes");
        assert_eq!(numbers(&open(dir.path(), 4)), [1, 2, 3], "torn at {torn_at}");
        let mut torn = whole.clone();
        torn[torn_at..RECORD_BYTES as usize].copy_from_slice(&newer[torn_at..]);
        fs::write(&path, &torn).expect("writes");
        assert_eq!(numbers(&open(dir.path(), 4)), [1, 2, 3], "torn at {torn_at}");
    }
}

#[test]
fn records_in_other_places_are_still_themselves_and_doubles_count_once() {
    let (dir, made) = (tempfile::tempdir().expect("a directory"), make_pieces(0, 4));
    drop(filled(dir.path(), 4, &made));
    let path = file(dir.path(), INFOHASH, 0);
    let whole = fs::read(&path).expect("reads");
    let records: Vec<_> = whole.chunks(RECORD_BYTES as usize).collect();
    fs::write(&path, [records[3], records[1], records[3], records[0]].concat()).expect("writes");
    let mut cache = open(dir.path(), 4);
    assert_eq!(numbers(&cache), [0, 1, 3]);
    gives_only(&mut cache, &made);
}

#[test]
fn files_of_another_broadcast_give_nothing_whatever_they_are_called() {
    let (dir, made) = (tempfile::tempdir().expect("a directory"), make_pieces(0, 3));
    drop(filled(dir.path(), 3, &made));
    fs::rename(file(dir.path(), INFOHASH, 0), file(dir.path(), OTHER, 0)).expect("renames");
    let cache = DiskCache::open(config(dir.path(), OTHER, 3), TIME_S).expect("opens");
    assert_eq!(numbers(&cache), [0_u64; 0]);
}

#[test]
fn pieces_of_another_day_are_not_taken_up() {
    let (dir, made) = (tempfile::tempdir().expect("a directory"), make_pieces(0, 3));
    drop(filled(dir.path(), 3, &made));
    let late = TIME_S + CACHE_LIFE.as_secs_f64() + 10.0;
    let cache = DiskCache::open(config(dir.path(), INFOHASH, 3), late).expect("opens");
    assert_eq!(numbers(&cache), [0_u64; 0]);
}

#[test]
fn removed_and_replaced_files_are_noticed() {
    let (dir, made) = (tempfile::tempdir().expect("a directory"), make_pieces(0, 5));
    let mut cache = filled(dir.path(), 5, &made[..3]);
    assert_eq!(cache.drop_lost(), [0_u64; 0]);
    fs::remove_file(file(dir.path(), INFOHASH, 0)).expect("removes");
    assert_eq!(cache.drop_lost(), [0, 1, 2]);
    cache.keep(&made[3]).expect("writes to a new file");
    assert_eq!(numbers(&cache), [3]);
    fs::remove_dir_all(dir.path()).expect("removes");
    assert_eq!(cache.drop_lost(), [3]);
    assert!(cache.keep(&made[4]).is_err(), "the directory is gone");
    assert_eq!(numbers(&cache), [0_u64; 0]);
}

#[test]
fn two_nodes_do_not_share_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = open(dir.path(), 3);
    let second = DiskCache::open(config(dir.path(), INFOHASH, 3), TIME_S);
    assert!(second.expect_err("refused").to_string().contains("another node"));
    drop(first);
    open(dir.path(), 3);
}

#[test]
fn temporary_cache_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = CacheConfig { is_temporary: true, ..config(dir.path(), INFOHASH, 3) };
    let mut cache = DiskCache::open(config, TIME_S).expect("opens");
    make_pieces(0, 2).iter().for_each(|piece| _ = cache.keep(piece).expect("writes"));
    cache.close();
    assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 0);
}

#[test]
fn what_others_left_goes_after_a_day_unless_it_is_in_use() {
    let (dir, made) = (tempfile::tempdir().expect("a directory"), make_pieces(0, 2));
    let others = [OTHER, Infohash([9; 20]), Infohash([10; 20])];
    let mut in_use = Vec::new();
    for (at, infohash) in others.into_iter().enumerate() {
        let mut cache = DiskCache::open(config(dir.path(), infohash, 2), TIME_S).expect("opens");
        cache.keep(&made[0]).expect("writes");
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        let written = fs::File::options().write(true).open(file(dir.path(), infohash, 0)).expect("opens");
        if at < 2 {
            written.set_modified(long_ago).expect("sets");
        }
        in_use.extend((at == 1).then_some(cache));
    }
    fs::write(dir.path().join("live.not-ours.0"), b"").expect("writes");
    let cache = open(dir.path(), 2);
    let left: BTreeSet<_> = others.into_iter().filter(|&other| file(dir.path(), other, 0).exists()).collect();
    assert_eq!(left, BTreeSet::from([others[1], others[2]]), "one is in use, one is fresh");
    assert!(dir.path().join("live.not-ours.0").exists());
    drop(cache);
}

#[test]
fn no_more_pieces_are_kept_than_other_nodes_remember() {
    assert_eq!(places(u64::MAX, &geometry()), 4096);
    assert_eq!(places(RECORD_BYTES - 1, &geometry()), 0);
}

#[test]
fn directory_is_made_and_a_file_in_its_place_is_an_error() {
    let dir = tempfile::tempdir().expect("a directory");
    open(&dir.path().join("a/b"), 2);
    assert!(dir.path().join("a/b").is_dir());
    fs::write(dir.path().join("file"), b"").expect("writes");
    assert!(DiskCache::open(config(&dir.path().join("file"), INFOHASH, 2), TIME_S).is_err());
}
