//! One announce over UDP (BEP 15): connect, then announce, each sent again until it is answered.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::announce::{AnnounceError, Reach, printable, resolve};
use crate::wire::announce::{AnnounceReply, AnnounceRequest};
use crate::wire::tracker_udp::{UdpReply, encode_announce, encode_connect};
use crate::wire::tracker_url::TrackerUrl;

/// How long each sending of a request waits for its answer. BEP 15 begins with 15 s and grows to an hour:
/// too long for a viewer who waits.
const RETRANSMITS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];
/// Longest datagram there is, so that no answer is cut.
const DATAGRAM_MAX_BYTES: usize = 65_536;

/// Asks each address of the tracker until one answers.
pub(super) async fn announce(
    from: Option<IpAddr>,
    url: &TrackerUrl,
    request: &AnnounceRequest,
    reach: Reach,
) -> Result<AnnounceReply, AnnounceError> {
    let mut outcome = Err(AnnounceError::Timeout { url: url.clone(), waited: Duration::ZERO });
    for address in resolve(url, reach).await? {
        outcome = announce_at(from, url, address, request).await;
        if !matches!(outcome, Err(AnnounceError::Socket { .. } | AnnounceError::Timeout { .. })) {
            break;
        }
    }
    outcome
}

async fn announce_at(
    from: Option<IpAddr>,
    url: &TrackerUrl,
    address: SocketAddr,
    request: &AnnounceRequest,
) -> Result<AnnounceReply, AnnounceError> {
    let socket_error = |source| AnnounceError::Socket { url: url.clone(), source };
    let anywhere = match address {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let local = from.filter(|from| from.is_ipv4() == address.is_ipv4()).unwrap_or(anywhere);
    let socket = UdpSocket::bind((local, 0)).await.map_err(socket_error)?;
    // only answers from the tracker's own address arrive from now on
    socket.connect(address).await.map_err(socket_error)?;
    let mut exchange = Exchange { url, socket, v6: address.is_ipv6(), buffer: vec![0; DATAGRAM_MAX_BYTES] };
    let transaction = random_u32().map_err(socket_error)?;
    let connection_id = match exchange.ask(&encode_connect(transaction), transaction).await? {
        UdpReply::Connect { connection_id } => connection_id,
        other => return Err(exchange.unexpected(other)),
    };
    let transaction = random_u32().map_err(socket_error)?;
    let announce = encode_announce(connection_id, transaction, request);
    match exchange.ask(&announce, transaction).await? {
        UdpReply::Announce(reply) => Ok(reply),
        other => Err(exchange.unexpected(other)),
    }
}

fn random_u32() -> io::Result<u32> {
    getrandom::u32().map_err(io::Error::other)
}

struct Exchange<'a> {
    url: &'a TrackerUrl,
    socket: UdpSocket,
    v6: bool,
    buffer: Vec<u8>,
}

impl Exchange<'_> {
    async fn ask(&mut self, datagram: &[u8], transaction: u32) -> Result<UdpReply, AnnounceError> {
        for wait in RETRANSMITS {
            self.socket.send(datagram).await.map_err(|source| self.socket_error(source))?;
            if let Ok(reply) = timeout_at(Instant::now() + wait, self.reply(transaction)).await {
                return reply.map_err(|source| self.socket_error(source));
            }
        }
        Err(AnnounceError::Timeout { url: self.url.clone(), waited: RETRANSMITS.iter().sum() })
    }

    async fn reply(&mut self, transaction: u32) -> io::Result<UdpReply> {
        loop {
            let length = self.socket.recv(&mut self.buffer).await?;
            let datagram = self.buffer.get(..length).unwrap_or_default();
            if let Some(reply) = UdpReply::decode(datagram, transaction, self.v6) {
                return Ok(reply);
            }
        }
    }

    fn socket_error(&self, source: io::Error) -> AnnounceError {
        AnnounceError::Socket { url: self.url.clone(), source }
    }

    fn unexpected(&self, reply: UdpReply) -> AnnounceError {
        let reason = match reply {
            UdpReply::Error(reason) => printable(&reason),
            _ => "the answer is to another question".to_owned(),
        };
        AnnounceError::Refused { url: self.url.clone(), reason }
    }
}
