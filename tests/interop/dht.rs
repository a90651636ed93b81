//! libtorrent and our nodes are nodes of one DHT: each enters by the other, finds what the other announced, and
//! is found. All in a network namespace of its own.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use start_engine::base::ids::{Infohash, PeerId};
use start_engine::net::dht::{DhtSetup, open};
use start_engine::net::finders::Sought;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};

use crate::program::{Running, wait_for};
use crate::tracker_clients::in_namespace;

/// Arguments: own address, own port, node to enter by or nothing, infohash to look for, infohash to announce,
/// port to announce. Prints each peer that the DHT gives.
const LIBTORRENT: &str = "
import libtorrent, sys, time
ip, port, router, wanted, told, told_port = sys.argv[1:]
session = libtorrent.session({'listen_interfaces': ip + ':' + port, 'outgoing_interfaces': ip,
    'enable_dht': True, 'dht_bootstrap_nodes': router, 'enable_lsd': False, 'enable_upnp': False,
    'enable_natpmp': False, 'dht_restrict_routing_ips': False, 'dht_restrict_search_ips': False,
    'dht_ignore_dark_internet': False, 'alert_mask': 0x7fffffff})
hash_of = lambda text: libtorrent.sha1_hash(bytes.fromhex(text))
while True:
    session.dht_get_peers(hash_of(wanted))
    session.dht_announce(hash_of(told), int(told_port), 0)
    time.sleep(1)
    for alert in session.pop_alerts():
        if isinstance(alert, libtorrent.dht_get_peers_reply_alert):
            for peer in alert.peers():
                print('%s:%d' % tuple(peer), flush=True)
";

/// A libtorrent node, and what it finds.
struct Libtorrent {
    _program: Running,
    found: Receiver<SocketAddr>,
}

impl Libtorrent {
    fn start(addr: SocketAddr, router: &str, wanted: Infohash, told: Infohash, told_port: u16) -> Self {
        let mut command = Command::new("python3");
        let words = [addr.ip().to_string(), addr.port().to_string(), router.to_owned()];
        let hashes = [wanted.to_string(), told.to_string(), told_port.to_string()];
        command.args(["-c", LIBTORRENT]).args(words).args(hashes);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut program = Running::start_as_it_is(&mut command);
        let lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
        let (sender, found) = channel();
        std::thread::spawn(move || {
            for peer in lines.map_while(Result::ok).filter_map(|line| line.parse().ok()) {
                if sender.send(peer).is_err() {
                    return;
                }
            }
        });
        Self { _program: program, found }
    }

    fn finds(&self, peer: SocketAddr) {
        wait_for(&format!("libtorrent to find {peer}"), || self.found.try_iter().any(|found| found == peer));
    }
}

#[test]
#[ignore = "needs unshare, ip, ffmpeg and python3 with libtorrent"]
fn libtorrent_and_our_nodes_find_each_other_in_the_dht() {
    in_namespace("dht::libtorrent_and_our_nodes_find_each_other_in_the_dht", meet);
}

fn host(n: u8, port: u16) -> SocketAddr {
    (Ipv4Addr::new(10, 77, 0, n), port).into()
}

fn meet() {
    let dir = tempfile::tempdir().unwrap();
    let (nothing, theirs) = (Infohash([0x11; 20]), Infohash([0x77; 20]));
    // a node that everybody here enters by in the end
    let _first = Libtorrent::start(host(2, 6882), "", nothing, nothing, 6882);
    let (source, infohash) = source(dir.path(), host(1, 7764), "10.77.0.2:6882");
    // this one enters by ours, finds what the source announced at it and at libtorrent, and announces itself
    let second = Libtorrent::start(host(3, 6883), "10.77.0.1:7764", infohash, theirs, 6999);
    second.finds(host(1, 7764));
    // and what it announced is found by ours
    let found = our_finds(host(4, 8621), "10.77.0.2:6882", theirs, host(3, 6999));
    assert!(found, "what libtorrent announced was not found");
    source.end("-TERM");
}

/// A source of an open broadcast without trackers, and the broadcast's infohash.
fn source(dir: &Path, addr: SocketAddr, router: &str) -> (Running, Infohash) {
    let clip = dir.join("clip.ts");
    let recipe = "-f lavfi -i testsrc2=size=320x180:rate=25 -t 10 -c:v libx264 -preset ultrafast -g 25";
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-v", "error"])
        .args(recipe.split_whitespace())
        .args(["-f", "mpegts"])
        .arg(&clip);
    let made = command.status().expect("ffmpeg is needed for this test");
    assert!(made.success());
    let mut command = Command::new(env!("CARGO_BIN_EXE_start-engine"));
    let (ip, port) = (addr.ip().to_string(), addr.port().to_string());
    command
        .current_dir(dir)
        .args([
            "--stream-source-node",
            "--name",
            "test",
            "--title",
            "Test Stream",
            "--source",
            "file:clip.ts",
        ])
        .args(["--bitrate", "100000", "--skip-internal-tracker", "--allow-public-trackers", "1"])
        .args(["--allow-private-addresses", "--dht-enabled", "1", "--dht-bootstrap", router])
        .args(["--bind", &ip, "--port", &port, "--pid-file-dir", ".", "--log-file", "source.log"]);
    let program = Running::start(command);
    let infohash = || {
        let log = std::fs::read_to_string(dir.join("source.log")).unwrap_or_default();
        let line = log.lines().find(|line| line.contains("infohash: "))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    wait_for("the source to broadcast", || infohash().is_some());
    (program, infohash().unwrap())
}

/// Whether a node of ours at `addr` finds `peer`.
fn our_finds(addr: SocketAddr, router: &str, infohash: Infohash, peer: SocketAddr) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let setup = DhtSetup {
        routers: vec![router.to_owned()],
        allows_private: true,
        dir: dir.path().to_owned(),
        seed: 1,
        secret: [1; 16],
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = Arc::new(UdpSocket::bind(addr).await.unwrap());
        let (handle, task) = open(setup);
        let (mailbox, reader) = (handle.mailbox(), socket.clone());
        tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = reader.recv_from(&mut buffer).await {
                mailbox.put(from, &buffer[..length], &reader);
            }
        });
        let (_stop, stopped) = watch::channel(false);
        tokio::spawn(task.run(vec![socket], stopped));
        let (sender, mut found) = mpsc::channel(16);
        let peer_id = PeerId::from_random([1; 11]);
        handle.seek(Sought { infohash, peer_id, port: addr.port(), is_open: true, dials: true }, sender);
        let finding = async {
            while let Some(finds) = found.recv().await {
                if finds.addrs.contains(&peer) {
                    return true;
                }
            }
            false
        };
        tokio::time::timeout(Duration::from_secs(90), finding).await.unwrap_or(false)
    })
}
