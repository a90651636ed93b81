//! Stands between two nodes: passes everything on, keeps what was said, and can lie in the name of the one
//! that is dialled.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use start_engine::base::ids::{Infohash, PieceId};
use start_engine::wire::handshake::HANDSHAKE_BYTES;
use start_engine::wire::hls::entry::{CHUNK_BYTES, Content, Entry, TableEntry};
use start_engine::wire::hls::segment::Tags;
use start_engine::wire::hls::table::{TABLE_ID, TableMessage};
use start_engine::wire::message::{LENGTH_BYTES, Message, body_length};
use start_engine::wire::node_key::NodeKey;

use super::clip::{self, SegmentId};

/// What the dialled node is made to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Nothing but the truth.
    None,
    /// One bit of each chunk is turned.
    Chunks,
    /// The same, and the entries of the piece table fit what is sent.
    ChunksAndTable,
}

pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    target: SocketAddr,
    lie: Lie,
    said: Mutex<Vec<u8>>,
    lied_about: Mutex<BTreeSet<(u32, u32)>>,
    forged_entries: AtomicUsize,
    open: AtomicUsize,
    connections: AtomicUsize,
}

impl Relay {
    pub fn to(target: impl Into<SocketAddr>) -> Self {
        Self::lying(target, Lie::None)
    }

    pub fn lying(target: impl Into<SocketAddr>, lie: Lie) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared {
            target: target.into(),
            lie,
            said: Mutex::default(),
            lied_about: Mutex::default(),
            forged_entries: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        });
        let relaying = shared.clone();
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let shared = relaying.clone();
                thread::spawn(move || shared.relay(near));
            }
        });
        Self { port, shared }
    }

    /// What to dial.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn socket(&self) -> SocketAddr {
        crate::harness::local(self.port)
    }

    /// Everything that was said in both directions, one connection after the other as it came.
    pub fn said(&self) -> Vec<u8> {
        self.shared.said.lock().expect("no panic").clone()
    }

    /// Segments of which a false chunk was sent.
    pub fn lied_about(&self) -> usize {
        self.shared.lied_about.lock().expect("no panic").len()
    }

    pub fn forged_entries(&self) -> usize {
        self.shared.forged_entries.load(Ordering::Relaxed)
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Connections that are still open.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn relay(self: &Arc<Self>, near: TcpStream) -> io::Result<()> {
        let far = TcpStream::connect(self.target)?;
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        for stream in [&near, &far] {
            stream.set_nodelay(true)?;
        }
        let (asking, answering) = (near.try_clone()?, far.try_clone()?);
        let forward = self.clone();
        let outward = thread::spawn(move || {
            let _ = forward.copy(&asking, &answering);
            close(&asking, &answering);
        });
        let _ = match self.lie {
            Lie::None => self.copy(&far, &near),
            _ => self.forge(&far, &near),
        };
        close(&near, &far);
        let _ = outward.join();
        self.open.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    fn copy(&self, mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            let length = from.read(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            self.said.lock().expect("no panic").extend_from_slice(&buffer[..length]);
            to.write_all(&buffer[..length])?;
        }
    }

    fn forge(&self, mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
        let mut handshake = [0; HANDSHAKE_BYTES];
        from.read_exact(&mut handshake)?;
        to.write_all(&handshake)?;
        loop {
            let mut length = [0; LENGTH_BYTES];
            from.read_exact(&mut length)?;
            let mut body = vec![0; body_length(length).map_err(io::Error::other)?];
            from.read_exact(&mut body)?;
            match self.forged(Message::decode(Bytes::from(body.clone()))) {
                Some(message) => {
                    let mut out = BytesMut::new();
                    let bulk = message.encode_head(&mut out);
                    out.extend_from_slice(&bulk);
                    to.write_all(&out)?;
                }
                None => to.write_all(&[&length[..], &body].concat())?,
            }
        }
    }

    /// What is sent instead; `None` for the message itself.
    fn forged(&self, message: Message) -> Option<Message> {
        match message {
            Message::Piece { stream, piece, time, chunk, data } => {
                self.lied_about.lock().expect("no panic").insert((stream, piece));
                Some(Message::Piece { stream, piece, time, chunk, data: with_a_turned_bit(&data).into() })
            }
            Message::Extended { id: TABLE_ID, payload } if self.lie == Lie::ChunksAndTable => {
                let payload = forged_entry(&payload)?;
                self.forged_entries.fetch_add(1, Ordering::Relaxed);
                Some(Message::Extended { id: TABLE_ID, payload })
            }
            _ => None,
        }
    }
}

/// The entry with the hashes of false chunks, signed no better than before.
fn forged_entry(payload: &Bytes) -> Option<Bytes> {
    let TableMessage::Entry { entry: told, is_own } = TableMessage::decode(payload)? else { return None };
    let mut entry = told.entry.clone();
    let id = SegmentId { stream: entry.piece.stream, era: 0, number: entry.piece.number };
    let bytes = clip::segment(id);
    let hash = |chunk: &[u8]| -> [u8; 32] { Sha256::digest(with_a_turned_bit(chunk)).into() };
    let hashes: Vec<_> = bytes.chunks(CHUNK_BYTES).map(hash).collect();
    entry.content = Some(Content::new(bytes.len() as u64, hashes)?);
    let raw = entry.encode().into();
    let entry = Box::new(TableEntry { entry, raw, ..*told });
    Some(TableMessage::Entry { entry, is_own }.encode())
}

fn with_a_turned_bit(chunk: &[u8]) -> Vec<u8> {
    let mut forged = chunk.to_vec();
    if let Some(byte) = forged.last_mut() {
        *byte ^= 1;
    }
    forged
}

fn close(near: &TcpStream, far: &TcpStream) {
    let _ = near.shutdown(Shutdown::Both);
    let _ = far.shutdown(Shutdown::Both);
}

#[test]
fn forged_entry_fits_the_false_chunks_and_no_signature() {
    let (infohash, key) = (Infohash([7; 20]), NodeKey::from_seed([8; 32]));
    let (public_key, piece) = (key.node_id().0, PieceId { stream: 0, number: 40_000 });
    let bytes = clip::segment(SegmentId { stream: 0, era: 0, number: piece.number });
    let hashes: Vec<[u8; 32]> = bytes.chunks(CHUNK_BYTES).map(|chunk| Sha256::digest(chunk).into()).collect();
    let entry = Entry {
        piece,
        epoch: 0,
        duration_us: 1_000_000,
        tags: Tags::default(),
        init: None,
        key: None,
        target_duration_s: 1,
        discontinuities_before: 0,
        listed_count: 6,
        shown_at_ms: 0,
        address_digest: None,
        is_address_local: false,
        content: Content::new(bytes.len() as u64, hashes),
    };
    let told = Box::new(TableEntry::new(entry, None).sign(&infohash, &key));
    assert!(told.is_signed_by(&infohash, &public_key));
    let payload = TableMessage::Entry { entry: told, is_own: true }.encode();
    let forged = forged_entry(&payload).and_then(|payload| TableMessage::decode(&payload));
    let Some(TableMessage::Entry { entry: forged, .. }) = forged else { panic!("an entry") };
    assert!(!forged.is_signed_by(&infohash, &public_key));
    let false_hash: [u8; 32] = Sha256::digest(with_a_turned_bit(&bytes[..CHUNK_BYTES])).into();
    assert_eq!(forged.entry.content.as_ref().and_then(|content| content.hash(0)), Some(&false_hash));
}
