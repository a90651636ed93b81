//! What an HLS broadcast costs: the real program on loopback, with an origin in this process.
//!
//! `cargo bench --bench hls` runs every part, `cargo bench --bench hls -- join delay` those whose name holds
//! one of the words. Figures are printed, never asserted.
#![allow(clippy::disallowed_methods, reason = "benches measure time")]

mod origin;
mod player;
#[allow(dead_code, reason = "the other bench needs more of it")]
#[path = "../loopback/process.rs"]
mod process;

use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use origin::{Origin, Plan};
use player::Player;
use process::Node;
use start_engine::node::config::HlsBroadcast;
use start_engine::node::hls::create::transport_pair;
use tempfile::TempDir;

const MIB: f64 = 1024.0 * 1024.0;
/// 4 Mbit/s.
const USUAL_RATE: u64 = 500_000;
const SEGMENT: Duration = Duration::from_secs(2);
/// What support nodes and clients keep of a stream.
const WINDOW: Duration = Duration::from_secs(60);

fn main() {
    let parts: [(&str, fn()); 3] = [("join", join), ("delay", delay), ("memory", memory)];
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    for (name, part) in parts {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            part();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Public,
    Private,
}

/// Both transport files of a broadcast.
struct Broadcast {
    dir: TempDir,
}

impl Broadcast {
    fn of(url: String, kind: Kind, tracker: Option<&Node>) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut broadcast = HlsBroadcast::new(url, "Bench");
        broadcast.hides_manifest = kind == Kind::Private;
        broadcast.hides_segments = kind == Kind::Private;
        broadcast.trackers =
            tracker.map(|node| format!("http://{}/announce", node.address)).into_iter().collect();
        let pair = transport_pair(&broadcast, [7; 32]);
        let made = Self { dir };
        std::fs::write(made.public_file(), &pair.public.bytes).expect("a file");
        std::fs::write(made.private_file(), &pair.private.bytes).expect("a file");
        made
    }

    fn public_file(&self) -> PathBuf {
        self.dir.path().join("public.acelive")
    }

    fn private_file(&self) -> PathBuf {
        self.dir.path().join("private.acelive")
    }

    /// The broadcaster's node, which signs.
    fn support(&self) -> Node {
        let file = self.private_file().display().to_string();
        Node::start("--stream-support-node", &["--url", &file])
    }

    fn player(&self, client: &Node) -> Player {
        let path = format!("/ace/manifest.m3u8?url=file://{}", self.public_file().display());
        Player { address: client.players, path }
    }
}

fn client_of(support: Option<&Node>) -> Node {
    let address = support.map(|node| node.address.to_string());
    let options: Vec<&str> = address.iter().flat_map(|address| ["--download-from", address]).collect();
    Node::start("--client-console", &options)
}

fn usual_origin() -> Origin {
    Origin::start(Plan { duration: SEGMENT, bytes_per_second: USUAL_RATE })
}

fn percentile(samples: &mut [Duration], percent: usize) -> f64 {
    samples.sort_unstable();
    samples[(samples.len() - 1) * percent / 100].as_secs_f64() * 1000.0
}

fn print_times(name: &str, mut samples: Vec<Duration>) {
    println!(
        "{name}: p50 {:.0} ms, p90 {:.0} ms, most {:.0} ms of {}",
        percentile(&mut samples, 50),
        percentile(&mut samples, 90),
        percentile(&mut samples, 100),
        samples.len()
    );
}

fn join() {
    let origin = usual_origin();
    for (kind, name) in [(Kind::Private, "private"), (Kind::Public, "public")] {
        let broadcast = Broadcast::of(origin.media_url(), kind, None);
        let support = broadcast.support();
        // more than a player begins with
        sleep(SEGMENT * 4);
        joins(&format!("{name}, a support node"), &broadcast, Some(&support));
    }
    let alone = Broadcast::of(origin.media_url(), Kind::Public, None);
    joins("public, no support node", &alone, None);
    let variants = Broadcast::of(origin.master_url(), Kind::Private, None);
    let support = variants.support();
    sleep(SEGMENT);
    joins("private, a variant of two", &variants, Some(&support));
}

