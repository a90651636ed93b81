//! Strangers that mean no good, against a source that broadcasts: closed, bounded, and never felt by those
//! who watch.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use start_engine::base::ids::Infohash;
use start_engine::base::limits::FRAME_MAX_BYTES;
use start_engine::wire::extended::LiveInfo;
use start_engine::wire::handshake::{HANDSHAKE_BYTES, HEAD_BYTES, Handshake};
use start_engine::wire::message::Message;

use crate::harness::{DEADLINE, local, wait_until};
use crate::node::{Home, Node};
use crate::origin::Origin;
use crate::viewer::Viewer;
use crate::wire_peer::{WirePeer, connect, description, is_timeout, node_key, peer_id};

const RATE: u64 = 250_000;
/// What a source may use beside its window, which holds a few megabytes here: many times what it needs
/// unoptimised, and a fraction of what the attacks send.
const RESIDENT_MAX_KB: u64 = 160 * 1024;

/// A source and somebody who watches it.
struct Besieged {
    origin: Origin,
    source: Node,
    port: u16,
    infohash: Infohash,
    viewer: Viewer,
    _client: Node,
    _home: Home,
}

impl Besieged {
    fn start() -> Self {
        let (origin, home) = (Origin::start(RATE), Home::new());
        let mut source = home.quick_source(&origin, &[]);
        let infohash = source.last_word("infohash: ").parse().expect("an infohash");
        let mut client = home.client(&[]);
        let viewer = Viewer::of_url(&mut client, &home.transport_url(), origin.stream);
        viewer.plays(100);
        let port = source.port();
        Self { origin, source, port, infohash, viewer, _client: client, _home: home }
    }

    fn dial(&self, tag: u8) -> WirePeer {
        WirePeer::dial(local(self.port), self.infohash, tag).expect("shakes hands")
    }

    /// A peer that described itself, and of which nothing is known to be bad.
    fn peer(&self, tag: u8) -> WirePeer {
        let mut peer = self.dial(tag);
        peer.describe(tag, LiveInfo::EMPTY).expect("describes itself");
        peer
    }

    /// The viewer lost nothing, a newcomer is served, and memory is bounded.
    fn assert_unmoved(&mut self) {
        assert_served(self.peer(200));
        let seen = self.viewer.plays(self.origin.stream.packets_in(1));
        assert_eq!((seen.gaps.len(), seen.continuity_errors, seen.wrong.len()), (0, 0, 0), "{seen:?}");
        let resident_kb = self.source.resident_kb();
        assert!(resident_kb < RESIDENT_MAX_KB, "{resident_kb} KB");
        assert!(self.source.is_running());
    }
}

/// Fetches one chunk. The peer has described itself.
fn assert_served(mut peer: WirePeer) {
    let piece = first_served(&mut peer).expect("is unchoked");
    peer.send(&Message::Request { stream: 0, piece, chunk: 0 }).expect("requests");
    let answer = peer.receive_until(|message| matches!(message, Message::Piece { .. })).expect("a chunk");
    let Message::Piece { piece: served, time, chunk, data, .. } = answer else { panic!("a chunk") };
    assert_eq!((served, chunk, data.len()), (piece, 0, 16_384));
    assert!(time > 1.0e9, "Unix seconds");
}

/// Becomes interested and is unchoked; gives a piece that the other side holds.
fn first_served(peer: &mut WirePeer) -> io::Result<u32> {
    peer.send(&Message::Interested)?;
    let (mut held, mut is_unchoked) = (None, false);
    loop {
        match peer.receive()? {
            Message::Bitfield { first, count, .. } => held = Some(first + count - 1),
            Message::Have { piece, .. } => held = Some(piece),
            Message::Unchoke => is_unchoked = true,
            _ => {}
        }
        if let (true, Some(piece)) = (is_unchoked, held) {
            return Ok(piece);
        }
    }
}

/// Reads until the end of the connection, which must come; gives what came before it.
fn read_to_close(mut stream: TcpStream) -> usize {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if is_timeout(&error) => panic!("not closed"),
        _ => bytes.len(),
    }
}

