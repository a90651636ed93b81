//! What one node tells whom, message by message.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use start_engine::base::cidr::{Network, Networks};
use start_engine::base::ids::{Infohash, LinkId, PeerId};
use start_engine::swarm::ts::{Ts, TsConfig};
use start_engine::swarm::{Input, Machine, Output, Role, Swarm, SwarmConfig};
use start_engine::wire::extended::{ExtendedHandshake, LiveInfo, NodeKey};
use start_engine::wire::message::Message;
use start_engine::wire::pex::PexRecord;
use start_engine::wire::ut_pex::{PeerChanges, UT_PEX_ID};

use super::stream::Stream;

const LISTEN_PORT: u16 = 8_600;
const FIRST_PIECE: u32 = 100;
/// The id under which our peers want `ut_pex`.
const THEIR_ID: u8 = 7;

struct Bench {
    swarm: Swarm<Ts>,
    now: Instant,
    dials: Vec<SocketAddr>,
    records: BTreeMap<u64, Vec<PexRecord>>,
    changes: BTreeMap<u64, Vec<PeerChanges>>,
    /// Chunks sent: to whom, of which piece.
    chunks: Vec<(u64, u32)>,
    /// What is sent waits for the socket until [`Bench::drain`].
    is_slow: bool,
    stream: Stream,
}

/// A peer that connects.
#[derive(Clone, Copy)]
struct Peer {
    addr: &'static str,
    listen_port: u16,
    ut_pex: bool,
    sees_us_at: Option<[u8; 4]>,
}

const fn peer(addr: &'static str) -> Peer {
    Peer { addr, listen_port: 8_621, ut_pex: true, sees_us_at: None }
}

impl Bench {
    fn new(role: Role) -> Self {
        Self::with(role, |_| {})
    }

    #[expect(clippy::disallowed_methods, reason = "virtual time needs a point to count from")]
    fn with(role: Role, change: impl FnOnce(&mut SwarmConfig)) -> Self {
        let (now, stream) = (Instant::now(), Stream::new(1, 65_536, FIRST_PIECE.into()));
        let medium = Ts::new(TsConfig {
            geometry: stream.geometry,
            verifier: stream.verifier.clone(),
            bitrate: 131_072,
            archive: None,
            window_pieces: 6,
            buffer: Duration::from_secs(3),
        });
        let mut config = SwarmConfig {
            infohash: Infohash([7; 20]),
            role,
            node_key: NodeKey::from_seed([200; 32]),
            peer_id: PeerId::from_random([1; 11]),
            listen_port: LISTEN_PORT,
            max_peers: 200,
            upload_limit: None,
            download_limit: None,
            upload_slots: 2,
            tracker_count: 0,
            operator_trackers: 0,
            allow_private_addresses: false,
            operator_peers: vec![],
            startup_peers: vec![],
            served_first: Networks::default(),
            secret: Networks::default(),
            is_private: false,
            newest_connection_wins: false,
            housekeeping_interval: SwarmConfig::HOUSEKEEPING_INTERVAL,
            transport_file: Bytes::new(),
            seed: 3,
        };
        change(&mut config);
        let swarm = Swarm::new(now, config, medium);
        let (records, changes) = (BTreeMap::new(), BTreeMap::new());
        Self { swarm, now, dials: vec![], records, changes, chunks: vec![], is_slow: false, stream }
    }

    fn connect(&mut self, tag: u64, peer: Peer) {
        let link = LinkId(tag);
        self.input(Input::Accepted { link, addr: peer.addr.parse().unwrap() });
        self.input(Input::Named { link, peer_id: PeerId::from_random([tag as u8; 11]) });
        let said = ExtendedHandshake {
            ut_metadata: Some(2),
            piece_table: None,
            ut_pex: peer.ut_pex.then_some(THEIR_ID),
            metadata_size: None,
            live: LiveInfo { distance_from_source: 2, ..LiveInfo::source(90, 99) },
            lsp: -1,
            is_source: false,
            listen_port: peer.listen_port,
            counter_s: 0,
            version: 3_021_900,
            your_ip: peer.sees_us_at.map(Into::into),
        };
        self.say(tag, Message::ExtendedHandshake(said.sign(&NodeKey::from_seed([tag as u8; 32]))));
    }

