//! Answers announces and scrapes, from bytes to bytes. It decides whose word about an address counts: the
//! connection's, and the client's own only when it asks from this machine's loopback.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::connection_id::ConnectionIds;
use super::registry::{Announcement, Answer, Registry, RegistryError, RegistryLimits};
use crate::base::cidr::Networks;
use crate::base::limits::{
    ANNOUNCE_INTERVAL, ANNOUNCE_MIN_INTERVAL, ANNOUNCE_PEERS_DEFAULT, ANNOUNCE_PEERS_MAX,
    ANNOUNCE_UDP6_PEERS_MAX,
};
use crate::wire::announce::{AnnounceReply, AnnounceRequest};
use crate::wire::tracker_http::{self, ReplyParts, unpacked_v4, unpacked_v6};
use crate::wire::tracker_udp::{self, UdpAnnounce, UdpRequest, usable};

/// Length of the answer to an announce without addresses.
const HTTP_REPLY_BASE_BYTES: usize = 128;

/// A tracker without sockets. Shared by reference between all that answer.
pub struct TrackerService {
    registry: Registry,
    ids: ConnectionIds,
    secret: Networks,
}

/// Space for one answer, made to be reused.
#[derive(Debug, Default)]
pub struct Scratch {
    answer: Answer,
    out: Vec<u8>,
}

/// What a request over HTTP is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpEndpoint {
    Announce,
    Scrape,
}

impl HttpEndpoint {
    /// `None` for a path that is not the tracker's.
    pub fn of(path: &str) -> Option<Self> {
        match path {
            "/announce" | "/announce/" => Some(Self::Announce),
            "/scrape" | "/scrape/" => Some(Self::Scrape),
            _ => None,
        }
    }
}

impl TrackerService {
    /// `seed` must be secret and random: connection ids depend on it.
    pub fn new(limits: RegistryLimits, seed: [u8; 32], now: Instant) -> Self {
        let (key, rest) = seed.split_at(16);
        let key = std::array::from_fn(|place| key[place]);
        let seed = rest.iter().take(8).fold(0, |seed, &byte| seed << 8 | u64::from(byte));
        Self {
            registry: Registry::new(limits, seed, now),
            ids: ConnectionIds::new(key, now),
            secret: Networks::default(),
        }
    }

