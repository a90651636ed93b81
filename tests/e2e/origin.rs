//! The server that a source node reads: plays the numbered stream live, paced by its clock. Every
//! connection gets what is on the air at that moment.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::numbered::Numbered;

/// What a connection is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Mood {
    /// The stream.
    Live,
    /// The head of an answer, and silence; streams that run fall silent too.
    Stalled,
    /// 503.
    Unavailable,
}

pub struct Origin {
    pub stream: Numbered,
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    stream: Numbered,
    on_air_since: Instant,
    mood: AtomicU8,
    is_over: AtomicBool,
    requests: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

impl Origin {
    pub fn start(bytes_per_second: u64) -> Self {
        Self::start_fast(bytes_per_second, 1)
    }

    /// An origin whose stream's own clock runs so many times faster than real time.
    pub fn start_fast(bytes_per_second: u64, clock_speed: u64) -> Self {
        Self::start_at(bytes_per_second, clock_speed, Instant::now())
    }

    /// Another origin of the same stream.
    pub fn twin(&self) -> Self {
        let Numbered { bytes_per_second, clock_speed } = self.stream;
        Self::start_at(bytes_per_second, clock_speed, self.shared.on_air_since)
    }

    fn start_at(bytes_per_second: u64, clock_speed: u64, on_air_since: Instant) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let stream = Numbered { bytes_per_second, clock_speed };
        let shared = Arc::new(Shared {
            stream,
            on_air_since,
            mood: AtomicU8::new(Mood::Live as u8),
            is_over: AtomicBool::new(false),
            requests: AtomicUsize::new(0),
            open: Mutex::default(),
        });
        let port = listener.local_addr().expect("bound").port();
        let accepting = shared.clone();
        thread::spawn(move || accepting.accept(&listener));
        Self { stream, port, shared }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/live.ts", self.port)
    }

    pub fn set_mood(&self, mood: Mood) {
        self.shared.mood.store(mood as u8, Ordering::Relaxed);
    }

    /// The packet that is on the air now.
    pub fn on_air(&self) -> u64 {
        self.shared.due()
    }

    /// Connections that asked for the stream so far.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Breaks every connection.
    pub fn hang_up(&self) {
        for stream in self.shared.open.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // wakes the accept loop
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for connection in listener.incoming() {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let Ok(connection) = connection else { continue };
            let shared = self.clone();
            thread::spawn(move || shared.serve(connection));
        }
    }

    fn mood(&self) -> Mood {
        match self.mood.load(Ordering::Relaxed) {
            0 => Mood::Live,
            1 => Mood::Stalled,
            _ => Mood::Unavailable,
        }
    }

    /// Ends when the reader goes.
    fn serve(&self, mut connection: TcpStream) -> Option<()> {
        read_head(&mut connection)?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.open.lock().expect("no panic").push(connection.try_clone().ok()?);
        if self.mood() == Mood::Unavailable {
            return connection.write_all(b"HTTP/1.0 503 Service Unavailable\r\n\r\n").ok();
        }
        connection.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n").ok()?;
        let mut next = self.due();
        while !self.is_over.load(Ordering::Relaxed) {
            let due = self.due();
            if self.mood() == Mood::Live {
                let bytes: Vec<u8> = (next..due).flat_map(|n| self.stream.packet(n)).collect();
                connection.write_all(&bytes).ok()?;
            }
            next = due;
            thread::sleep(Duration::from_millis(10));
        }
        Some(())
    }

    fn due(&self) -> u64 {
        self.stream.due(self.on_air_since.elapsed())
    }
}

fn read_head(connection: &mut TcpStream) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        connection.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(())
}

/// A server that gives every connection the same bytes and closes it.
pub struct FixedServer {
    port: u16,
}

impl FixedServer {
    pub fn start(answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let answer = answer.into();
        thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let answer = answer.clone();
                thread::spawn(move || read_head(&mut connection).map(|()| connection.write_all(&answer)));
            }
        });
        Self { port }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
}