#[test]
fn strangers_that_ask_for_something_else_are_closed_without_a_byte() {
    let mut besieged = Besieged::start();
    let unknown = Handshake { infohash: Infohash([7; 20]), peer_id: peer_id(1) }.encode();
    let mut wrong_name = Handshake { infohash: besieged.infohash, peer_id: peer_id(1) }.encode();
    wrong_name[1..18].copy_from_slice(b"AceStreamProtoc0l");
    let mut bittorrent = b"\x13BitTorrent protocol".to_vec();
    bittorrent.extend([0; 48]);
    for bytes in [&unknown[..], &unknown[..HEAD_BYTES], &wrong_name, &bittorrent, &[0; 66], b"\xff\xff"] {
        let mut stream = connect(local(besieged.port)).expect("connects");
        stream.write_all(bytes).expect("writes");
        assert_eq!(read_to_close(stream), 0, "{bytes:?}");
    }
    besieged.assert_unmoved();
}

#[test]
fn handshake_in_two_parts_is_answered_after_the_first() {
    let mut besieged = Besieged::start();
    // a node that comes back before its last link is gone would be a duplicate
    for (tag, sends_peer_id) in [(3, true), (33, false)] {
        let whole = Handshake { infohash: besieged.infohash, peer_id: peer_id(tag) }.encode();
        let mut stream = connect(local(besieged.port)).expect("connects");
        stream.write_all(&whole[..HEAD_BYTES]).expect("writes");
        let mut answer = [0; HANDSHAKE_BYTES];
        stream.read_exact(&mut answer).expect("the whole handshake");
        assert_eq!(Handshake::decode(&answer).expect("a handshake").infohash, besieged.infohash);
        if sends_peer_id {
            stream.write_all(&whole[HEAD_BYTES..]).expect("writes");
        }
        let mut peer = WirePeer { stream };
        peer.describe(tag, LiveInfo::EMPTY).expect("describes itself");
        assert_served(peer);
    }
    besieged.assert_unmoved();
}

#[test]
fn frames_that_are_too_long_and_false_signatures_close_the_link() {
    let mut besieged = Besieged::start();
    for (tag, length) in [(40, FRAME_MAX_BYTES as u32 + 1), (41, 0x7fff_ffff), (42, u32::MAX)] {
        let mut peer = besieged.peer(tag);
        peer.stream.write_all(&length.to_be_bytes()).expect("writes");
        peer.assert_closed("a frame that is too long");
    }
    let signed = description(LiveInfo::EMPTY, false).sign(&node_key(5));
    let mut forged = signed.to_vec();
    let port = forged.windows(4).position(|four| four == b"1:pi").expect("a port") + 4;
    forged[port] = if forged[port] == b'1' { b'2' } else { b'1' };
    for raw in [Bytes::from(forged), signed.slice(1..), Bytes::from_static(b"de"), Bytes::new()] {
        let mut peer = besieged.dial(5);
        peer.send(&Message::ExtendedHandshake(raw)).expect("sends");
        peer.assert_closed("a description that is not signed");
    }
    besieged.assert_unmoved();
}

#[test]
fn claims_without_bounds_are_harmless() {
    let mut besieged = Besieged::start();
    let mut peer = besieged.dial(6);
    peer.describe(6, LiveInfo::source(0, i64::from(u32::MAX))).expect("describes itself");
    let bits = Bytes::from(vec![0xff; FRAME_MAX_BYTES - 13]);
    let count = bits.len() as u32 * 8;
    for first in [0, u32::MAX - 5, u32::MAX] {
        let message = Message::Bitfield { stream: 0, first, count, bits: bits.clone() };
        peer.send(&message).expect("sends");
    }
    let short = Message::Bitfield { stream: 0, first: 0, count: u32::MAX, bits: Bytes::from_static(&[1]) };
    peer.send(&short).expect("sends");
    for piece in [u32::MAX, 0, u32::MAX - 1] {
        peer.send(&Message::Have { stream: 0, piece }).expect("sends");
        peer.send(&Message::TrailingEdge { stream: 0, piece }).expect("sends");
    }
    assert_served(peer);
    besieged.assert_unmoved();
}

#[test]
fn haves_of_other_layouts_and_unknown_messages_are_ignored() {
    let mut besieged = Besieged::start();
    let mut peer = besieged.peer(7);
    // a standard have of four bytes, a reject, an id that nobody knows, a request of another layout
    for body in [&[4, 0, 0, 0, 9][..], &[16; 13], &[99, 1, 2, 3], &[6; 13], &[13], &[34; 9], &[11, b'x']] {
        peer.stream.write_all(&(body.len() as u32).to_be_bytes()).expect("writes");
        peer.stream.write_all(body).expect("writes");
    }
    assert_served(peer);
    besieged.assert_unmoved();
}

