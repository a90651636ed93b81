//! What the tracker costs: its registry and codecs in this process, then announces a second per CPU-second
//! of a tracker that runs in a process of its own, over HTTP keep-alive and UDP.
//!
//! 1,000 swarms of 100 peers, 30 addresses an answer.
#![allow(clippy::disallowed_methods, reason = "benches measure time")]

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use criterion::Criterion;
use start_engine::base::ids::{Infohash, PeerId};
use start_engine::base::rng::Rng;
use start_engine::node::config::TrackerConfig;
use start_engine::node::tracker::Tracker;
use start_engine::tracker::registry::RegistryLimits;
use start_engine::tracker::service::{HttpEndpoint, Scratch, TrackerService};
use start_engine::wire::announce::{AnnounceEvent, AnnounceRequest};
use start_engine::wire::tracker_http::announce_url;
use start_engine::wire::tracker_udp::{UdpReply, encode_announce, encode_connect};

const SWARMS: usize = 1_000;
const PEERS: usize = 100;
const NUM_WANT: u32 = 30;
const RUN: Duration = Duration::from_secs(4);
const HTTP_CONNECTIONS: usize = 64;
const UDP_IN_FLIGHT: usize = 64;
const SERVER_ROLE: &str = "START_ENGINE_BENCH_TRACKER";

fn main() {
    if std::env::var_os(SERVER_ROLE).is_some() {
        return serve();
    }
    let mut criterion = Criterion::default().configure_from_args();
    bench_service(&mut criterion);
    criterion.final_summary();
    over_sockets("UDP", udp_load);
    over_sockets("HTTP keep-alive", http_load);
}

fn request(rng: &mut Rng) -> AnnounceRequest {
    let swarm = rng.below(SWARMS) as u16;
    announce_of(swarm, 1 + rng.below(PEERS) as u16)
}

fn announce_of(swarm: u16, port: u16) -> AnnounceRequest {
    let mut infohash = [0x5a; 20];
    infohash[..2].copy_from_slice(&swarm.to_le_bytes());
    AnnounceRequest {
        infohash: Infohash(infohash),
        peer_id: PeerId::from_random([9; 11]),
        port,
        uploaded: 1 << 20,
        downloaded: 1 << 30,
        left: u64::from(port % 4),
        event: AnnounceEvent::None,
        num_want: Some(NUM_WANT),
        key: 7,
    }
}

fn everyone() -> impl Iterator<Item = AnnounceRequest> {
    (0..SWARMS as u16).flat_map(|swarm| (1..=PEERS as u16).map(move |port| announce_of(swarm, port)))
}

fn query_of(request: &AnnounceRequest) -> String {
    let url = announce_url(&"http://t/announce".parse().expect("a URL"), request);
    url.split_once('?').expect("a query").1.to_owned()
}

fn bench_service(criterion: &mut Criterion) {
    let now = Instant::now();
    let service = TrackerService::new(RegistryLimits::default(), [3; 32], now);
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, 5000));
    for request in everyone() {
        service.announce(now, &request, (Ipv4Addr::LOCALHOST, request.port).into()).expect("has room");
    }
    let mut rng = Rng::new(1);
    let queries: Vec<_> = (0..4096).map(|_| query_of(&request(&mut rng))).collect();
    let mut queries = queries.iter().cycle();
    criterion.bench_function("tracker/http announce, bytes to bytes", |bencher| {
        bencher.iter(|| service.http(now, remote, HttpEndpoint::Announce, queries.next().expect("cycles")));
    });
    let mut scratch = Scratch::default();
    let connect = service.udp(now, remote, &encode_connect(1), &mut scratch).expect("an answer");
    let Some(UdpReply::Connect { connection_id }) = UdpReply::decode(connect, 1, false) else {
        panic!("no connection id")
    };
    let datagrams: Vec<_> =
        (0..4096).map(|_| encode_announce(connection_id, 2, &request(&mut rng))).collect();
    let mut datagrams = datagrams.iter().cycle();
    criterion.bench_function("tracker/udp announce, bytes to bytes", |bencher| {
        bencher.iter(|| {
            black_box(service.udp(now, remote, datagrams.next().expect("cycles"), &mut scratch)).is_some()
        });
    });
}

/// The tracker's process: tells its port, then answers until its standard input ends.
fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let config =
            TrackerConfig { bind: vec![Ipv4Addr::LOCALHOST.into()], port: 0, pid_file_dir: PathBuf::new() };
        let tracker = Tracker::bind(&config).expect("a free port");
        println!("{}", tracker.port());
        let (stop, stopped) = tokio::sync::watch::channel(false);
        std::thread::spawn(move || {
            let _ = std::io::stdin().read(&mut [0]);
            stop.send_replace(true);
        });
        tracker.run(stopped).await;
    });
}

struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().expect("own path"))
            .env(SERVER_ROLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts itself");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a port");
        let address = (Ipv4Addr::LOCALHOST, line.trim().parse().expect("a port")).into();
        Self { stdin: child.stdin.take(), child, address }
    }

    /// User and system time, in ticks of 10 ms.
    fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("procfs");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("ticks")).sum();
        Duration::from_millis(10 * ticks)
    }

    fn rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("procfs");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("KiB")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stdin.take();
        let _ = self.child.wait();
    }
}

/// What loads a tracker until it is told to stop, counting answers.
type Load = fn(SocketAddr, &AtomicU64, &AtomicBool);

fn over_sockets(name: &str, load: Load) {
    let server = Server::start();
    fill(server.address);
    let (answered, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| load(server.address, &answered, &stop));
        std::thread::sleep(Duration::from_millis(500));
        let (cpu, count, started) = (server.cpu(), answered.load(Relaxed), Instant::now());
        std::thread::sleep(RUN);
        let (cpu, count) = (server.cpu() - cpu, answered.load(Relaxed) - count);
        let rate = count as f64 / started.elapsed().as_secs_f64();
        let per_cpu_s = count as f64 / cpu.as_secs_f64();
        println!(
            "tracker over sockets, {name}: {per_cpu_s:.0} announces per CPU-second of the server \
             ({rate:.0}/s, {} KiB resident)",
            server.rss_kib()
        );
        stop.store(true, Relaxed);
    });
}

fn connect_udp(tracker: SocketAddr) -> (UdpSocket, u64) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.connect(tracker).expect("connects");
    socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let mut buffer = [0; 2048];
    loop {
        socket.send(&encode_connect(1)).expect("sends");
        if let Ok(length) = socket.recv(&mut buffer)
            && let Some(UdpReply::Connect { connection_id }) = UdpReply::decode(&buffer[..length], 1, false)
        {
            return (socket, connection_id);
        }
    }
}

/// Everyone announces once, one after the other.
fn fill(tracker: SocketAddr) {
    let (socket, connection_id) = connect_udp(tracker);
    let mut buffer = [0; 2048];
    for request in everyone() {
        let datagram = encode_announce(connection_id, 2, &request);
        loop {
            socket.send(&datagram).expect("sends");
            if socket.recv(&mut buffer).is_ok() {
                break;
            }
        }
    }
}

fn udp_load(tracker: SocketAddr, answered: &AtomicU64, stop: &AtomicBool) {
    let (socket, connection_id) = connect_udp(tracker);
    let mut rng = Rng::new(2);
    let datagrams: Vec<_> =
        (0..8192).map(|_| encode_announce(connection_id, 2, &request(&mut rng))).collect();
    let mut buffer = [0; 2048];
    for batch in datagrams.chunks(UDP_IN_FLIGHT).cycle() {
        if stop.load(Relaxed) {
            return;
        }
        batch.iter().for_each(|datagram| _ = socket.send(datagram).expect("sends"));
        for _ in batch {
            // a lost datagram costs its batch the timeout, and is not counted
            let Ok(length) = socket.recv(&mut buffer) else { break };
            assert_eq!(length, 20 + 6 * NUM_WANT as usize, "an answer has {NUM_WANT} addresses");
            answered.fetch_add(1, Relaxed);
        }
    }
}

fn http_load(tracker: SocketAddr, answered: &AtomicU64, stop: &AtomicBool) {
    let mut rng = Rng::new(3);
    let mut streams: Vec<_> =
        (0..HTTP_CONNECTIONS).map(|_| TcpStream::connect(tracker).expect("connects")).collect();
    streams.iter().for_each(|stream| stream.set_nodelay(true).expect("an option"));
    let query = |request| format!("GET /announce?{} HTTP/1.1\r\nHost: t\r\n\r\n", query_of(&request));
    let requests: Vec<_> = (0..8192).map(|_| query(request(&mut rng))).collect();
    let mut buffer = [0; 4096];
    for batch in requests.chunks(HTTP_CONNECTIONS).cycle() {
        if stop.load(Relaxed) {
            return;
        }
        for (stream, request) in streams.iter_mut().zip(batch) {
            stream.write_all(request.as_bytes()).expect("sends");
        }
        for stream in &mut streams {
            read_response(stream, &mut buffer);
            answered.fetch_add(1, Relaxed);
        }
    }
}

/// The bodies of all answers end with the one dict that they are.
fn read_response(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut length = 0;
    loop {
        let read = stream.read(&mut buffer[length..]).expect("an answer");
        assert!(read > 0, "the tracker closed a keep-alive connection");
        length += read;
        let received = &buffer[..length];
        let Some(head) = received.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&received[..head]).expect("a head");
        let body = text.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let body: usize = body.parse().expect("a length");
        assert!(body > 6 * NUM_WANT as usize, "an answer has {NUM_WANT} addresses");
        if length >= head + 4 + body {
            return;
        }
    }
}
