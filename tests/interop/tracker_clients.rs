//! BitTorrent clients find each other through our tracker and through nothing else, and our client finds
//! its peers through another tracker. Clients refuse peers on loopback, so the swarm lives in a network
//! namespace of its own with several addresses.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use sha1::{Digest, Sha1};
use start_engine::base::ids::{Infohash, PeerId};
use start_engine::base::rng::Rng;
use start_engine::net::announce::{Reach, TrackerClient, announce};
use start_engine::wire::announce::{AnnounceEvent, AnnounceRequest};
use start_engine::wire::tracker_url::TrackerUrl;

use crate::opentracker::Opentracker;
use crate::program::{Running, wait_for};

/// Set in the copy of this test that runs inside the namespace.
const INSIDE: &str = "START_ENGINE_INTEROP_INSIDE";
const TRACKER: &str = "10.77.0.1:7764";
const PIECE_BYTES: usize = 16 * 1024;

const LIBTORRENT: &str = "
import libtorrent, sys, time
session = libtorrent.session({'listen_interfaces': '10.77.0.4:6891', 'outgoing_interfaces': '10.77.0.4',
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False})
wanted = libtorrent.add_torrent_params()
wanted.ti = libtorrent.torrent_info(sys.argv[1])
wanted.save_path = sys.argv[2]
wanted.flags |= libtorrent.torrent_flags.disable_pex
torrent = session.add_torrent(wanted)
while not torrent.status().is_seeding:
    time.sleep(0.1)
";

#[test]
#[ignore = "needs unshare, ip, transmission-daemon, aria2c and python3 with libtorrent"]
fn transmission_aria2_and_libtorrent_find_each_other_over_http() {
    in_namespace("tracker_clients::transmission_aria2_and_libtorrent_find_each_other_over_http", || {
        pass_on(&format!("http://{TRACKER}/announce"));
    });
}

#[test]
#[ignore = "needs unshare, ip, transmission-daemon, aria2c and python3 with libtorrent"]
fn transmission_aria2_and_libtorrent_find_each_other_over_udp() {
    in_namespace("tracker_clients::transmission_aria2_and_libtorrent_find_each_other_over_udp", || {
        pass_on(&format!("udp://{TRACKER}/announce"));
    });
}

#[test]
#[ignore = "needs opentracker"]
fn our_client_finds_its_peers_through_opentracker() {
    let infohash = Infohash([0x42; 20]);
    let opentracker = Opentracker::start(&infohash.to_string());
    let address = opentracker.address;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (first_port, url) in
            [(1001, format!("http://{address}/announce")), (1003, format!("udp://{address}"))]
        {
            let url: TrackerUrl = url.parse().unwrap();
            for port in [first_port, first_port + 1] {
                let reply =
                    announce(&TrackerClient::new(None), &url, &viewer(infohash, port), Reach::Anywhere)
                        .await
                        .unwrap();
                let earlier = SocketAddr::from((Ipv4Addr::LOCALHOST, first_port));
                assert!(reply.peers.contains(&earlier), "{url}: {reply:?}");
            }
        }
    });
}

fn viewer(infohash: Infohash, port: u16) -> AnnounceRequest {
    AnnounceRequest {
        infohash,
        peer_id: PeerId::from_random([port as u8; 11]),
        port,
        uploaded: 0,
        downloaded: 0,
        left: 1,
        event: AnnounceEvent::Started,
        num_want: None,
        key: u32::from(port),
    }
}

/// Runs `test` in a copy of this process inside a fresh network.
pub fn in_namespace(name: &str, test: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    let setup = "ip link set lo up && for host in 1 2 3 4; do ip addr add 10.77.0.$host/24 dev lo; done && \
                 exec \"$0\" \"$@\"";
    let status = Command::new("unshare")
        .args(["--map-root-user", "--net", "sh", "-c", setup])
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare is needed (Debian: util-linux)");
    assert!(status.success(), "the test failed inside its network; see its output above");
}

