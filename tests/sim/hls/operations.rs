//! One swarm of an HLS broadcast, any input in any order, hostile tables included: it neither panics nor spins
//! nor talks without end; players get each chunk once, listed before, in rising numbers, and in a private
//! broadcast nothing but the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use start_engine::base::cidr::Networks;
use start_engine::base::ids::{Infohash, LinkId, PeerId, PieceId};
use start_engine::base::rng::Rng;
use start_engine::swarm::hls::event::{
    CHUNK_BYTES, HlsDelivery, HlsDemand, ListedSegment, Listing, OriginCommand, OriginEvent,
};
use start_engine::swarm::hls::{Hls, HlsConfig};
use start_engine::swarm::{Input, Machine, Output, Role, Swarm, SwarmConfig};
use start_engine::wire::extended::{ExtendedHandshake, LiveInfo, NodeKey};
use start_engine::wire::hls::catalog::{Catalog, SignedCatalog};
use start_engine::wire::hls::entry::{Entry, TableEntry};
use start_engine::wire::hls::segment::{InitId, Resource, Tags};
use start_engine::wire::hls::table::{TABLE_ID, TableMessage, Watching};
use start_engine::wire::message::Message;

use super::origin::content_of;
use crate::operations::{FIRST, LINKS, OUTPUTS_MAX, PIECES, TIMERS_MAX, message};

const CHUNKS: u16 = 3;
const INFOHASH: Infohash = Infohash([7; 20]);

/// Whose swarm it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    PublicViewer,
    PrivateViewer,
    Signer,
}

/// What an entry of a peer says.
#[derive(Debug, Clone)]
struct Said {
    number: u64,
    stream: u32,
    is_true: bool,
    is_signed: bool,
    has_content: bool,
    epoch: u64,
    has_init: bool,
    duration_us: u64,
}

#[derive(Debug, Clone)]
enum Table {
    Entry(Said, bool),
    Catalog(bool),
    Fetching(PieceId),
    Watching(Watching),
    Held(PieceId, Vec<u8>),
    Newest(PieceId),
    InitWanted,
    Init(Vec<u8>),
    Rubbish(Vec<u8>),
}

#[derive(Debug, Clone)]
enum Operation {
    Accept(u64),
    Close(u64),
    Describe(u64),
    Say(u64, Message),
    Table(u64, Table),
    /// A chunk as it is, or another one.
    Chunk {
        link: u64,
        id: PieceId,
        chunk: u16,
        is_true: bool,
    },
    /// What was asked of a peer comes, true or not.
    Answer {
        link: u64,
        is_true: bool,
    },
    /// So many chunks of what was asked of the origin come, and its answers to checks.
    AnswerOrigin(usize),
    Catalog,
    Listed {
        stream: u32,
        first: u64,
        count: u64,
        duration_us: u64,
    },
    OriginChunk {
        id: PieceId,
        chunk: u16,
    },
    OriginFailed(PieceId, bool),
    Checked {
        id: PieceId,
        chunk: u16,
        is_true: Option<bool>,
    },
    OriginReset(u32),
    Watched(Vec<u32>),
    Asked(PieceId),
    Drain(u64, usize),
    Wait(Duration),
}

