//! What opens a connection: handshake, first bytes, links to broadcasts.

use start_engine::base::ids::{Infohash, PeerId};
use start_engine::wire::handshake::{HEAD_BYTES, Handshake, HandshakeError, peer_id_follows};
use start_engine::wire::link;
use start_engine::wire::sniff::{Sniffed, sniff};

use crate::support::vector;

#[test]
fn handshake_of_the_vectors_is_read_and_written() {
    let bytes = vector(&["frames", "handshake"]);
    let handshake = Handshake {
        infohash: "695db0913d25de2d649234d98ba8d676edc0aef9".parse().unwrap(),
        peer_id: PeerId(*b"R30------0123456789a"),
    };
    assert_eq!(handshake.encode().as_slice(), bytes);
    assert_eq!(Handshake::decode(&bytes.clone().try_into().unwrap()), Ok(handshake));
    let head: [u8; HEAD_BYTES] = bytes[..HEAD_BYTES].try_into().unwrap();
    assert_eq!(Handshake::decode_head(&head), Ok(handshake.infohash));
}

#[test]
fn reserved_bits_are_ignored_and_another_protocol_is_refused() {
    let infohash = Infohash([7; 20]);
    let bytes = Handshake { infohash, peer_id: PeerId(*b"R30------Ef2V8QOgmt4") }.encode();
    let mut head: [u8; HEAD_BYTES] = bytes[..HEAD_BYTES].try_into().unwrap();
    head[25] = 0xff;
    assert_eq!(Handshake::decode_head(&head), Ok(infohash));
    head[..20].copy_from_slice(b"\x13BitTorrent protocol");
    assert_eq!(Handshake::decode_head(&head), Err(HandshakeError::WrongProtocol));
}

#[test]
fn after_a_bare_head_a_peer_id_is_told_from_a_frame() {
    assert!(peer_id_follows(b"R30------gGwaDryAo5A"[0]));
    assert!(!peer_id_follows(0));
}

#[test]
fn first_bytes_tell_the_protocol() {
    assert_eq!(sniff(b"\x11"), Sniffed::PeerWire);
    assert_eq!(sniff(b"\x11AceStreamProtocol\0\0"), Sniffed::PeerWire);
    assert_eq!(sniff(b"\x11AceStreamPr0"), Sniffed::Unknown);
    assert_eq!(sniff(b"G"), Sniffed::Http);
    assert_eq!(sniff(b"GET /announce HTTP/1.1"), Sniffed::Http);
    assert_eq!(sniff(b"HEAD / HTTP/1.1"), Sniffed::Http);
    for other in [b"".as_slice(), b"GOT", b"\x13BitTorrent protocol", b"\x16\x03\x01"] {
        assert_eq!(sniff(other), Sniffed::Unknown);
    }
}

#[test]
fn link_and_bare_id_name_the_same_broadcast() {
    let id = "50e93529d3eb46a50506b14464185a15292d6e47";
    let expected = Ok(id.parse().unwrap());
    assert_eq!(link::parse(id), expected);
    assert_eq!(link::parse(&format!("acestream://{id}")), expected);
    assert_eq!(link::parse(&format!(" AceStream://{}/ ", id.to_uppercase())), expected);
    assert_eq!(link::format(id.parse().unwrap()), format!("acestream://{id}"));
    for wrong in ["", "acestream://", "acestream://50e9", "http://x", &id[1..], "acestream:/é"] {
        assert!(link::parse(wrong).is_err(), "{wrong}");
    }
}
