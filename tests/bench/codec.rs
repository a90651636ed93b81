//! What the wire costs: frames in and out, the signed handshake, the transport file.

use std::hint::black_box;
use std::net::Ipv4Addr;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rsa::rand_core::OsRng;
use start_engine::live::source_key::{DEFAULT_KEY_BITS, SourceKey};
use start_engine::wire::descriptor::Descriptor;
use start_engine::wire::extended::{ENGINE_VERSION, ExtendedHandshake, LiveInfo, NodeKey, UT_METADATA_ID};
use start_engine::wire::message::{LENGTH_BYTES, Message};
use start_engine::wire::transport_file::TransportFile;

const CHUNK_BYTES: usize = 16 * 1024;

criterion_group!(codec, messages, extended_handshake, transport_file);
criterion_main!(codec);

fn messages(criterion: &mut Criterion) {
    let data = Bytes::from(vec![0x5a; CHUNK_BYTES]);
    let piece = Message::Piece { stream: 0, piece: 70_000, time: 1.7e9, chunk: 3, data };
    let have = Message::Have { stream: 0, piece: 70_000 };
    let request = Message::Request { stream: 0, piece: 70_000, chunk: 3 };
    let mut group = criterion.benchmark_group("codec");
    for (name, message) in [("have", have), ("request", request), ("chunk of 16 KiB", piece)] {
        group.throughput(Throughput::Bytes(message.frame_bytes() as u64));
        let mut out = BytesMut::with_capacity(4096);
        group.bench_function(format!("encode {name}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                message.encode_head(&mut out)
            });
        });
        let body = body_of(&message);
        group.bench_function(format!("decode {name}"), |bencher| {
            bencher.iter(|| Message::decode(black_box(&body).clone()));
        });
    }
}

fn body_of(message: &Message) -> Bytes {
    let mut frame = BytesMut::new();
    let bulk = message.encode_head(&mut frame);
    frame.extend_from_slice(&bulk);
    frame.freeze().slice(LENGTH_BYTES..)
}

fn extended_handshake(criterion: &mut Criterion) {
    let key = NodeKey::from_seed([7; 32]);
    let handshake = ExtendedHandshake {
        ut_metadata: Some(UT_METADATA_ID),
        piece_table: None,
        ut_pex: None,
        metadata_size: Some(700),
        live: LiveInfo::source(69_886, 70_000),
        lsp: 70_000,
        is_source: true,
        listen_port: 7764,
        counter_s: 3600,
        version: ENGINE_VERSION,
        your_ip: Some(Ipv4Addr::LOCALHOST.into()),
    };
    criterion.bench_function("codec/sign extended handshake", |bencher| {
        bencher.iter(|| black_box(&handshake).sign(&key));
    });
    let raw = handshake.sign(&key);
    criterion.bench_function("codec/verify extended handshake", |bencher| {
        bencher.iter(|| ExtendedHandshake::verify(black_box(&raw)).expect("signed"));
    });
}

fn transport_file(criterion: &mut Criterion) {
    let key = SourceKey::generate(DEFAULT_KEY_BITS, &mut OsRng).expect("a key");
    let descriptor = Descriptor {
        name: "Test Stream".to_owned(),
        pubkey: key.public_spki_der().expect("a key"),
        piece_length: 512 * 1024,
        chunk_length: CHUNK_BYTES as u32,
        bitrate: 500_000,
        trackers: vec!["http://192.0.2.1:7764/announce".to_owned()],
        categories: vec!["entertaining".to_owned()],
        ..Descriptor::default()
    };
    criterion.bench_function("codec/build transport file", |bencher| {
        bencher.iter(|| TransportFile::build(black_box(&descriptor).clone()));
    });
    let bytes = TransportFile::build(descriptor).bytes;
    criterion.bench_function("codec/parse transport file", |bencher| {
        bencher.iter(|| TransportFile::parse(black_box(&bytes).clone()).expect("a transport file"));
    });
}
