//! The answers of the HLS origin: playlists, segments whole and in part, the key, and all the wrong ones.

use std::fmt::Write as _;
use std::io::Write;
use std::net::{IpAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::cipher;
use super::clip::{self, SegmentId};
use super::http::Head;
use super::origin::{Asked, FOLDER, KEY_NAME, PlaylistMood, SEGMENT_STEM, SegmentMood, Shared};

const FOLDERS: [&str; 2] = ["high", "low"];
const HUGE_BYTES: usize = 500_000_000;
/// Old entries that a playlist has which is never cut.
const ENDLESS_ENTRIES: u64 = 20_000;

/// Answers requests until one side closes the connection.
pub fn serve(origin: &Shared, connection: &mut TcpStream) -> Option<()> {
    let from = connection.peer_addr().ok()?.ip();
    while let Some(head) = Head::read(connection) {
        let path = head.start.split(' ').nth(1)?.to_owned();
        let is_last = head.field("connection") == Some("close");
        let mut answer = Answer { origin, connection, from, asked: asked_for(&path), head };
        answer.give(&path)?;
        if is_last || !origin.is_there() {
            return None;
        }
    }
    Some(())
}

fn asked_for(path: &str) -> Asked {
    parse_path(path).unwrap_or(Asked::Other)
}

fn parse_path(path: &str) -> Option<Asked> {
    let rest = path.strip_prefix('/')?.strip_prefix(FOLDER)?.strip_prefix('/')?;
    if rest == "master.m3u8" {
        return Some(Asked::Master);
    }
    let (folder, name) = rest.split_once('/')?;
    if name == KEY_NAME {
        return Some(Asked::Key);
    }
    let stream = FOLDERS.iter().position(|known| *known == folder)? as u32;
    if name == "live.m3u8" {
        return Some(Asked::Media(stream));
    }
    let (era, number) = name.strip_prefix(SEGMENT_STEM)?.strip_suffix(".ts")?.split_once('-')?;
    Some(Asked::Segment(SegmentId { stream, era: era.parse().ok()?, number: number.parse().ok()? }))
}

struct Answer<'a> {
    origin: &'a Shared,
    connection: &'a mut TcpStream,
    from: IpAddr,
    asked: Asked,
    head: Head,
}

