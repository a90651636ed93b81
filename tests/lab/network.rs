//! Networks of a test's own: hosts are network namespaces, LANs are bridges in one more. Nothing of it is
//! joined to the machine's networks, and all of it goes when it is dropped.

use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nix::sched::{CloneFlags, setns};

/// Names of namespaces begin so, then come the test process and a number.
const PREFIX: &str = "start-engine-lab";

/// A set of hosts and LANs.
pub struct Network {
    name: String,
    lans: Vec<Lan>,
    hosts: usize,
}

/// A bridge. Its hosts are `a.b.c.1`, `a.b.c.2` … and `fd00:a:b:c::1` … in the order in which they joined.
struct Lan {
    net: [u8; 3],
    members: u8,
}

/// Which LAN of a network.
#[derive(Clone, Copy)]
pub struct LanId(usize);

/// A machine: a namespace with an interface `eth0`, `eth1` … for each of its LANs, and loopback.
pub struct Host {
    namespace: String,
    v4: Vec<Ipv4Addr>,
    v6: Vec<Ipv6Addr>,
}

impl Network {
    /// `None`, and a line on standard error, where the kernel does not allow it.
    pub fn open() -> Option<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        remove_left_over();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let network =
            Self { name: format!("{PREFIX}-{}-{number}", std::process::id()), lans: Vec::new(), hosts: 0 };
        match ip(&format!("netns add {}", network.switch())) {
            Ok(()) => Some(network),
            Err(why) => {
                // not by a macro: the test harness keeps what those print to itself
                let test = thread::current();
                let name = test.name().unwrap_or("a test");
                let _ = writeln!(std::io::stderr(), "{name}: skipped, no network namespaces here: {why}");
                None
            }
        }
    }

    /// A LAN whose IPv4 addresses begin with `net`.
    pub fn lan(&mut self, net: [u8; 3]) -> LanId {
        let lan = LanId(self.lans.len());
        self.lans.push(Lan { net, members: 0 });
        let (switch, bridge) = (self.switch(), lan.bridge());
        // snooping would hold multicast back until somebody asks who wants it
        let batch =
            format!("link add {bridge} type bridge forward_delay 0 mcast_snooping 0\nlink set {bridge} up\n");
        ip_batch(&switch, &batch);
        lan
    }

    /// A host in all of `lans`.
    pub fn host(&mut self, lans: &[LanId]) -> Host {
        let namespace = format!("{}-h{}", self.name, self.hosts);
        self.hosts += 1;
        ip(&format!("netns add {namespace}")).expect("a namespace");
        let mut host = Host { namespace, v4: Vec::new(), v6: Vec::new() };
        ip_batch(&host.namespace, "link set lo up\n");
        for (interface, &lan) in lans.iter().enumerate() {
            self.plug_in(&mut host, interface, lan);
        }
        host
    }

    /// So many hosts in one LAN.
    pub fn hosts<const N: usize>(&mut self, lan: LanId) -> [Host; N] {
        std::array::from_fn(|_| self.host(&[lan]))
    }

    fn plug_in(&mut self, host: &mut Host, interface: usize, lan: LanId) {
        let (switch, bridge) = (self.switch(), lan.bridge());
        let Lan { net: [a, b, c], members } = &mut self.lans[lan.0];
        *members += 1;
        let v4 = Ipv4Addr::new(*a, *b, *c, *members);
        let v6 = Ipv6Addr::new(0xfd00, (*a).into(), (*b).into(), (*c).into(), 0, 0, 0, (*members).into());
        let port = format!("{bridge}p{members}");
        let at_host = format!("eth{interface}");
        let pair = format!("link add {port} type veth peer name {at_host} netns {}\n", host.namespace);
        ip_batch(&switch, &format!("{pair}link set {port} master {bridge} up\n"));
        let addresses =
            format!("address add {v4}/24 dev {at_host}\naddress add {v6}/64 dev {at_host} nodad\n");
        ip_batch(&host.namespace, &format!("link set {at_host} up\n{addresses}"));
        host.v4.push(v4);
        host.v6.push(v6);
    }

    /// The namespace of the bridges.
    fn switch(&self) -> String {
        format!("{}-switch", self.name)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        remove_where(|name| name.starts_with(&format!("{}-", self.name)));
    }
}

