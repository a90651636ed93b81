//! One swarm, any input in any order, hostile ones included: it neither panics nor spins nor talks
//! without end.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use start_engine::base::cidr::{Network, Networks};
use start_engine::base::ids::{Infohash, LinkId, PeerId};
use start_engine::live::piece::VerifiedPiece;
use start_engine::swarm::ts::{Ts, TsConfig};
use start_engine::swarm::{Input, Machine, Output, Role, Swarm, SwarmConfig};
use start_engine::wire::announce::AnnounceReply;
use start_engine::wire::extended::{ExtendedHandshake, LiveInfo, NodeKey};
use start_engine::wire::message::Message;

use super::stream::Stream;

/// Links and piece numbers that operations choose from: few, so that they meet.
pub const LINKS: u64 = 4;
pub const PIECES: u32 = 12;
pub const FIRST: u32 = 100;
/// Outputs that one input may cause with so few links and pieces.
pub const OUTPUTS_MAX: usize = 2_000;
/// Timer inputs after which the deadline must lie in the future.
pub const TIMERS_MAX: usize = 50;

/// What the operator allows.
const PEERS_MAX: usize = 3;
const SLOTS_MAX: usize = 2;

#[derive(Debug, Clone)]
enum Operation {
    Accept(u64),
    AnswerDial {
        link: u64,
        succeeds: bool,
    },
    Close(u64),
    Describe {
        link: u64,
        newest: i64,
        is_source: bool,
    },
    Say {
        link: u64,
        message: Message,
    },
    /// A true chunk, so that pieces complete now and then.
    Chunk {
        link: u64,
        piece: u32,
        chunk: u16,
    },
    Drain {
        link: u64,
        queued_bytes: usize,
    },
    Announced(Vec<[u8; 4]>),
    Wait(Duration),
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![8 => FIRST..FIRST + PIECES, 1 => Just(u32::MAX), 1 => any::<u32>()]
}

pub fn message() -> impl Strategy<Value = Message> {
    let bits = proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        1 => Just(Message::Choke),
        3 => Just(Message::Unchoke),
        3 => Just(Message::Interested),
        1 => Just(Message::NotInterested),
        1 => Just(Message::KeepAlive),
        4 => number().prop_map(|piece| Message::Have { stream: 0, piece }),
        2 => (number(), any::<u32>(), bits).prop_map(|(first, count, bits)| {
            Message::Bitfield { stream: 0, first, count: count % 400, bits: bits.into() }
        }),
        4 => (number(), 0..6u16).prop_map(|(piece, chunk)| Message::Request { stream: 0, piece, chunk }),
        2 => (number(), 0..6u16, any::<f64>(), 0..40_000usize).prop_map(|(piece, chunk, time, bytes)| {
            Message::Piece { stream: 0, piece, time, chunk, data: vec![7; bytes].into() }
        }),
        1 => number().prop_map(|piece| Message::TrailingEdge { stream: 0, piece }),
        1 => proptest::collection::vec(any::<u8>(), 0..60)
            .prop_map(|payload| Message::Extended { id: 2, payload: payload.into() }),
        1 => Just(Message::ExtendedHandshake(Bytes::from_static(b"d1:xi1ee"))),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let link = || 0..LINKS;
    let newest = prop_oneof![6 => number().prop_map(i64::from), 1 => any::<i64>()];
    prop_oneof![
        2 => link().prop_map(Operation::Accept),
        1 => (link(), any::<bool>()).prop_map(|(link, succeeds)| Operation::AnswerDial { link, succeeds }),
        1 => link().prop_map(Operation::Close),
        4 => (link(), newest, any::<bool>())
            .prop_map(|(link, newest, is_source)| Operation::Describe { link, newest, is_source }),
        12 => (link(), message()).prop_map(|(link, message)| Operation::Say { link, message }),
        12 => (link(), FIRST..FIRST + PIECES, 0..4u16)
            .prop_map(|(link, piece, chunk)| Operation::Chunk { link, piece, chunk }),
        2 => (link(), 0..8_000_000usize)
            .prop_map(|(link, queued_bytes)| Operation::Drain { link, queued_bytes }),
        1 => proptest::collection::vec(any::<[u8; 4]>(), 0..20).prop_map(Operation::Announced),
        6 => (0..2_000u64).prop_map(|ms| Operation::Wait(Duration::from_millis(ms))),
        1 => (0..400u64).prop_map(|s| Operation::Wait(Duration::from_secs(s))),
    ]
}

