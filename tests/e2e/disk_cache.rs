//! The disk cache: more pieces than memory holds, there again after a restart, and never a wrong byte.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

use start_engine::base::ids::Infohash;
use start_engine::wire::live_info::LiveInfo;
use start_engine::wire::message::Message;

use crate::harness::{get, local, monitor, wait_for, wait_until};
use crate::node::{Home, Node, address_of};
use crate::origin::{Mood, Origin};
use crate::viewer::Viewer;
use crate::wire_peer::WirePeer;

/// 4 Mbit/s: eight pieces of 64 KiB a second.
const RATE: u64 = 500_000;
const CHUNKS: u16 = 4;
const RECORD_BYTES: usize = 65_536 + 84;
/// Sixteen pieces in memory, four hundred on disk.
const SIZES: [&str; 6] =
    ["--live-cache-type", "disk", "--live-mem-cache-size", "1048576", "--live-disk-cache-size", "26248000"];

fn on_disk<'a>(cache_dir: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&SIZES[..], &["--cache-dir", cache_dir], more].concat()
}

fn number(node: &mut Node, field: &str) -> u64 {
    let port = node.port();
    wait_for(field, || monitor(port)?[field].as_u64())
}

fn infohash_of(node: &mut Node) -> Infohash {
    let port = node.port();
    wait_for("an infohash", || monitor(port)?["infohash"].as_str()?.parse().ok())
}

/// Asks a node for pieces that it says it holds, and gives their bytes; `None` for one that it refuses.
fn fetch(node: &mut Node, tag: u8, pieces: &[u64]) -> Vec<Option<Vec<u8>>> {
    let infohash = infohash_of(node);
    let mut peer = WirePeer::dial(local(node.port()), infohash, tag).expect("shakes hands");
    peer.describe(tag, LiveInfo::EMPTY).expect("describes itself");
    peer.send(&Message::Interested).expect("asks");
    peer.receive_until(|message| matches!(message, Message::Unchoke)).expect("is let in");
    pieces.iter().map(|&piece| fetch_piece(node, &mut peer, piece as u32)).collect()
}

fn fetch_piece(node: &mut Node, peer: &mut WirePeer, piece: u32) -> Option<Vec<u8>> {
    let refused = number(node, "requests_refused");
    let port = node.port();
    (0..CHUNKS).for_each(|chunk| {
        peer.send(&Message::Request { stream: 0, piece, chunk }).expect("asks");
    });
    let mut chunks = BTreeMap::new();
    while chunks.len() < usize::from(CHUNKS) {
        // the stream goes on: there is always a message to wait for
        match peer.receive().expect("a message") {
            Message::Piece { piece: of, chunk, data, .. } if of == piece => _ = chunks.insert(chunk, data),
            _ if monitor(port)?["requests_refused"].as_u64()? >= refused + u64::from(CHUNKS) => return None,
            _ => {}
        }
    }
    Some(chunks.into_values().flatten().collect())
}

fn cache_files(home: &Home) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.file("cache")).expect("a directory");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|number| number != "lock"));
    files.sort();
    files
}

#[test]
fn support_node_that_starts_again_serves_what_it_had_though_the_source_is_dead() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &["--skip-internal-tracker"]);
    let from_source = address_of(&mut source);
    let cache_dir = home.file("cache").display().to_string();
    let words = on_disk(&cache_dir, &["--download-from", &from_source]);
    let transport = home.file("test.acelive").display().to_string();
    let mut support = home.support(&transport, &words);
    support.line("acestream.Live.Storage|__init__: type=disk size=26248000 places=400 ");
    wait_until("more is on disk than in memory", || number(&mut support, "cache_pieces") > 40);
    let old = number(&mut support, "first_piece") + 2;
    let asked = [old, old + 1, old + 7];
    let of_source = fetch(&mut source, 1, &asked);
    assert!(of_source.iter().all(Option::is_some));
    assert_eq!(fetch(&mut support, 2, &asked), of_source, "from disk, beside the live stream");
    wait_until("they were read from disk", || number(&mut support, "cache_loads") >= 3);
    support.murder();
    source.murder();

    let mut support = home.support(&transport, &words);
    wait_until("the pieces are taken up", || number(&mut support, "cache_pieces") > 40);
    assert_eq!(fetch(&mut support, 3, &asked), of_source, "from disk, after the restart");
    let viewer_home = Home::new();
    let mut client = viewer_home.client(&["--download-from", &address_of(&mut support)]);
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);
    let seen = viewer.plays(origin.stream.packets_in(1));
    assert_eq!((seen.gaps.len(), seen.continuity_errors), (0, 0), "{seen:?}");
}