    /// Peers there are answered and never named.
    pub fn keeping_secret(self, secret: Networks) -> Self {
        Self { secret, ..self }
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Forgets who ceased to announce. To be called about once a minute.
    pub fn expire(&self, now: Instant) {
        self.registry.expire(now);
    }

    /// An announce by this node itself, which is reached at `address`.
    pub fn announce(
        &self,
        now: Instant,
        request: &AnnounceRequest,
        address: SocketAddr,
    ) -> Result<AnnounceReply, RegistryError> {
        let mut answer = Answer::default();
        let announcement =
            Announcement { from_loopback: true, ..self.announcement(request, address, ANNOUNCE_PEERS_MAX) };
        self.registry.announce(now, &announcement, &mut answer)?;
        let v4 = answer.v4.into_iter().map(|packed| SocketAddr::V4(unpacked_v4(packed)));
        let v6 = answer.v6.into_iter().map(|packed| SocketAddr::V6(unpacked_v6(packed)));
        Ok(AnnounceReply {
            interval: ANNOUNCE_INTERVAL,
            min_interval: Some(ANNOUNCE_MIN_INTERVAL),
            seeders: answer.seeders,
            leechers: answer.leechers,
            peers: v4.chain(v6).collect(),
        })
    }

    /// The bencoded body that answers a request over HTTP; refusals are bodies too.
    pub fn http(&self, now: Instant, remote: SocketAddr, endpoint: HttpEndpoint, query: &str) -> Vec<u8> {
        match endpoint {
            HttpEndpoint::Announce => self.http_announce(now, remote, query),
            HttpEndpoint::Scrape => self.http_scrape(query),
        }
    }

    fn http_announce(&self, now: Instant, remote: SocketAddr, query: &str) -> Vec<u8> {
        let parsed = match tracker_http::parse_announce(query) {
            Ok(parsed) => parsed,
            Err(error) => return failure(&error.to_string()),
        };
        let address = listed_address(remote, parsed.ip, parsed.request.port);
        let announcement = Announcement {
            from_loopback: remote.ip().to_canonical().is_loopback(),
            ..self.announcement(&parsed.request, address, ANNOUNCE_PEERS_MAX)
        };
        let mut answer = Answer::default();
        if let Err(error) = self.registry.announce(now, &announcement, &mut answer) {
            return failure(&error.to_string());
        }
        let length = HTTP_REPLY_BASE_BYTES + 6 * answer.v4.len() + 18 * answer.v6.len();
        let mut out = Vec::with_capacity(length);
        tracker_http::encode_reply(&mut out, &parts(&answer), parsed.compact);
        out
    }

    fn http_scrape(&self, query: &str) -> Vec<u8> {
        let mut swarms = match tracker_http::parse_scrape(query) {
            Ok(swarms) => swarms,
            Err(error) => return failure(&error.to_string()),
        };
        swarms.sort_unstable();
        swarms.dedup();
        let counts = |infohash| (infohash, self.registry.scrape(&infohash));
        let counted: Vec<_> = swarms.into_iter().map(counts).collect();
        let mut out = Vec::new();
        tracker_http::encode_scrape(&mut out, &counted);
        out
    }

    /// The datagram to send back to `remote`, if any.
    pub fn udp<'a>(
        &self,
        now: Instant,
        remote: SocketAddr,
        datagram: &[u8],
        scratch: &'a mut Scratch,
    ) -> Option<&'a [u8]> {
        let request = UdpRequest::decode(datagram)?;
        let ip = remote.ip().to_canonical();
        let Scratch { answer, out } = scratch;
        out.clear();
        match request {
            UdpRequest::Connect { transaction } => {
                tracker_udp::encode_connect_reply(out, transaction, self.ids.issue(now, ip));
            }
            UdpRequest::Announce { connection_id, transaction, .. }
            | UdpRequest::Scrape { connection_id, transaction, .. }
                if !self.ids.accepts(now, ip, connection_id) =>
            {
                tracker_udp::encode_error(out, transaction, "connection id is unknown or too old");
            }
            UdpRequest::Announce { transaction, announce, .. } => {
                self.udp_announce(now, remote, transaction, &announce, answer, out);
            }
            UdpRequest::Scrape { transaction, swarms, .. } => {
                tracker_udp::encode_scrape_reply(out, transaction);
                let counts = swarms.iter().map(|swarm| self.registry.scrape(&swarm));
                counts.for_each(|counts| tracker_udp::encode_scrape_counts(out, counts));
            }
        }
        Some(out)
    }

    fn udp_announce(
        &self,
        now: Instant,
        remote: SocketAddr,
        transaction: u32,
        announce: &UdpAnnounce,
        answer: &mut Answer,
        out: &mut Vec<u8>,
    ) {
        let ip = remote.ip().to_canonical();
        // the answer has room for the family of the connection only
        let claimed = announce.ip.map(IpAddr::V4).filter(|_| ip.is_ipv4());
        let max = if ip.is_ipv4() { ANNOUNCE_PEERS_MAX } else { ANNOUNCE_UDP6_PEERS_MAX };
        let address = listed_address(remote, claimed, announce.request.port);
        let announcement = Announcement {
            from_loopback: ip.is_loopback(),
            own_family_only: true,
            ..self.announcement(&announce.request, address, max)
        };
        match self.registry.announce(now, &announcement, answer) {
            Ok(()) => tracker_udp::encode_announce_reply(out, transaction, &parts(answer), ip.is_ipv6()),
            Err(error) => tracker_udp::encode_error(out, transaction, &error.to_string()),
        }
    }

    fn announcement(&self, request: &AnnounceRequest, address: SocketAddr, max: usize) -> Announcement {
        let want = request.num_want.map_or(ANNOUNCE_PEERS_DEFAULT, |want| want as usize);
        // who listens nowhere is answered and not listed
        let port = if self.secret.contain(address.ip()) { 0 } else { address.port() };
        Announcement {
            infohash: request.infohash,
            address: SocketAddr::new(address.ip(), port),
            from_loopback: false,
            seeder: request.left == 0,
            event: request.event,
            want: want.min(max),
            own_family_only: false,
        }
    }
}

fn listed_address(remote: SocketAddr, claimed: Option<IpAddr>, port: u16) -> SocketAddr {
    let seen = remote.ip().to_canonical();
    let claimed = claimed.map(|ip| SocketAddr::new(ip.to_canonical(), port)).filter(usable);
    match claimed {
        Some(claimed) if seen.is_loopback() => claimed,
        _ => SocketAddr::new(seen, port),
    }
}

fn parts(answer: &Answer) -> ReplyParts<'_> {
    ReplyParts {
        interval_s: ANNOUNCE_INTERVAL.as_secs() as u32,
        min_interval_s: ANNOUNCE_MIN_INTERVAL.as_secs() as u32,
        seeders: answer.seeders,
        leechers: answer.leechers,
        v4: &answer.v4,
        v6: &answer.v6,
    }
}

fn failure(reason: &str) -> Vec<u8> {
    let mut out = Vec::new();
    tracker_http::encode_failure(&mut out, reason);
    out
}
