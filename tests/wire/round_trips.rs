//! What is written is read back, whatever the values.

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use start_engine::base::ids::{Infohash, PeerId};
use start_engine::wire::bencode::{self, Dict, List};
use start_engine::wire::extended::{ExtendedHandshake, LiveInfo, NodeKey};
use start_engine::wire::handshake::Handshake;
use start_engine::wire::message::Message;
use start_engine::wire::metadata::{METADATA_PIECE_BYTES, MetadataMessage};
use start_engine::wire::myinfo::MyInfo;
use start_engine::wire::pex::PexRecord;
use start_engine::wire::transport_file::{Descriptor, Quality, TransportFile};

use crate::support::frame;

fn bytes(max: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=max).prop_map(Bytes::from)
}

fn address() -> impl Strategy<Value = SocketAddrV4> {
    any::<(u32, u16)>().prop_map(|(ip, port)| SocketAddrV4::new(Ipv4Addr::from_bits(ip), port))
}

fn peer_id() -> impl Strategy<Value = PeerId> {
    any::<[u8; 11]>().prop_map(PeerId::from_random)
}

fn record() -> impl Strategy<Value = PexRecord> {
    let numbers = any::<(i64, i64, i64, i32, u32)>();
    (address(), peer_id(), numbers).prop_map(|(address, peer_id, numbers)| {
        let (min_piece, max_piece, position, distance_from_source, version) = numbers;
        PexRecord { address, peer_id, min_piece, max_piece, distance_from_source, position, version }
    })
}

fn my_info() -> impl Strategy<Value = MyInfo> {
    any::<([i64; 9], bool)>().prop_map(|(n, is_accessible)| MyInfo {
        up_rate: n[0],
        down_rate: n[1],
        top_rate: n[2],
        download_window_end: n[3],
        live_window_size: n[4],
        min_piece: n[5],
        max_piece: n[6],
        distance_from_source: n[7],
        position: n[8],
        is_accessible,
    })
}

fn bitfield() -> impl Strategy<Value = Message> {
    (any::<(u32, u32)>(), 0..4096u32).prop_flat_map(|((stream, first), count)| {
        vec(any::<u8>(), count.div_ceil(8) as usize).prop_map(move |bits| Message::Bitfield {
            stream,
            first,
            count,
            bits: bits.into(),
        })
    })
}

fn without_fields() -> impl Strategy<Value = Message> {
    prop_oneof![
        Just(Message::KeepAlive),
        Just(Message::Choke),
        Just(Message::Unchoke),
        Just(Message::Interested),
        Just(Message::NotInterested),
        Just(Message::KeepAliveLike),
    ]
}

fn with_fields() -> impl Strategy<Value = Message> {
    prop_oneof![
        any::<(u32, u32)>().prop_map(|(stream, piece)| Message::Have { stream, piece }),
        any::<(u32, u32)>().prop_map(|(stream, piece)| Message::TrailingEdge { stream, piece }),
        any::<u32>().prop_map(|counter| Message::Telemetry { counter }),
        any::<(u32, u32, u16)>().prop_map(|(stream, piece, chunk)| Message::Request { stream, piece, chunk }),
        bitfield(),
        (any::<(u32, u32, f64, u16)>(), bytes(64)).prop_map(|((stream, piece, time, chunk), data)| {
            Message::Piece { stream, piece, time, chunk, data }
        }),
        my_info().prop_map(Message::MyInfo),
        vec(record(), 0..5).prop_map(Message::PeerExchange),
        bytes(64).prop_map(Message::ExtendedHandshake),
        (1..=255u8, bytes(64)).prop_map(|(id, payload)| Message::Extended { id, payload }),
        (address(), peer_id()).prop_map(|(address, peer_id)| Message::SourceAnnounce { address, peer_id }),
    ]
}

fn metadata() -> impl Strategy<Value = MetadataMessage> {
    let data = (0..64u32, 1..=METADATA_PIECE_BYTES as u32).prop_map(|(piece, length)| {
        let total_bytes = piece * METADATA_PIECE_BYTES as u32 + length;
        MetadataMessage::Data { piece, total_bytes, data: vec![7; length as usize].into() }
    });
    prop_oneof![
        any::<u32>().prop_map(|piece| MetadataMessage::Request { piece }),
        any::<u32>().prop_map(|piece| MetadataMessage::Reject { piece }),
        data,
    ]
}

