//! What the core decides a second, without sockets: a relay that fetches from 50 peers and serves 50,
//! and a source that serves 50.
//!
//! Cost is per chunk that the core moved; hashing and signatures of a relay's pieces are in it.
#![allow(clippy::disallowed_methods, reason = "benches make up a time to start from")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rsa::rand_core::OsRng;
use start_engine::base::cidr::Networks;
use start_engine::base::ids::{Infohash, LinkId, PeerId};
use start_engine::live::assembler::Shape;
use start_engine::live::cutter::Cutter;
use start_engine::live::geometry::{DEFAULT_CHUNK_LENGTH, Geometry};
use start_engine::live::piece::VerifiedPiece;
use start_engine::live::source_key::{DEFAULT_KEY_BITS, SourceKey};
use start_engine::live::verifier::Verifier;
use start_engine::swarm::ts::{Ts, TsConfig};
use start_engine::swarm::wants::{Use, Wants};
use start_engine::swarm::{Input, Machine, Output, Role, Swarm, SwarmConfig};
use start_engine::wire::extended::{ENGINE_VERSION, ExtendedHandshake, LiveInfo, NodeKey};
use start_engine::wire::message::Message;

const PIECE_LENGTH: u32 = 512 * 1024;
/// 4 Mbit/s.
const BYTES_PER_SECOND: u64 = 500_000;
const PIECE_TIME: Duration = Duration::from_millis(1048);
const PIECES: usize = 8;

criterion_group!(picker, choose, source, relay);
criterion_main!(picker);

struct Stream {
    geometry: Geometry,
    verifier: Verifier,
    pieces: Vec<VerifiedPiece>,
}

impl Stream {
    fn new() -> Self {
        let key = SourceKey::generate(DEFAULT_KEY_BITS, &mut OsRng).expect("a key");
        let verifier = key.verifier();
        let signature_length = verifier.signature_length() as u32;
        let geometry = Geometry::new(PIECE_LENGTH, DEFAULT_CHUNK_LENGTH, signature_length).expect("fits");
        let mut cutter = Cutter::new(geometry, key, OsRng, 100);
        let media = |number: usize| Bytes::from(vec![number as u8; geometry.payload_length()]);
        let pieces = (0..PIECES).flat_map(|number| {
            let time_s = 1.7e9 + number as f64 * PIECE_TIME.as_secs_f64();
            cutter.push(media(number), time_s).expect("signs")
        });
        let pieces = pieces.collect();
        Self { geometry, verifier, pieces }
    }

    fn chunks(&self) -> u64 {
        self.pieces.len() as u64 * u64::from(self.geometry.chunks_per_piece())
    }

    fn swarm(&self, role: Role, now: Instant) -> Swarm<Ts> {
        let medium = Ts::new(TsConfig {
            geometry: self.geometry,
            verifier: self.verifier.clone(),
            bitrate: BYTES_PER_SECOND,
            archive: None,
            window_pieces: TsConfig::choose_window_pieces(&self.geometry, BYTES_PER_SECOND),
            buffer: Duration::from_secs(3),
        });
        let config = SwarmConfig {
            infohash: Infohash([1; 20]),
            role,
            node_key: NodeKey::from_seed([1; 32]),
            peer_id: PeerId::from_random([1; 11]),
            listen_port: 7764,
            max_peers: 200,
            upload_limit: None,
            download_limit: None,
            upload_slots: 200,
            tracker_count: 0,
            operator_trackers: 0,
            allow_private_addresses: true,
            operator_peers: Vec::new(),
            startup_peers: Vec::new(),
            served_first: Networks::default(),
            secret: Networks::default(),
            is_private: false,
            newest_connection_wins: false,
            housekeeping_interval: Duration::from_secs(1),
            transport_file: Bytes::new(),
            seed: 1,
        };
        Swarm::new(now, config, medium)
    }
}

/// A swarm and those around it, who answer at once.
struct Bench<'a> {
    stream: &'a Stream,
    now: Instant,
    swarm: Swarm<Ts>,
    /// Links that hold every piece; the others hold none and ask for each chunk that they are told of.
    seeds: std::ops::Range<u64>,
    chunks_served: u64,
    inbox: Vec<Input>,
    queued_bytes: BTreeMap<LinkId, usize>,
}

impl<'a> Bench<'a> {
    fn new(stream: &'a Stream, role: Role, seeds: u64, leeches: u64, greetings: &[Bytes]) -> Self {
        let now = Instant::now();
        let swarm = stream.swarm(role, now);
        let inbox = Vec::new();
        let queued_bytes = BTreeMap::new();
        let mut bench = Self { stream, now, swarm, seeds: 0..seeds, chunks_served: 0, inbox, queued_bytes };
        for (link, greeting) in (0..seeds + leeches).zip(greetings) {
            let addr = SocketAddr::from((Ipv4Addr::new(127, 1, 0, link as u8 + 1), 4000));
            let link = LinkId(link);
            bench.tell(Input::Accepted { link, addr });
            bench.tell(Input::Message { link, message: Message::ExtendedHandshake(greeting.clone()) });
            bench.tell(Input::Message { link, message: Message::Interested });
            if bench.seeds.contains(&link.0) {
                bench.tell(Input::Message { link, message: Message::Unchoke });
            }
        }
        bench
    }