/// A swarm, what it asked for, and the time.
struct Bench {
    swarm: Swarm<Ts>,
    now: Instant,
    started_at: Instant,
    pieces: Vec<VerifiedPiece>,
    dials: Vec<SocketAddr>,
    delivered: Vec<u64>,
    open: BTreeSet<LinkId>,
    unchoked: BTreeSet<LinkId>,
}

impl Bench {
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a point to count from")]
    fn new(role: Role) -> Self {
        let now = Instant::now();
        let mut stream = Stream::new(1, 65_536, u64::from(FIRST));
        let pieces = (0..PIECES).map(|n| stream.produce(1_700_000_000.0 + f64::from(n))).collect();
        let medium = Ts::new(TsConfig {
            geometry: stream.geometry,
            verifier: stream.verifier.clone(),
            bitrate: 131_072,
            archive: None,
            window_pieces: 6,
            buffer: Duration::from_secs(3),
        });
        let config = SwarmConfig {
            infohash: Infohash([7; 20]),
            role,
            node_key: NodeKey::from_seed([9; 32]),
            peer_id: PeerId::from_random([1; 11]),
            listen_port: 1,
            max_peers: PEERS_MAX,
            upload_limit: None,
            download_limit: None,
            upload_slots: SLOTS_MAX,
            tracker_count: 1,
            operator_trackers: 0,
            allow_private_addresses: false,
            operator_peers: vec!["1.1.1.1:1".parse().unwrap()],
            startup_peers: vec![],
            served_first: [Network::of([1, 0, 0, 1].into())].into_iter().collect(),
            secret: Networks::default(),
            is_private: false,
            newest_connection_wins: false,
            housekeeping_interval: SwarmConfig::HOUSEKEEPING_INTERVAL,
            transport_file: Bytes::from_static(&[5; 100]),
            seed: 3,
        };
        let swarm = Swarm::new(now, config, medium);
        Self {
            swarm,
            now,
            started_at: now,
            pieces,
            dials: vec![],
            delivered: vec![],
            open: BTreeSet::new(),
            unchoked: BTreeSet::new(),
        }
    }

    fn run(&mut self, operation: Operation) {
        match operation {
            Operation::Accept(link) => {
                let addr = SocketAddr::from(([1, 0, 0, link as u8], 1_000));
                self.input(Input::Accepted { link: LinkId(link), addr });
            }
            Operation::AnswerDial { link, succeeds } => self.answer_dial(link, succeeds),
            Operation::Close(link) => self.input(Input::Closed { link: LinkId(link) }),
            Operation::Describe { link, newest, is_source } => self.describe(link, newest, is_source),
            Operation::Say { link, message } => self.input(Input::Message { link: LinkId(link), message }),
            Operation::Chunk { link, piece, chunk } => self.chunk(link, piece, chunk),
            Operation::Drain { link, queued_bytes } => {
                self.input(Input::Writable { link: LinkId(link), queued_bytes });
            }
            Operation::Announced(ips) => self.announced(&ips),
            Operation::Wait(time) => self.wait(time),
        }
    }

    fn answer_dial(&mut self, link: u64, succeeds: bool) {
        let Some(addr) = self.dials.pop() else { return };
        match succeeds {
            true => self.input(Input::Dialed { link: LinkId(link), addr }),
            false => self.input(Input::DialFailed { addr }),
        }
    }