    fn say(&mut self, tag: u64, message: Message) {
        self.input(Input::Message { link: LinkId(tag), message });
    }

    fn name(&mut self, tag: u64, addrs: &[&str]) {
        let added = addrs.iter().map(|addr| addr.parse().unwrap()).collect();
        let payload = PeerChanges { added, dropped: vec![] }.encode();
        self.say(tag, Message::Extended { id: UT_PEX_ID, payload });
    }

    fn input(&mut self, input: Input) {
        self.swarm.handle(self.now, input);
        while let Some(output) = self.swarm.poll() {
            // whatever is sent is read at once
            if let Output::Send { link, .. } = output
                && !self.is_slow
            {
                self.swarm.handle(self.now, Input::Writable { link, queued_bytes: 0 });
            }
            match output {
                Output::Dial(addr) => self.dials.push(addr),
                Output::Send { link, message: Message::Piece { piece, .. } } => {
                    self.chunks.push((link.0, piece));
                }
                Output::Send { link, message: Message::PeerExchange(records) } => {
                    self.records.entry(link.0).or_default().extend(records);
                }
                Output::Send { link, message: Message::Extended { id: THEIR_ID, payload } } => {
                    let changes = PeerChanges::decode(&payload).unwrap();
                    self.changes.entry(link.0).or_default().push(changes);
                }
                _ => {}
            }
        }
    }

    /// The sockets take what waited.
    fn drain(&mut self, tags: &[u64]) {
        tags.iter().for_each(|&tag| self.input(Input::Writable { link: LinkId(tag), queued_bytes: 0 }));
    }

    /// The source makes so many pieces.
    fn produce(&mut self, count: usize) {
        for second in 0..count {
            let piece = self.stream.produce(1_700_000_000.0 + second as f64);
            self.input(Input::Produced(piece));
        }
    }

    fn ask_for(&mut self, tag: u64, piece: u32) {
        (0..4).for_each(|chunk| self.say(tag, Message::Request { stream: 0, piece, chunk }));
    }

    fn wait(&mut self, seconds: u64) {
        for _ in 0..4 * seconds {
            self.now += Duration::from_millis(250);
            self.input(Input::Timer);
            // nobody is silent for long
            (1..=6).for_each(|tag| self.say(tag, Message::KeepAlive));
        }
    }

    /// All addresses that the peer was told.
    fn told(&self, tag: u64) -> Vec<String> {
        let records = self.records.get(&tag).into_iter().flatten().map(|record| record.address.to_string());
        let added = self.changes.get(&tag).into_iter().flatten().flat_map(|changes| &changes.added);
        let mut told: Vec<_> = records.chain(added.map(SocketAddr::to_string)).collect();
        told.sort();
        told
    }

    fn dialled(&self, addr: &str) -> bool {
        self.dials.contains(&addr.parse().unwrap())
    }
}

#[test]
fn source_and_relay_tell_of_peers_that_listen_soon_and_only_once() {
    for role in [Role::Source, Role::Relay] {
        let mut bench = Bench::new(role);
        bench.connect(1, peer("1.1.1.1:40001"));
        bench.connect(2, peer("2.2.2.2:40002"));
        bench.connect(3, peer("[2606::3]:40003"));
        bench.connect(4, Peer { listen_port: 0, ..peer("4.4.4.4:40004") });
        bench.wait(4);
        assert_eq!(bench.told(1), ["2.2.2.2:8621", "[2606::3]:8621"]);
        assert_eq!(bench.told(3), ["1.1.1.1:8621", "2.2.2.2:8621"]);
        assert_eq!(bench.told(4).len(), 3);
        bench.wait(200);
        assert_eq!(bench.changes[&1].len(), 1, "nothing changed");
    }
}

#[test]
fn who_left_and_who_came_is_told_within_some_minutes() {
    let mut bench = Bench::new(Role::Relay);
    [(1, "1.1.1.1:1"), (2, "2.2.2.2:1")].into_iter().for_each(|(tag, addr)| bench.connect(tag, peer(addr)));
    bench.wait(4);
    bench.input(Input::Closed { link: LinkId(2) });
    bench.connect(3, peer("3.3.3.3:1"));
    bench.wait(76);
    let last = bench.changes[&1].last().unwrap();
    assert_eq!(last.added, ["3.3.3.3:8621".parse().unwrap()]);
    assert_eq!(last.dropped, ["2.2.2.2:8621".parse().unwrap()]);
}

