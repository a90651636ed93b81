//! What a broadcast costs: the real program on loopback, fed by an origin in this process.
//!
//! `cargo bench --bench loopback` runs every part, `cargo bench --bench loopback -- relay hops` those
//! whose name holds one of the words. Figures are printed, never asserted.
#![allow(clippy::disallowed_methods, reason = "benches measure time")]

mod many;
mod origin;
mod peer;
mod player;
mod process;

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use origin::Origin;
use peer::{Appetite, Peers};
use player::Player;
use process::Node;
use start_engine::wire::transport_file::TransportFile;

const MIB: f64 = 1024.0 * 1024.0;
/// 4 Mbit/s.
const USUAL_RATE: u64 = 500_000;

fn main() {
    let parts: [(&str, fn()); 7] = [
        ("start to listening", start_to_listening),
        ("first byte of a join", first_byte),
        ("hops", hops),
        ("serve", serve),
        ("relay", relay),
        ("memory", memory),
        ("fifty nodes", many::fifty_nodes),
    ];
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    for (name, part) in parts {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            part();
        }
    }
}

/// A source that broadcasts, and its transport file.
struct Broadcast {
    origin: Origin,
    source: Node,
    path: PathBuf,
    file: TransportFile,
}

impl Broadcast {
    /// `declared` bytes a second in the descriptor; the origin sends `sent`.
    fn start(declared: u64, sent: u64) -> Self {
        let origin = Origin::start(sent);
        let declared = declared.to_string();
        let options =
            ["--source", &origin.url, "--name", "bench", "--title", "Bench", "--bitrate", &declared];
        let rest =
            ["--quality", "HD", "--category", "amateur", "--skip-internal-tracker", "--max-peers", "200"];
        let source = Node::start("--stream-source-node", &[&options[..], &rest].concat());
        let path = source.dir.path().join("bench.acelive");
        let bytes = wait_for(|| std::fs::read(&path).ok());
        let file = TransportFile::parse(bytes.into()).expect("a transport file");
        Self { origin, source, path, file }
    }

    fn piece_bytes(&self) -> u64 {
        u64::from(self.file.descriptor.piece_length)
    }

    fn piece_time(&self) -> Duration {
        Duration::from_secs_f64(self.piece_bytes() as f64 / self.origin.bytes_per_second as f64)
    }

    fn support(&self, from: &Node) -> Node {
        let url = self.path.display().to_string();
        Node::start("--stream-support-node", &["--url", &url, "--download-from", &from.address.to_string()])
    }

    fn client(&self, from: &Node) -> Node {
        Node::start("--client-console", &["--download-from", &from.address.to_string()])
    }
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "waited in vain");
        sleep(Duration::from_millis(20));
    }
}

fn percentile(samples: &mut [Duration], percent: usize) -> f64 {
    samples.sort_unstable();
    samples[(samples.len() - 1) * percent / 100].as_secs_f64() * 1000.0
}

fn print_times(name: &str, samples: &mut [Duration]) {
    let (median, most) = (percentile(samples, 50), percentile(samples, 100));
    println!("{name}: median {median:.1} ms, most {most:.1} ms of {}", samples.len());
}

fn start_to_listening() {
    const RUNS: usize = 20;
    let broadcast = Broadcast::start(USUAL_RATE, USUAL_RATE);
    let source_options = ["--source", &broadcast.origin.url, "--name", "again", "--title", "Again"];
    let rest = ["--bitrate", "500000", "--quality", "HD", "--category", "amateur"];
    let source_options = [&source_options[..], &rest].concat();
    let modes: [(&str, Vec<&str>); 4] = [
        ("--stream-source-node", source_options),
        ("--stream-support-node", vec!["--url", broadcast.path.to_str().expect("UTF-8")]),
        ("--client-console", vec![]),
        ("--start-tracker", vec![]),
    ];
    for (mode, options) in modes {
        let runs = (0..RUNS).map(|_| Node::start(mode, &options).listening_after);
        print_times(&format!("start to listening, {mode}"), &mut runs.collect::<Vec<_>>());
    }
}

fn first_byte() {
    const RUNS: usize = 10;
    let broadcast = Broadcast::start(USUAL_RATE, USUAL_RATE);
    let support = broadcast.support(&broadcast.source);
    sleep(Duration::from_secs(8));
    for (name, from) in [("source", &broadcast.source), ("support node", &support)] {
        for buffer_s in [3, 0] {
            let (mut cold, mut warm) = (Vec::new(), Vec::new());
            for _ in 0..RUNS {
                let client = broadcast.client(from);
                let first = Player::start(client.players, &broadcast.path, buffer_s);
                cold.push(first.first_byte_after);
                warm.push(Player::start(client.players, &broadcast.path, buffer_s).first_byte_after);
            }
            print_times(
                &format!("first byte, broadcast not open yet, from a {name}, buffer {buffer_s} s"),
                &mut cold,
            );
            print_times(
                &format!("first byte, broadcast open, from a {name}, buffer {buffer_s} s"),
                &mut warm,
            );
        }
    }
}

fn hops() {
    for crowd in [0, 50] {
        hops_beside(crowd);
    }
}

