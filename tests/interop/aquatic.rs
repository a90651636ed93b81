//! aquatic on loopback: two programs, one for each transport.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use start_engine::wire::tracker_udp::encode_connect;

use crate::program::{Running, free_port, wait_for};

pub struct Aquatic {
    pub address: SocketAddr,
    _program: Running,
    _dir: tempfile::TempDir,
}

impl Aquatic {
    pub fn over_http() -> Self {
        let aquatic = Self::start("aquatic_http");
        wait_for("aquatic_http to listen", || TcpStream::connect(aquatic.address).is_ok());
        aquatic
    }

    pub fn over_udp() -> Self {
        let aquatic = Self::start("aquatic_udp");
        wait_for("aquatic_udp to listen", || answers(aquatic.address).is_ok());
        aquatic
    }

    fn start(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        std::fs::write(dir.path().join("config"), format!("[network]\naddress = \"{address}\"\n")).unwrap();
        let mut command = Command::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("aquatic/bin").join(name));
        command.args(["-c", "config"]).current_dir(dir.path());
        Self { address, _program: Running::start(command), _dir: dir }
    }
}

/// One look; refused or silent when nobody listens.
fn answers(tracker: SocketAddr) -> io::Result<usize> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    socket.connect(tracker)?;
    socket.send(&encode_connect(1))?;
    socket.recv(&mut [0; 64])
}