#[test]
fn peer_without_ut_pex_gets_records_with_what_the_peers_themselves_say() {
    let mut bench = Bench::new(Role::Relay);
    bench.connect(1, Peer { ut_pex: false, ..peer("1.1.1.1:1") });
    bench.connect(2, peer("2.2.2.2:1"));
    bench.connect(3, peer("[2606::3]:1"));
    bench.wait(4);
    assert!(!bench.changes.contains_key(&1));
    let [record] = &bench.records[&1][..] else { panic!("{:?}", bench.records) };
    let expected = PexRecord {
        address: "2.2.2.2:8621".parse().unwrap(),
        peer_id: PeerId::from_random([2; 11]),
        min_piece: 90,
        max_piece: 99,
        distance_from_source: 2,
        position: 99,
        version: 3_021_900,
    };
    assert_eq!(*record, expected);
    bench.wait(150);
    assert!((3..=5).contains(&bench.records[&1].len()), "about once a minute");
}

#[test]
fn secret_addresses_and_those_of_other_networks_are_told_to_nobody() {
    let secret: SocketAddr = "9.9.9.9:7764".parse().unwrap();
    let mut bench =
        Bench::with(Role::Relay, |config| config.secret = [Network::of(secret.ip())].into_iter().collect());
    bench.input(Input::Dialed { link: LinkId(1), addr: secret });
    bench.connect(2, peer("9.9.9.9:40000"));
    bench.connect(3, peer("3.3.3.3:1"));
    bench.connect(4, peer("10.0.0.4:1"));
    bench.connect(5, peer("10.0.0.5:1"));
    bench.connect(6, peer("127.0.0.1:1"));
    bench.wait(100);
    assert_eq!(bench.told(3), Vec::<String>::new(), "a private address is of no use on the Internet");
    assert_eq!(bench.told(4), ["10.0.0.5:8621", "3.3.3.3:8621"]);
    assert_eq!(bench.told(6), ["10.0.0.4:8621", "10.0.0.5:8621", "3.3.3.3:8621"]);
    assert!((2..=6).all(|tag| bench.told(tag).iter().all(|addr| !addr.contains("9.9.9.9"))));
}

#[test]
fn private_node_neither_says_so_nor_tells_nor_listens() {
    let mut bench = Bench::with(Role::Relay, |config| config.is_private = true);
    [(1, "1.1.1.1:1"), (2, "2.2.2.2:1")].into_iter().for_each(|(tag, addr)| bench.connect(tag, peer(addr)));
    bench.name(1, &["5.5.5.5:5"]);
    bench.wait(100);
    assert_eq!((bench.told(1).len(), bench.dials.len()), (0, 0));
}

#[test]
fn addresses_that_peers_name_are_dialled_as_far_as_they_can_know_them() {
    let mut bench = Bench::with(Role::Relay, |config| config.allow_private_addresses = true);
    bench.connect(1, peer("1.1.1.1:1"));
    bench.connect(2, peer("10.0.0.2:1"));
    bench.name(1, &["5.5.5.5:5", "[2606::5]:5", "10.0.0.9:9", "127.0.0.1:9", "6.6.6.6:0"]);
    bench.name(2, &["10.0.0.8:8", "127.0.0.1:8", "224.0.0.1:1"]);
    bench.wait(1);
    assert!(bench.dialled("5.5.5.5:5") && bench.dialled("[2606::5]:5") && bench.dialled("10.0.0.8:8"));
    assert_eq!(bench.dials.len(), 3, "{:?}", bench.dials);
}

#[test]
fn source_dials_nobody_whatever_it_is_told() {
    let mut bench = Bench::new(Role::Source);
    bench.connect(1, peer("1.1.1.1:1"));
    bench.name(1, &["5.5.5.5:5"]);
    bench.wait(2);
    assert_eq!(bench.dials, []);
}

