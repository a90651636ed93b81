//! The shell of the DHT: carries datagrams and time in and out, resolves the routers' names, keeps the table.
//! It decides nothing but which socket a datagram leaves by.
#![allow(clippy::disallowed_methods, reason = "the machine is handed the time")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep_until, timeout};

use super::announce::Reach;
use super::finders::{Found, Sought};
use super::stop::stopped;
use crate::base::limits::DHT_DATAGRAMS_WAITING_MAX;
use crate::dht::{Dht, DhtConfig, DhtStats, Input, Output, SavedTable, SearchId};
use crate::obs::node_name::of_node;
use crate::store::dht_table;

/// Searches that begin or end at one moment.
const COMMANDS_MAX: usize = 64;
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Addresses taken of one router's name.
const ROUTER_ADDRS_MAX: usize = 4;
const STATS_INTERVAL: Duration = Duration::from_secs(1);
const SAVE_INTERVAL: Duration = Duration::from_secs(10 * 60);
const LOG: &str = "acestream.dht";

/// What a node is told of the DHT.
#[derive(Debug, Clone)]
pub struct DhtSetup {
    /// `host:port` of nodes to enter by.
    pub routers: Vec<String>,
    /// Nodes and peers may be on loopback and private addresses.
    pub allows_private: bool,
    /// The state directory.
    pub dir: PathBuf,
    /// Both random.
    pub seed: u64,
    pub secret: [u8; 16],
}

/// A datagram that came in on one of the sockets.
#[derive(Debug)]
struct Letter {
    from: SocketAddr,
    bytes: Vec<u8>,
    socket: Arc<UdpSocket>,
}

/// Where datagrams for the DHT go. A copy shares it.
#[derive(Debug, Clone)]
pub struct DhtMailbox(mpsc::Sender<Letter>);

impl DhtMailbox {
    /// Takes a datagram; when the DHT has too many already it is lost, as datagrams are.
    pub fn put(&self, from: SocketAddr, bytes: &[u8], socket: &Arc<UdpSocket>) {
        let _ = self.0.try_send(Letter { from, bytes: bytes.to_vec(), socket: socket.clone() });
    }
}

enum Command {
    Seek { search: SearchId, sought: Sought, found: mpsc::Sender<Found> },
    Forget(SearchId),
}

/// The node's hold on its DHT. A copy shares it.
#[derive(Debug, Clone)]
pub struct DhtHandle {
    commands: mpsc::Sender<Command>,
    mailbox: DhtMailbox,
    searches: Arc<AtomicU64>,
    stats: watch::Receiver<DhtStats>,
}

impl DhtHandle {
    /// Looks for peers of the swarm and announces this node to it, until nobody takes from `found`. Must be
    /// called within a runtime.
    pub fn seek(&self, sought: Sought, found: mpsc::Sender<Found>) {
        let search = SearchId(self.searches.fetch_add(1, Ordering::Relaxed));
        let commands = self.commands.clone();
        tokio::spawn(of_node(async move {
            let seek = Command::Seek { search, sought, found: found.clone() };
            if commands.send(seek).await.is_ok() {
                found.closed().await;
                // an error says that the DHT has ended
                let _ = commands.send(Command::Forget(search)).await;
            }
        }));
    }

    pub fn mailbox(&self) -> DhtMailbox {
        self.mailbox.clone()
    }

    pub fn stats(&self) -> watch::Receiver<DhtStats> {
        self.stats.clone()
    }
}

/// A DHT that does not run yet.
pub struct DhtTask {
    setup: DhtSetup,
    commands: mpsc::Receiver<Command>,
    letters: mpsc::Receiver<Letter>,
    stats: watch::Sender<DhtStats>,
}

/// The two ends of a DHT.
pub fn open(setup: DhtSetup) -> (DhtHandle, DhtTask) {
    let (to_commands, commands) = mpsc::channel(COMMANDS_MAX);
    let (to_letters, letters) = mpsc::channel(DHT_DATAGRAMS_WAITING_MAX);
    let stats = watch::Sender::default();
    let handle = DhtHandle {
        commands: to_commands,
        mailbox: DhtMailbox(to_letters),
        searches: Arc::default(),
        stats: stats.subscribe(),
    };
    (handle, DhtTask { setup, commands, letters, stats })
}

impl DhtTask {
    /// Takes part until `stop` turns true, then keeps the table.
    pub async fn run(self, sockets: Vec<Arc<UdpSocket>>, mut stop: watch::Receiver<bool>) {
        let Self { setup, mut commands, mut letters, stats } = self;
        let mut shell = Shell::new(setup, sockets);
        let mut resolving: JoinSet<Vec<SocketAddr>> = JoinSet::new();
        let mut next_stats = Instant::now();
        let mut next_save = Instant::now() + SAVE_INTERVAL;
        while !*stop.borrow() {
            let deadline = shell.dht.deadline().unwrap_or(next_stats).min(next_stats);
            tokio::select! {
                Some(letter) = letters.recv() => shell.letter(&letter),
                Some(command) = commands.recv() => shell.command(command),
                Some(Ok(routers)) = resolving.join_next() => shell.input(Input::Routers(routers)),
                () = sleep_until(deadline.into()) => shell.input(Input::Timer),
                () = stopped(&mut stop) => break,
            }
            if std::mem::take(&mut shell.needs_routers) {
                resolving.spawn(of_node(resolve(shell.setup.routers.clone())));
            }
            if next_stats <= Instant::now() {
                next_stats = Instant::now() + STATS_INTERVAL;
                stats.send_replace(shell.dht.stats(Instant::now()));
            }
            if next_save <= Instant::now() {
                next_save = Instant::now() + SAVE_INTERVAL;
                shell.save().await;
            }
        }
        shell.save().await;
    }
}

