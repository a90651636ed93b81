//! Connections to peers: dialling them, and letting them in. Both end with the handshake.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::connections::ConnectionPermit;
use super::door::{Door, TurnedAway};
use super::link::Connection;
use super::listen::{PeerConnection, Presence};
use crate::base::ids::{Infohash, PeerId};
use crate::base::limits::{DIAL_TIMEOUT, HANDSHAKE_TIMEOUT};
use crate::obs::node_name::of_node;
use crate::wire::handshake::{HANDSHAKE_BYTES, HEAD_BYTES, Handshake, HandshakeError};

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("all connections that may be are there")]
    NoRoom,
    #[error("no answer in time")]
    TooSlow,
    #[error("it is this node itself")]
    Myself,
    #[error("it answered for another swarm")]
    OtherSwarm,
    #[error("swarm {0} is not served here")]
    NotServed(Infohash),
    #[error("not dialled: {0}")]
    TurnedAway(#[from] TurnedAway),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Connects to `addr` if it may be called on, leaving from `from` if it is of the same family, and shakes hands.
/// Without a permit there is no room for the connection.
pub async fn dial(
    addr: SocketAddr,
    door: &Door,
    from: Option<IpAddr>,
    ours: Handshake,
    permit: Option<ConnectionPermit>,
) -> Result<Connection, DialError> {
    let places = door.call_on(addr.ip())?;
    let permit = permit.ok_or(DialError::NoRoom)?;
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from.filter(|from| from.is_ipv4() == addr.is_ipv4() && !from.is_unspecified()) {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let connected = timeout(DIAL_TIMEOUT, socket.connect(addr)).await;
    let mut stream = connected.map_err(|_| DialError::TooSlow)??;
    let shaken = timeout(HANDSHAKE_TIMEOUT, shake_hands(&mut stream, ours)).await;
    let peer_id = shaken.map_err(|_| DialError::TooSlow)??;
    Ok(Connection { stream, peer_id: Some(peer_id), presence: Presence::new(permit, places) })
}

async fn shake_hands(stream: &mut TcpStream, ours: Handshake) -> Result<PeerId, DialError> {
    stream.set_nodelay(true)?;
    stream.write_all(&ours.encode()).await?;
    let mut answer = [0; HANDSHAKE_BYTES];
    stream.read_exact(&mut answer).await?;
    let theirs = Handshake::decode(&answer)?;
    match theirs {
        _ if theirs.infohash != ours.infohash => Err(DialError::OtherSwarm),
        _ if theirs.peer_id == ours.peer_id => Err(DialError::Myself),
        _ => Ok(theirs.peer_id),
    }
}

/// A stranger that asked for a swarm of ours.
pub type Accepted = (Connection, SocketAddr);

/// The swarms that are served on the listening port.
#[derive(Debug, Clone, Default)]
pub struct Swarms(Arc<Mutex<HashMap<Infohash, Served>>>);

/// A swarm that takes strangers in, and who we are there.
#[derive(Debug, Clone)]
struct Served {
    peer_id: PeerId,
    strangers: mpsc::Sender<Accepted>,
}

impl Swarms {
    /// Sends those who ask for `infohash` to the returned channel, until it is dropped.
    pub fn serve(&self, infohash: Infohash, peer_id: PeerId) -> mpsc::Receiver<Accepted> {
        const WAITING_MAX: usize = 64;
        let (strangers, receiver) = mpsc::channel(WAITING_MAX);
        self.lock().insert(infohash, Served { peer_id, strangers });
        receiver
    }

    /// Forgets the swarms whose channel was dropped.
    pub fn forget_ended(&self) {
        self.lock().retain(|_, served| !served.strangers.is_closed());
    }

    fn get(&self, infohash: &Infohash) -> Option<Served> {
        self.lock().get(infohash).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Infohash, Served>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shakes hands with everybody who comes, for as long as the listener lives.
    pub async fn welcome(self, mut connections: mpsc::Receiver<PeerConnection>) {
        while let Some(connection) = connections.recv().await {
            tokio::spawn(of_node(self.clone().welcome_one(connection)));
        }
    }

    async fn welcome_one(self, (stream, addr, presence): PeerConnection) {
        let answered = timeout(HANDSHAKE_TIMEOUT, self.answer(stream)).await;
        match answered.unwrap_or(Err(DialError::TooSlow)) {
            Ok((stream, swarm)) => {
                let connection = Connection { stream, peer_id: None, presence };
                // A swarm that ended meanwhile, or that is flooded, drops the connection.
                let _ = swarm.try_send((connection, addr));
            }
            Err(error) => tracing::debug!(target: "acestream.link", "closed {addr}: {error}"),
        }
    }

    /// Reads the head and answers it whole; a swarm that is not served is not answered.
    async fn answer(&self, mut stream: TcpStream) -> Result<(TcpStream, mpsc::Sender<Accepted>), DialError> {
        let mut head = [0; HEAD_BYTES];
        stream.read_exact(&mut head).await?;
        let infohash = Handshake::decode_head(&head)?;
        let served = self.get(&infohash).ok_or(DialError::NotServed(infohash))?;
        stream.write_all(&Handshake { infohash, peer_id: served.peer_id }.encode()).await?;
        Ok((stream, served.strangers))
    }
}
