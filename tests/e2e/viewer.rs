//! A player: reads `/ace/getstream` over HTTP and checks every packet as it comes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use start_engine::media::ts::PACKET_BYTES;

use crate::harness::{DEADLINE, local};
use crate::node::Node;
use crate::numbered::{Continuity, Numbered, PacketBytes, is_announcement, number_of};

/// What a viewer has seen.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// Of the answer; 0 before it came.
    pub status: u16,
    /// The body of an answer that is not 200.
    pub refusal: String,
    /// Packets in order, those put before the start included.
    pub packets: u64,
    /// Numbers of the first and the last packet, once known.
    pub first: Option<u64>,
    pub last: Option<u64>,
    /// Places where packets are missing: the last one before, the first one after.
    pub gaps: Vec<(u64, u64)>,
    pub continuity_errors: u64,
    /// Packets that announce another input.
    pub announcements: u64,
    /// What is no packet of the stream, or came out of order. Nothing may ever be here.
    pub wrong: Vec<String>,
    pub has_ended: bool,
}

pub struct Viewer {
    seen: Arc<Mutex<Seen>>,
    is_paused: Arc<AtomicBool>,
    connection: TcpStream,
}

impl Viewer {
    /// Opens `/ace/getstream?QUERY` at a client's port for players.
    pub fn open(port: u16, query: &str, stream: Numbered) -> Self {
        let mut connection = connect(port);
        let path = format!("/ace/getstream?{query}");
        write!(connection, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n").expect("asks");
        let (seen, is_paused) = (Arc::new(Mutex::default()), Arc::new(AtomicBool::new(false)));
        let reading = connection.try_clone().expect("a handle");
        let (sink, pause) = (seen.clone(), is_paused.clone());
        thread::spawn(move || {
            let _ = read(reading, stream, &sink, &pause);
            sink.lock().expect("no panic").has_ended = true;
        });
        Self { seen, is_paused, connection }
    }

    /// A viewer of the broadcast whose transport file is at `url`.
    pub fn of_url(client: &mut Node, url: &str, stream: Numbered) -> Self {
        let encoded = url.replace('&', "%26");
        Self::open(client.player_port(), &format!("url={encoded}"), stream)
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().expect("no panic").clone()
    }

    pub fn packets(&self) -> u64 {
        self.seen.lock().expect("no panic").packets
    }

    /// Stops reading, as a player does that is paused, until `resume`.
    pub fn pause(&self) {
        self.is_paused.store(true, Ordering::Relaxed);
    }

    pub fn resume(&self) {
        self.is_paused.store(false, Ordering::Relaxed);
    }

    /// Waits until `is_so`, and fails at once when something wrong comes or the stream ends.
    pub fn wait_until(&self, what: &str, within: Duration, is_so: impl Fn(&Seen) -> bool) -> Seen {
        let start = Instant::now();
        loop {
            let seen = self.seen();
            assert_eq!(seen.wrong, Vec::<String>::new(), "{what}");
            if is_so(&seen) {
                return seen;
            }
            assert!(!seen.has_ended, "{what}: the stream ended: {seen:?}");
            assert!(start.elapsed() < within, "{what}: not within {within:?}: {seen:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for so many more packets.
    pub fn plays(&self, more: u64) -> Seen {
        let wanted = self.packets() + more;
        self.wait_until("it plays", DEADLINE, |seen| seen.packets >= wanted)
    }

    /// Waits for packet `number` or a newer one, within the time given.
    pub fn reaches(&self, number: u64, within: Duration) -> Seen {
        self.wait_until("it goes on", within, |seen| seen.last >= Some(number))
    }

    /// Waits for the end of the answer.
    pub fn ended(&self) -> Seen {
        crate::harness::wait_until("the stream ends", || self.seen().has_ended);
        self.seen()
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.connection.shutdown(Shutdown::Both);
    }
}

/// Takes little ahead, so that a pause is felt at the other end.
fn connect(port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(128 * 1024).expect("a size");
    socket.connect(&local(port).into()).expect("connects");
    socket.into()
}

fn read(mut from: TcpStream, stream: Numbered, seen: &Mutex<Seen>, paused: &AtomicBool) -> Option<()> {
    let (status, mut bytes) = read_head(&mut from)?;
    seen.lock().expect("no panic").status = status;
    if status != 200 {
        from.read_to_end(&mut bytes).ok()?;
        seen.lock().expect("no panic").refusal = String::from_utf8_lossy(&bytes).trim().to_owned();
        return Some(());
    }
    let mut checker =
        Checker { stream, unplaced: Vec::new(), continuity: Continuity::default(), is_resumed: false };
    let mut buffer = vec![0; 64 * 1024];
    loop {
        while paused.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
        let whole = bytes.len() / PACKET_BYTES * PACKET_BYTES;
        for packet in bytes[..whole].as_chunks::<PACKET_BYTES>().0 {
            checker.push(packet, &mut seen.lock().expect("no panic"));
        }
        bytes.drain(..whole);
        match from.read(&mut buffer).ok()? {
            0 => return Some(()),
            length => bytes.extend_from_slice(&buffer[..length]),
        }
    }
}

/// The status, and what came of the body with it.
fn read_head(from: &mut TcpStream) -> Option<(u16, Vec<u8>)> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            let status = std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()?;
            return Some((status, head.split_off(end + 4)));
        }
        match from.read(&mut buffer).ok()? {
            0 => return None,
            length => head.extend_from_slice(&buffer[..length]),
        }
    }
}

/// Knows what packet must come next.
struct Checker {
    stream: Numbered,
    /// Packets after a start or a gap, until one tells its number.
    unplaced: Vec<PacketBytes>,
    continuity: Continuity,
    /// Another input took over: its numbers may be a little lower, and its first clock is marked.
    is_resumed: bool,
}

impl Checker {
    fn push(&mut self, packet: &PacketBytes, seen: &mut Seen) {
        self.continuity.push(packet);
        seen.continuity_errors = self.continuity.errors;
        seen.packets += 1;
        if is_announcement(packet) {
            seen.announcements += 1;
            self.is_resumed = true;
            return;
        }
        let packet = &self.unmarked(packet);
        let follows = |last: u64| self.unplaced.is_empty() && self.stream.packet(last + 1) == *packet;
        match seen.last {
            Some(last) if follows(last) => seen.last = Some(last + 1),
            _ => self.place(packet, seen),
        }
    }

