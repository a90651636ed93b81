//! A router that speaks PCP and NAT-PMP, or what it is told to say.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Both protocols have this one.
const PORT: u16 = 5351;
const SUCCESS: u8 = 0;
const UNSUPPORTED_VERSION: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

#[derive(Clone)]
pub struct PmpRouter {
    pub ip: Ipv4Addr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    speaks: Speaks,
    outside: Option<Ipv4Addr>,
    /// Protocol and inner port to the outer one.
    mappings: BTreeMap<(u8, u16), u16>,
    taken: Vec<u16>,
    requests: usize,
}

#[derive(Clone, Copy, Default, PartialEq)]
pub enum Speaks {
    #[default]
    Pcp,
    NatPmp,
    /// Answers anything with these bytes.
    Nonsense(&'static [u8]),
    Nothing,
}

/// An address of this machine that no other test of this run has.
pub fn loopback() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [high, low] = (std::process::id() as u16).to_be_bytes();
    Ipv4Addr::new(127, high | 1, low, NEXT.fetch_add(1, Ordering::Relaxed))
}

impl PmpRouter {
    pub fn start(speaks: Speaks, outside: Ipv4Addr) -> Self {
        let ip = loopback();
        let socket = UdpSocket::bind((ip, PORT)).expect("the port of a router");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
        let state = State { speaks, outside: Some(outside), ..State::default() };
        let router = Self { ip, state: Arc::new(Mutex::new(state)) };
        let weak = Arc::downgrade(&router.state);
        thread::spawn(move || {
            let mut buffer = [0; 1100];
            while let Some(state) = weak.upgrade() {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    let answer = state.lock().expect("no panic").answer(&buffer[..length]);
                    answer.map(|answer| socket.send_to(&answer, from));
                }
            }
        });
        router
    }

    pub fn mapped(&self) -> Vec<(u8, u16, u16)> {
        let state = self.state.lock().expect("no panic");
        state.mappings.iter().map(|(&(protocol, inner), &outer)| (protocol, inner, outer)).collect()
    }

    /// Somebody else has this port.
    pub fn take(&self, port: u16) {
        self.state.lock().expect("no panic").taken.push(port);
    }

    /// As a router that restarts does.
    pub fn forget(&self) {
        self.state.lock().expect("no panic").mappings.clear();
    }

    pub fn requests(&self) -> usize {
        self.state.lock().expect("no panic").requests
    }

    pub fn now_speaks(&self, speaks: Speaks) {
        self.state.lock().expect("no panic").speaks = speaks;
    }
}

impl State {
    fn answer(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        self.requests += 1;
        match (self.speaks, request.first()?) {
            (Speaks::Nothing, _) => None,
            (Speaks::Nonsense(bytes), _) => Some(bytes.to_vec()),
            (Speaks::Pcp, 2) => self.pcp(request),
            (Speaks::NatPmp, 0) => self.nat_pmp(request),
            (_, version) => Some(vec![*version ^ 2, 0x80, 0, UNSUPPORTED_VERSION, 0, 0, 0, 0]),
        }
    }

    fn pcp(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let (lifetime, inner) = (word(request, 4)?, half(request, 40)?);
        let outer = self.map(request[36], inner, half(request, 42)?, lifetime);
        let mut answer = vec![2, 0x81, 0, SUCCESS];
        answer.extend(lifetime.to_be_bytes());
        answer.extend([0; 16]);
        answer.extend(&request[24..42]);
        answer.extend(outer.to_be_bytes());
        answer.extend(self.outside?.to_ipv6_mapped().octets());
        Some(answer)
    }

    fn nat_pmp(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let opcode = request[1];
        let mut answer = vec![0, 0x80 | opcode, 0, SUCCESS, 0, 0, 0, 9];
        if opcode == 0 {
            answer.extend(self.outside?.octets());
            return Some(answer);
        }
        let (inner, lifetime) = (half(request, 4)?, word(request, 8)?);
        let protocol = if opcode == 1 { UDP } else { TCP };
        let outer = self.map(protocol, inner, half(request, 6)?, lifetime);
        answer.extend([inner, outer].iter().flat_map(|port| port.to_be_bytes()));
        answer.extend(lifetime.to_be_bytes());
        Some(answer)
    }

    fn map(&mut self, protocol: u8, inner: u16, wished: u16, lifetime: u32) -> u16 {
        if lifetime == 0 {
            self.mappings.remove(&(protocol, inner));
            return 0;
        }
        let outer = if self.taken.contains(&wished) { wished + 1 } else { wished };
        self.mappings.insert((protocol, inner), outer);
        outer
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Where nobody answers a search.
pub fn nowhere() -> SocketAddr {
    (loopback(), 1900).into()
}