impl Answer<'_> {
    /// `None` when the connection is of no more use.
    fn give(&mut self, path: &str) -> Option<()> {
        if !self.origin.admits(self.from) {
            return self.status(403);
        }
        match self.asked {
            Asked::Master | Asked::Media(_) => self.playlist(path),
            Asked::Segment(id) if self.origin.has(id) => self.segment(path, id),
            Asked::Key if self.origin.plan.is_locked => self.whole("application/octet-stream", &cipher::KEY),
            _ => self.status(404),
        }
    }

    fn playlist(&mut self, path: &str) -> Option<()> {
        let text = match (self.origin.playlist_mood(), self.asked) {
            (PlaylistMood::Status(status), _) => return self.status(status),
            (PlaylistMood::RedirectLoop, _) => return self.redirect(path),
            (PlaylistMood::Trickle, _) => return self.trickle(),
            (PlaylistMood::Html, _) => "<!DOCTYPE html><html><body>Sign in</body></html>".to_owned(),
            (_, Asked::Media(_)) => media_playlist(self.origin),
            _ => master_playlist(),
        };
        let tag = format!("\"{}\"", hash(text.as_bytes()));
        if self.head.field("if-none-match") == Some(&tag) {
            self.note(304);
            return self.send(format!("HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n").as_bytes());
        }
        let length = text.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\nETag: {tag}\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        let place = self.note(200);
        self.send(head.as_bytes())?;
        self.body(place, text.as_bytes())
    }

    fn segment(&mut self, path: &str, id: SegmentId) -> Option<()> {
        let mut bytes = clip::segment(id);
        if self.origin.plan.is_locked {
            bytes = cipher::lock(&bytes, cipher::iv_of(id.number));
        }
        let length = bytes.len();
        let half = &bytes[..length / 2];
        match self.origin.segment_mood() {
            SegmentMood::Fine => self.whole_or_part(&bytes),
            SegmentMood::Status(status) => self.status(status),
            SegmentMood::RedirectLoop => self.redirect(path),
            SegmentMood::Trickle => self.trickle(),
            SegmentMood::Half => self.cut(&format!("Content-Length: {length}"), half),
            SegmentMood::TooLongLength => self.cut(&format!("Content-Length: {}", length + 10), &bytes),
            SegmentMood::TwoLengths => {
                self.cut(&format!("Content-Length: {length}\r\nContent-Length: {}", half.len()), &bytes)
            }
            SegmentMood::Huge => self.zeros(&format!("Content-Length: {HUGE_BYTES}"), HUGE_BYTES),
            SegmentMood::Endless => self.zeros("Connection: close", usize::MAX),
        }
    }

    fn whole_or_part(&mut self, bytes: &[u8]) -> Option<()> {
        let range = self.head.field("range").filter(|_| self.origin.plan.answers_ranges);
        let Some((first, last)) = range.and_then(|text| parse_range(text, bytes.len())) else {
            return self.whole("video/mp2t", bytes);
        };
        let part = &bytes[first..=last];
        let place = self.note(206);
        let (length, all) = (part.len(), bytes.len());
        self.send(
            format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Type: video/mp2t\r\nContent-Length: {length}\r\n\
                 Content-Range: bytes {first}-{last}/{all}\r\n\r\n"
            )
            .as_bytes(),
        )?;
        self.body(place, part)
    }

    fn whole(&mut self, kind: &str, bytes: &[u8]) -> Option<()> {
        let place = self.note(200);
        let length = bytes.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
        self.send(head.as_bytes())?;
        self.body(place, bytes)
    }

    fn status(&mut self, status: u16) -> Option<()> {
        self.note(status);
        self.send(format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n").as_bytes())
    }

    /// To the same address once more.
    fn redirect(&mut self, path: &str) -> Option<()> {
        self.note(302);
        let host = &self.origin.host;
        let head =
            format!("HTTP/1.1 302 Found\r\nLocation: http://{host}{path}\r\nContent-Length: 0\r\n\r\n");
        self.send(head.as_bytes())
    }

    /// These bytes after this promise, and the end of the connection.
    fn cut(&mut self, promise: &str, bytes: &[u8]) -> Option<()> {
        let place = self.note(200);
        self.send(format!("HTTP/1.1 200 OK\r\n{promise}\r\n\r\n").as_bytes())?;
        self.body(place, bytes)?;
        None
    }

    fn zeros(&mut self, promise: &str, count: usize) -> Option<()> {
        let place = self.note(200);
        self.send(format!("HTTP/1.1 200 OK\r\n{promise}\r\n\r\n").as_bytes())?;
        let zeros = [0; 64 * 1024];
        let mut left = count;
        while left > 0 && self.origin.is_there() {
            let some = &zeros[..left.min(zeros.len())];
            self.body(place, some)?;
            left -= some.len();
        }
        None
    }

    fn trickle(&mut self) -> Option<()> {
        let place = self.note(200);
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 80000\r\n\r\n")?;
        while self.origin.is_there() {
            self.body(place, b"#")?;
            thread::sleep(Duration::from_secs(1));
        }
        None
    }

    fn note(&self, status: u16) -> usize {
        self.origin.note(self.from, self.asked, status)
    }

    fn body(&mut self, place: usize, bytes: &[u8]) -> Option<()> {
        self.send(bytes)?;
        self.origin.note_bytes(place, bytes.len());
        Some(())
    }

    fn send(&mut self, bytes: &[u8]) -> Option<()> {
        self.connection.write_all(bytes).ok()
    }
}

fn master_playlist() -> String {
    "#EXTM3U\n\
     #EXT-X-STREAM-INF:BANDWIDTH=860000,RESOLUTION=640x360,CODECS=\"avc1.42c01e,mp4a.40.2\"\n\
     high/live.m3u8\n\
     #EXT-X-STREAM-INF:BANDWIDTH=620000,RESOLUTION=320x180,CODECS=\"avc1.42c01e,mp4a.40.2\"\n\
     low/live.m3u8\n"
        .to_owned()
}

fn media_playlist(origin: &Shared) -> String {
    let (era, mut first, last) = origin.listed();
    if origin.playlist_mood() == PlaylistMood::Endless {
        first = first.saturating_sub(ENDLESS_ENTRIES);
    }
    let target = origin.plan.duration.as_secs_f64().ceil() as u64;
    let mut text =
        format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:{first}\n");
    if let every @ 1.. = origin.plan.discontinuity_every {
        let before = first.div_ceil(every);
        let _ = writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{before}");
    }
    if origin.playlist_mood() == PlaylistMood::NoSegments {
        return text;
    }
    for number in first..=last {
        if origin.about(number).is_discontinuity {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if origin.plan.is_locked && (number == first || origin.plan.names_iv) {
            let iv = match origin.plan.names_iv {
                true => format!(",IV=0x{:032x}", u128::from(number)),
                false => String::new(),
            };
            let _ = writeln!(text, "#EXT-X-KEY:METHOD=AES-128,URI=\"{KEY_NAME}\"{iv}");
        }
        let about = origin.about(number);
        if let Some(date) = about.date {
            let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{date}");
        }
        let seconds = about.duration_ms as f64 / 1000.0;
        let _ = writeln!(text, "#EXTINF:{seconds:.3},\n{SEGMENT_STEM}{era}-{number}.ts");
    }
    text
}

fn parse_range(text: &str, length: usize) -> Option<(usize, usize)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok().filter(|first| *first < length)?;
    let last = if last.is_empty() { length - 1 } else { last.parse().ok()? };
    (first <= last).then_some((first, last.min(length - 1)))
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> String {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix))
}