fn number() -> impl Strategy<Value = u64> {
    let first = u64::from(FIRST);
    prop_oneof![60 => first..first + u64::from(PIECES), 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn id() -> impl Strategy<Value = PieceId> {
    (prop_oneof![20 => Just(0u32), 1 => 0..3u32], number())
        .prop_map(|(stream, number)| PieceId { stream, number })
}

fn duration_us() -> impl Strategy<Value = u64> {
    prop_oneof![30 => Just(2_000_000u64), 1 => Just(0u64), 1 => any::<u64>()]
}

fn said(signed: f64) -> impl Strategy<Value = Said> {
    let truth = (prop::bool::weighted(0.7), prop::bool::weighted(signed), prop::bool::weighted(0.9));
    (id(), truth, prop_oneof![20 => Just(0u64), 1 => 0..3u64], prop::bool::weighted(0.1), duration_us())
        .prop_map(|(id, (is_true, is_signed, has_content), epoch, has_init, duration_us)| Said {
            number: id.number,
            stream: id.stream,
            is_true,
            is_signed,
            has_content,
            epoch,
            has_init,
            duration_us,
        })
}

fn table(signed: f64) -> impl Strategy<Value = Table> {
    let watched = prop::collection::vec((0..3u32, any::<u8>()), 0..4);
    let watching = (any::<bool>(), any::<bool>(), watched);
    let bytes = || prop::collection::vec(any::<u8>(), 0..80);
    prop_oneof![
        10 => (said(signed), any::<bool>()).prop_map(|(said, is_own)| Table::Entry(said, is_own)),
        1 => any::<bool>().prop_map(Table::Catalog),
        2 => id().prop_map(Table::Fetching),
        4 => watching.prop_map(|(reads_origin, is_signer, streams)| {
            Table::Watching(Watching { reads_origin, is_signer, streams })
        }),
        4 => (id(), bytes()).prop_map(|(id, bits)| Table::Held(id, bits)),
        1 => id().prop_map(Table::Newest),
        1 => Just(Table::InitWanted),
        1 => bytes().prop_map(Table::Init),
        1 => bytes().prop_map(Table::Rubbish),
    ]
}

/// `signed`: the share of entries that the key signed.
fn operation(signed: f64) -> impl Strategy<Value = Operation> {
    let link = || 0..LINKS;
    let listed = (0..2u32, number(), 1..6u64, duration_us());
    let chunk = (link(), id(), 0..CHUNKS, prop::bool::weighted(0.8));
    let checked = (id(), 0..CHUNKS, prop::option::of(any::<bool>()));
    prop_oneof![
        4 => link().prop_map(Operation::Accept),
        1 => link().prop_map(Operation::Close),
        12 => (link(), prop::bool::weighted(0.9)).prop_map(|(link, is_true)| Operation::Answer { link, is_true }),
        6 => (0..6usize).prop_map(Operation::AnswerOrigin),
        3 => link().prop_map(Operation::Describe),
        6 => (link(), message()).prop_map(|(link, message)| Operation::Say(link, message)),
        12 => (link(), table(signed)).prop_map(|(link, table)| Operation::Table(link, table)),
        12 => chunk.prop_map(|(link, id, chunk, is_true)| Operation::Chunk { link, id, chunk, is_true }),
        1 => Just(Operation::Catalog),
        3 => listed.prop_map(|(stream, first, count, duration_us)| {
            Operation::Listed { stream, first, count, duration_us }
        }),
        8 => (id(), 0..CHUNKS).prop_map(|(id, chunk)| Operation::OriginChunk { id, chunk }),
        1 => (id(), any::<bool>()).prop_map(|(id, is_gone)| Operation::OriginFailed(id, is_gone)),
        3 => checked.prop_map(|(id, chunk, is_true)| Operation::Checked { id, chunk, is_true }),
        1 => (0..2u32).prop_map(Operation::OriginReset),
        1 => prop::collection::vec(0..2u32, 0..4).prop_map(Operation::Watched),
        1 => id().prop_map(Operation::Asked),
        1 => (link(), 0..8_000_000usize).prop_map(|(link, bytes)| Operation::Drain(link, bytes)),
        6 => (0..2_000u64).prop_map(|ms| Operation::Wait(Duration::from_millis(ms))),
        1 => (0..400u64).prop_map(|s| Operation::Wait(Duration::from_secs(s))),
    ]
}

/// The true chunks of a segment.
fn chunks_of(id: PieceId) -> Vec<Bytes> {
    let mut rng = Rng::new(id.number ^ (u64::from(id.stream) << 40));
    let lengths = [CHUNK_BYTES, CHUNK_BYTES, 1_000];
    lengths.map(|length| Bytes::from(vec![rng.next_u64() as u8; length])).into()
}

fn false_chunks_of(id: PieceId) -> Vec<Bytes> {
    let other = |data: &Bytes| data.iter().map(|byte| byte ^ 0x55).collect::<Vec<u8>>().into();
    chunks_of(id).iter().map(other).collect()
}

/// A swarm, what players got of it, and the time.
struct Bench {
    part: Part,
    swarm: Swarm<Hls>,
    key: NodeKey,
    now: Instant,
    newest_listed: BTreeMap<u32, u64>,
    listed: BTreeSet<PieceId>,
    delivered: BTreeSet<(PieceId, u16)>,
    complete: BTreeSet<PieceId>,
    /// What was asked and not answered: of peers, of the origin by the next chunk, and to be compared.
    requests: Vec<(LinkId, PieceId, u16)>,
    fetches: BTreeMap<PieceId, u16>,
    checks: Vec<(PieceId, u16)>,
}

impl Bench {
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a point to count from")]
    fn new(part: Part) -> Self {
        let (now, key) = (Instant::now(), NodeKey::from_seed([5; 32]));
        let medium = Hls::new(now, hls_config(part, &key));
        let swarm = Swarm::new(now, swarm_config(), medium);
        let mut bench = Self {
            part,
            swarm,
            key,
            now,
            newest_listed: BTreeMap::new(),
            listed: BTreeSet::new(),
            delivered: BTreeSet::new(),
            complete: BTreeSet::new(),
            requests: Vec::new(),
            fetches: BTreeMap::new(),
            checks: Vec::new(),
        };
        bench.input(Input::Demand(HlsDemand::Watched([0].into())));
        bench
    }

    fn run(&mut self, operation: Operation) {
        let reads_origin = self.part != Part::PrivateViewer;
        match operation {
            Operation::Accept(link) => {
                let addr = SocketAddr::from(([1, 0, 0, link as u8], 1_000));
                self.input(Input::Accepted { link: LinkId(link), addr });
                self.describe(link);
                let watching = Watching { reads_origin: true, is_signer: false, streams: vec![(0, 0)] };
                let payload = self.encode(Table::Watching(watching));
                self.say(link, Message::Extended { id: TABLE_ID, payload });
            }
            Operation::Answer { link, is_true } => self.answer(LinkId(link), is_true),
            Operation::AnswerOrigin(chunks) => self.answer_origin(chunks),
            Operation::Close(link) => self.input(Input::Closed { link: LinkId(link) }),
            Operation::Describe(link) => self.describe(link),
            Operation::Say(link, message) => self.say(link, message),
            Operation::Table(link, table) => {
                if let Table::Entry(Said { stream, number, .. }, _) = table {
                    self.say(link, Message::Have { stream, piece: number as u32 });
                }
                let payload = self.encode(table);
                self.say(link, Message::Extended { id: TABLE_ID, payload });
            }
            Operation::Chunk { link, id, chunk, is_true } => {
                let chunks = if is_true { chunks_of(id) } else { false_chunks_of(id) };
                let (stream, piece, data) = (id.stream, id.number as u32, chunks[usize::from(chunk)].clone());
                self.say(link, Message::Piece { stream, piece, time: 1.0, chunk, data });
            }
            Operation::Watched(streams) => {
                self.input(Input::Demand(HlsDemand::Watched(streams.into_iter().collect())));
            }
            Operation::Asked(id) => self.input(Input::Demand(HlsDemand::Asked(id))),
            Operation::Drain(link, queued_bytes) => {
                self.input(Input::Writable { link: LinkId(link), queued_bytes });
            }
            Operation::Wait(time) => self.wait(time),
            of_origin if reads_origin => self.input(Input::Origin(origin_event(of_origin))),
            _ => {}
        }
    }

    fn describe(&mut self, link: u64) {
        let said = ExtendedHandshake {
            ut_metadata: Some(2),
            piece_table: Some(TABLE_ID),
            metadata_size: None,
            live: LiveInfo::EMPTY,
            lsp: -1,
            is_source: false,
            listen_port: 5,
            counter_s: 0,
            version: 1,
            your_ip: None,
        };
        self.say(link, Message::ExtendedHandshake(said.sign(&NodeKey::from_seed([link as u8; 32]))));
        self.say(link, Message::Unchoke);
    }

    fn answer(&mut self, link: LinkId, is_true: bool) {
        let (asked, others) = self.requests.drain(..).partition(|(of, ..)| *of == link);
        self.requests = others;
        for (link, id, chunk) in asked {
            let chunks = if is_true { chunks_of(id) } else { false_chunks_of(id) };
            let Some(data) = chunks.get(usize::from(chunk)).cloned() else { continue };
            let (stream, piece) = (id.stream, id.number as u32);
            self.input(Input::Message {
                link,
                message: Message::Piece { stream, piece, time: 1.0, chunk, data },
            });
        }
    }

    fn answer_origin(&mut self, chunks: usize) {
        for (piece, chunk) in std::mem::take(&mut self.checks) {
            let hash = content_of(&chunks_of(piece)).hash(chunk).copied();
            self.input(Input::Origin(OriginEvent::Checked { piece, chunk, hash }));
        }
        for _ in 0..chunks {
            let Some((&id, &chunk)) = self.fetches.first_key_value() else { return };
            match chunk + 1 < CHUNKS {
                true => self.fetches.insert(id, chunk + 1),
                false => self.fetches.remove(&id),
            };
            self.input(Input::Origin(origin_event(Operation::OriginChunk { id, chunk })));
        }
    }

    fn say(&mut self, link: u64, message: Message) {
        self.input(Input::Message { link: LinkId(link), message });
    }

    fn encode(&self, table: Table) -> Bytes {
        let message = match table {
            Table::Entry(said, is_own) => TableMessage::Entry { entry: Box::new(self.entry(&said)), is_own },
            Table::Catalog(is_signed) => {
                let key = if is_signed { self.key.clone() } else { NodeKey::from_seed([6; 32]) };
                TableMessage::Catalog(SignedCatalog::sign(Catalog::of_one_stream(), 5, &INFOHASH, &key))
            }
            Table::Fetching(id) => TableMessage::Fetching(id),
            Table::Watching(watching) => TableMessage::Watching(watching),
            Table::Held(piece, bits) => TableMessage::Held { piece, bits: bits.into() },
            Table::Newest(id) => TableMessage::Newest(id),
            Table::InitWanted => TableMessage::InitWanted(InitId([1; 32])),
            Table::Init(bytes) => TableMessage::Init(bytes.into()),
            Table::Rubbish(bytes) => return bytes.into(),
        };
        message.encode()
    }

    /// What the key signs is true.
    fn entry(&self, said: &Said) -> TableEntry {
        let piece = PieceId { stream: said.stream, number: said.number };
        let is_true = said.is_true || said.is_signed;
        let chunks = if is_true { chunks_of(piece) } else { false_chunks_of(piece) };
        let entry = Entry {
            piece,
            epoch: said.epoch,
            duration_us: said.duration_us,
            tags: Tags::default(),
            init: said.has_init.then_some(InitId([1; 32])),
            key: None,
            target_duration_s: 2,
            discontinuities_before: 0,
            listed_count: 6,
            shown_at_ms: 1,
            address_digest: None,
            is_address_local: false,
            content: said.has_content.then(|| content_of(&chunks)),
        };
        let entry = TableEntry::new(entry, None);
        if said.is_signed { entry.sign(&INFOHASH, &self.key) } else { entry }
    }

    fn input(&mut self, input: Input) {
        self.swarm.handle(self.now, input);
        let mut outputs = 0;
        while let Some(output) = self.swarm.poll() {
            outputs += 1;
            assert!(outputs <= OUTPUTS_MAX, "outputs without end");
            match output {
                Output::Hls(delivery) => self.delivered(delivery),
                Output::Send { link, message: Message::Request { stream, piece, chunk } } => {
                    let id = PieceId { stream, number: u64::from(piece) };
                    self.requests.push((link, id, chunk));
                }
                Output::Origin(OriginCommand::Fetch { piece, first_chunk, .. }) => {
                    self.fetches.insert(piece, first_chunk);
                }
                Output::Origin(OriginCommand::Cancel { piece }) => drop(self.fetches.remove(&piece)),
                Output::Origin(OriginCommand::Check { piece, chunk, .. }) => self.checks.push((piece, chunk)),
                _ => {}
            }
        }
    }

    fn delivered(&mut self, delivery: HlsDelivery) {
        match delivery {
            HlsDelivery::Listed(info) if !self.listed.contains(&info.piece) => {
                let before = self.newest_listed.insert(info.piece.stream, info.piece.number);
                assert!(
                    before.is_none_or(|before| info.piece.number > before),
                    "{} after {before:?}",
                    info.piece
                );
                self.listed.insert(info.piece);
            }
            HlsDelivery::Chunk { piece, chunk, data } => {
                assert!(self.listed.contains(&piece), "chunk of unlisted {piece}");
                assert!(!self.complete.contains(&piece), "chunk of complete {piece}");
                assert!(self.delivered.insert((piece, chunk)), "chunk {chunk} of {piece} twice");
                let is_true = chunks_of(piece)[usize::from(chunk)] == data;
                assert!(is_true || self.part == Part::PublicViewer, "chunk {chunk} of {piece} is false");
            }
            HlsDelivery::Complete { piece, length } => {
                assert_eq!(length, 2 * CHUNK_BYTES as u64 + 1_000);
                let is_whole = (0..CHUNKS).all(|chunk| self.delivered.contains(&(piece, chunk)));
                assert!(is_whole && self.complete.insert(piece), "{piece} is not whole, or again");
            }
            HlsDelivery::Lost { piece } => {
                assert!(
                    self.listed.contains(&piece) && !self.complete.contains(&piece),
                    "{piece} cannot be lost"
                );
            }
            HlsDelivery::Reset { stream, .. } => self.forget(stream),
            HlsDelivery::Listed(_) | HlsDelivery::Catalog(_) | HlsDelivery::Init { .. } => {}
        }
    }

    fn forget(&mut self, stream: u32) {
        self.newest_listed.remove(&stream);
        self.listed.retain(|id| id.stream != stream);
        self.delivered.retain(|(id, _)| id.stream != stream);
        self.complete.retain(|id| id.stream != stream);
    }

    /// Lets time pass as a driver does: the timer whenever it is due.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut rounds = 0;
        while let Some(deadline) = self.swarm.deadline().filter(|&deadline| deadline <= end) {
            rounds = if deadline > self.now { 0 } else { rounds + 1 };
            assert!(rounds <= TIMERS_MAX, "the timer spins");
            self.now = self.now.max(deadline);
            self.input(Input::Timer);
        }
        self.now = end;
    }
}

fn origin_event(operation: Operation) -> OriginEvent {
    match operation {
        Operation::Listed { stream, first, count, duration_us } => {
            let numbers = (0..count).filter_map(|n| first.checked_add(n));
            let segment = |number| ListedSegment {
                number,
                duration_us,
                at: Resource { url: "http://origin.test/".into(), range: None },
                key: None,
                init: None,
                tags: Tags::default(),
            };
            let segments = numbers.map(segment).collect();
            OriginEvent::Listed(Arc::new(Listing {
                stream,
                target_duration_s: 2,
                discontinuity_sequence: 0,
                segments,
            }))
        }
        Operation::OriginChunk { id, chunk } => {
            let data = chunks_of(id)[usize::from(chunk)].clone();
            OriginEvent::Chunk { piece: id, chunk, data, is_last: chunk + 1 == CHUNKS }
        }
        Operation::OriginFailed(piece, is_gone) => OriginEvent::Failed { piece, is_gone },
        Operation::Checked { id, chunk, is_true } => {
            let hash = |is_true| content_of(&if is_true { chunks_of(id) } else { false_chunks_of(id) });
            let hash = is_true.and_then(|is_true| hash(is_true).hash(chunk).copied());
            OriginEvent::Checked { piece: id, chunk, hash }
        }
        Operation::OriginReset(stream) => OriginEvent::Reset { stream },
        _ => OriginEvent::Catalog(Arc::new(Catalog::of_one_stream())),
    }
}

fn hls_config(part: Part, key: &NodeKey) -> HlsConfig {
    let reads_origin = part != Part::PrivateViewer;
    HlsConfig {
        public_key: Some(key.node_id().0),
        signer: (part == Part::Signer).then(|| key.clone()),
        reads_playlists: reads_origin,
        may_fetch: reads_origin,
        needs_signature: part != Part::PublicViewer,
        tells_addresses: true,
        keeps_addresses_local: false,
        decrypts: false,
        skips_data: false,
        tells_newest: true,
        follows_for_peers: part == Part::Signer,
        window_span: Duration::from_secs(10),
        window_bytes: 200_000,
        unix_ms_at_start: 1_700_000_000_000,
        epoch: 0,
        seed: 4,
    }
}

fn swarm_config() -> SwarmConfig {
    SwarmConfig {
        infohash: INFOHASH,
        role: Role::Relay,
        node_key: NodeKey::from_seed([9; 32]),
        peer_id: PeerId::from_random([1; 11]),
        listen_port: 1,
        max_peers: 3,
        upload_limit: None,
        download_limit: None,
        upload_slots: 2,
        tracker_count: 1,
        operator_trackers: 0,
        allow_private_addresses: false,
        operator_peers: vec![],
        startup_peers: vec![],
        served_first: Networks::default(),
        secret: Networks::default(),
        is_private: false,
        newest_connection_wins: false,
        housekeeping_interval: SwarmConfig::HOUSEKEEPING_INTERVAL,
        transport_file: Bytes::from_static(&[5; 100]),
        seed: 3,
    }
}

fn survives(part: Part, operations: Vec<Operation>) {
    let mut bench = Bench::new(part);
    operations.into_iter().for_each(|operation| bench.run(operation));
}

/// Anybody may make a transport file for a public playlist, and so may sign what it says with a key of its own.
#[test]
fn catalog_of_another_key_bans_nobody_in_a_public_broadcast_and_its_sender_in_a_private_one() {
    for (part, bans) in [(Part::PublicViewer, 0), (Part::PrivateViewer, 1)] {
        let mut bench = Bench::new(part);
        bench.run(Operation::Accept(1));
        bench.run(Operation::Table(1, Table::Catalog(false)));
        assert_eq!(bench.swarm.stats(bench.now).bans, bans, "{part:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn viewer_of_a_public_broadcast_survives_anything(
        operations in proptest::collection::vec(operation(0.5), 1..250),
    ) {
        survives(Part::PublicViewer, operations);
    }

    #[test]
    fn viewer_of_a_private_broadcast_survives_anything(
        operations in proptest::collection::vec(operation(0.98), 1..250),
    ) {
        survives(Part::PrivateViewer, operations);
    }

    #[test]
    fn signer_survives_anything(operations in proptest::collection::vec(operation(0.5), 1..250)) {
        survives(Part::Signer, operations);
    }
}
