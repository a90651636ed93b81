//! Fifty sources of 1 Mbit/s each, with a peer each: in one process, and in fifty.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::origin::Origin;
use super::peer::{Appetite, Peers};
use super::process::{Node, free_address};
use super::{MIB, wait_for};
use start_engine::wire::transport_file::TransportFile;

const NODES: usize = 50;
/// 1 Mbit/s.
const RATE: u64 = 125_000;
/// Joins are over by then.
const SETTLING: Duration = Duration::from_secs(8);
const SPAN: Duration = Duration::from_secs(30);

pub fn fifty_nodes() {
    let origin = Origin::start(RATE);
    let (one_cpu, one_rss) = in_one_process(&origin);
    let (cpu, rss) = in_a_process_each(&origin);
    println!(
        "{NODES} sources of 1 Mbit/s with a peer each: in one process {:.1} % of a core and {:.0} MiB, in {NODES} \
         processes {:.1} % and {:.0} MiB: {:.2} and {:.2} of it",
        100.0 * one_cpu,
        one_rss / MIB,
        100.0 * cpu,
        rss / MIB,
        one_cpu / cpu,
        one_rss / rss
    );
}

/// Share of a core, and resident bytes.
fn in_one_process(origin: &Origin) -> (f64, f64) {
    let addresses: Vec<_> = (0..NODES).map(|_| free_address()).collect();
    let mut config = "pid-file-dir = \".\"\nstate-dir = \"state\"\ndht-enabled = false\n".to_owned();
    for (number, address) in addresses.iter().enumerate() {
        config += &format!(
            "[[source]]\nname = \"s{number}\"\ntitle = \"S {number}\"\nsource = \"{}\"\nbitrate = {RATE}\n\
             bind = [\"127.0.0.1\"]\nport = {}\nskip-internal-tracker = true\n",
            origin.url,
            address.port()
        );
    }
    let node = Node::of_config(&config, &addresses);
    let dir = node.dir.path();
    let peers: Vec<_> =
        addresses.iter().enumerate().map(|(number, &address)| peer(dir, number, address)).collect();
    measure(&[node], &peers)
}

fn in_a_process_each(origin: &Origin) -> (f64, f64) {
    let start = |number: usize| {
        let (name, title) = (format!("s{number}"), format!("S {number}"));
        let rate = RATE.to_string();
        let stream = ["--source", &origin.url, "--name", &name, "--title", &title, "--bitrate", &rate];
        Node::start("--stream-source-node", &[&stream[..], &["--skip-internal-tracker"]].concat())
    };
    let nodes: Vec<_> = (0..NODES).map(start).collect();
    let peers = nodes.iter().enumerate().map(|(number, node)| peer(node.dir.path(), number, node.address));
    let peers: Vec<_> = peers.collect();
    measure(&nodes, &peers)
}

fn peer(dir: &Path, number: usize, address: std::net::SocketAddr) -> Peers {
    let bytes = wait_for(|| std::fs::read(dir.join(format!("s{number}.acelive"))).ok());
    let file = TransportFile::parse(bytes.into()).expect("a transport file");
    Peers::connect(1, address, &file, Appetite::Live)
}

fn measure(nodes: &[Node], peers: &[Peers]) -> (f64, f64) {
    sleep(SETTLING);
    let cpu = || nodes.iter().map(Node::cpu).sum::<Duration>();
    let media = || peers.iter().map(Peers::media_bytes).sum::<u64>();
    let (cpu_before, media_before, started) = (cpu(), media(), Instant::now());
    sleep(SPAN);
    let share = (cpu() - cpu_before).as_secs_f64() / started.elapsed().as_secs_f64();
    let rate = (media() - media_before) as f64 / started.elapsed().as_secs_f64() / NODES as f64;
    println!("{NODES} nodes: each gave its peer {:.2} Mbit/s", rate * 8.0 / 1e6);
    (share, nodes.iter().map(Node::rss_bytes).sum::<u64>() as f64)
}
