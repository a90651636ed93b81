//! An HTTP tracker that writes down who announced what, and names the peers that it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddrV4, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use start_engine::wire::tracker_http::{HttpAnnounce, ReplyParts, encode_reply, packed_v4, parse_announce};

use crate::harness::wait_for;

#[derive(Clone)]
pub struct TrackerLog {
    port: u16,
    announces: Arc<Mutex<Vec<HttpAnnounce>>>,
    peers: Arc<Mutex<Vec<SocketAddrV4>>>,
}

impl TrackerLog {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let tracker = Self { port, announces: Arc::default(), peers: Arc::default() };
        let answering = tracker.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let tracker = answering.clone();
                thread::spawn(move || tracker.answer(connection));
            }
        });
        tracker
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/announce", self.port)
    }

    /// Names this peer from now on.
    pub fn add_peer(&self, peer: SocketAddrV4) {
        self.peers.lock().expect("no panic").push(peer);
    }

    /// Waits for an announce that `is_it`.
    pub fn wait_for(&self, what: &str, is_it: impl Fn(&HttpAnnounce) -> bool) -> HttpAnnounce {
        wait_for(what, || self.all().into_iter().find(&is_it))
    }

    pub fn all(&self) -> Vec<HttpAnnounce> {
        self.announces.lock().expect("no panic").clone()
    }

    fn answer(&self, connection: TcpStream) -> Option<()> {
        let mut lines = BufReader::new(connection.try_clone().ok()?).lines();
        let request = lines.next()?.ok()?;
        while !lines.next()?.ok()?.is_empty() {}
        let query = request.split(' ').nth(1)?.split_once('?')?.1;
        let announce = parse_announce(query).expect("an announce");
        self.announces.lock().expect("no panic").push(announce);
        let peers: Vec<_> = self.peers.lock().expect("no panic").iter().copied().map(packed_v4).collect();
        let mut body = Vec::new();
        let reply =
            ReplyParts { interval_s: 300, min_interval_s: 10, seeders: 0, leechers: 0, v4: &peers, v6: &[] };
        encode_reply(&mut body, &reply, true);
        let mut connection = connection;
        write!(connection, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).ok()?;
        connection.write_all(&body).ok()
    }
}
