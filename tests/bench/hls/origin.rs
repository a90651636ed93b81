//! An origin of live HLS: real HTTP with connections that stay open, conditional requests and ranges, and a
//! playlist that grows by the clock, so that what arrives tells how long ago it was shown.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The first number ever listed.
const FIRST: u64 = 1000;
/// Segments in the playlist.
const WINDOW: u64 = 6;
/// Segments that can still be had after they left the playlist.
const KEPT: u64 = 6;
/// Packagers are not exact: a segment is shown up to so much after its time.
const LATENESS: Duration = Duration::from_millis(100);
/// Streams of the master playlist.
const VARIANTS: u32 = 2;
/// Each so many bytes of a segment say which one it is.
const STAMP_EVERY: usize = 16 * 1024;

/// What is on air.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub duration: Duration,
    pub bytes_per_second: u64,
}

/// Serves until the process ends.
pub struct Origin {
    shared: Arc<Shared>,
    address: SocketAddr,
}

struct Shared {
    plan: Plan,
    began: Instant,
    /// Bytes sent of each segment, all streams together.
    sent: Mutex<BTreeMap<u64, u64>>,
}

impl Origin {
    pub fn start(plan: Plan) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared { plan, began: Instant::now(), sent: Mutex::default() });
        let origin = Self { shared: shared.clone(), address };
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = shared.clone();
                // A reader that goes ends its thread.
                std::thread::spawn(move || shared.serve(connection));
            }
        });
        origin
    }

    /// A media playlist alone.
    pub fn media_url(&self) -> String {
        format!("http://{}/0.m3u8", self.address)
    }

    pub fn master_url(&self) -> String {
        format!("http://{}/master.m3u8", self.address)
    }

    /// When the playlist showed the segment.
    pub fn shown_at(&self, number: u64) -> Instant {
        self.shared.shown_at(number)
    }

    /// How often these segments were sent, by their bytes.
    pub fn copies(&self, numbers: RangeInclusive<u64>) -> f64 {
        let one_copy: usize = numbers.clone().map(|number| self.segment(0, number).len()).sum();
        let sent = self.shared.sent.lock().expect("no panic");
        sent.range(numbers).map(|(_, bytes)| bytes).sum::<u64>() as f64 / one_copy as f64
    }

    /// The bytes of a segment.
    pub fn segment(&self, stream: u32, number: u64) -> Vec<u8> {
        self.shared.segment(stream, number)
    }
}

impl Shared {
    /// The first ones were there from the beginning.
    fn shown_at(&self, number: u64) -> Instant {
        let later = number.saturating_sub(FIRST + WINDOW - 1) as u32;
        if later == 0 {
            return self.began;
        }
        let lateness_us = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let lateness = Duration::from_micros(lateness_us % LATENESS.as_micros() as u64);
        self.began + self.plan.duration * later + lateness
    }

    fn newest(&self) -> u64 {
        let now = Instant::now();
        let due = (self.began.elapsed().as_nanos() / self.plan.duration.as_nanos()) as u64;
        let newest = FIRST + WINDOW - 1 + due;
        if self.shown_at(newest) <= now { newest } else { newest - 1 }
    }

    fn segment(&self, stream: u32, number: u64) -> Vec<u8> {
        let bytes = self.plan.bytes_per_second as f64 * self.plan.duration.as_secs_f64();
        let mut segment = vec![0x47; bytes as usize];
        for (index, part) in segment.chunks_mut(STAMP_EVERY).enumerate() {
            let stamp = format!("{stream} {number} {index};");
            let length = stamp.len().min(part.len());
            part[..length].copy_from_slice(&stamp.as_bytes()[..length]);
        }
        segment
    }

    fn serve(&self, mut connection: TcpStream) -> std::io::Result<()> {
        connection.set_nodelay(true)?;
        let mut reader = BufReader::new(connection.try_clone()?);
        while let Some(request) = read_request(&mut reader)? {
            self.answer(&mut connection, &request)?;
        }
        Ok(())
    }

