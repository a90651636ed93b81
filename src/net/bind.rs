//! The sockets that a node listens on: TCP on every address with one port, and UDP with the same number
//! where a tracker or the DHT answers. It decides nothing about who may connect.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};

/// Connections that the system keeps while the accept loop is busy.
const BACKLOG: i32 = 1024;
/// Bytes that the system keeps of datagrams while the node is busy: some thousand announces.
const UDP_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Why a node cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("cannot listen on {address}: port is in use")]
    PortInUse { address: SocketAddr },
    #[error("cannot listen on {address}: {source}")]
    Refused { address: SocketAddr, source: io::Error },
}

/// Bound sockets, all with the same port.
#[derive(Debug)]
pub struct Bound {
    pub tcp: Vec<TcpListener>,
    /// Empty on a node that takes no datagrams.
    pub udp: Vec<Arc<UdpSocket>>,
    pub port: u16,
}

/// As [`bind_tcp`], with datagram sockets beside. A free port for TCP may be taken for UDP: then another one
/// is tried.
pub fn bind_both(addresses: &[IpAddr], port: u16) -> Result<Bound, BindError> {
    const ATTEMPTS: usize = 8;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let bound = bind_tcp(addresses, port)?;
        match bind_udp(addresses, bound.port) {
            Ok(udp) => return Ok(Bound { udp, ..bound }),
            Err(BindError::PortInUse { .. }) if port == 0 && attempt < ATTEMPTS => {}
            Err(error) => return Err(error),
        }
    }
}

/// Listens on `addresses`, or where none are given on all of IPv4 and, where the machine has it, IPv6.
/// Port 0 takes a free one. Must be called within a runtime.
pub fn bind_tcp(addresses: &[IpAddr], port: u16) -> Result<Bound, BindError> {
    let mut tcp = Vec::new();
    let mut port = port;
    for (ip, needed) in wanted(addresses) {
        let address = SocketAddr::new(ip, port);
        match listen(address) {
            Ok((listener, bound_port)) => {
                tcp.push(listener);
                port = bound_port;
                tracing::info!(
                    target: "acestream.SocketHandler.SocketHandler",
                    "bind: socket bound: host={ip} port={port}"
                );
            }
            Err(error) if needed => return Err(bind_error(address, error)),
            Err(error) => tracing::debug!(
                target: "acestream.SocketHandler.SocketHandler",
                "bind: no IPv6 on port {port}: {error}"
            ),
        }
    }
    tracing::info!(target: "acestream.LM", "listen on {port}");
    Ok(Bound { tcp, udp: Vec::new(), port })
}

/// Datagram sockets on the same addresses as [`bind_tcp`].
fn bind_udp(addresses: &[IpAddr], port: u16) -> Result<Vec<Arc<UdpSocket>>, BindError> {
    let mut sockets = Vec::new();
    for (ip, needed) in wanted(addresses) {
        let address = SocketAddr::new(ip, port);
        match datagram_socket(address) {
            Ok(socket) => sockets.push(Arc::new(socket)),
            Err(error) if needed => return Err(bind_error(address, error)),
            Err(error) => tracing::debug!(target: "acestream.tracker", "no UDP on {address}: {error}"),
        }
    }
    Ok(sockets)
}

/// Addresses, and whether the node is of no use without them.
fn wanted(addresses: &[IpAddr]) -> Vec<(IpAddr, bool)> {
    if addresses.is_empty() {
        vec![(Ipv4Addr::UNSPECIFIED.into(), true), (Ipv6Addr::UNSPECIFIED.into(), false)]
    } else {
        addresses.iter().map(|&ip| (ip, true)).collect()
    }
}

fn bind_error(address: SocketAddr, source: io::Error) -> BindError {
    if source.kind() == io::ErrorKind::AddrInUse {
        BindError::PortInUse { address }
    } else {
        BindError::Refused { address, source }
    }
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, u16)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // a restarted node takes its port again while old connections linger
    socket.set_reuse_address(true)?;
    prepare(&socket, address)?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

fn datagram_socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    prepare(&socket, address)?;
    // the system may grant less
    let _ = socket.set_recv_buffer_size(UDP_BUFFER_BYTES);
    UdpSocket::from_std(socket.into())
}

fn prepare(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() {
        // IPv4 has a socket of its own
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())
}
