//! The trackers that are measured, each a process of its own, on the first core alone.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::crowd::Crowd;
use crate::load::Over;

/// What a start may take before the bench gives up.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// A tracker that has nothing to bind TCP to cannot be seen to listen.
const START_PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Ours,
    Opentracker,
    Aquatic,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Ours, Self::Opentracker, Self::Aquatic];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "start-engine",
            Self::Opentracker => "opentracker",
            Self::Aquatic => "aquatic",
        }
    }
}

pub struct Server {
    pub kind: Kind,
    pub address: SocketAddr,
    child: Child,
    _dir: TempDir,
}

impl Server {
    /// `None` when the program is not there.
    pub fn start(kind: Kind, over: Over, crowd: Crowd) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        let address = free_address();
        let (program, arguments) = match kind {
            Kind::Ours => ours(address),
            Kind::Opentracker => opentracker(address, dir.path(), crowd),
            Kind::Aquatic => aquatic(address, dir.path(), over),
        };
        if !is_there(&program) {
            println!("{} is not there and is left out", program.display());
            return None;
        }
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(program).args(arguments).current_dir(dir.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("taskset (util-linux)");
        let mut server = Self { kind, address, child, _dir: dir };
        server.await_port(kind == Kind::Aquatic && over == Over::Udp);
        Some(server)
    }

    fn await_port(&mut self, is_silent: bool) {
        let started = Instant::now();
        if is_silent {
            sleep(START_PAUSE);
        }
        while !is_silent && TcpStream::connect(self.address).is_err() {
            assert!(started.elapsed() < START_TIMEOUT, "the tracker does not listen");
            sleep(Duration::from_millis(5));
        }
        assert!(self.child.try_wait().expect("a child").is_none(), "{} ended", self.kind.name());
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Started = (PathBuf, Vec<String>);

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}

fn ours(address: SocketAddr) -> Started {
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let arguments = words(["--start-tracker", "--bind", &ip, "--port", &port, "--pid-file-dir", "."]);
    (env!("CARGO_BIN_EXE_start-engine").into(), arguments)
}

fn opentracker(address: SocketAddr, dir: &Path, crowd: Crowd) -> Started {
    let mut list = std::fs::File::create(dir.join("list")).expect("a file");
    crowd.infohashes().for_each(|infohash| writeln!(list, "{infohash}").expect("writes"));
    // it gives up its rights before it reads the list
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).expect("rights");
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let mut arguments = words(["-i", &ip, "-p", &port, "-P", &port, "-w", "list", "-d"]);
    arguments.push(dir.display().to_string());
    ("opentracker".into(), arguments)
}

fn aquatic(address: SocketAddr, dir: &Path, over: Over) -> Started {
    let program = if over == Over::Udp { "aquatic_udp" } else { "aquatic_http" };
    let config = format!("[network]\naddress = \"{address}\"\n");
    std::fs::write(dir.join("aquatic.toml"), config).expect("writes");
    let installed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aquatic/bin").join(program);
    (installed, words(["-c", "aquatic.toml"]))
}

fn is_there(program: &Path) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    program.is_file() || std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("bound")
}