impl LanId {
    fn bridge(self) -> String {
        format!("lan{}", self.0)
    }
}

impl Host {
    /// Its address in its only, or first, LAN.
    pub fn ip(&self) -> Ipv4Addr {
        self.v4[0]
    }

    pub fn ip6(&self) -> Ipv6Addr {
        self.v6[0]
    }

    /// Its addresses in the LAN of the same index in the list that it was made with.
    pub fn ips_in(&self, lan: usize) -> [IpAddr; 2] {
        [self.v4[lan].into(), self.v6[lan].into()]
    }

    /// Does something on this host: threads and processes started meanwhile are on it too.
    pub fn run<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}", self.namespace);
        let namespace = File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let done = thread::scope(|scope| {
            let inside = move || {
                setns(namespace, CloneFlags::CLONE_NEWNET).expect("the namespace is entered");
                act()
            };
            scope.spawn(inside).join()
        });
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// More settings of this host, as lines for `ip -batch`.
    pub fn configure(&self, batch: &str) {
        ip_batch(&self.namespace, batch);
    }

    /// A program on this host, to be given arguments and started.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace, program]);
        command
    }
}

/// Tests that were killed leave their namespaces behind.
fn remove_left_over() {
    let is_alone = |name: &str| {
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').nth(1));
        process.is_some_and(|process| !std::fs::exists(format!("/proc/{process}")).unwrap_or(true))
    };
    remove_where(is_alone);
}

fn remove_where(is_meant: impl Fn(&str) -> bool) {
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_meant(&name) {
            // another test may have been faster
            let _ = ip(&format!("netns del {name}"));
        }
    }
}

fn ip(words: &str) -> Result<(), String> {
    let output = Command::new("ip").args(words.split(' ')).output();
    let output = output.map_err(|error| format!("ip: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")),
    }
}

fn ip_batch(namespace: &str, batch: &str) {
    let mut command = Command::new("ip");
    command.args(["-netns", namespace, "-batch", "-"]).stdin(Stdio::piped());
    let mut child = command.spawn().expect("ip runs");
    child.stdin.take().expect("a pipe").write_all(batch.as_bytes()).expect("ip reads");
    assert!(child.wait().expect("ends").success(), "in {namespace}:\n{batch}");
}

#[test]
fn hosts_reach_each_other_and_nobody_else() {
    use std::net::{SocketAddr, TcpListener, TcpStream};

    let Some(mut network) = Network::open() else { return };
    let (near, far) = (network.lan([10, 1, 1]), network.lan([45, 1, 1]));
    let [first, second] = network.hosts(near);
    let router = network.host(&[near, far]);
    let outsider = network.host(&[far]);
    let machine = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    for [from, to] in [[first.ips_in(0), second.ips_in(0)], [router.ips_in(1), outsider.ips_in(0)]] {
        let (host, other) = if from == first.ips_in(0) { (&first, &second) } else { (&router, &outsider) };
        for (own, ip) in from.into_iter().zip(to) {
            let listener = other.run(|| TcpListener::bind((ip, 0)).expect("a port"));
            let stream = host.run(|| TcpStream::connect(listener.local_addr().expect("bound")));
            assert_eq!(stream.expect("connects").local_addr().expect("is connected").ip(), own);
        }
    }
    let strangers: [SocketAddr; 2] = [(first.ip(), 1).into(), machine];
    assert!(strangers.iter().all(|&addr| outsider.run(|| TcpStream::connect(addr).is_err())));
}
