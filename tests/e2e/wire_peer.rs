//! A peer made of the library's codecs, that says what the test wants: honest or not.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use start_engine::base::ids::{Infohash, PeerId};
use start_engine::wire::extended::{ENGINE_VERSION, ExtendedHandshake, LiveInfo, NodeKey, UT_METADATA_ID};
use start_engine::wire::handshake::{HANDSHAKE_BYTES, Handshake};
use start_engine::wire::message::{LENGTH_BYTES, Message, body_length};

/// A connection after the handshake.
pub struct WirePeer {
    pub stream: TcpStream,
}

/// The name of a peer, distinct for each `tag`.
pub fn peer_id(tag: u8) -> PeerId {
    PeerId::from_random([tag; 11])
}

pub fn node_key(tag: u8) -> NodeKey {
    NodeKey::from_seed([tag; 32])
}

/// What a node says of itself that holds `live`.
pub fn description(live: LiveInfo, is_source: bool) -> ExtendedHandshake {
    ExtendedHandshake {
        ut_metadata: Some(UT_METADATA_ID),
        piece_table: None,
        ut_pex: None,
        metadata_size: None,
        live,
        lsp: live.lsp,
        is_source,
        listen_port: 0,
        counter_s: 1,
        version: ENGINE_VERSION,
        your_ip: None,
    }
}

impl WirePeer {
    /// Dials and shakes hands.
    pub fn dial(addr: SocketAddr, infohash: Infohash, tag: u8) -> io::Result<Self> {
        let mut stream = connect(addr)?;
        stream.write_all(&Handshake { infohash, peer_id: peer_id(tag) }.encode())?;
        let mut answer = [0; HANDSHAKE_BYTES];
        stream.read_exact(&mut answer)?;
        let theirs = Handshake::decode(&answer).map_err(io::Error::other)?;
        assert_eq!(theirs.infohash, infohash);
        Ok(Self { stream })
    }

    /// Answers a peer that dialled us.
    pub fn accept(mut stream: TcpStream, tag: u8) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let mut theirs = [0; HANDSHAKE_BYTES];
        stream.read_exact(&mut theirs)?;
        let infohash = Handshake::decode(&theirs).map_err(io::Error::other)?.infohash;
        stream.write_all(&Handshake { infohash, peer_id: peer_id(tag) }.encode())?;
        Ok(Self { stream })
    }

    /// Says who it is, signed, and what it holds.
    pub fn describe(&mut self, tag: u8, live: LiveInfo) -> io::Result<()> {
        self.send(&Message::ExtendedHandshake(description(live, false).sign(&node_key(tag))))
    }

    pub fn send(&mut self, message: &Message) -> io::Result<()> {
        let mut out = BytesMut::new();
        let bulk = message.encode_head(&mut out);
        out.extend_from_slice(&bulk);
        self.stream.write_all(&out)
    }

    /// The next message; an error when the other side is gone, or silent for 30 s.
    pub fn receive(&mut self) -> io::Result<Message> {
        let mut length = [0; LENGTH_BYTES];
        self.stream.read_exact(&mut length)?;
        let mut body = vec![0; body_length(length).map_err(io::Error::other)?];
        self.stream.read_exact(&mut body)?;
        Ok(Message::decode(Bytes::from(body)))
    }

    /// Reads until a message `is_it`.
    pub fn receive_until(&mut self, is_it: impl Fn(&Message) -> bool) -> io::Result<Message> {
        loop {
            let message = self.receive()?;
            if is_it(&message) {
                return Ok(message);
            }
        }
    }

    /// Reads on until the other side closes the connection. Panics when it does not.
    pub fn assert_closed(mut self, what: &str) {
        let error = self.receive_until(|_| false).expect_err("reads on until the end");
        assert!(!is_timeout(&error), "{what}: not closed");
    }

    pub fn clone_handle(&self) -> Self {
        Self { stream: self.stream.try_clone().expect("a handle") }
    }
}

pub fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