#[test]
fn flood_of_haves_is_borne_or_ended() {
    let mut besieged = Besieged::start();
    let mut peer = besieged.peer(8);
    // a flooder may be thrown out at any moment
    for piece in 0..300_000 {
        if peer.send(&Message::Have { stream: 0, piece }).is_err() {
            break;
        }
    }
    besieged.assert_unmoved();
}

#[test]
fn peers_that_never_read_cost_little() {
    let mut besieged = Besieged::start();
    let mut deaf: Vec<_> = (10..30).map(|tag| besieged.peer(tag)).collect();
    for peer in &mut deaf {
        let newest = first_served(peer).expect("is unchoked");
        peer.stream.set_write_timeout(Some(Duration::from_millis(200))).expect("sets");
        for round in 0..1000 {
            let piece = newest.saturating_sub(round % 8);
            let request = Message::Request { stream: 0, piece, chunk: (round % 4) as u16 };
            if peer.send(&request).is_err() {
                break;
            }
        }
    }
    besieged.assert_unmoved();
    drop(deaf);
}

#[test]
fn one_byte_a_second_is_no_peer() {
    let mut besieged = Besieged::start();
    let handshake = Handshake { infohash: besieged.infohash, peer_id: peer_id(9) }.encode();
    let slow_handshake = connect(local(besieged.port)).expect("connects");
    let slow_head = connect(local(besieged.port)).expect("connects");
    let mut slow_frame = besieged.peer(9);
    slow_frame.stream.write_all(&1000u32.to_be_bytes()).expect("writes");
    let request = b"GET /app/monitor?with=many&more=words HTTP/1.1\r\nHost: localhost\r\n".repeat(2);
    let tricklers =
        [(slow_handshake, handshake.to_vec()), (slow_head, request), (slow_frame.stream, vec![5; 1000])];
    let tricklers = tricklers.map(|(stream, bytes)| std::thread::spawn(move || trickle(stream, &bytes)));
    for trickler in tricklers {
        trickler.join().expect("it was ended");
    }
    besieged.assert_unmoved();
}

/// Sends byte by byte until the other side ends the connection, which must come before the last byte.
fn trickle(mut stream: TcpStream, bytes: &[u8]) {
    stream.set_read_timeout(Some(Duration::from_secs(1))).expect("sets");
    let start = Instant::now();
    let mut buffer = [0; 64 * 1024];
    for byte in bytes {
        if stream.write_all(&[*byte]).is_err() {
            return;
        }
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until {
            match stream.read(&mut buffer) {
                Ok(0) => return,
                Err(error) if !is_timeout(&error) => return,
                _ => {}
            }
        }
        assert!(start.elapsed() < DEADLINE, "not ended");
    }
    panic!("it was let finish");
}

#[test]
fn thousands_of_connections_cost_the_viewer_nothing_and_go_away() {
    let mut besieged = Besieged::start();
    let count = 10_000.min(open_files_max() / 2);
    let handshake = Handshake { infohash: besieged.infohash, peer_id: peer_id(9) }.encode();
    let mut crowd = Vec::new();
    for n in 0..count {
        // one that is refused is refused; some say nothing, some shake hands, some ask
        let Ok(mut stream) = TcpStream::connect(local(besieged.port)) else { continue };
        let _ = match n % 3 {
            0 => Ok(()),
            1 => stream.write_all(&handshake),
            _ => stream.write_all(b"GET /app/monitor HTTP/1.1\r\n"),
        };
        crowd.push(stream);
    }
    let seen = besieged.viewer.plays(besieged.origin.stream.packets_in(1));
    assert_eq!((seen.gaps.len(), seen.continuity_errors), (0, 0), "{seen:?}");
    let resident_kb = besieged.source.resident_kb();
    assert!(resident_kb < RESIDENT_MAX_KB, "{resident_kb} KB with {} connections", crowd.len());
    drop(crowd);
    wait_until("there is room again", || crate::harness::monitor(besieged.port).is_some());
    wait_until("peers are taken again", || {
        let mut peer = WirePeer::dial(local(besieged.port), besieged.infohash, 199).ok();
        peer.as_mut()
            .is_some_and(|peer| peer.describe(199, LiveInfo::EMPTY).is_ok() && first_served(peer).is_ok())
    });
    besieged.assert_unmoved();
}

/// Files that this process may have open.
fn open_files_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    line.split_whitespace().nth(3).expect("a figure").parse().unwrap_or(usize::MAX)
}