#[test]
fn damaged_cache_costs_pieces_and_never_gives_a_wrong_one() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let mut source = home.quick_source(&origin, &["--skip-internal-tracker"]);
    let cache_dir = home.file("cache").display().to_string();
    let from_source = address_of(&mut source);
    let words = on_disk(&cache_dir, &["--download-from", &from_source]);
    let transport = home.file("test.acelive").display().to_string();
    let mut support = home.support(&transport, &words);
    wait_until("more is on disk than in memory", || number(&mut support, "cache_pieces") > 40);
    let first = number(&mut support, "first_piece");
    let asked: Vec<u64> = (first..first + 10).collect();
    let of_source = fetch(&mut source, 1, &asked);

    // while it runs: a bit in every other of the first pieces
    let path = cache_files(&home).remove(0);
    let file = fs::File::options().read(true).write(true).open(&path).expect("opens");
    for place in (0..10).step_by(2) {
        let at = (place * RECORD_BYTES + 1000) as u64;
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("reads");
        file.write_all_at(&[byte[0] ^ 4], at).expect("writes");
    }
    let given = fetch(&mut support, 2, &asked);
    let wrong = given.iter().zip(&of_source).filter(|(given, right)| given.is_some() && given != right);
    assert_eq!(wrong.count(), 0);
    assert_eq!(given.iter().filter(|given| given.is_none()).count(), 5, "five were damaged");
    wait_until("it is counted", || number(&mut support, "cache_damaged") == 5);
    support.murder();

    // while it is away: torn at the end, a file of nothing, pieces over one another
    let bytes = fs::read(&path).expect("reads");
    let mut shuffled = bytes.clone();
    shuffled[..20_000].copy_from_slice(&bytes[RECORD_BYTES..RECORD_BYTES + 20_000]);
    shuffled.truncate(bytes.len() - 30_000);
    fs::write(&path, shuffled).expect("writes");
    fs::write(path.with_extension("1"), vec![0x47; 3 * RECORD_BYTES]).expect("writes");
    let mut support = home.support(&transport, &words);
    wait_until("the rest is taken up", || number(&mut support, "cache_pieces") > 30);
    let given = fetch(&mut support, 3, &asked);
    let wrong = given.iter().zip(&of_source).filter(|(given, right)| given.is_some() && given != right);
    assert_eq!(wrong.count(), 0);
    assert!(given.iter().any(Option::is_some));
}

#[test]
fn source_and_client_keep_pieces_on_disk_within_the_limit_and_a_client_takes_them_with_it() {
    let (origin, home, viewer_home) = (Origin::start(RATE), Home::new(), Home::new());
    let cache_dir = home.file("cache").display().to_string();
    let small = ["--live-disk-cache-size", "2000000"];
    let mut source = home.quick_source(&origin, &on_disk(&cache_dir, &small));
    let client_dir = viewer_home.file("cache").display().to_string();
    let mut client = viewer_home.client(&on_disk(&client_dir, &small));
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);
    client.line("acestream.Live.Storage|__init__: type=disk size=2000000 ");
    wait_until("old pieces make room", || number(&mut source, "first_piece") > 10);
    let seen = viewer.plays(origin.stream.packets_in(3));
    assert_eq!((seen.gaps.len(), seen.continuity_errors), (0, 0), "{seen:?}");
    for home in [&home, &viewer_home] {
        let sizes = cache_files(home).into_iter().map(|path| fs::metadata(path).expect("a file").len());
        let bytes: u64 = sizes.sum();
        assert!((1_000_000..=2_000_000).contains(&bytes), "{bytes}");
    }
    assert_eq!(number(&mut source, "cache_pieces"), 30);
    let held = number(&mut source, "first_piece");
    let newest = number(&mut source, "last_piece");
    assert!(newest - held >= 29, "the disk's pieces are served: {held} to {newest}");
    assert_eq!(client.end("TERM").code, Some(0));
    assert_eq!(cache_files(&viewer_home), Vec::<PathBuf>::new());
    assert_eq!(source.end("TERM").code, Some(0));
    assert!(!cache_files(&home).is_empty());
}

