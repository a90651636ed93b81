//! Many nodes and what lies between them: delay, loss, and strangers who answer as they like.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use start_engine::base::ids::Infohash;
use start_engine::base::rng::Rng;
use start_engine::dht::{Dht, DhtConfig, Input, Output, SavedTable, SearchId};

/// Bytes to an address from another.
pub type Datagram = (SocketAddr, SocketAddr, Vec<u8>);
/// What a stranger sends back, to whom.
pub type Stranger = Box<dyn FnMut(SocketAddr, &[u8]) -> Vec<(SocketAddr, Vec<u8>)>>;

pub struct Network {
    pub now: Instant,
    rng: Rng,
    /// Of a thousand datagrams so many are lost.
    pub loss: usize,
    nodes: BTreeMap<SocketAddr, Dht>,
    strangers: BTreeMap<SocketAddr, Stranger>,
    on_the_way: BinaryHeap<Reverse<(Instant, u64, Datagram)>>,
    sent: u64,
    pub routers: Vec<SocketAddr>,
    /// By node and search.
    pub found: BTreeMap<(SocketAddr, u64), BTreeSet<SocketAddr>>,
    /// Longest datagram that any node sent.
    pub longest: usize,
    /// How often routers were asked for.
    pub calls: usize,
}

/// The public address of node `n`; neighbours are in other networks.
pub fn v4(n: usize) -> SocketAddr {
    let [high, low] = (n as u16).to_be_bytes();
    ([20 + low % 100, high, low, 7], 6881).into()
}

pub fn v6(n: usize) -> SocketAddr {
    ([0x2a00, n as u16, 0, 0, 0, 0, 0, 1], 6881).into()
}

pub fn swarm(n: u8) -> Infohash {
    Infohash(std::array::from_fn(|at| n.wrapping_mul(37).wrapping_add(at as u8 * 11)))
}

impl Network {
    pub fn new(seed: u64) -> Self {
        Self {
            now: Instant::now(),
            rng: Rng::new(seed),
            loss: 0,
            nodes: BTreeMap::new(),
            strangers: BTreeMap::new(),
            on_the_way: BinaryHeap::new(),
            sent: 0,
            routers: Vec::new(),
            found: BTreeMap::new(),
            longest: 0,
            calls: 0,
        }
    }

    /// Nodes 0 to `count` that enter by node 0.
    pub fn of(seed: u64, count: usize, address: fn(usize) -> SocketAddr) -> Self {
        let mut network = Self::new(seed);
        network.routers = vec![address(0)];
        (0..count).for_each(|n| network.add(address(n), SavedTable::default()));
        network
    }

    pub fn add(&mut self, addr: SocketAddr, saved: SavedTable) {
        let config = DhtConfig {
            seed: self.rng.next_u64(),
            secret: [9; 16],
            v4: addr.is_ipv4(),
            v6: addr.is_ipv6(),
            allows_private: false,
            saved,
        };
        self.nodes.insert(addr, Dht::new(self.now, config));
    }

    /// Somebody who is no node of ours.
    pub fn add_stranger(&mut self, addr: SocketAddr, stranger: Stranger) {
        self.strangers.insert(addr, stranger);
    }

    pub fn remove(&mut self, addr: SocketAddr) -> Option<Dht> {
        self.nodes.remove(&addr)
    }

    pub fn node(&self, addr: SocketAddr) -> &Dht {
        &self.nodes[&addr]
    }

    pub fn seek(&mut self, addr: SocketAddr, search: u64, infohash: Infohash, port: u16) {
        self.input(addr, Input::Seek { search: SearchId(search), infohash, port });
    }

    pub fn forget(&mut self, addr: SocketAddr, search: u64) {
        self.input(addr, Input::Forget(SearchId(search)));
    }

    /// What `search` of the node found so far.
    pub fn peers(&self, addr: SocketAddr, search: u64) -> Vec<SocketAddr> {
        self.found.get(&(addr, search)).into_iter().flatten().copied().collect()
    }

    /// Sends bytes that no node of ours made.
    pub fn inject(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.send(from, to, bytes);
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.next_event().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.deliver();
            let due = |dht: &Dht| dht.deadline().is_some_and(|at| at <= self.now);
            let due: Vec<_> = self.nodes.iter().filter(|(_, dht)| due(dht)).map(|(&addr, _)| addr).collect();
            due.into_iter().for_each(|addr| self.input(addr, Input::Timer));
        }
        self.now = end;
    }

    /// Runs until `is_so`; panics when that takes longer than `patience`.
    pub fn run_until(&mut self, what: &str, patience: Duration, mut is_so: impl FnMut(&Self) -> bool) {
        let end = self.now + patience;
        while !is_so(self) {
            assert!(self.now < end, "{what}: not within {} s", patience.as_secs());
            self.run(Duration::from_secs(1));
        }
    }

    fn next_event(&self) -> Option<Instant> {
        let arrival = self.on_the_way.peek().map(|Reverse((at, ..))| *at);
        self.nodes.values().filter_map(Dht::deadline).chain(arrival).min()
    }

    fn deliver(&mut self) {
        while let Some(Reverse((at, ..))) = self.on_the_way.peek()
            && *at <= self.now
        {
            let Some(Reverse((_, _, (from, to, bytes)))) = self.on_the_way.pop() else { return };
            if let Some(stranger) = self.strangers.get_mut(&to) {
                let answers = stranger(from, &bytes);
                answers.into_iter().for_each(|(back, bytes)| self.send(to, back, bytes));
            }
            self.input(to, Input::Datagram { from, bytes: &bytes });
        }
    }

    fn input(&mut self, addr: SocketAddr, input: Input<'_>) {
        let Some(dht) = self.nodes.get_mut(&addr) else { return };
        dht.handle(self.now, input);
        self.drain(addr);
    }

    fn drain(&mut self, addr: SocketAddr) {
        while let Some(output) = self.nodes.get_mut(&addr).and_then(Dht::poll) {
            match output {
                Output::Send { to, bytes } => {
                    self.longest = self.longest.max(bytes.len());
                    self.send(addr, to, bytes);
                }
                Output::Found { search, peers } => {
                    self.found.entry((addr, search.0)).or_default().extend(peers);
                }
                Output::NeedRouters => {
                    self.calls += 1;
                    let routers = self.routers.iter().copied().filter(|&router| router != addr).collect();
                    self.input(addr, Input::Routers(routers));
                }
            }
        }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        if self.rng.below(1000) < self.loss {
            return;
        }
        self.sent += 1;
        let delay = Duration::from_millis(10 + self.rng.below(90) as u64);
        self.on_the_way.push(Reverse((self.now + delay, self.sent, (from, to, bytes))));
    }
}