    fn describe(&mut self, link: u64, newest: i64, is_source: bool) {
        let live = LiveInfo { min_piece: newest.saturating_sub(5), max_piece: newest, ..LiveInfo::EMPTY };
        let said = ExtendedHandshake {
            ut_metadata: Some(2),
            piece_table: None,
            ut_pex: link.is_multiple_of(2).then_some(1),
            metadata_size: None,
            live,
            lsp: -1,
            is_source,
            listen_port: 5,
            counter_s: 0,
            version: 1,
            your_ip: None,
        };
        let message = Message::ExtendedHandshake(said.sign(&NodeKey::from_seed([link as u8; 32])));
        self.input(Input::Message { link: LinkId(link), message });
    }

    fn chunk(&mut self, link: u64, piece: u32, chunk: u16) {
        let true_piece = &self.pieces[(piece - FIRST) as usize];
        let (time, data) = (true_piece.time(), true_piece.chunk(chunk).unwrap().clone());
        let message = Message::Piece { stream: 0, piece, time, chunk, data };
        self.input(Input::Message { link: LinkId(link), message });
    }

    fn announced(&mut self, ips: &[[u8; 4]]) {
        let reply = AnnounceReply {
            interval: Duration::from_secs(60),
            min_interval: None,
            seeders: 0,
            leechers: 0,
            peers: ips.iter().map(|&ip| SocketAddr::from((ip, 1_000))).collect(),
        };
        self.input(Input::Announced { tracker: 0, reply: Some(reply) });
    }

    fn input(&mut self, input: Input) {
        if let Input::Accepted { link, .. } | Input::Dialed { link, .. } = &input {
            self.open.insert(*link);
            self.unchoked.remove(link);
        }
        if let Input::Closed { link } = &input {
            self.is_gone(*link);
        }
        self.swarm.handle(self.now, input);
        let mut outputs = 0;
        while let Some(output) = self.swarm.poll() {
            outputs += 1;
            assert!(outputs <= OUTPUTS_MAX, "outputs without end");
            match output {
                Output::Dial(addr) => self.dials.push(addr),
                Output::Close { link, .. } => self.is_gone(link),
                Output::Send { link, message: Message::Choke } => _ = self.unchoked.remove(&link),
                Output::Send { link, message: Message::Unchoke } => {
                    self.unchoked.insert(link);
                    assert!(self.unchoked.len() <= SLOTS_MAX, "more slots than may be");
                }
                Output::Deliver(piece) => {
                    let truth = &self.pieces[(piece.number() - u64::from(FIRST)) as usize];
                    assert_eq!(piece.digest(), truth.digest());
                    self.delivered.push(piece.number());
                }
                _ => {}
            }
        }
        assert!(self.open.len() <= PEERS_MAX, "more peers than may be");
    }

    fn is_gone(&mut self, link: LinkId) {
        self.open.remove(&link);
        self.unchoked.remove(&link);
    }

    /// Lets time pass as a driver does: the timer whenever it is due.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut rounds = 0;
        while let Some(deadline) = self.swarm.deadline().filter(|&deadline| deadline <= end) {
            rounds = if deadline > self.now { 0 } else { rounds + 1 };
            assert!(rounds <= TIMERS_MAX, "the timer spins {:?} after the start", self.now - self.started_at);
            self.now = self.now.max(deadline);
            self.input(Input::Timer);
        }
        self.now = end;
    }

    fn settle(&self) {
        let is_ascending = self.delivered.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(is_ascending, "delivered {:?}", self.delivered);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn relay_survives_anything_that_is_said_to_it(
        operations in proptest::collection::vec(operation(), 1..250),
    ) {
        let mut bench = Bench::new(Role::Relay);
        operations.into_iter().for_each(|operation| bench.run(operation));
        bench.settle();
    }

    #[test]
    fn source_survives_anything_that_is_said_to_it(
        operations in proptest::collection::vec(operation(), 1..250),
        produced in 0..PIECES as usize,
    ) {
        let mut bench = Bench::new(Role::Source);
        let every = operations.len().div_ceil(produced.max(1));
        for (index, operation) in operations.into_iter().enumerate() {
            if produced > 0 && index % every == 0 && index / every < produced {
                bench.input(Input::Produced(bench.pieces[index / every].clone()));
            }
            bench.run(operation);
        }
        bench.settle();
    }
}
