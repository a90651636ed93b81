//! A swarm that knows no stream, only its transport file: under the content id of a broadcast, where
//! the source gives the file away, and at a client that has an id and nothing else.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use sha1::{Digest, Sha1};

use super::announcer::{Announced, Announcer};
use super::event::{Close, Input, Machine, Output};
use super::receive::answer_metadata;
use super::roster::{Origin, Roster};
use super::stats::SwarmStats;
use crate::base::ids::{Infohash, LinkId, PeerId};
use crate::base::limits::{HANDSHAKE_TIMEOUT, TRANSPORT_FILE_MAX_BYTES};
use crate::base::rng::Rng;
use crate::wire::extended::{ENGINE_VERSION, ExtendedHandshake, LiveInfo, NodeKey, UT_METADATA_ID};
use crate::wire::hls::transport::AnyTransport;
use crate::wire::message::Message;
use crate::wire::metadata::{METADATA_PIECE_BYTES, MetadataMessage};

/// Links at once: they are short.
const LINKS_MAX: usize = 64;
/// A link in this swarm has nothing to do for longer.
const LINK_LIFE: Duration = Duration::from_secs(60);

/// What the id under which the swarm meets is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Give this file away.
    Serve(Bytes),
    /// Find the file whose SHA-1 is the id.
    FindByContentId,
    /// Find the file whose descriptor has the id as infohash.
    FindByInfohash,
}

#[derive(Clone)]
pub struct MetadataConfig {
    pub id: Infohash,
    pub purpose: Purpose,
    pub node_key: NodeKey,
    pub peer_id: PeerId,
    /// As in [`super::SwarmConfig`].
    pub listen_port: u16,
    pub tracker_count: usize,
    /// Whether trackers may name loopback and private addresses.
    pub allow_private_addresses: bool,
    pub operator_peers: Vec<SocketAddr>,
    pub seed: u64,
}

#[derive(Debug)]
struct Link {
    addr: SocketAddr,
    is_dialed: bool,
    since: Instant,
    /// The id under which the peer wants metadata messages.
    ut_metadata: Option<u8>,
    /// The part of the file that came so far.
    received: BytesMut,
}

/// Serves or finds one transport file.
pub struct MetadataSwarm {
    config: MetadataConfig,
    links: BTreeMap<LinkId, Link>,
    roster: Roster,
    announcer: Announcer,
    is_found: bool,
    is_stopped: bool,
    outputs: VecDeque<Output>,
}

impl MetadataSwarm {
    pub fn new(now: Instant, config: MetadataConfig) -> Self {
        let mut rng = Rng::new(config.seed);
        let announced = Announced {
            infohash: config.id,
            peer_id: config.peer_id,
            port: config.listen_port,
            is_seeder: matches!(config.purpose, Purpose::Serve(_)),
        };
        let mut roster = Roster::new(rng.fork());
        for &addr in &config.operator_peers {
            roster.add(now, addr, Origin::Operator);
        }
        Self {
            links: BTreeMap::new(),
            roster,
            announcer: Announcer::new(now, announced, config.tracker_count, rng.fork()),
            is_found: false,
            is_stopped: false,
            outputs: VecDeque::new(),
            config,
        }
    }

    fn is_searching(&self) -> bool {
        !self.is_found && !matches!(self.config.purpose, Purpose::Serve(_))
    }

    fn add_link(&mut self, now: Instant, link: LinkId, addr: SocketAddr, is_dialed: bool) {
        if self.links.len() >= LINKS_MAX {
            return self.outputs.push_back(Output::Close { link, why: Close::Full });
        }
        let state = Link { addr, is_dialed, since: now, ut_metadata: None, received: BytesMut::new() };
        self.links.insert(link, state);
        let file_bytes = match &self.config.purpose {
            Purpose::Serve(file) => u32::try_from(file.len()).ok(),
            _ => None,
        };
        let handshake = ExtendedHandshake {
            ut_metadata: Some(UT_METADATA_ID),
            piece_table: None,
            ut_pex: None,
            metadata_size: file_bytes,
            live: LiveInfo::EMPTY,
            lsp: -1,
            is_source: false,
            listen_port: self.config.listen_port,
            counter_s: 0,
            version: ENGINE_VERSION,
            your_ip: Some(addr.ip()),
        };
        let raw = handshake.sign(&self.config.node_key);
        self.outputs.push_back(Output::Send { link, message: Message::ExtendedHandshake(raw) });
    }