/// A chain of support nodes with a player at each; `crowd` more peers fetch from the source.
fn hops_beside(crowd: usize) {
    const SPAN: Duration = Duration::from_secs(30);
    let broadcast = Broadcast::start(USUAL_RATE, USUAL_RATE);
    let near = broadcast.support(&broadcast.source);
    let far = broadcast.support(&near);
    let _crowd = Peers::connect(crowd, broadcast.source.address, &broadcast.file, Appetite::Live);
    let piece_ms = broadcast.piece_time().as_secs_f64() * 1000.0;
    println!("hops: one piece time is {piece_ms:.0} ms; {crowd} more peers at the source");
    let chain = [&broadcast.source, &near, &far];
    let clients: Vec<_> = chain.iter().map(|from| broadcast.client(from)).collect();
    let (origin, path) = (&broadcast.origin, &broadcast.path);
    std::thread::scope(|scope| {
        let players = clients.iter().map(|client| {
            scope.spawn(move || {
                Player::start(client.players, path, 0).ages(origin, Duration::from_secs(5), SPAN)
            })
        });
        let players: Vec<_> = players.collect();
        for (hops, player) in (1..).zip(players) {
            print_hops(hops, player.join().expect("plays"));
        }
    });
}

/// A packet waits for its piece to be whole, the last one of a piece does not: its age is what the hops
/// cost.
fn print_hops(hops: usize, mut ages: Vec<Duration>) {
    let last_of_piece = ages.windows(2).filter(|pair| pair[1] > pair[0] + Duration::from_millis(200));
    let mut last_of_piece: Vec<_> = last_of_piece.map(|pair| pair[0]).collect();
    println!(
        "hops {hops}: age at the player p50 {:.0} ms, p99 {:.0} ms of {} packets; of the last packet of a piece p50 \
         {:.1} ms, p99 {:.1} ms, most {:.1} ms of {}",
        percentile(&mut ages, 50),
        percentile(&mut ages, 99),
        ages.len(),
        percentile(&mut last_of_piece, 50),
        percentile(&mut last_of_piece, 99),
        percentile(&mut last_of_piece, 100),
        last_of_piece.len()
    );
}

/// Fifty peers: a single one would be closed for its number of requests, long before the source is busy.
fn serve() {
    const SPAN: Duration = Duration::from_secs(8);
    const PEERS: usize = 50;
    // Four times the declared rate, so that there are soon enough pieces to ask for.
    let broadcast = Broadcast::start(USUAL_RATE, 4 * USUAL_RATE);
    sleep(Duration::from_secs(5));
    let appetite = Appetite::Insatiable { in_flight: 64 };
    let load = Peers::connect(PEERS, broadcast.source.address, &broadcast.file, appetite);
    sleep(Duration::from_secs(1));
    let (cpu, bytes, started) = (broadcast.source.cpu(), load.media_bytes(), Instant::now());
    sleep(SPAN);
    let (cpu, bytes) = (broadcast.source.cpu() - cpu, load.media_bytes() - bytes);
    println!(
        "serve: a source gives {:.0} MB/s to {PEERS} peers over loopback, {:.2} CPU-s per GB",
        bytes as f64 / 1e6 / started.elapsed().as_secs_f64(),
        cpu.as_secs_f64() / (bytes as f64 / 1e9)
    );
}

fn relay() {
    const SPAN: Duration = Duration::from_secs(15);
    for megabits in [8, 80] {
        let rate = megabits * 1_000_000 / 8;
        let broadcast = Broadcast::start(rate, rate);
        let support = broadcast.support(&broadcast.source);
        sleep(Duration::from_secs(3));
        let load = Peers::connect(1, support.address, &broadcast.file, Appetite::Live);
        sleep(Duration::from_secs(4));
        let (cpu, source_cpu, bytes) = (support.cpu(), broadcast.source.cpu(), load.media_bytes());
        sleep(SPAN);
        let gigabytes = (load.media_bytes() - bytes) as f64 / 1e9;
        println!(
            "relay at {megabits} Mbit/s: {:.2} CPU-s per GB relayed by a support node with verification ({:.2} at the \
             source, which reads, cuts and signs); {gigabytes:.3} GB",
            (support.cpu() - cpu).as_secs_f64() / gigabytes,
            (broadcast.source.cpu() - source_cpu).as_secs_f64() / gigabytes
        );
    }
}

fn memory() {
    const WINDOW: u64 = 115;
    // Four times the declared rate again, for a window that is full after half a minute.
    let broadcast = Broadcast::start(USUAL_RATE / 2, 2 * USUAL_RATE);
    let peers = Peers::connect(50, broadcast.source.address, &broadcast.file, Appetite::Live);
    let support = broadcast.support(&broadcast.source);
    let client = broadcast.client(&broadcast.source);
    let mut player = Player::start(client.players, &broadcast.path, 3);
    player.drain(broadcast.piece_time() * (WINDOW as u32 + 20));
    let window = (WINDOW * broadcast.piece_bytes()) as f64 / MIB;
    let nodes = [
        ("source with 52 peers", &broadcast.source),
        ("support node", &support),
        ("client with one player", &client),
    ];
    for (name, node) in nodes {
        let rss = node.rss_bytes() as f64 / MIB;
        println!(
            "memory: {name} {rss:.1} MiB resident, of it {window:.1} MiB of window, {:.1} MiB beside",
            rss - window
        );
    }
    println!("memory: the 50 peers completed {} pieces", peers.pieces());
}
