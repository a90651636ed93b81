//! Light peers on the library's codecs: they ask for chunks, count what comes and throw it away.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use start_engine::base::ids::PeerId;
use start_engine::wire::extended::{ENGINE_VERSION, ExtendedHandshake, LiveInfo, NodeKey, UT_METADATA_ID};
use start_engine::wire::handshake::{HANDSHAKE_BYTES, Handshake};
use start_engine::wire::message::{LENGTH_BYTES, Message, body_length};
use start_engine::wire::transport_file::TransportFile;

/// How a peer asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appetite {
    /// Each new piece once, and says that it has it.
    Live,
    /// The pieces of the window over and over, so many chunks in flight.
    Insatiable { in_flight: usize },
}

/// Peers of one node, each on its own thread.
pub struct Peers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    media_bytes: AtomicU64,
    pieces: AtomicU64,
    stop: AtomicBool,
}

impl Peers {
    pub fn connect(count: usize, node: SocketAddr, file: &TransportFile, appetite: Appetite) -> Self {
        let shared = Arc::<Shared>::default();
        let threads = (0..count).map(|index| {
            let (shared, file) = (shared.clone(), file.clone());
            std::thread::spawn(move || {
                let mut peer = Peer::connect(index, node, &file, appetite, shared);
                peer.run();
            })
        });
        let threads = threads.collect();
        Self { shared, threads }
    }

    /// Chunk data received by all.
    pub fn media_bytes(&self) -> u64 {
        self.shared.media_bytes.load(Relaxed)
    }

    /// Pieces that live peers completed.
    pub fn pieces(&self) -> u64 {
        self.shared.pieces.load(Relaxed)
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().expect("a peer broke"));
    }
}

struct Peer {
    socket: TcpStream,
    received: BytesMut,
    out: BytesMut,
    chunks_per_piece: u16,
    appetite: Appetite,
    is_unchoked: bool,
    newest: Option<u32>,
    in_flight: usize,
    /// Chunks of the newest piece still to come.
    missing: u16,
    /// The next chunk that an insatiable peer asks for, counted from the newest piece backwards.
    next_chunk: u16,
    shared: Arc<Shared>,
}

impl Peer {
    fn connect(
        index: usize,
        node: SocketAddr,
        file: &TransportFile,
        appetite: Appetite,
        shared: Arc<Shared>,
    ) -> Self {
        let mut socket = TcpStream::connect(node).expect("connects");
        socket.set_nodelay(true).expect("an option");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("an option");
        let peer_id = PeerId::from_random([index as u8; 11]);
        socket.write_all(&Handshake { infohash: file.infohash, peer_id }.encode()).expect("sends");
        let mut answer = [0; HANDSHAKE_BYTES];
        socket.read_exact(&mut answer).expect("a handshake");
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&(index as u64).to_le_bytes());
        let mut peer = Self {
            socket,
            received: BytesMut::new(),
            out: BytesMut::new(),
            chunks_per_piece: (file.descriptor.piece_length / file.descriptor.chunk_length) as u16,
            appetite,
            is_unchoked: false,
            newest: None,
            in_flight: 0,
            missing: 0,
            next_chunk: 0,
            shared,
        };
        peer.say(&Message::ExtendedHandshake(description().sign(&NodeKey::from_seed(seed))));
        peer.say(&Message::Interested);
        peer
    }

    fn run(&mut self) {
        while !self.shared.stop.load(Relaxed) {
            self.flush();
            self.read();
            while let Some(message) = self.next_message() {
                self.handle(message);
            }
        }
    }

    fn read(&mut self) {
        let length = self.received.len();
        self.received.resize(length + 64 * 1024, 0);
        let read = self.socket.read(&mut self.received[length..]);
        // A timeout only lets the peer look whether it shall stop.
        let count = read.unwrap_or_else(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => 0,
            _ => panic!("the node closed the connection: {error}"),
        });
        self.received.truncate(length + count);
    }

    fn next_message(&mut self) -> Option<Message> {
        let length = *self.received.first_chunk::<LENGTH_BYTES>()?;
        let body_bytes = body_length(length).expect("a frame");
        if self.received.len() < LENGTH_BYTES + body_bytes {
            return None;
        }
        self.received.advance(LENGTH_BYTES);
        Some(Message::decode(self.received.split_to(body_bytes).freeze()))
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Unchoke => self.unchoked(),
            Message::Choke => self.choked(),
            Message::Have { piece, .. } => self.news(piece),
            Message::Bitfield { first, count, .. } if count > 0 => self.news(first + count - 1),
            Message::Piece { data, piece, .. } => self.chunk(piece, data.len()),
            _ => return,
        }
        if let Appetite::Insatiable { in_flight } = self.appetite {
            self.ask_for_more(in_flight);
        }
    }

    fn news(&mut self, piece: u32) {
        self.newest = Some(piece);
        self.missing = self.chunks_per_piece;
        self.ask_for_missing();
    }

    fn unchoked(&mut self) {
        self.is_unchoked = true;
        self.ask_for_missing();
    }

    /// What was asked will not come.
    fn choked(&mut self) {
        self.is_unchoked = false;
        self.in_flight = 0;
    }

    /// Chunks of a piece come in order, so the last ones are missing.
    fn ask_for_missing(&mut self) {
        let (Some(piece), Appetite::Live, true) = (self.newest, self.appetite, self.is_unchoked) else {
            return;
        };
        let first = self.chunks_per_piece - self.missing;
        (first..self.chunks_per_piece)
            .for_each(|chunk| self.say(&Message::Request { stream: 0, piece, chunk }));
    }

    fn chunk(&mut self, piece: u32, bytes: usize) {
        self.shared.media_bytes.fetch_add(bytes as u64, Relaxed);
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.appetite == Appetite::Live && Some(piece) == self.newest {
            self.missing = self.missing.saturating_sub(1);
            if self.missing == 0 {
                self.shared.pieces.fetch_add(1, Relaxed);
                self.say(&Message::Have { stream: 0, piece });
            }
        }
    }

    fn ask_for_more(&mut self, in_flight_max: usize) {
        const PIECES: u16 = 8;
        let (Some(newest), true) = (self.newest.filter(|&newest| newest >= 8), self.is_unchoked) else {
            return;
        };
        while self.in_flight < in_flight_max {
            let back = self.next_chunk / self.chunks_per_piece;
            let chunk = self.next_chunk % self.chunks_per_piece;
            self.say(&Message::Request { stream: 0, piece: newest - u32::from(back), chunk });
            self.next_chunk = (self.next_chunk + 1) % (PIECES * self.chunks_per_piece);
            self.in_flight += 1;
        }
    }

    fn say(&mut self, message: &Message) {
        let bulk = message.encode_head(&mut self.out);
        self.out.extend_from_slice(&bulk);
    }

    fn flush(&mut self) {
        self.socket.write_all(&self.out).expect("the node reads");
        self.out.clear();
    }
}

fn description() -> ExtendedHandshake {
    ExtendedHandshake {
        ut_metadata: Some(UT_METADATA_ID),
        piece_table: None,
        ut_pex: None,
        metadata_size: None,
        live: LiveInfo::EMPTY,
        lsp: -1,
        is_source: false,
        listen_port: 0,
        counter_s: 0,
        version: ENGINE_VERSION,
        your_ip: None,
    }
}
