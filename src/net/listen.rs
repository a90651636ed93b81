//! One port for everything: the peer wire, the tracker and the HTTP interface. It decides by the first
//! byte whose connection it is, and how many connections there may be; whom the door turns away is closed before
//! that byte. It never reads further, and the accept loop never waits for a client.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connections::{ConnectionPermit, Connections};
use super::door::{Admission, Door, Places};
use super::stop::stopped;
use super::unsniffed::{Unsniffed, UnsniffedSlot};
use crate::base::limits::{HANDSHAKE_TIMEOUT, SNIFF_TIMEOUT};
use crate::base::openings::Openings;
use crate::http::serve::{HttpServices, serve_http};
use crate::obs::node_name::of_node;
use crate::wire::sniff::{self, Sniffed};

/// How long the accept loop rests when the process is out of files or memory.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// Held as long as the connection is open: counts it, among all and among those of its group.
#[derive(Debug)]
pub struct Presence {
    _permit: ConnectionPermit,
    _places: Places,
}

impl Presence {
    pub fn new(permit: ConnectionPermit, places: Places) -> Self {
        Self { _permit: permit, _places: places }
    }
}

/// A connection that begins like the peer wire; no byte of it was consumed.
pub type PeerConnection = (TcpStream, SocketAddr, Presence);

/// Who is let in, and where connections go.
pub struct ListenTargets {
    pub door: Door,
    pub http: Arc<HttpServices>,
    /// `None` closes connections of peers: a tracker has no swarm.
    pub peers: Option<mpsc::Sender<PeerConnection>>,
}

/// Accepts on all `sockets` until `stop` turns true. Returns when no task of it is left.
pub async fn run(
    sockets: Vec<TcpListener>,
    connections: Connections,
    targets: ListenTargets,
    stop: watch::Receiver<bool>,
) {
    let listener =
        Arc::new(Listener { counted: connections, unsniffed: Unsniffed::default(), targets, stop });
    let mut loops = JoinSet::new();
    for socket in sockets {
        loops.spawn(of_node(accept(socket, listener.clone())));
    }
    drop(listener);
    while loops.join_next().await.is_some() {}
}

struct Listener {
    counted: Connections,
    unsniffed: Unsniffed,
    targets: ListenTargets,
    stop: watch::Receiver<bool>,
}

async fn accept(socket: TcpListener, listener: Arc<Listener>) {
    let mut stop = listener.stop.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((stream, remote)) => listener.admit(stream, remote, &mut connections),
                Err(error) => rest_if_exhausted(&error).await,
            },
            Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
            () = stopped(&mut stop) => break,
        }
    }
    drop(socket);
    // each connection hears of the stop by itself and takes HTTP_STOP_TIMEOUT at most
    while connections.join_next().await.is_some() {}
}

async fn rest_if_exhausted(error: &io::Error) {
    // any other error concerns the one connection that was being accepted
    if matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS | ENOMEM)) {
        tracing::warn!(target: "acestream.SocketHandler.SocketHandler", "accept: {error}");
        tokio::time::sleep(EXHAUSTED_PAUSE).await;
    }
}

const ENOMEM: i32 = 12;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const ENOBUFS: i32 = 105;

impl Listener {
    fn admit(self: &Arc<Self>, stream: TcpStream, remote: SocketAddr, connections: &mut JoinSet<()>) {
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        let Admission { openings, places } = match self.targets.door.admit(remote.ip()) {
            Ok(admission) => admission,
            Err(why) => {
                turn_away(&stream);
                return tracing::debug!(target: "acestream.LM", "closed {remote}: {why}");
            }
        };
        let Some(permit) = self.counted.enter() else {
            tracing::debug!(target: "acestream.LM", "closed {remote}: no connection is left");
            return;
        };
        let Some(slot) = self.unsniffed.enter(remote.ip()) else {
            tracing::debug!(target: "acestream.LM", "closed {remote}: too many silent connections");
            return;
        };
        // a connection that is already gone shows at its first read
        let _ = stream.set_nodelay(true);
        let presence = Presence::new(permit, places);
        connections.spawn(of_node(self.clone().serve((stream, remote, presence), openings, slot)));
    }

    async fn serve(
        self: Arc<Self>,
        (stream, remote, presence): PeerConnection,
        openings: Openings,
        slot: UnsniffedSlot,
    ) {
        let mut stop = self.stop.clone();
        let protocol = tokio::select! {
            protocol = first_byte(&stream) => protocol,
            () = stopped(&mut stop) => return,
        };
        drop(slot);
        match protocol {
            Sniffed::Http if openings.http() => {
                let services = self.targets.http.open_to(openings);
                serve_http(stream, remote, services, stopped(&mut stop)).await;
            }
            Sniffed::PeerWire if openings.peer_wire => self.hand_over((stream, remote, presence)).await,
            Sniffed::Http | Sniffed::PeerWire => {
                turn_away(&stream);
                tracing::debug!(target: "acestream.LM", "closed {remote}: {protocol:?} is not open to it");
            }
            Sniffed::Unknown => {
                tracing::debug!(target: "acestream.LM", "closed {remote}: neither peer nor HTTP")
            }
        }
    }

    async fn hand_over(&self, connection: PeerConnection) {
        let Some(peers) = &self.targets.peers else { return };
        let mut stop = self.stop.clone();
        tokio::select! {
            sent = timeout(HANDSHAKE_TIMEOUT, peers.send(connection)) => if sent.is_err() {
                tracing::debug!(target: "acestream.LM", "closed a peer: its swarm takes no more");
            },
            () = stopped(&mut stop) => {}
        }
    }
}

/// Lets the connection end with a reset when it is dropped: nothing is sent, and nothing lingers.
fn turn_away(stream: &TcpStream) {
    // a connection that is already gone needs no reset
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

async fn first_byte(stream: &TcpStream) -> Sniffed {
    let mut first = [0];
    match timeout(SNIFF_TIMEOUT, stream.peek(&mut first)).await {
        Ok(Ok(length)) => sniff::sniff(first.get(..length).unwrap_or_default()),
        _ => Sniffed::Unknown,
    }
}