/// Fresh clients one after the other, at different moments of a segment.
fn joins(name: &str, broadcast: &Broadcast, support: Option<&Node>) {
    const RUNS: u32 = 10;
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        sleep(SEGMENT * run / RUNS);
        let client = client_of(support);
        let player = broadcast.player(&client);
        cold.push(player.ready_after());
        warm.push(player.ready_after());
    }
    println!("join, {name}: the first cold request {:.0} ms", cold[0].as_secs_f64() * 1000.0);
    print_times(&format!("join, {name}: playlist ready, cold"), cold);
    print_times(&format!("join, {name}: playlist ready, open already"), warm);
}

fn delay() {
    let origin = usual_origin();
    {
        let broadcast = Broadcast::of(origin.media_url(), Kind::Private, None);
        let support = broadcast.support();
        delays("private, one hop from the support node", &broadcast, &origin, &[client_of(Some(&support))]);
    }
    {
        let broadcast = Broadcast::of(origin.media_url(), Kind::Public, None);
        let support = broadcast.support();
        delays("public, beside a support node", &broadcast, &origin, &[client_of(Some(&support))]);
    }
    {
        let broadcast = Broadcast::of(origin.media_url(), Kind::Public, None);
        delays("public, alone", &broadcast, &origin, &[client_of(None)]);
    }
    let tracker = Node::start("--start-tracker", &[]);
    let broadcast = Broadcast::of(origin.media_url(), Kind::Public, Some(&tracker));
    let clients: Vec<Node> = (0..4).map(|_| client_of(None)).collect();
    delays("public, four viewers and no support node", &broadcast, &origin, &clients);
}

fn delays(name: &str, broadcast: &Broadcast, origin: &Origin, clients: &[Node]) {
    const SETTLING: u64 = 5;
    const COUNT: u64 = 25;
    let all: Vec<(u64, Duration)> = std::thread::scope(|scope| {
        let play = |client| scope.spawn(move || broadcast.player(client).delays(origin, SETTLING, COUNT));
        let players: Vec<_> = clients.iter().map(play).collect();
        players.into_iter().flat_map(|player| player.join().expect("plays")).collect()
    });
    let numbers = || all.iter().map(|(number, _)| *number);
    let measured = numbers().min().expect("segments")..=numbers().max().expect("segments");
    println!("delay, {name}: the origin sent {:.2} copies", origin.copies(measured));
    let delays = all.into_iter().map(|(_, delay)| delay).collect();
    print_times(&format!("delay, {name}: from the origin's playlist to the whole segment"), delays);
}

/// 8 Mbit/s, until the windows are full and a few segments more have passed.
fn memory() {
    const RATE: u64 = 1_000_000;
    let origin = Origin::start(Plan { duration: SEGMENT, bytes_per_second: RATE });
    let private = Broadcast::of(origin.media_url(), Kind::Private, None);
    let public = Broadcast::of(origin.media_url(), Kind::Public, None);
    let support = private.support();
    let (near, alone) = (client_of(Some(&support)), client_of(None));
    std::thread::scope(|scope| {
        for player in [private.player(&near), public.player(&alone)] {
            scope.spawn(move || player.drain(WINDOW + SEGMENT * 10));
        }
    });
    let window = (WINDOW.as_secs() * RATE) as f64 / MIB;
    let nodes = [("support node", &support), ("client of it", &near), ("client alone, public", &alone)];
    for (name, node) in nodes {
        let rss = node.rss_bytes() as f64 / MIB;
        println!(
            "memory at 8 Mbit/s: {name} {rss:.1} MiB resident, of it {window:.1} MiB of window, {:.1} MiB beside",
            rss - window
        );
    }
}
