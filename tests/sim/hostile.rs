//! Nodes that do not keep to the rules: a production swarm whose outputs are tampered with.

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;

use start_engine::base::ids::PeerId;
use start_engine::base::limits::PEX_MAX_RECORDS;
use start_engine::base::rng::Rng;
use start_engine::live::piece::VerifiedPiece;
use start_engine::swarm::Output;
use start_engine::wire::extended::{ExtendedHandshake, NodeKey};
use start_engine::wire::message::Message;
use start_engine::wire::pex::PexRecord;
use start_engine::wire::ut_pex::{PeerChanges, UT_PEX_ID};

use super::node::PORT;

/// Where a flooder wants everybody to knock.
pub const VICTIM: Ipv4Addr = Ipv4Addr::new(8, 8, 8, 8);
const PRIVATE: [&str; 4] = ["127.0.0.1:8621", "10.0.0.1:8621", "192.168.1.1:80", "[fd00::1]:8621"];
/// Haves that a flooder sends for each one that is due.
const FLOOD: u32 = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Honest,
    /// Takes and never gives: lets nobody request.
    FreeRider,
    /// Corrupts every chunk it sends.
    Polluter,
    /// Says that it holds pieces up to 2^32-1, and serves what it has.
    HeadLiar,
    /// Sends chunks of an old piece under the number asked for.
    Replayer,
    /// Claims pieces as it hears of them, lets everybody request, and sends nothing.
    BlackHole,
    /// Sends hundreds of haves for each true one.
    HaveFlooder,
    /// Names addresses that nobody has by the thousand, and those of one victim.
    PexFlooder,
    /// Names loopback and private addresses instead of true ones.
    PexLiar,
    // --- of an HLS broadcast ---
    /// Offers false contents of its own for every segment at once, and chunks that match them.
    TableLiar,
    /// Passes entries on as false ones that it does not answer for, and sends chunks that match them.
    PassingLiar,
    /// Announces that it fetches every segment, and never has one.
    FalsePromiser,
    /// Sends old entries again and entries with forged signatures.
    Forger,
    /// Sends tables that are none.
    Babbler,
}

/// What a hostile node keeps beside its swarm.
pub struct Tamper {
    pub behaviour: Behaviour,
    key: NodeKey,
    old_piece: Option<VerifiedPiece>,
    /// Says that it takes `ut_pex`.
    pub speaks_ut_pex: bool,
    rng: Rng,
}

impl Tamper {
    pub fn new(behaviour: Behaviour, key: NodeKey, rng: Rng) -> Self {
        Self { behaviour, key, old_piece: None, speaks_ut_pex: true, rng }
    }

    /// What goes out instead of `output`.
    pub fn tamper(&mut self, output: Output) -> Vec<Output> {
        if let Output::Deliver(piece) = &output {
            self.old_piece.get_or_insert_with(|| piece.clone());
        }
        let Output::Send { link, message } = output else { return vec![output] };
        let message = if self.speaks_ut_pex { message } else { self.without_ut_pex(message) };
        let messages = self.tamper_message(message);
        messages.into_iter().map(|message| Output::Send { link, message }).collect()
    }

    fn tamper_message(&mut self, message: Message) -> Vec<Message> {
        match (self.behaviour, message) {
            (Behaviour::FreeRider, Message::Unchoke) => vec![],
            (Behaviour::Polluter, Message::Piece { stream, piece, time, chunk, data }) => {
                vec![Message::Piece { stream, piece, time, chunk, data: self.corrupt(&data) }]
            }
            (Behaviour::Replayer, Message::Piece { stream, piece, time, chunk, data }) => {
                let old = self.old_piece.as_ref().and_then(|old| old.chunk(chunk)).cloned();
                vec![Message::Piece { stream, piece, time, chunk, data: old.unwrap_or(data) }]
            }
            (Behaviour::HeadLiar, Message::ExtendedHandshake(raw)) => self.lie(&raw),
            (Behaviour::BlackHole, Message::Piece { .. }) => vec![],
            (Behaviour::HaveFlooder, Message::Have { stream, piece }) => {
                (0..FLOOD).map(|n| Message::Have { stream, piece: piece.wrapping_add(n * n) }).collect()
            }
            (Behaviour::PexFlooder, Message::Have { stream, piece }) => {
                let mut messages = vec![Message::Have { stream, piece }];
                messages.extend((0..FLOOD / 10).map(|_| self.invented()));
                messages
            }
            (Behaviour::PexLiar, Message::Extended { id, .. }) => {
                let added = PRIVATE.map(|addr| addr.parse().unwrap()).to_vec();
                let payload = PeerChanges { added, dropped: vec![] }.encode();
                vec![Message::Extended { id, payload }]
            }
            (_, message) => vec![message],
        }
    }

    /// Addresses that no node has, in one of the two forms.
    fn invented(&mut self) -> Message {
        let mut addr = |_| match self.rng.below(2) {
            0 => SocketAddrV4::new(VICTIM, self.rng.below(65_536) as u16),
            _ => SocketAddrV4::new(Ipv4Addr::from(0x0900_0000 + self.rng.below(1 << 24) as u32), PORT),
        };
        let addrs: Vec<_> = (0..PEX_MAX_RECORDS).map(&mut addr).collect();
        if addrs[0].port() % 2 == 0 {
            let added = addrs.into_iter().map(Into::into).collect();
            return Message::Extended {
                id: UT_PEX_ID,
                payload: PeerChanges { added, dropped: vec![] }.encode(),
            };
        }
        let record = |address| PexRecord {
            address,
            peer_id: PeerId(*b"R30------00000000000"),
            min_piece: 0,
            max_piece: i64::MAX,
            distance_from_source: 0,
            position: i64::MAX,
            version: 3_021_900,
        };
        Message::PeerExchange(addrs.into_iter().map(record).collect())
    }

    fn without_ut_pex(&self, message: Message) -> Message {
        let Message::ExtendedHandshake(raw) = &message else { return message };
        let (_, said) = ExtendedHandshake::verify(raw).unwrap();
        Message::ExtendedHandshake(ExtendedHandshake { ut_pex: None, ..said }.sign(&self.key))
    }

    fn corrupt(&mut self, data: &Bytes) -> Bytes {
        let mut bad = data.to_vec();
        let at = self.rng.below(bad.len());
        bad[at] ^= 0x55;
        bad.into()
    }

    fn lie(&self, raw: &Bytes) -> Vec<Message> {
        let (_, mut said) = ExtendedHandshake::verify(raw).unwrap();
        said.live.min_piece = i64::from(u32::MAX) - 100;
        said.live.max_piece = i64::from(u32::MAX);
        let bits = Bytes::from_static(&[0xff; 8]);
        vec![
            Message::ExtendedHandshake(said.sign(&self.key)),
            Message::Bitfield { stream: 0, first: u32::MAX - 63, count: 64, bits },
            Message::Have { stream: 0, piece: u32::MAX },
            Message::Unchoke,
        ]
    }
}
