//! As much HTTP as a player and an origin need.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const REDIRECTS_MAX: usize = 5;
const HEAD_MAX_BYTES: usize = 16 * 1024;
const READ_TIMEOUT: Duration = Duration::from_secs(40);

/// First line and header fields, names in lower case.
#[derive(Debug, Clone, Default)]
pub struct Head {
    pub start: String,
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// Reads up to the empty line; `None` when the connection ends before it.
    pub fn read(from: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(b"\r\n\r\n") {
            from.read_exact(&mut byte).ok()?;
            bytes.push(byte[0]);
            if bytes.len() > HEAD_MAX_BYTES {
                return None;
            }
        }
        let text = String::from_utf8(bytes).ok()?;
        let mut lines = text.lines();
        let start = lines.next()?.to_owned();
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Some(Self { start, fields: lines.filter_map(field).collect() })
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Where it came from in the end.
    pub url: String,
    pub status: u16,
    pub head: Head,
    pub body: Vec<u8>,
    /// The body came to the end that was promised.
    pub is_whole: bool,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }
}

/// GETs an `http://IP:PORT/…` address, following redirects.
pub fn get(url: &str) -> io::Result<Answer> {
    get_with(url, &[])
}

/// The same, with more lines in the head of the request.
pub fn get_with(url: &str, lines: &[&str]) -> io::Result<Answer> {
    let mut url = url.to_owned();
    for _ in 0..=REDIRECTS_MAX {
        let answer = get_once(&url, lines)?;
        match answer.head.field("location").filter(|_| (300..400).contains(&answer.status)) {
            Some(location) => url = resolve(&url, location),
            None => return Ok(answer),
        }
    }
    Err(io::Error::other(format!("too many redirects, the last one to {url}")))
}

fn get_once(url: &str, lines: &[&str]) -> io::Result<Answer> {
    let (host, path) = parts(url);
    let address: SocketAddr = host.parse().map_err(|_| io::Error::other(format!("not an address: {url}")))?;
    let mut stream = TcpStream::connect_timeout(&address, READ_TIMEOUT)?;
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    let more: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")?;
    let head = Head::read(&mut stream).ok_or_else(|| io::Error::other("no answer"))?;
    let status = head.start.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    let (body, is_whole) = read_body(&mut stream, &head);
    Ok(Answer { url: url.to_owned(), status, head, body, is_whole })
}

/// The body, and whether it came to its end.
fn read_body(from: &mut TcpStream, head: &Head) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    let length: Option<u64> = head.field("content-length").and_then(|text| text.parse().ok());
    let came_to_end = from.take(length.unwrap_or(u64::MAX)).read_to_end(&mut body).is_ok();
    match length {
        Some(length) => {
            let is_whole = body.len() as u64 == length;
            (body, is_whole)
        }
        None if head.field("transfer-encoding") == Some("chunked") => unchunk(&body),
        None => (body, came_to_end),
    }
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else { return (body, false) };
        let digits = std::str::from_utf8(&rest[..end]).unwrap_or_default();
        let Ok(length) = usize::from_str_radix(digits.trim(), 16) else { return (body, false) };
        let data = &rest[end + 2..];
        if length == 0 {
            return (body, true);
        }
        body.extend_from_slice(&data[..length.min(data.len())]);
        if data.len() < length + 2 {
            return (body, false);
        }
        rest = &data[length + 2..];
    }
}

/// Host with port, and the rest from the first slash on.
fn parts(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}

/// A reference found in the document at `base`.
pub fn resolve(base: &str, reference: &str) -> String {
    if reference.contains("://") {
        return reference.to_owned();
    }
    let (host, path) = parts(base);
    if reference.starts_with('/') {
        return format!("http://{host}{reference}");
    }
    let path = path.split('?').next().unwrap_or_default();
    let folder = &path[..path.rfind('/').map_or(0, |at| at + 1)];
    format!("http://{host}{folder}{reference}")
}
