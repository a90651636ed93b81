//! A player: one GET, and the ages of the packets that come.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use start_engine::media::align::Aligner;
use start_engine::media::ts::{PACKET_BYTES, Packet};

use super::origin::Origin;

const PATIENCE: Duration = Duration::from_secs(20);

/// A stream that is being played.
pub struct Player {
    socket: TcpStream,
    pub first_byte_after: Duration,
    /// Body bytes that came with the head.
    rest: Vec<u8>,
}

impl Player {
    /// Asks the client at `address` for the broadcast of `file` and waits for the first byte of media.
    pub fn start(address: SocketAddr, file: &Path, buffer_s: u32) -> Self {
        let asked = Instant::now();
        let mut socket = TcpStream::connect(address).expect("a client");
        socket.set_read_timeout(Some(PATIENCE)).expect("an option");
        let path = format!("/ace/getstream?url=file://{}&buffer={buffer_s}", file.display());
        write!(socket, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").expect("sends");
        let (mut head, mut buffer) = (Vec::new(), [0; 64 * 1024]);
        loop {
            let count = socket.read(&mut buffer).expect("an answer");
            assert!(count > 0, "the client closed: {}", String::from_utf8_lossy(&head));
            head.extend_from_slice(&buffer[..count]);
            let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            assert!(head.starts_with(b"HTTP/1.0 200"), "{}", String::from_utf8_lossy(&head));
            if head.len() > end + 4 {
                let rest = head.split_off(end + 4);
                return Self { socket, first_byte_after: asked.elapsed(), rest };
            }
        }
    }

    /// The ages at arrival of all packets that tell when they were sent, for so long; those of the
    /// first `settling` are left out.
    pub fn ages(&mut self, origin: &Origin, settling: Duration, span: Duration) -> Vec<Duration> {
        let (started, mut aligner, mut ages) = (Instant::now(), Aligner::default(), Vec::new());
        let mut buffer = vec![0; 256 * 1024];
        let mut pending = std::mem::take(&mut self.rest);
        while started.elapsed() < settling + span {
            for run in aligner.push(std::mem::take(&mut pending).into()) {
                let packets = run.chunks_exact(PACKET_BYTES).filter_map(Packet::new);
                let new = packets.filter_map(|packet| origin.age(&packet));
                if started.elapsed() >= settling {
                    ages.extend(new);
                }
            }
            let count = self.socket.read(&mut buffer).expect("the stream goes on");
            assert!(count > 0, "the stream ended");
            pending = buffer[..count].to_vec();
        }
        ages
    }

    /// Plays and throws away, until the socket has nothing for a moment.
    pub fn drain(&mut self, span: Duration) {
        let started = Instant::now();
        let mut buffer = vec![0; 256 * 1024];
        self.socket.set_read_timeout(Some(Duration::from_millis(500))).expect("an option");
        while started.elapsed() < span {
            match self.socket.read(&mut buffer) {
                Ok(0) => panic!("the stream ended"),
                Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    panic!("the stream broke: {error}")
                }
                _ => {}
            }
        }
    }
}