struct Shell {
    dht: Dht,
    setup: DhtSetup,
    sockets: Vec<Arc<UdpSocket>>,
    searches: BTreeMap<SearchId, mpsc::Sender<Found>>,
    needs_routers: bool,
    saved: SavedTable,
}

impl Shell {
    fn new(setup: DhtSetup, sockets: Vec<Arc<UdpSocket>>) -> Self {
        let saved = dht_table::load(&setup.dir).unwrap_or_else(|error| {
            tracing::warn!(target: LOG, "{error}: the DHT begins without its nodes of the last run");
            SavedTable::default()
        });
        let has = |is_v6| sockets.iter().any(|socket| is_of(socket, is_v6));
        let config = DhtConfig {
            seed: setup.seed,
            secret: setup.secret,
            v4: has(false),
            v6: has(true),
            allows_private: setup.allows_private,
            saved: saved.clone(),
        };
        let dht = Dht::new(Instant::now(), config);
        Self { dht, setup, sockets, searches: BTreeMap::new(), needs_routers: false, saved }
    }

    fn letter(&mut self, letter: &Letter) {
        self.dht.handle(Instant::now(), Input::Datagram { from: letter.from, bytes: &letter.bytes });
        self.drain(Some(letter));
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Seek { search, sought, found } => {
                tracing::debug!(target: "acestream.dht", "seek {} and announce port {}", sought.infohash, sought.port);
                self.searches.insert(search, found);
                self.input(Input::Seek { search, infohash: sought.infohash, port: sought.port });
            }
            Command::Forget(search) => {
                self.searches.remove(&search);
                self.input(Input::Forget(search));
            }
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.dht.handle(Instant::now(), input);
        self.drain(None);
    }

    /// An answer leaves by the socket that the question came in by.
    fn drain(&mut self, letter: Option<&Letter>) {
        while let Some(output) = self.dht.poll() {
            match output {
                Output::Send { to, bytes } => self.send(to, &bytes, letter),
                Output::Found { search, peers } => self.found(search, peers),
                Output::NeedRouters => self.needs_routers = true,
            }
        }
    }

    fn send(&self, to: SocketAddr, bytes: &[u8], letter: Option<&Letter>) {
        let asked_on = letter.filter(|letter| letter.from == to).map(|letter| &letter.socket);
        let of_family = || self.sockets.iter().find(|socket| is_of(socket, to.is_ipv6()));
        let Some(socket) = asked_on.or_else(of_family) else { return };
        if let Err(error) = socket.try_send_to(bytes, to) {
            tracing::trace!(target: LOG, "datagram to {to} was not sent: {error}");
        }
    }

    fn found(&self, search: SearchId, addrs: Vec<SocketAddr>) {
        let Some(found) = self.searches.get(&search) else { return };
        tracing::debug!(target: "acestream.rerequester", "the DHT gave {} peers", addrs.len());
        let reach = if self.setup.allows_private { Reach::Anywhere } else { Reach::PublicOnly };
        // a swarm that has not taken what was found before needs no more now
        let _ = found.try_send(Found { addrs, reach });
    }

    /// A node that knows nobody keeps the table of those it knew.
    async fn save(&mut self) {
        let table = self.dht.saved();
        if table.nodes.is_empty() || table == self.saved {
            return;
        }
        let (dir, copy) = (self.setup.dir.clone(), table.clone());
        match spawn_blocking(move || dht_table::save(&dir, &copy)).await {
            Ok(Ok(())) => self.saved = table,
            Ok(Err(error)) => tracing::warn!(target: LOG, "the nodes of the DHT are not kept: {error}"),
            Err(error) => tracing::warn!(target: LOG, "the nodes of the DHT are not kept: {error}"),
        }
    }
}

fn is_of(socket: &UdpSocket, is_v6: bool) -> bool {
    socket.local_addr().is_ok_and(|addr| addr.is_ipv6() == is_v6)
}

/// The addresses of the routers; those that cannot be found are logged and left out.
async fn resolve(routers: Vec<String>) -> Vec<SocketAddr> {
    let mut addrs = Vec::new();
    for router in routers {
        match timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host(&router)).await {
            Ok(Ok(found)) => addrs.extend(found.take(ROUTER_ADDRS_MAX)),
            Ok(Err(error)) => tracing::info!(target: LOG, "router {router} has no address: {error}"),
            Err(_) => tracing::info!(target: LOG, "router {router} has no address so far"),
        }
    }
    addrs
}
