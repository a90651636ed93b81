//! A peer that lies: it learns of the stream from the source as everybody does, claims to hold what the
//! source holds, and answers requests with what its trick makes of them.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, SocketAddrV4, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::Bytes;
use start_engine::base::ids::Infohash;
use start_engine::wire::extended::LiveInfo;
use start_engine::wire::message::Message;

use crate::wire_peer::WirePeer;

const TAG: u8 = 66;

/// What it answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    /// The right chunk with one bit turned.
    Forge,
    /// The authentic chunk of the piece before, under the number asked for.
    Replay,
    /// Claims piece 2^32 - 1 beside those that exist, and never answers.
    ClaimTheEnd,
}

#[derive(Default)]
struct Known {
    /// Chunk 0 of each piece; the geometry of these tests has no other.
    pieces: BTreeMap<u32, (f64, Bytes)>,
}

pub struct Rogue {
    pub address: SocketAddrV4,
    shared: Arc<Shared>,
}

struct Shared {
    trick: Trick,
    known: Mutex<Known>,
    victims: Mutex<Vec<WirePeer>>,
    connections: AtomicUsize,
    lies: AtomicUsize,
    thrown_out: AtomicUsize,
}

impl Rogue {
    /// A rogue that learns from the source at `source`.
    pub fn start(trick: Trick, source: SocketAddr, infohash: Infohash) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let SocketAddr::V4(address) = listener.local_addr().expect("bound") else { panic!("IPv4") };
        let shared = Arc::new(Shared {
            trick,
            known: Mutex::default(),
            victims: Mutex::default(),
            connections: AtomicUsize::new(0),
            lies: AtomicUsize::new(0),
            thrown_out: AtomicUsize::new(0),
        });
        let learning = shared.clone();
        thread::spawn(move || learning.learn(source, infohash));
        let lying = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = lying.clone();
                thread::spawn(move || shared.deceive(WirePeer::accept(stream, TAG)));
            }
        });
        Self { address, shared }
    }

    /// Dials a victim.
    pub fn visit(&self, victim: SocketAddr, infohash: Infohash) {
        let shared = self.shared.clone();
        thread::spawn(move || shared.deceive(WirePeer::dial(victim, infohash, TAG)));
    }

    /// Pieces that it could learn.
    pub fn pieces(&self) -> usize {
        self.shared.known.lock().expect("no panic").pieces.len()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Answers that were not as they should be.
    pub fn lies(&self) -> usize {
        self.shared.lies.load(Ordering::Relaxed)
    }

    /// Connections that the other side ended.
    pub fn thrown_out(&self) -> usize {
        self.shared.thrown_out.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// Fetches every piece from the source and tells the victims at once.
    fn learn(&self, source: SocketAddr, infohash: Infohash) -> io::Result<()> {
        let mut link = WirePeer::dial(source, infohash, TAG)?;
        link.describe(TAG, LiveInfo::EMPTY)?;
        link.send(&Message::Interested)?;
        loop {
            match link.receive()? {
                Message::Bitfield { first, count, .. } => {
                    for piece in first..first + count {
                        link.send(&Message::Request { stream: 0, piece, chunk: 0 })?;
                    }
                }
                Message::Have { piece, .. } => {
                    link.send(&Message::Request { stream: 0, piece, chunk: 0 })?;
                }
                Message::Piece { piece, time, data, .. } => self.learnt(piece, time, data),
                _ => {}
            }
        }
    }

    fn learnt(&self, piece: u32, time: f64, data: Bytes) {
        self.known.lock().expect("no panic").pieces.insert(piece, (time, data));
        let have = Message::Have { stream: 0, piece };
        self.victims.lock().expect("no panic").retain_mut(|victim| victim.send(&have).is_ok());
    }

    fn deceive(&self, link: io::Result<WirePeer>) -> io::Result<()> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let mut link = link?;
        let (oldest, newest) = self.range();
        link.describe(TAG, LiveInfo::source(oldest, newest))?;
        link.send(&Message::Unchoke)?;
        if self.trick == Trick::ClaimTheEnd {
            let bits = Bytes::from_static(&[0x80]);
            link.send(&Message::Bitfield { stream: 0, first: u32::MAX, count: 1, bits })?;
            link.send(&Message::Have { stream: 0, piece: u32::MAX })?;
        }
        self.victims.lock().expect("no panic").push(link.clone_handle());
        let end = self.answer(&mut link);
        self.thrown_out.fetch_add(1, Ordering::Relaxed);
        end
    }

    fn range(&self) -> (i64, i64) {
        let known = self.known.lock().expect("no panic");
        let number = |piece: Option<&u32>| piece.map_or(-1, |piece| i64::from(*piece));
        let newest = match self.trick {
            Trick::ClaimTheEnd => i64::from(u32::MAX),
            _ => number(known.pieces.keys().last()),
        };
        (number(known.pieces.keys().next()), newest)
    }

    fn answer(&self, link: &mut WirePeer) -> io::Result<()> {
        loop {
            let Message::Request { piece, chunk, .. } = link.receive()? else { continue };
            let Some((time, data)) = self.lie_about(piece) else { continue };
            link.send(&Message::Piece { stream: 0, piece, time, chunk, data })?;
            self.lies.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn lie_about(&self, piece: u32) -> Option<(f64, Bytes)> {
        let known = self.known.lock().expect("no panic");
        let (time, data) = known.pieces.get(&piece)?;
        match self.trick {
            Trick::ClaimTheEnd => None,
            Trick::Replay => known.pieces.get(&piece.checked_sub(1)?).map(|(_, old)| (*time, old.clone())),
            Trick::Forge => {
                let mut forged = data.to_vec();
                let middle = forged.len() / 2;
                forged[middle] ^= 1;
                Some((*time, forged.into()))
            }
        }
    }
}