    fn answer(&self, connection: &mut TcpStream, request: &Request) -> std::io::Result<()> {
        let name = request.path.trim_start_matches('/');
        if name == "master.m3u8" {
            return send(connection, 200, "", self.master().as_bytes());
        }
        let newest = self.newest();
        if let Some(stream) = name.strip_suffix(".m3u8").and_then(|stream| stream.parse().ok()) {
            let tag = format!("\"{newest}\"");
            let field = format!("ETag: {tag}\r\n");
            return match request.tag.as_ref() == Some(&tag) {
                true => send(connection, 304, &field, b""),
                false => send(connection, 200, &field, self.media(stream, newest).as_bytes()),
            };
        }
        let segment = name.strip_suffix(".ts").and_then(|name| name.split_once('-'));
        let segment = segment.and_then(|(stream, number)| Some((stream.parse().ok()?, number.parse().ok()?)));
        let is_there = |number: u64| number <= newest && number + WINDOW + KEPT > newest;
        match segment.filter(|&(_, number)| is_there(number)) {
            Some((stream, number)) => {
                let segment = self.segment(stream, number);
                let bytes = send_segment(connection, &segment, request.range)?;
                *self.sent.lock().expect("no panic").entry(number).or_default() += bytes as u64;
                Ok(())
            }
            None => send(connection, 404, "", b""),
        }
    }

    fn master(&self) -> String {
        let bandwidth = self.plan.bytes_per_second * 8;
        let variant = |stream| format!("#EXT-X-STREAM-INF:BANDWIDTH={bandwidth}\n{stream}.m3u8\n");
        format!("#EXTM3U\n{}", (0..VARIANTS).map(variant).collect::<String>())
    }

    fn media(&self, stream: u32, newest: u64) -> String {
        let seconds = self.plan.duration.as_secs_f64();
        let first = newest + 1 - WINDOW;
        let entry = |number| format!("#EXTINF:{seconds:.3},\n{stream}-{number}.ts\n");
        format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:{first}\n{}",
            seconds.ceil(),
            (first..=newest).map(entry).collect::<String>()
        )
    }
}

#[derive(Default)]
struct Request {
    path: String,
    /// `If-None-Match`.
    tag: Option<String>,
    /// First and last byte.
    range: Option<(usize, usize)>,
}

/// The next request; `None` at the end of the connection.
fn read_request(reader: &mut impl BufRead) -> std::io::Result<Option<Request>> {
    let (mut line, mut request) = (String::new(), Request::default());
    while reader.read_line(&mut line)? > 0 {
        let words = line.trim_end();
        match words.split_once(": ") {
            _ if request.path.is_empty() => request.path = words.split(' ').nth(1).unwrap_or("/").to_owned(),
            None if words.is_empty() => return Ok(Some(request)),
            Some((name, value)) if name.eq_ignore_ascii_case("if-none-match") => {
                request.tag = Some(value.to_owned());
            }
            Some((name, value)) if name.eq_ignore_ascii_case("range") => request.range = read_range(value),
            _ => {}
        }
        line.clear();
    }
    Ok(None)
}

fn read_range(value: &str) -> Option<(usize, usize)> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().unwrap_or(usize::MAX)))
}

/// Sends a segment or a part of it; returns the bytes of that.
fn send_segment(
    connection: &mut TcpStream,
    segment: &[u8],
    range: Option<(usize, usize)>,
) -> std::io::Result<usize> {
    let total = segment.len();
    let range = range.map(|(first, last)| (first, last.min(total - 1)));
    let part = range.and_then(|(first, last)| segment.get(first..=last));
    match (range, part) {
        (Some((first, last)), Some(part)) => {
            let field = format!("Content-Range: bytes {first}-{last}/{total}\r\n");
            send(connection, 206, &field, part)?;
            Ok(part.len())
        }
        _ => send(connection, 200, "", segment).map(|()| total),
    }
}

fn send(connection: &mut TcpStream, status: u16, fields: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status} -\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    connection.write_all(&[head.as_bytes(), body].concat())
}
