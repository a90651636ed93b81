//! Our tracker beside others: the same load, in turns, in one run. Each tracker has the first core, the
//! load the second one; what counts is the tracker's own CPU time, and what it holds for each peer.

use std::process::Command;

use crate::crowd::Crowd;
use crate::http;
use crate::load::Over;
use crate::process::rss_of;
use crate::servers::{Kind, Server};

const ROUNDS: usize = 5;
const ROUND_S: &str = "3";
const CROWDS: [Crowd; 2] = [Crowd { swarms: 1000, peers: 100 }, Crowd { swarms: 1, peers: 10_000 }];

/// Peers that announce before memory is looked at.
const FIRST: usize = http::CONNECTIONS;

struct Contender {
    server: Server,
    bytes_a_peer: f64,
    /// Announces per CPU-second, a round each.
    rates: Vec<f64>,
}

pub fn run() {
    for (over, name) in [(Over::Udp, "udp"), (Over::Http, "http")] {
        for crowd in CROWDS {
            println!("\n{name}, swarms of peers: {} of {}", crowd.swarms, crowd.peers);
            let mut contenders: Vec<_> =
                Kind::ALL.into_iter().filter_map(|kind| Contender::enter(kind, over, name, crowd)).collect();
            for _ in 0..ROUNDS {
                contenders.iter_mut().for_each(|contender| contender.race(name, crowd));
            }
            report(&mut contenders);
        }
    }
}

impl Contender {
    /// Everybody has announced afterwards.
    fn enter(kind: Kind, over: Over, name: &str, crowd: Crowd) -> Option<Self> {
        let server = Server::start(kind, over, crowd)?;
        // brings in what the tracker needs for sockets and connections, whoever announces on them
        let first =
            Crowd { swarms: crowd.swarms.min(FIRST / crowd.peers + 1), peers: crowd.peers.min(FIRST) };
        load("fill", name, &server, first, &[]);
        load("load", name, &server, first, &["1"]);
        let before = rss_of(server.pid());
        load("fill", name, &server, crowd, &[]);
        let grown = rss_of(server.pid()).saturating_sub(before);
        let bytes_a_peer = grown as f64 / (crowd.len() - first.len()) as f64;
        Some(Self { server, bytes_a_peer, rates: Vec::new() })
    }

    fn race(&mut self, name: &str, crowd: Crowd) {
        let pid = self.server.pid().to_string();
        let line = load("load", name, &self.server, crowd, &[ROUND_S, &pid]);
        let numbers: Vec<f64> =
            line.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        let [announces, cpu_s, seconds, repeated] = numbers[..] else { panic!("not four numbers: {line}") };
        let rate = announces / cpu_s;
        let (busy, name) = (100.0 * cpu_s / seconds, self.server.kind.name());
        println!("  {name}: {rate:.0} per CPU-second, core {busy:.0} % busy, {repeated} asked again");
        self.rates.push(rate);
    }

    fn median(&mut self) -> f64 {
        self.rates.sort_by(f64::total_cmp);
        self.rates[self.rates.len() / 2]
    }
}

fn load(what: &str, over: &str, server: &Server, crowd: Crowd, more: &[&str]) -> String {
    let mut command = Command::new("taskset");
    command.args(["-c", "1"]).arg(std::env::current_exe().expect("own path")).args([what, over]);
    command.args([server.address.to_string(), crowd.swarms.to_string(), crowd.peers.to_string()]).args(more);
    let output = command.stderr(std::process::Stdio::inherit()).output().expect("taskset (util-linux)");
    assert!(output.status.success(), "the load on {} failed", server.kind.name());
    String::from_utf8(output.stdout).expect("text")
}

fn report(contenders: &mut [Contender]) {
    let ours = contenders.first_mut().expect("our own tracker").median();
    println!("| tracker | announces per CPU-second | least | most | ours beside it | bytes a peer |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for contender in contenders {
        let (median, name, bytes) =
            (contender.median(), contender.server.kind.name(), contender.bytes_a_peer);
        let (least, most) = (contender.rates[0], contender.rates[contender.rates.len() - 1]);
        let ratio = ours / median;
        println!("| {name} | {median:.0} | {least:.0} | {most:.0} | {ratio:.2} | {bytes:.0} |");
    }
}
