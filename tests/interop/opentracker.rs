//! opentracker on loopback, which serves the one swarm that it is told of.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::program::{Running, free_port, wait_for};

pub struct Opentracker {
    /// Of HTTP and UDP.
    pub address: SocketAddr,
    _program: Running,
    _dir: tempfile::TempDir,
}

impl Opentracker {
    pub fn start(infohash: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("list"), format!("{infohash}\n")).unwrap();
        // it gives up its rights before it reads the list
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let port = free_port();
        let (text, mut command) = (port.to_string(), Command::new("opentracker"));
        command.args(["-i", "127.0.0.1", "-p", &text, "-P", &text, "-w", "list", "-d"]).arg(dir.path());
        let program = Running::start(command);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        wait_for("opentracker to listen", || TcpStream::connect(address).is_ok());
        Self { address, _program: program, _dir: dir }
    }
}