#[test]
fn directory_that_vanishes_costs_the_cache_and_not_the_broadcast() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let cache_dir = home.file("cache").display().to_string();
    let mut source = home.quick_source(&origin, &on_disk(&cache_dir, &[]));
    let viewer_home = Home::new();
    let mut client = viewer_home.client(&[]);
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);
    wait_until("it keeps pieces", || number(&mut source, "cache_pieces") > 5);
    fs::remove_dir_all(&cache_dir).expect("removes");
    source.line("pieces are kept in memory alone for now");
    let seen = viewer.plays(origin.stream.packets_in(3));
    assert_eq!(seen.gaps.len(), 0);
    assert_eq!(number(&mut source, "cache_pieces"), 0);
    assert!(number(&mut source, "cache_not_kept") > 0);
    assert_eq!(get(source.port(), "/app/healthz").expect("answers").0, 200);
    assert_eq!(source.log.count("in memory alone"), 1, "one line");
}

#[test]
fn directory_that_cannot_be_used_costs_one_line() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    fs::write(home.file("cache"), b"a file").expect("writes");
    let cache_dir = home.file("cache").display().to_string();
    let mut source = home.quick_source(&origin, &on_disk(&cache_dir, &[]));
    source.line("pieces are kept in memory alone");
    wait_until("it broadcasts", || number(&mut source, "last_piece") > 3);
    assert_eq!(get(source.port(), "/app/healthz").expect("answers").0, 200);
}

#[test]
fn disk_that_is_full_costs_the_cache_and_not_the_broadcast() {
    let home = Home::new();
    let mount = "mount -t tmpfs -o size=1m none \"$0\"";
    fs::create_dir(home.file("cache")).expect("creates");
    let cache_dir = home.file("cache").display().to_string();
    let may_mount = Command::new("unshare").args(["--mount", "sh", "-c", mount, &cache_dir]).output();
    if !may_mount.is_ok_and(|output| output.status.success()) {
        return eprintln!("skipped: this system does not allow to mount a small disk");
    }
    let origin = Origin::start(RATE);
    let mut words = home.source_words(&origin.url());
    words.extend(["--bitrate", "500000", "--piecesize", "65536"].map(str::to_owned));
    words.extend(on_disk(&cache_dir, &[]).into_iter().map(str::to_owned));
    let shell = format!("{mount} && exec \"$@\"");
    let program = env!("CARGO_BIN_EXE_start-engine");
    let mut source = Node::start_by(
        Command::new("unshare").args(["--mount", "sh", "-c", &shell, &cache_dir, program]),
        words,
    );
    let viewer_home = Home::new();
    let mut client = viewer_home.client(&[]);
    source.line("started input thread");
    let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);
    let line = source.line("pieces are kept in memory alone for now");
    assert!(line.contains("No space left"), "{line}");
    let seen = viewer.plays(origin.stream.packets_in(3));
    assert_eq!(seen.gaps.len(), 0);
    assert!(number(&mut source, "cache_pieces") >= 5, "what fitted is served on");
    assert_eq!(get(source.port(), "/app/healthz").expect("answers").0, 200);
    assert_eq!(source.log.count("in memory alone"), 1, "one line");
}

#[test]
fn sizes_that_hold_too_little_are_refused_in_one_line() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let large = ["--piecesize", "1048576", "--bitrate", "500000"];
    let memory = ["--live-mem-cache-size", "4000000"];
    let refusal = home.source(&origin.url(), &[&large[..], &memory].concat()).refusal();
    assert!(
        refusal.starts_with("--live-mem-cache-size 4000000 holds 3 pieces of 1048576 bytes"),
        "{refusal}"
    );
    let disk = ["--live-cache-type", "disk", "--live-disk-cache-size", "2000000"];
    let refusal = home.source(&origin.url(), &[&large[..], &disk].concat()).refusal();
    assert!(
        refusal.starts_with("--live-disk-cache-size 2000000 holds 1 pieces of 1048576 bytes"),
        "{refusal}"
    );
    origin.set_mood(Mood::Unavailable);
}
