//! A player of HLS: asks for the playlist over and over, and for each new segment at once.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::origin::Origin;

/// Between two looks at the playlist: far more often than a real player, to see a segment when it comes.
const LOOK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(30);

/// The stream that `path` of the client at `address` is the playlist of.
pub struct Player {
    pub address: SocketAddr,
    pub path: String,
}

impl Player {
    /// How long the playlist takes until it lists a segment. Where `path` is a master playlist's, that of its
    /// first variant.
    pub fn ready_after(&self) -> Duration {
        let asked = Instant::now();
        let mut text = self.text(&self.path);
        if text.contains("#EXT-X-STREAM-INF") {
            let variant =
                text.lines().find(|line| line.starts_with("/ace/m/")).expect("a variant").to_owned();
            text = self.text(&variant);
        }
        let ready = asked.elapsed();
        assert!(!segments(&text).is_empty(), "no segment in {text}");
        ready
    }

    /// From the moment when the origin showed a segment to the one when all of it is here, for so many
    /// segments after the first `settling`, with their numbers. Each must be the origin's.
    pub fn delays(&self, origin: &Origin, settling: u64, count: u64) -> Vec<(u64, Duration)> {
        let (mut next, mut delays) = (None, Vec::new());
        while delays.len() < (settling + count) as usize {
            for (number, path) in segments(&self.text(&self.path)) {
                if number < *next.get_or_insert(number) {
                    continue;
                }
                assert_eq!(Some(number), next, "a segment is missing");
                let (status, body) = get(self.address, &path);
                delays.push((number, origin.shown_at(number).elapsed()));
                assert!(status == 200 && body == origin.segment(0, number), "segment {number} is another");
                next = Some(number + 1);
            }
            sleep(LOOK);
        }
        delays.split_off(settling as usize)
    }

    /// Plays and throws away.
    pub fn drain(&self, span: Duration) {
        let (started, mut next) = (Instant::now(), 0);
        while started.elapsed() < span {
            for (number, path) in segments(&self.text(&self.path)) {
                if number >= next {
                    get(self.address, &path);
                    next = number + 1;
                }
            }
            sleep(LOOK * 20);
        }
    }

    fn text(&self, path: &str) -> String {
        let (status, body) = get(self.address, path);
        let text = String::from_utf8(body).expect("text");
        assert_eq!(status, 200, "{path}: {text}");
        text
    }
}

/// Numbers and paths of what a playlist of the client lists.
fn segments(playlist: &str) -> Vec<(u64, String)> {
    let lines = playlist.lines().filter(|line| line.starts_with("/ace/c/"));
    let number = |line: &str| line.rsplit('/').next()?.strip_suffix(".ts")?.parse().ok();
    lines.map(|line| (number(line).expect("a number"), line.to_owned())).collect()
}

/// Status and body.
fn get(address: SocketAddr, path: &str) -> (u16, Vec<u8>) {
    let mut socket = TcpStream::connect(address).expect("a client");
    socket.set_read_timeout(Some(PATIENCE)).expect("an option");
    write!(socket, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").expect("sends");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("an answer");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let body = answer.split_off(end);
    let head = String::from_utf8_lossy(&answer);
    (head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status"), body)
}
