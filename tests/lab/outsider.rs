//! Machines that nobody invited: one that tries everything at an address that it knows, and one that looks
//! at all that comes by for an address that it should not learn.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use start_engine::base::ids::Infohash;
use start_engine::wire::handshake::Handshake;
use start_engine::wire::live_info::LiveInfo;
use start_engine::wire::tracker_udp::encode_connect;

use crate::network::Host;
use crate::wire_peer::{WirePeer, peer_id};

/// Datagrams are answered long before, if they are.
const DATAGRAM_PATIENCE: Duration = Duration::from_secs(2);
/// Longer than a node waits for the first byte of anybody: one that closes at once does not need it.
const STREAM_PATIENCE: Duration = Duration::from_secs(40);

/// Tries everything at `target`, and says what was answered, or left open, of it.
pub fn attack(host: &Host, target: SocketAddr, infohash: Infohash) -> Vec<String> {
    host.run(|| {
        let mut gains: Vec<String> = stream_probes(infohash)
            .into_iter()
            .filter_map(|(name, words)| ask(target, name, &words))
            .collect();
        gains.extend(datagrams(target, infohash));
        gains
    })
}

fn stream_probes(infohash: Infohash) -> Vec<(&'static str, Vec<u8>)> {
    let escaped: String = infohash.0.iter().map(|byte| format!("%{byte:02x}")).collect();
    let get = |path: String| format!("GET {path} HTTP/1.0\r\nHost: node\r\n\r\n").into_bytes();
    let announce =
        format!("/announce?info_hash={escaped}&peer_id=AAAAAAAAAAAAAAAAAAAA&port=9&left=1&compact=1");
    vec![
        ("silence", Vec::new()),
        ("peer wire", Handshake { infohash, peer_id: peer_id(9) }.encode().to_vec()),
        ("garbage", vec![0xa5; 300]),
        ("monitor", get("/app/monitor".to_owned())),
        ("metrics", get("/metrics".to_owned())),
        ("transport file", get("/app/get_transport_file?format=raw".to_owned())),
        ("announce", get(announce)),
        ("scrape", get(format!("/scrape?info_hash={escaped}"))),
        ("nothing there", get("/".to_owned())),
    ]
}

/// What came back for `words`, if anything did, or if the other side did not end the connection.
fn ask(target: SocketAddr, name: &str, words: &[u8]) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&target, Duration::from_secs(5)).ok()?;
    stream.set_read_timeout(Some(STREAM_PATIENCE)).expect("a time");
    let start = Instant::now();
    // a connection that is closed already refuses the words
    let _ = stream.write_all(words);
    let mut answer = [0; 4096];
    match stream.read(&mut answer) {
        Ok(0) => slow_end(name, start),
        Ok(_) => Some(format!("{name} was answered")),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Some(format!("{name} was left open"))
        }
        Err(_) => slow_end(name, start),
    }
}

/// Who is closed at accept is closed before a node would have given up waiting for words.
fn slow_end(name: &str, start: Instant) -> Option<String> {
    (start.elapsed() >= Duration::from_secs(5)).then(|| format!("{name} was listened to"))
}

fn datagrams(target: SocketAddr, infohash: Infohash) -> Vec<String> {
    let from: IpAddr =
        if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let id = [b'x'; 20];
    let query = |method: &str, more: &[u8]| {
        let head = [b"d1:ad2:id20:".as_slice(), &id, more, b"e1:q"].concat();
        [&head, format!("{}:{method}", method.len()).as_bytes(), b"1:t2:aa1:y1:qe"].concat()
    };
    let probes = [
        ("tracker over UDP", encode_connect(7).to_vec()),
        ("DHT ping", query("ping", b"")),
        ("DHT get_peers", query("get_peers", &[b"9:info_hash20:".as_slice(), &infohash.0].concat())),
        ("garbage over UDP", vec![0xa5; 100]),
        ("an empty datagram", Vec::new()),
    ];
    let sockets = probes.map(|(name, datagram)| {
        let socket = UdpSocket::bind((from, 0)).expect("a port");
        // not connected: an ICMP message of the machine is no answer of the node
        socket.send_to(&datagram, target).expect("is sent");
        (name, socket)
    });
    thread::sleep(DATAGRAM_PATIENCE);
    let answered = |(name, socket): (&str, UdpSocket)| {
        socket.set_nonblocking(true).expect("a setting");
        socket.recv_from(&mut [0; 2048]).is_ok().then(|| format!("{name} was answered"))
    };
    sockets.into_iter().filter_map(answered).collect()
}