    fn end_link(&mut self, now: Instant, link: LinkId) {
        if let Some(state) = self.links.remove(&link)
            && state.is_dialed
        {
            self.roster.failed(now, state.addr);
        }
    }

    fn close(&mut self, now: Instant, link: LinkId, why: Close) {
        self.outputs.push_back(Output::Close { link, why });
        self.end_link(now, link);
    }

    fn receive(&mut self, now: Instant, link: LinkId, message: Message) {
        match message {
            Message::ExtendedHandshake(raw) => match ExtendedHandshake::verify(&raw) {
                Ok((_, said)) => self.described(link, said.ut_metadata),
                Err(_) => self.close(now, link, Close::BadHandshake),
            },
            Message::Extended { id: UT_METADATA_ID, payload } => match MetadataMessage::decode(payload) {
                Some(MetadataMessage::Request { piece }) => self.asked(link, piece),
                Some(MetadataMessage::Data { piece, total_bytes, data }) => {
                    self.data(now, link, piece, total_bytes as usize, &data);
                }
                Some(MetadataMessage::Reject { .. }) => self.close(now, link, Close::Unproductive),
                None => self.close(now, link, Close::Malformed),
            },
            _ => {}
        }
    }

    fn described(&mut self, link: LinkId, ut_metadata: Option<u8>) {
        let Some(state) = self.links.get_mut(&link) else { return };
        state.ut_metadata = ut_metadata;
        if self.is_searching() {
            self.ask(link, 0);
        }
    }

    fn ask(&mut self, link: LinkId, piece: u32) {
        self.say(link, &MetadataMessage::Request { piece });
    }

    fn asked(&mut self, link: LinkId, piece: u32) {
        let answer = match &self.config.purpose {
            Purpose::Serve(file) => answer_metadata(file, piece),
            _ => MetadataMessage::Reject { piece },
        };
        self.say(link, &answer);
    }

    fn say(&mut self, link: LinkId, message: &MetadataMessage) {
        if let Some(id) = self.links.get(&link).and_then(|state| state.ut_metadata) {
            let message = Message::Extended { id, payload: message.encode() };
            self.outputs.push_back(Output::Send { link, message });
        }
    }

    /// Takes the next part of the file; parts come in order, since they are asked for one by one.
    fn data(&mut self, now: Instant, link: LinkId, piece: u32, total_bytes: usize, data: &[u8]) {
        let is_searching = self.is_searching();
        let Some(state) = self.links.get_mut(&link) else { return };
        let expected_start = piece as usize * METADATA_PIECE_BYTES;
        let received_bytes = state.received.len() + data.len();
        let is_whole = received_bytes == total_bytes;
        let fits = total_bytes <= TRANSPORT_FILE_MAX_BYTES
            && state.received.len() == expected_start
            && (data.len() == METADATA_PIECE_BYTES || is_whole)
            && received_bytes <= total_bytes;
        if !is_searching || !fits {
            return self.close(now, link, Close::Malformed);
        }
        state.received.extend_from_slice(data);
        if !is_whole {
            return self.ask(link, piece + 1);
        }
        let (file, addr) = (state.received.split().freeze(), state.addr);
        if !self.is_wanted(&file) {
            self.close(now, link, Close::WrongMetadata);
            return self.roster.remove(addr);
        }
        self.is_found = true;
        self.outputs.push_back(Output::Metadata(file));
    }

    /// Whether the file is the one that the id stands for.
    fn is_wanted(&self, file: &Bytes) -> bool {
        match self.config.purpose {
            Purpose::Serve(_) => false,
            Purpose::FindByContentId => Sha1::digest(file)[..] == self.config.id.0,
            Purpose::FindByInfohash => {
                AnyTransport::parse(file.clone()).is_ok_and(|parsed| parsed.infohash() == self.config.id)
            }
        }
    }

