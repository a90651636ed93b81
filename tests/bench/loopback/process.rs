//! The program under measurement: started with its own directory, watched through procfs, ended by
//! signal when dropped.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What a start may take before the bench gives up.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// A tick of the accounting in procfs.
const TICK: Duration = Duration::from_millis(10);

/// A running node.
pub struct Node {
    child: Child,
    /// Peer wire and node interface.
    pub address: SocketAddr,
    /// Where players of a client connect.
    pub players: SocketAddr,
    /// From the start of the process to the first connection that it took.
    pub listening_after: Duration,
    pub dir: TempDir,
}

impl Node {
    /// Starts `start-engine MODE` with `options`, directories of its own and free ports.
    pub fn start(mode: &str, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (address, players) = (free_address(), free_address());
        let mut command = Command::new(env!("CARGO_BIN_EXE_start-engine"));
        command.arg(mode).args(options).current_dir(dir.path());
        command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--pid-file-dir", "."]);
        if mode != "--start-tracker" {
            command.args(["--state-dir", "state", "--dht-enabled", "0"]);
        }
        let is_client = mode == "--client-console";
        if is_client {
            command.args([
                "--http-port",
                &players.port().to_string(),
                "--upnp-enabled",
                "0",
                "--lsd-enabled",
                "0",
            ]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let started = Instant::now();
        let child = command.spawn().expect("the program starts");
        let mut node = Self { child, address, players, listening_after: Duration::ZERO, dir };
        node.await_port(if is_client { players } else { address }, started);
        node.listening_after = started.elapsed();
        node
    }

    /// Starts several nodes in one process, as `config` says, which listen at `addresses`.
    pub fn of_config(config: &str, addresses: &[SocketAddr]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("nodes.toml"), config).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_start-engine"));
        command.args(["--config", "nodes.toml"]).current_dir(dir.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("the program starts");
        let (address, listening_after) = (addresses[0], Duration::ZERO);
        let mut node = Self { child, address, players: address, listening_after, dir };
        addresses.iter().for_each(|&address| node.await_port(address, Instant::now()));
        node
    }

    fn await_port(&mut self, address: SocketAddr, since: Instant) {
        while TcpStream::connect(address).is_err() {
            assert!(self.child.try_wait().expect("a child").is_none(), "the node ended");
            assert!(since.elapsed() < START_TIMEOUT, "the node does not listen");
            sleep(Duration::from_micros(500));
        }
    }

    /// User and system time of the process.
    pub fn cpu(&self) -> Duration {
        let stat = self.proc_file("stat");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
        let ticks: u32 = fields[11..13].iter().map(|field| field.parse::<u32>().expect("ticks")).sum();
        TICK * ticks
    }

    /// Resident bytes.
    pub fn rss_bytes(&self) -> u64 {
        let status = self.proc_file("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
        let kib: u64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("KiB");
        kib * 1024
    }

    fn proc_file(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).expect("procfs")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("bound")
}
