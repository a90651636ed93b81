//! Announces over HTTP on [`CONNECTIONS`] connections that stay open, one request on its way on each. A
//! tracker that closes them gets new ones, as clients would do it.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use start_engine::base::rng::Rng;
use start_engine::wire::announce::AnnounceRequest;
use start_engine::wire::tracker_http::announce_url;
use start_engine::wire::tracker_url::TrackerUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{JoinSet, LocalSet};

use crate::crowd::{Crowd, SOURCES, local};
use crate::load::{Amount, Tally};

pub const CONNECTIONS: usize = 512;
const LOOK_EVERY: Duration = Duration::from_millis(20);
const ANSWER_MAX_BYTES: usize = 4096;

/// What the connections from one address have still to ask.
type Announces = RefCell<Box<dyn Iterator<Item = AnnounceRequest>>>;

pub fn ask(tracker: SocketAddr, crowd: Crowd, amount: Amount, look: &mut dyn FnMut(Tally)) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let tally = Rc::new(Cell::new(Tally::default()));
    let sources: Vec<_> = (0..SOURCES).map(|source| Rc::new(announces(crowd, source, amount))).collect();
    LocalSet::new().block_on(&runtime, async {
        let mut clients = JoinSet::new();
        for number in 0..CONNECTIONS {
            let least = amount.told(crowd);
            let client = Client { tracker, crowd, least, source: number % SOURCES, tally: tally.clone() };
            clients.spawn_local(client.run(sources[number % SOURCES].clone()));
        }
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                ended = clients.join_next() => match ended {
                    Some(ended) => ended.expect("no client fails"),
                    None => break,
                },
                _ = looks.tick() => {
                    look(tally.get());
                    if matches!(amount, Amount::Until(end) if Instant::now() >= end) {
                        break;
                    }
                }
            }
        }
        tally.get()
    })
}

fn announces(crowd: Crowd, source: usize, amount: Amount) -> Announces {
    let mut rng = Rng::new(source as u64);
    RefCell::new(match amount {
        Amount::Everyone => Box::new(crowd.everyone_at(source)),
        Amount::Until(_) => Box::new(std::iter::repeat_with(move || crowd.someone_at(source, &mut rng))),
    })
}

struct Client {
    tracker: SocketAddr,
    crowd: Crowd,
    /// Addresses in an answer.
    least: usize,
    source: usize,
    tally: Rc<Cell<Tally>>,
}

impl Client {
    async fn run(self, announces: Rc<Announces>) {
        let url: TrackerUrl = format!("http://{}/announce", self.tracker).parse().expect("a URL");
        let mut buffer = vec![0; ANSWER_MAX_BYTES];
        let mut kept = None;
        loop {
            // in a statement of its own, so that nothing stays borrowed
            let next = announces.borrow_mut().next();
            let Some(request) = next else { return };
            let url = announce_url(&url, &request);
            let (_, target) = url.split_at("http://".len());
            let (host, path) = target.split_at(target.find('/').expect("a path"));
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n\
                 Accept-Encoding: gzip\r\n\r\n"
            );
            loop {
                let stream = match kept.take() {
                    Some(stream) => stream,
                    None => self.connect().await,
                };
                if let Some(stays_open) = self.exchange(stream, request.as_bytes(), &mut buffer).await {
                    kept = stays_open;
                    break;
                }
                self.count(|tally| tally.repeated += 1);
            }
            self.count(|tally| tally.answered += 1);
        }
    }

    fn count(&self, add: impl FnOnce(&mut Tally)) {
        let mut tally = self.tally.get();
        add(&mut tally);
        self.tally.set(tally);
    }

    async fn connect(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        socket.bind(local(self.source)).expect("a port");
        let stream = socket.connect(self.tracker).await.expect("connects");
        stream.set_nodelay(true).expect("an option");
        stream
    }

    /// The connection if it stays open; `None` when it was closed without an answer.
    async fn exchange(
        &self,
        mut stream: TcpStream,
        request: &[u8],
        buffer: &mut [u8],
    ) -> Option<Option<TcpStream>> {
        stream.write_all(request).await.ok()?;
        let mut length = 0;
        loop {
            let read = stream.read(&mut buffer[length..]).await.ok()?;
            length += read;
            let received = &buffer[..length];
            let head = received.windows(4).position(|window| window == b"\r\n\r\n");
            let (head, body) = head.map_or((received, &[][..]), |head| received.split_at(head + 4));
            let declared = declared_bytes(head);
            if declared.is_some_and(|declared| body.len() >= declared) || (read == 0 && !body.is_empty()) {
                self.check(head, body);
                return Some(Some(stream).filter(|_| read > 0 && keeps_alive(head)));
            }
            if read == 0 {
                return None;
            }
        }
    }

    fn check(&self, head: &[u8], body: &[u8]) {
        let text = || String::from_utf8_lossy(body).into_owned();
        assert!(head.starts_with(b"HTTP/1.") && head[8..].starts_with(b" 200"), "{}", text());
        const KEY: &[u8] = b"5:peers";
        let peers = body.windows(KEY.len()).position(|window| window == KEY).expect("peers");
        let packed = &body[peers + KEY.len()..];
        let digits = packed.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let bytes: usize = std::str::from_utf8(&packed[..digits]).expect("digits").parse().expect("a length");
        assert!(bytes >= 6 * self.least, "an answer with {} addresses", bytes / 6);
        if let Some(first) = packed[digits + 1..][..bytes].first_chunk() {
            assert!(self.crowd.may_hold(first), "an address that is nobody's: {first:?}");
        }
    }
}

fn declared_bytes(head: &[u8]) -> Option<usize> {
    header(head, "content-length")?.parse().ok()
}

fn keeps_alive(head: &[u8]) -> bool {
    header(head, "connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"))
        && head.starts_with(b"HTTP/1.1")
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let lines = std::str::from_utf8(head).ok()?.lines();
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