    fn tick(&mut self, now: Instant) {
        let verdict = |link: &Link| {
            let age = now.saturating_duration_since(link.since);
            let is_nameless = link.ut_metadata.is_none() && age >= HANDSHAKE_TIMEOUT;
            (age >= LINK_LIFE || is_nameless).then_some(Close::Idle)
        };
        let closing: Vec<_> =
            self.links.iter().filter_map(|(&link, state)| Some((link, verdict(state)?))).collect();
        closing.into_iter().for_each(|(link, why)| self.close(now, link, why));
    }

    fn dial_and_announce(&mut self, now: Instant) {
        while let Some(addr) = self.next_dial(now) {
            self.outputs.push_back(Output::Dial(addr));
        }
        let is_lonely = self.is_searching();
        while let Some((tracker, request)) = self.announcer.poll(now, is_lonely, (0, 0)) {
            self.outputs.push_back(Output::Announce { tracker, request });
        }
    }

    fn next_dial(&mut self, now: Instant) -> Option<SocketAddr> {
        let room = LINKS_MAX.saturating_sub(self.links.len());
        if self.is_searching() { self.roster.next_dial(now, room) } else { None }
    }

    fn announced(
        &mut self,
        now: Instant,
        tracker: usize,
        reply: Option<crate::wire::announce::AnnounceReply>,
    ) {
        self.announcer.replied(now, tracker, reply.as_ref());
        let addrs = reply.map_or_else(Vec::new, |reply| reply.peers);
        self.found(now, addrs, self.config.allow_private_addresses);
    }

    fn found(&mut self, now: Instant, addrs: Vec<SocketAddr>, is_trusted: bool) {
        let origin = if is_trusted { Origin::Trusted } else { Origin::Stranger };
        addrs.into_iter().for_each(|addr| self.roster.add(now, addr, origin));
    }

    fn stop(&mut self) {
        self.is_stopped = true;
        for (tracker, request) in self.announcer.stop((0, 0)) {
            self.outputs.push_back(Output::Announce { tracker, request });
        }
        for &link in self.links.keys() {
            self.outputs.push_back(Output::Close { link, why: Close::Stopped });
        }
        self.links.clear();
    }
}

impl Machine for MetadataSwarm {
    fn handle(&mut self, now: Instant, input: Input) {
        if self.is_stopped {
            return;
        }
        match input {
            Input::Accepted { link, addr } => self.add_link(now, link, addr, false),
            Input::Dialed { link, addr } => {
                self.roster.connected(addr);
                self.add_link(now, link, addr, true);
            }
            Input::DialFailed { addr } => self.roster.failed(now, addr),
            Input::DialedMyself { addr } => self.roster.is_myself(addr),
            Input::Closed { link } => self.end_link(now, link),
            Input::Message { link, message } => self.receive(now, link, message),
            Input::Announced { tracker, reply } => self.announced(now, tracker, reply),
            Input::Found { addrs, is_trusted } => self.found(now, addrs, is_trusted),
            Input::Timer => self.tick(now),
            Input::Named { .. }
            | Input::Writable { .. }
            | Input::Produced(_)
            | Input::Origin(_)
            | Input::Storage(_)
            | Input::Demand(_)
            | Input::Limits(_) => {}
            Input::Stop => return self.stop(),
        }
        self.dial_and_announce(now);
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        if self.is_stopped {
            return None;
        }
        let ends = self.links.values().map(|link| match link.ut_metadata {
            Some(_) => link.since + LINK_LIFE,
            None => link.since + HANDSHAKE_TIMEOUT,
        });
        let room = LINKS_MAX.saturating_sub(self.links.len());
        let dials = self.roster.deadline(room).filter(|_| self.is_searching());
        let announces = self.announcer.deadline(self.is_searching());
        ends.chain(dials).chain(announces).min()
    }

    fn stats(&mut self, _now: Instant) -> SwarmStats {
        SwarmStats { known_addresses: self.roster.len(), ..SwarmStats::default() }
    }
}