    /// Gives an input, and what it brings about, until all is quiet.
    fn tell(&mut self, input: Input) {
        self.inbox.push(input);
        while let Some(input) = self.inbox.pop() {
            self.swarm.handle(self.now, input);
            while let Some(output) = self.swarm.poll() {
                self.answer(output);
            }
            if self.inbox.is_empty() {
                let written = std::mem::take(&mut self.queued_bytes).into_keys();
                self.inbox.extend(written.map(|link| Input::Writable { link, queued_bytes: 0 }));
            }
        }
    }

    fn answer(&mut self, output: Output) {
        let Output::Send { link, message } = output else { return };
        *self.queued_bytes.entry(link).or_default() += message.frame_bytes();
        match message {
            Message::Request { piece, chunk, .. } => {
                let piece = &self.stream.pieces[piece as usize - 100];
                let data = piece.chunk(chunk).expect("a chunk").clone();
                let number = piece.number() as u32;
                let message = Message::Piece { stream: 0, piece: number, time: piece.time(), chunk, data };
                self.inbox.push(Input::Message { link, message });
            }
            Message::Have { piece, .. } if !self.seeds.contains(&link.0) => {
                let chunks = 0..self.stream.geometry.chunks_per_piece();
                let ask = |chunk| Message::Request { stream: 0, piece, chunk };
                self.inbox.extend(chunks.map(|chunk| Input::Message { link, message: ask(chunk) }));
            }
            Message::Piece { .. } => self.chunks_served += 1,
            _ => {}
        }
    }
}

fn greetings(count: u64) -> Vec<Bytes> {
    let handshake = ExtendedHandshake {
        ut_metadata: None,
        piece_table: None,
        metadata_size: None,
        live: LiveInfo::EMPTY,
        lsp: -1,
        is_source: false,
        listen_port: 4000,
        counter_s: 0,
        version: ENGINE_VERSION,
        your_ip: None,
    };
    let greeting = |index: u64| {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&index.to_le_bytes());
        handshake.sign(&NodeKey::from_seed(seed))
    };
    (0..count).map(greeting).collect()
}

/// One relay's table of wanted pieces, asked for chunks by 50 peers until all are asked for.
fn choose(criterion: &mut Criterion) {
    let stream = Stream::new();
    let mut group = criterion.benchmark_group("picker");
    group.throughput(Throughput::Elements(stream.chunks()));
    group.bench_function("choose each chunk of 8 pieces, 50 peers in turn", |bencher| {
        bencher.iter(|| {
            let mut wants = Wants::default();
            stream
                .pieces
                .iter()
                .for_each(|piece| wants.insert(piece.id(), &Shape::Signed(stream.geometry), || 1));
            let links = (0..50).map(LinkId).cycle();
            let chosen = links
                .map_while(|link| wants.choose(link, Use::Anything, 1, |_, _| false, |_| true, |_| true));
            assert_eq!(black_box(chosen.count()) as u64, stream.chunks());
        });
    });
}

fn source(criterion: &mut Criterion) {
    let stream = Stream::new();
    let mut group = criterion.benchmark_group("picker");
    group.sample_size(20);
    for peers in [1, 10, 50] {
        let greetings = greetings(peers);
        group.throughput(Throughput::Elements(peers * stream.chunks()));
        group.bench_function(BenchmarkId::new("source serves peers, per chunk", peers), |bencher| {
            let start = || Bench::new(&stream, Role::Source, 0, peers, &greetings);
            let run = |mut bench: Bench<'_>| {
                for piece in &stream.pieces {
                    bench.now += PIECE_TIME;
                    bench.tell(Input::Produced(piece.clone()));
                }
                assert_eq!(bench.chunks_served, peers * stream.chunks(), "every peer got every chunk");
            };
            bencher.iter_batched(start, run, criterion::BatchSize::LargeInput);
        });
    }
}

fn relay(criterion: &mut Criterion) {
    let stream = Stream::new();
    let mut group = criterion.benchmark_group("picker");
    group.sample_size(20);
    for (seeds, leeches) in [(1, 1), (50, 0), (1, 50), (50, 50)] {
        let greetings = greetings(seeds + leeches);
        group.throughput(Throughput::Elements((1 + leeches) * stream.chunks()));
        let name = format!("{seeds} that give, {leeches} that take");
        group.bench_function(BenchmarkId::new("relay among peers, per chunk moved", name), |bencher| {
            let start = || Bench::new(&stream, Role::Relay, seeds, leeches, &greetings);
            let run = |mut bench: Bench<'_>| {
                for piece in &stream.pieces {
                    bench.now += PIECE_TIME;
                    for link in bench.seeds.clone().map(LinkId) {
                        let message = Message::Have { stream: 0, piece: piece.number() as u32 };
                        bench.tell(Input::Message { link, message });
                    }
                }
                let verified = bench.swarm.stats(bench.now).pieces_verified;
                assert_eq!(verified, stream.pieces.len() as u64, "every piece came");
                assert_eq!(bench.chunks_served, leeches * stream.chunks(), "every peer got every chunk");
            };
            bencher.iter_batched(start, run, criterion::BatchSize::LargeInput);
        });
    }
}
