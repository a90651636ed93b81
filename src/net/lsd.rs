//! Local discovery on sockets: multicast on each interface, never beyond the link.
//!
//! It decides which interfaces are spoken on and who is a neighbour: the sockets are bound to the groups, so
//! that nobody can send to them from afar, and a sender must be in a network of ours. When to speak and what is
//! news is the neighbourhood's.

#![allow(clippy::disallowed_methods, reason = "the shell hands the time to the neighbourhood")]

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::announce::Reach;
use super::finders::{Found, Sought};
use super::interfaces::{Interface, interfaces};
use crate::base::ids::Infohash;
use crate::base::limits::LSD_DATAGRAM_MAX_BYTES;
use crate::obs::node_name::of_node;
use crate::swarm::neighbourhood::{Announcement, LSD_PORT, Neighbourhood};
use crate::wire::lsd::{LongSearch, Search};

/// The groups of BEP 14.
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 192, 152, 143);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0xefc0, 0x988f);
/// The group of existing engines. Their port was never seen: ours is that of BEP 14.
const GROUP_SHORT: Ipv4Addr = Ipv4Addr::new(239, 255, 17, 18);
/// Interfaces come and go; looked at again this often.
const INTERFACES_INTERVAL: Duration = Duration::from_secs(60);
/// Swarms that begin at once and wait to be taken up.
const SEEKS_MAX: usize = 64;

type Seek = (Sought, mpsc::Sender<Found>);

/// Local discovery of one node. A copy shares it; it ends with the last one and the last swarm.
#[derive(Debug, Clone)]
pub struct Lsd {
    seeks: mpsc::Sender<Seek>,
}

impl Lsd {
    /// Begins to listen on the interfaces that have an address of `bind`, on all but loopback where that is
    /// empty. Must be called within a runtime.
    pub fn start(bind: &[IpAddr], seed: u64) -> Self {
        let (seeks, incoming) = mpsc::channel(SEEKS_MAX);
        let groups = [IpAddr::from(GROUP_V4), GROUP_SHORT.into(), GROUP_V6.into()];
        let [long, short, v6] = groups.map(|group| match group_socket(group) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::debug!(target: "acestream.lsd", "no local discovery in group {group}: {error}");
                None
            }
        });
        let shell = Shell {
            bind: bind.iter().copied().filter(|ip| !ip.is_unspecified()).collect(),
            long,
            short,
            v6,
            interfaces: Vec::new(),
            looked_at: None,
            neighbourhood: Neighbourhood::new(Instant::now(), seed),
            seekers: HashMap::new(),
        };
        tokio::spawn(of_node(shell.run(incoming)));
        Self { seeks }
    }

    /// Announces the swarm and sends finds, until the receiver is dropped.
    pub fn seek(&self, sought: Sought, found: mpsc::Sender<Found>) {
        if self.seeks.try_send((sought, found)).is_err() {
            tracing::debug!(target: "acestream.lsd", "infohash {} is not announced: too many at once", sought.infohash);
        }
    }
}

struct Shell {
    bind: Vec<IpAddr>,
    long: Option<UdpSocket>,
    short: Option<UdpSocket>,
    v6: Option<UdpSocket>,
    interfaces: Vec<Interface>,
    looked_at: Option<Instant>,
    neighbourhood: Neighbourhood,
    seekers: HashMap<Infohash, mpsc::Sender<Found>>,
}

impl Shell {
    async fn run(mut self, mut seeks: mpsc::Receiver<Seek>) {
        let [mut long, mut short, mut v6] = [[0; LSD_DATAGRAM_MAX_BYTES + 1]; 3];
        let mut is_open = true;
        while is_open || !self.seekers.is_empty() {
            let deadline = self.neighbourhood.deadline();
            let (datagram, length, from) = tokio::select! {
                seek = seeks.recv(), if is_open => {
                    match seek {
                        Some(seek) => self.seek(seek),
                        None => is_open = false,
                    }
                    continue;
                }
                () = at(deadline) => {
                    self.announce().await;
                    continue;
                }
                (length, from) = receive(self.long.as_ref(), &mut long) => (&long, length, from),
                (length, from) = receive(self.short.as_ref(), &mut short) => (&short, length, from),
                (length, from) = receive(self.v6.as_ref(), &mut v6) => (&v6, length, from),
            };
            self.heard(datagram.get(..length).unwrap_or_default(), from);
        }
    }

    fn seek(&mut self, (sought, found): Seek) {
        let Sought { infohash, peer_id, port, dials, .. } = sought;
        let announcement = Announcement { infohash, peer_id, port };
        let addrs = self.neighbourhood.join(Instant::now(), announcement, dials);
        if !addrs.is_empty() {
            let _ = found.try_send(Found { addrs, reach: Reach::Anywhere });
        }
        self.seekers.insert(infohash, found);
        self.look_at_interfaces();
    }