/// A payload goes from Transmission to aria2 and, once Transmission is gone, from aria2 to libtorrent.
fn pass_on(announce: &str) {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in ["seed", "transmission", "aria2", "libtorrent"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    let payload = payload();
    std::fs::write(at("seed/payload.bin"), &payload).unwrap();
    let (torrent, infohash) = torrent(announce, &payload);
    std::fs::write(at("x.torrent"), torrent).unwrap();

    let _tracker = tracker(dir.path());
    let transmission = transmission(dir.path());
    wait_for("Transmission to announce its payload", || seeders(infohash) == 1);
    let aria2 = aria2(dir.path());
    wait_for("aria2 to have the payload", || seeders(infohash) == 2);
    assert!(std::fs::read(at("aria2/payload.bin")).unwrap() == payload);
    // it takes leave of UDP trackers only, so its address may stay
    transmission.end("-TERM");
    let mut libtorrent = libtorrent(dir.path());
    wait_for("libtorrent to have the payload", || {
        libtorrent.0.try_wait().unwrap().is_some_and(|status| {
            assert!(status.success(), "python3 with libtorrent is needed (PyPI: libtorrent)");
            true
        })
    });
    assert!(std::fs::read(at("libtorrent/payload.bin")).unwrap() == payload);
    let before = seeders(infohash);
    // it says goodbye at SIGINT, not at SIGTERM
    aria2.end("-INT");
    wait_for("aria2 to take leave", || seeders(infohash) < before);
}

fn payload() -> Vec<u8> {
    let mut rng = Rng::new(1);
    (0..16 * PIECE_BYTES / 8).flat_map(|_| rng.next_u64().to_le_bytes()).collect()
}

fn torrent(announce: &str, payload: &[u8]) -> (Vec<u8>, Infohash) {
    let pieces: Vec<u8> = payload.chunks(PIECE_BYTES).flat_map(Sha1::digest).collect();
    let head = format!("d6:lengthi{}e4:name11:payload.bin12:piece lengthi{PIECE_BYTES}e", payload.len());
    let info = [head.as_bytes(), format!("6:pieces{}:", pieces.len()).as_bytes(), &pieces, b"e"].concat();
    let file = [format!("d8:announce{}:{announce}4:info", announce.len()).as_bytes(), &info, b"e"].concat();
    (file, Infohash(Sha1::digest(&info).into()))
}

fn tracker(dir: &Path) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_start-engine"));
    command.args(["--start-tracker", "--bind", "10.77.0.1", "--port", "7764", "--pid-file-dir"]).arg(dir);
    let tracker = Running::start(command);
    wait_for("our tracker to listen", || TcpStream::connect(TRACKER).is_ok());
    tracker
}

fn transmission(dir: &Path) -> Running {
    let watched = dir.join("watched");
    std::fs::create_dir(&watched).unwrap();
    std::fs::copy(dir.join("x.torrent"), watched.join("x.torrent")).unwrap();
    let settings = serde_json::json!({
        "bind-address-ipv4": "10.77.0.2", "dht-enabled": false, "lpd-enabled": false, "pex-enabled": false,
        "utp-enabled": false, "port-forwarding-enabled": false, "peer-port": 51413,
        "download-dir": dir.join("seed"), "watch-dir": watched, "watch-dir-enabled": true,
        "rpc-bind-address": "127.0.0.1",
    });
    std::fs::write(dir.join("transmission/settings.json"), settings.to_string()).unwrap();
    let mut command = Command::new("transmission-daemon");
    command.args(["--foreground", "--config-dir"]).arg(dir.join("transmission"));
    Running::start(command)
}

fn aria2(dir: &Path) -> Running {
    let mut command = Command::new("aria2c");
    command
        .args(["--no-conf", "--interface=10.77.0.3", "--listen-port=16881", "--seed-ratio=0"])
        .args(["--enable-dht=true", "--dht-listen-port=16888", "--enable-dht6=false"])
        .args(["--bt-enable-lpd=false", "--enable-peer-exchange=false"])
        .arg(format!("--dht-file-path={}", dir.join("dht.dat").display()))
        .arg("--dir")
        .arg(dir.join("aria2"))
        .arg(dir.join("x.torrent"));
    Running::start(command)
}

fn libtorrent(dir: &Path) -> Running {
    let mut command = Command::new("python3");
    command.args(["-c", LIBTORRENT]).arg(dir.join("x.torrent")).arg(dir.join("libtorrent"));
    Running::start(command)
}

/// What our tracker tells of the swarm to whoever scrapes it.
fn seeders(infohash: Infohash) -> u32 {
    let escaped: String = infohash.0.iter().map(|byte| format!("%{byte:02x}")).collect();
    let mut stream = TcpStream::connect(TRACKER).unwrap();
    write!(stream, "GET /scrape?info_hash={escaped} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (_, rest) = answer.split_once("8:completei").expect("a scrape");
    rest.split('e').next().unwrap().parse().unwrap()
}