#[test]
fn flooder_is_bounded_and_listened_to_again_once_its_addresses_were_tried() {
    let mut bench = Bench::new(Role::Relay);
    bench.connect(1, peer("1.1.1.1:1"));
    let ports: Vec<String> = (1..=40).map(|port| format!("5.5.5.5:{port}")).collect();
    bench.name(1, &ports.iter().map(String::as_str).collect::<Vec<_>>());
    let stats = bench.swarm.stats(bench.now);
    assert_eq!((stats.known_addresses, stats.pex_heard, stats.pex_refused), (8, 8, 32));
    for host in 0..250 {
        bench.name(1, &[&format!("6.6.{host}.6:6")]);
    }
    bench.name(1, &["7.7.7.7:7"]);
    assert!(bench.swarm.stats(bench.now).known_addresses <= 64);
    for _ in 0..100 {
        let dials = std::mem::take(&mut bench.dials);
        dials.into_iter().for_each(|addr| bench.input(Input::DialFailed { addr }));
        bench.wait(1);
    }
    assert_eq!(bench.swarm.stats(bench.now).known_addresses, 0, "hearsay that leads nowhere is forgotten");
    bench.name(1, &["7.7.7.7:7"]);
    assert!(bench.dialled("7.7.7.7:7"));
    bench.connect(2, peer("2.2.2.2:2"));
    bench.name(2, &["8.8.8.8:8"]);
    bench.wait(1);
    assert!(bench.dialled("8.8.8.8:8"), "another peer's word still counts");
}

#[test]
fn address_at_which_most_networks_see_this_node_is_shown_and_not_dialled() {
    let mut bench = Bench::new(Role::Relay);
    for (tag, addr) in [(1, "1.1.1.1:1"), (2, "2.2.2.2:1"), (3, "3.3.3.3:1")] {
        let sees_us_at = Some(if tag == 3 { [6, 6, 6, 6] } else { [9, 9, 9, 9] });
        bench.connect(tag, Peer { sees_us_at, ..peer(addr) });
    }
    assert_eq!(bench.swarm.stats(bench.now).external_ip, Some([9, 9, 9, 9].into()));
    bench.name(1, &["9.9.9.9:8600", "9.9.9.9:8601"]);
    bench.wait(1);
    assert_eq!(bench.dials, ["9.9.9.9:8601".parse().unwrap()]);
}

#[test]
fn address_that_leads_to_this_node_is_not_tried_again() {
    let mut bench = Bench::new(Role::Relay);
    bench.connect(1, peer("1.1.1.1:1"));
    let addr = "5.5.5.5:5".parse().unwrap();
    bench.name(1, &["5.5.5.5:5"]);
    bench.input(Input::DialedMyself { addr });
    bench.name(1, &["5.5.5.5:5"]);
    bench.wait(100);
    assert_eq!(bench.dials, [addr]);
}

#[test]
fn source_gives_who_lacks_the_newest_piece_that_before_it_repeats_an_old_one() {
    const HOLDER: u64 = 1;
    const LATE_COMER: u64 = 2;
    const FOLLOWER: u64 = 3;
    let newest = FIRST_PIECE + 3;
    let mut bench = Bench::with(Role::Source, |config| config.upload_slots = 10);
    bench.produce(4);
    for (tag, addr) in [(HOLDER, "1.0.0.1:1"), (LATE_COMER, "1.0.0.2:1"), (FOLLOWER, "1.0.0.3:1")] {
        bench.connect(tag, peer(addr));
        bench.say(tag, Message::Interested);
    }
    // somebody else has all but the newest
    (FIRST_PIECE..newest).for_each(|piece| bench.say(HOLDER, Message::Have { stream: 0, piece }));
    bench.is_slow = true;
    bench.ask_for(LATE_COMER, FIRST_PIECE);
    let before = bench.chunks.len();
    assert!((1..4).contains(&before), "the uplink is busy with the old piece: {:?}", bench.chunks);
    bench.ask_for(FOLLOWER, newest);
    while bench.chunks.len() < 8 {
        let sent = bench.chunks.len();
        bench.drain(&[LATE_COMER, FOLLOWER]);
        assert!(bench.chunks.len() > sent, "{:?}", bench.chunks);
    }
    assert_eq!(bench.chunks[before..before + 4], [(FOLLOWER, newest); 4], "{:?}", bench.chunks);
}
