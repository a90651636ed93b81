//! An origin of transport streams: HTTP, paced by the clock, every frame a key frame whose PCR is the
//! moment it was sent.
//!
//! The clock is the microseconds since the origin began, so that what arrives tells how old it is.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use start_engine::media::clock::{PCR_HZ, duration_of};
use start_engine::media::psi::crc32;
use start_engine::media::ts::{PACKET_BYTES, Packet};

/// Frames leave so often.
const FRAME: Duration = Duration::from_millis(10);
/// Frames from one PAT and PMT to the next.
const TABLES_EVERY: u64 = 4;
const PMT_PID: u16 = 0x1000;
const VIDEO_PID: u16 = 0x100;

/// A stream at a constant rate, given to whoever connects.
pub struct Origin {
    began: Instant,
    pub bytes_per_second: u64,
    pub url: String,
}

impl Origin {
    /// Serves until the process ends.
    pub fn start(bytes_per_second: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let url = format!("http://{}/stream", listener.local_addr().expect("bound"));
        let began = Instant::now();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A reader that goes ends its thread.
                std::thread::spawn(move || serve(stream, began, bytes_per_second));
            }
        });
        Self { began, bytes_per_second, url }
    }

    /// How long ago `packet` was sent; `None` when it does not say.
    pub fn age(&self, packet: &Packet<'_>) -> Option<Duration> {
        let sent = duration_of(packet.pcr()?);
        Some(self.began.elapsed().saturating_sub(sent))
    }
}

fn serve(mut stream: TcpStream, began: Instant, bytes_per_second: u64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let _request = stream.read(&mut [0; 4096])?;
    stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")?;
    let mut maker = Maker::default();
    let (started, mut sent_bytes) = (Instant::now(), 0);
    loop {
        let due_bytes = (started.elapsed().as_secs_f64() * bytes_per_second as f64) as u64;
        let packets = due_bytes.saturating_sub(sent_bytes) as usize / PACKET_BYTES;
        maker.frame(began.elapsed(), packets.max(1));
        stream.write_all(&maker.out)?;
        sent_bytes += maker.out.len() as u64;
        maker.out.clear();
        sleep(FRAME);
    }
}

#[derive(Default)]
struct Maker {
    out: Vec<u8>,
    frames: u64,
    counters: [u8; 3],
}

impl Maker {
    /// A frame of so many packets, its tables included.
    fn frame(&mut self, clock: Duration, packets: usize) {
        let before = self.out.len();
        if self.frames.is_multiple_of(TABLES_EVERY) {
            self.tables();
        }
        self.frames += 1;
        let adaptation = [&[0x50][..], &pcr_field(clock)].concat();
        self.packet(
            2,
            VIDEO_PID,
            true,
            &adaptation,
            b"\0\0\x01\xe0\0\0\x80\0\0\0\0\x01\x09\x10\0\0\x01\x65\x88",
        );
        while self.out.len() < before + packets * PACKET_BYTES {
            self.packet(2, VIDEO_PID, false, &[], &[0x5a; 184]);
        }
    }

    fn tables(&mut self) {
        self.section(0, 0, 0, &[0, 1, 0xe0 | (PMT_PID >> 8) as u8, PMT_PID as u8]);
        let video = [0xe0 | (VIDEO_PID >> 8) as u8, VIDEO_PID as u8];
        let map = [&video[..], &[0xf0, 0, 0x1b], &video, &[0xf0, 0]].concat();
        self.section(1, PMT_PID, 2, &map);
    }

    fn section(&mut self, counter: usize, pid: u16, table: u8, body: &[u8]) {
        let mut section = vec![table, 0xb0, (9 + body.len()) as u8, 0, 1, 0xc1, 0, 0];
        section.extend(body);
        section.extend(crc32(&section).to_be_bytes());
        section.insert(0, 0);
        section.resize(184, 0xff);
        self.packet(counter, pid, true, &[], &section);
    }

    /// A short payload is filled up behind the adaptation field.
    fn packet(&mut self, counter: usize, pid: u16, starts: bool, adaptation: &[u8], payload: &[u8]) {
        let start = self.out.len();
        let control = if adaptation.is_empty() { 0x10 } else { 0x30 } | self.counters[counter];
        self.counters[counter] = (self.counters[counter] + 1) & 0x0f;
        self.out.extend([0x47, u8::from(starts) << 6 | (pid >> 8) as u8, pid as u8, control]);
        if !adaptation.is_empty() {
            self.out.push(adaptation.len() as u8);
            self.out.extend(adaptation);
        }
        self.out.extend(payload);
        self.out.resize(start + PACKET_BYTES, 0x5a);
    }
}

fn pcr_field(clock: Duration) -> [u8; 6] {
    let ticks = (clock.as_nanos() * u128::from(PCR_HZ) / 1_000_000_000) as u64;
    let (base, extension) = (ticks / 300, ticks % 300);
    let field = base << 15 | 0x3f << 9 | extension;
    let mut bytes = [0; 6];
    bytes.copy_from_slice(&field.to_be_bytes()[2..]);
    bytes
}