    fn heard(&mut self, datagram: &[u8], from: SocketAddr) {
        if !self.interfaces.iter().any(|interface| interface.is_neighbour(from.ip())) {
            return tracing::debug!(target: "acestream.lsd", "{from} is no neighbour");
        }
        for (infohash, addr) in self.neighbourhood.heard(Instant::now(), from, datagram) {
            tracing::debug!(target: "acestream.lsd", "found {addr} for infohash {infohash}");
            let Some(seeker) = self.seekers.get(&infohash) else { continue };
            // a swarm that is busy or gone hears of it again
            let _ = seeker.try_send(Found { addrs: vec![addr], reach: Reach::Anywhere });
        }
    }

    async fn announce(&mut self) {
        let gone: Vec<_> =
            self.seekers.iter().filter(|(_, seeker)| seeker.is_closed()).map(|(&of, _)| of).collect();
        for infohash in gone {
            self.seekers.remove(&infohash);
            self.neighbourhood.leave(infohash);
        }
        self.look_at_interfaces();
        while let Some(announcement) = self.neighbourhood.poll(Instant::now()) {
            for interface in &self.interfaces {
                self.send(&announcement, interface).await;
            }
        }
    }

    /// The long form first: who reads both does not guess at the port then.
    async fn send(&self, announcement: &Announcement, interface: &Interface) {
        let &Announcement { infohash, peer_id, port } = announcement;
        let cookie = Some(self.neighbourhood.cookie().to_owned());
        let long = LongSearch { port, infohashes: vec![infohash], cookie };
        let short = Search::encode_short(infohash, peer_id);
        let sendings = match interface.ip {
            IpAddr::V4(_) => vec![
                (&self.long, GROUP_V4.into(), long.encode(&format!("{GROUP_V4}:{LSD_PORT}"))),
                (&self.short, GROUP_SHORT.into(), short),
            ],
            IpAddr::V6(_) => {
                vec![(&self.v6, IpAddr::from(GROUP_V6), long.encode(&format!("[{GROUP_V6}]:{LSD_PORT}")))]
            }
        };
        for (socket, group, datagram) in sendings {
            let Some(socket) = socket else { continue };
            let sent = match interface.choose(&SockRef::from(socket)) {
                Ok(()) => socket.send_to(&datagram, (group, LSD_PORT)).await,
                Err(error) => Err(error),
            };
            if let Err(error) = sent {
                tracing::debug!(target: "acestream.lsd", "cannot speak on {}: {error}", interface.ip);
            }
        }
    }

    /// Joins the groups on interfaces that are new.
    fn look_at_interfaces(&mut self) {
        let now = Instant::now();
        if self.looked_at.is_some_and(|at| now.saturating_duration_since(at) < INTERFACES_INTERVAL) {
            return;
        }
        self.looked_at = Some(now);
        self.interfaces = interfaces(&self.bind);
        for interface in &self.interfaces {
            let memberships = match interface.ip {
                IpAddr::V4(_) => vec![(&self.long, GROUP_V4.into()), (&self.short, GROUP_SHORT.into())],
                IpAddr::V6(_) => vec![(&self.v6, IpAddr::from(GROUP_V6))],
            };
            for (socket, group) in memberships {
                let Some(socket) = socket else { continue };
                if let Err(error) = interface.join(&SockRef::from(socket), group) {
                    tracing::debug!(target: "acestream.lsd", "cannot listen to {group} on {}: {error}", interface.ip);
                }
            }
        }
    }
}

/// A socket that hears what is sent to `group`, and nothing else.
fn group_socket(group: IpAddr) -> io::Result<UdpSocket> {
    let address = SocketAddr::new(group, LSD_PORT);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // every program of this machine that looks for its neighbours hears them all
    socket.set_reuse_address(true)?;
    if group.is_ipv4() {
        socket.set_multicast_loop_v4(true)?;
        socket.set_multicast_ttl_v4(1)?;
    } else {
        socket.set_only_v6(true)?;
        socket.set_multicast_loop_v6(true)?;
        socket.set_multicast_hops_v6(1)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Waits for ever without a socket, and after an error for the next datagram.
async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> (usize, SocketAddr) {
    let Some(socket) = socket else { return pending().await };
    loop {
        match socket.recv_from(buffer).await {
            Ok(received) => return received,
            // what an earlier sending met
            Err(error) => tracing::debug!(target: "acestream.lsd", "receive: {error}"),
        }
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => pending().await,
    }
}