    /// The packet as it was sent: after an announcement the clock is marked.
    fn unmarked(&self, packet: &PacketBytes) -> PacketBytes {
        let mut packet = *packet;
        if self.is_resumed && packet[3] & 0x20 != 0 && packet[4] > 0 {
            packet[5] &= 0x7f;
        }
        packet
    }

    fn place(&mut self, packet: &PacketBytes, seen: &mut Seen) {
        self.unplaced.push(*packet);
        let Some(number) = number_of(packet) else {
            if self.unplaced.len() > 4 {
                seen.wrong.push(format!("after {:?}: packets that are none of the stream", seen.last));
            }
            return;
        };
        let run = std::mem::take(&mut self.unplaced);
        let first = (number + 1).saturating_sub(run.len() as u64);
        let is_run = run.iter().zip(first..).all(|(packet, n)| self.stream.packet(n) == *packet);
        if !is_run {
            seen.wrong.push(format!("after {:?}: packet {number} is not as it was sent", seen.last));
        }
        match seen.last {
            None => seen.first = Some(first),
            Some(last) if first > last + 1 => seen.gaps.push((last, first)),
            Some(_) if self.is_resumed => {}
            Some(last) => seen.wrong.push(format!("after {last}: packet {first} once more")),
        }
        seen.last = Some(number);
    }
}