fn live() -> impl Strategy<Value = LiveInfo> {
    any::<(i64, i64, i64, i64)>().prop_map(|(distance_from_source, down_rate, mam, upload_rating)| LiveInfo {
        distance_from_source,
        down_rate,
        mam,
        upload_rating,
        ..LiveInfo::source(down_rate, mam)
    })
}

fn extended() -> impl Strategy<Value = ExtendedHandshake> {
    let ip = any::<std::net::IpAddr>().prop_filter("stands for unknown", |ip| !ip.is_unspecified());
    (
        (of(1..=255u8), of(1..=255u8), of(1..=255u8)),
        of(1..=1_048_576u32),
        live(),
        any::<(i64, bool, u16, i64, i64)>(),
        of(ip),
    )
        .prop_map(
            |(
                (ut_metadata, piece_table, ut_pex),
                metadata_size,
                live,
                (lsp, is_source, listen_port, counter_s, version),
                your_ip,
            )| {
                ExtendedHandshake {
                    ut_metadata,
                    piece_table,
                    ut_pex,
                    metadata_size,
                    live,
                    lsp,
                    is_source,
                    listen_port,
                    counter_s,
                    version,
                    your_ip,
                }
            },
        )
}

fn descriptor() -> impl Strategy<Value = Descriptor> {
    let texts = (".{0,40}", vec("[!-~]{1,40}", 0..5), vec(".{0,20}", 0..5));
    let numbers = (10..=16u32, 1..=32u32, 0..=i64::MAX as u64, any::<(bool, bool)>());
    let quality = prop_oneof![Just(Quality::Auto), Just(Quality::Sd), Just(Quality::Hd)];
    (texts, numbers, quality, bytes(128)).prop_map(|(texts, numbers, quality, tail)| Descriptor {
        name: texts.0,
        pubkey: [b"k", tail.as_ref()].concat().into(),
        piece_length: numbers.1 << numbers.0,
        chunk_length: 1 << numbers.0,
        bitrate: numbers.2,
        quality,
        trackers: texts.1,
        categories: texts.2,
        allow_public_trackers: numbers.3.0,
        permanent: numbers.3.1,
        ..Descriptor::default()
    })
}

proptest! {
    #[test]
    fn messages_survive_the_wire(message in prop_oneof![without_fields(), with_fields()]) {
        let bytes = frame(&message);
        prop_assert_eq!(message.frame_bytes(), bytes.len());
        prop_assert_eq!(bytes[..4].to_vec(), (bytes.len() as u32 - 4).to_be_bytes());
        prop_assert_eq!(Message::decode(bytes.slice(4..)), message);
    }

    #[test]
    fn handshakes_survive_the_wire(infohash: [u8; 20], peer_id in peer_id()) {
        let handshake = Handshake { infohash: Infohash(infohash), peer_id };
        prop_assert_eq!(Handshake::decode(&handshake.encode()), Ok(handshake));
    }

    #[test]
    fn metadata_survives_the_wire(message in metadata()) {
        prop_assert_eq!(MetadataMessage::decode(message.encode()), Some(message));
    }

    #[test]
    fn signed_handshakes_verify(seed: [u8; 32], handshake in extended()) {
        let key = NodeKey::from_seed(seed);
        let verified = ExtendedHandshake::verify(&handshake.sign(&key));
        prop_assert_eq!(verified, Ok((key.node_id(), handshake)));
    }

    #[test]
    fn transport_files_survive(descriptor in descriptor()) {
        let file = TransportFile::build(descriptor);
        prop_assert_eq!(TransportFile::parse(file.bytes.clone()), Ok(file));
    }

    #[test]
    fn written_bencode_is_canonical(
        ints in vec((vec(any::<u8>(), 0..8), any::<i64>()), 0..8),
        strings in vec(vec(any::<u8>(), 0..40), 0..8),
    ) {
        let list = strings.iter().collect::<List>();
        let dict = ints.iter().fold(Dict::new(), |dict, (key, value)| dict.int(key, *value));
        let bytes = dict.list("list", list).encode();
        let value = bencode::parse(&bytes, bytes.len()).unwrap();
        let read: Vec<_> = value.get("list").unwrap().as_list().unwrap().iter().map(|item| item.as_bytes()).collect();
        prop_assert_eq!(read, strings.iter().map(|text| Some(text.as_slice())).collect::<Vec<_>>());
    }
}
