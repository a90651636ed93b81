//! An origin on loopback that answers each request as the test says, however badly.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Clone)]
pub struct Request {
    pub from: SocketAddr,
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// How often this path was asked for before.
    pub earlier: usize,
}

pub enum Reply {
    Status(u16),
    Redirect(String),
    File(File),
    /// Sent as it is; then the connection is closed.
    Raw(Vec<u8>),
    /// A head and then a byte a pause, for ever.
    Trickle(String, Duration),
    /// A head, and nothing more.
    Stall(String),
}

#[derive(Default)]
pub struct File {
    pub bytes: Vec<u8>,
    pub has_ranges: bool,
    pub headers: Vec<(&'static str, String)>,
    /// Answered with 304 when it is named.
    pub etag: Option<String>,
}

pub struct Origin {
    pub addr: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

type Script = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

impl Origin {
    pub async fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (script, log): (Script, _) = (Arc::new(script), requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                tokio::spawn(serve(stream, from, script.clone(), log.clone()));
            }
        });
        Self { addr, requests }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub fn requests(&self, path: &str) -> Vec<Request> {
        let requests = self.requests.lock().expect("no panic");
        requests.iter().filter(|request| request.path == path).cloned().collect()
    }
}

impl Reply {
    pub fn text(text: impl Into<String>) -> Self {
        Self::file(text.into().into_bytes())
    }

    pub fn file(bytes: Vec<u8>) -> Self {
        Self::File(File { bytes, has_ranges: true, ..File::default() })
    }

    pub fn without_ranges(bytes: Vec<u8>) -> Self {
        Self::File(File { bytes, ..File::default() })
    }
}

async fn serve(stream: TcpStream, from: SocketAddr, script: Script, log: Arc<Mutex<Vec<Request>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream, from, &log).await {
        let reply = script(&request);
        if answer(stream.get_mut(), &request, reply).await.is_none() {
            return;
        }
    }
}

async fn read_request(
    stream: &mut BufReader<TcpStream>,
    from: SocketAddr,
    log: &Mutex<Vec<Request>>,
) -> Option<Request> {
    let mut head = vec![stream.read_u8().await.ok()?];
    if !head[0].is_ascii_alphabetic() {
        // whoever begins a TLS handshake is told that this is none
        send(stream.get_mut(), b"HTTP/1.1 400 Bad Request\r\n\r\n").await?;
        return None;
    }
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1)?.to_owned();
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let mut log = log.lock().expect("no panic");
    let earlier = log.iter().filter(|request| request.path == path).count();
    let request = Request { from, path, headers, earlier };
    log.push(request.clone());
    Some(request)
}

/// `None` when the connection is over.
async fn answer(stream: &mut TcpStream, request: &Request, reply: Reply) -> Option<()> {
    match reply {
        Reply::Status(status) => send(stream, &head(status, 0, &[])).await,
        Reply::Redirect(to) => send(stream, &head(302, 0, &[("Location", to)])).await,
        Reply::File(file) => send(stream, &file.answer(request)).await,
        Reply::Raw(bytes) => {
            send(stream, &bytes).await?;
            // what was sent must not be lost to a reset
            stream.shutdown().await.ok()?;
            let _gone = stream.read_u8().await;
            None
        }
        Reply::Trickle(head, pause) => {
            send(stream, head.as_bytes()).await?;
            loop {
                send(stream, b"x").await?;
                tokio::time::sleep(pause).await;
            }
        }
        Reply::Stall(head) => {
            send(stream, head.as_bytes()).await?;
            let _gone = stream.read_u8().await;
            None
        }
    }
}

async fn send(stream: &mut TcpStream, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()
}

fn head(status: u16, length: usize, headers: &[(&str, String)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\n");
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    head.push_str("\r\n");
    head.into_bytes()
}

impl File {
    fn answer(self, request: &Request) -> Vec<u8> {
        let mut headers = self.headers;
        headers.extend(self.etag.clone().map(|etag| ("ETag", etag)));
        if self.etag.is_some() && request.headers.get("if-none-match") == self.etag.as_ref() {
            return head(304, 0, &headers);
        }
        let range = request.headers.get("range").filter(|_| self.has_ranges);
        let Some(range) = range.and_then(|range| range.strip_prefix("bytes=")) else {
            return [head(200, self.bytes.len(), &headers), self.bytes].concat();
        };
        let (start, last) = range.split_once('-').expect("one range");
        let start: usize = start.parse().expect("a start");
        let last = last.parse().unwrap_or(usize::MAX).min(self.bytes.len().saturating_sub(1));
        if start > last {
            return head(416, 0, &[("Content-Range", format!("bytes */{}", self.bytes.len()))]);
        }
        headers.push(("Content-Range", format!("bytes {start}-{last}/{}", self.bytes.len())));
        [head(206, last + 1 - start, &headers).as_slice(), &self.bytes[start..=last]].concat()
    }
}