/// Everything that reaches or leaves a machine, from now on.
pub struct Capture {
    frames: Arc<Mutex<Vec<Vec<u8>>>>,
    is_over: Arc<AtomicBool>,
    reading: JoinHandle<()>,
}

impl Capture {
    pub fn on(host: &Host) -> Self {
        /// Frames of every protocol.
        const ALL: u16 = 0x0003;
        let socket = host.run(|| {
            let protocol = Protocol::from(i32::from(ALL.to_be()));
            Socket::new(Domain::PACKET, Type::RAW, Some(protocol)).expect("a socket that sees all frames")
        });
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a time");
        // a test must not miss a frame because it was busy
        let _ = socket.set_recv_buffer_size(64 * 1024 * 1024);
        let (frames, is_over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (sink, over) = (frames.clone(), is_over.clone());
        let reading = thread::spawn(move || {
            let (mut socket, mut frame) = (socket, vec![0; 65_536]);
            while !over.load(Ordering::Relaxed) {
                if let Ok(length) = socket.read(&mut frame) {
                    sink.lock().expect("no panic").push(frame[..length].to_vec());
                }
            }
        });
        Self { frames, is_over, reading }
    }

    /// Ends it; panics if any of `secrets` came by, in the form of bytes or of text. `known` did come by in both.
    pub fn assert_without(self, secrets: &[IpAddr], known: IpAddr) {
        self.is_over.store(true, Ordering::Relaxed);
        self.reading.join().expect("no panic");
        let frames = self.frames.lock().expect("no panic");
        let bytes_of = |ip: &IpAddr| match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        for form in [bytes_of(&known), known.to_string().into_bytes()] {
            assert!(frames.iter().any(|frame| holds(frame, &form)), "nothing was heard of {known}");
        }
        for ip in secrets {
            let bytes = bytes_of(ip);
            let told =
                frames.iter().find(|frame| holds(frame, &bytes) || holds(frame, ip.to_string().as_bytes()));
            assert!(told.is_none(), "{ip} came by: {:?}", told.map(|frame| String::from_utf8_lossy(frame)));
        }
    }
}

fn holds(frame: &[u8], what: &[u8]) -> bool {
    frame.windows(what.len()).any(|window| window == what)
}

/// Joins the swarm at `node` as a peer, and takes what it is told for so long. How many messages that were.
pub fn harvest(host: &Host, node: SocketAddr, infohash: Infohash, tag: u8, time: Duration) -> usize {
    host.run(|| {
        let mut peer = WirePeer::dial(node, infohash, tag).expect("a public node takes peers");
        peer.describe(tag, LiveInfo::EMPTY).expect("describes itself");
        let (start, mut messages) = (Instant::now(), 0);
        while start.elapsed() < time && peer.receive().is_ok() {
            messages += 1;
        }
        messages
    })
}

/// GET, from `host`: status and body, `None` when nobody answers.
pub fn get(host: &Host, node: SocketAddr, path: &str) -> Option<(u16, Vec<u8>)> {
    host.run(|| {
        let mut stream = TcpStream::connect_timeout(&node, Duration::from_secs(5)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        // in one piece: what is searched for in captured frames must not be torn between two
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {node}\r\n\r\n").as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let body_at = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let status = std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()?;
        Some((status, answer.split_off(body_at)))
    })
}
