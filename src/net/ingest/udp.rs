//! Datagrams: a group that is joined or an address that is listened on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::{Bytes, BytesMut};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::address::UdpAddress;
use super::rtp;

/// Room in the kernel for what arrives while the node is busy: a second of 30 Mbit/s.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;
const DATAGRAM_MAX_BYTES: usize = 64 * 1024;
/// Datagrams taken at one waking; what comes meanwhile waits in the kernel.
const BATCH_MAX_BYTES: usize = 128 * 1024;

pub(super) struct Datagrams {
    socket: UdpSocket,
    buffer: Box<[u8]>,
}

pub(super) fn open(address: &UdpAddress) -> io::Result<Datagrams> {
    let listen = address.listen;
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
    if listen.ip().is_multicast() {
        socket.set_reuse_address(true)?;
    }
    // the kernel may grant less, which costs only robustness
    let _granted = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&bind_address(listen).into())?;
    match listen.ip() {
        IpAddr::V4(group) if group.is_multicast() => {
            socket.join_multicast_v4(&group, &address.interface.unwrap_or(Ipv4Addr::UNSPECIFIED))?;
        }
        IpAddr::V6(group) if group.is_multicast() => socket.join_multicast_v6(&group, 0)?,
        _ => {}
    }
    let socket = UdpSocket::from_std(socket.into())?;
    Ok(Datagrams { socket, buffer: vec![0; DATAGRAM_MAX_BYTES].into() })
}

/// Bound to its group, a socket hears no other group on the same port; Windows cannot do that.
fn bind_address(listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        ip if cfg!(windows) && ip.is_multicast() && ip.is_ipv4() => {
            (Ipv4Addr::UNSPECIFIED, listen.port()).into()
        }
        ip if cfg!(windows) && ip.is_multicast() => (std::net::Ipv6Addr::UNSPECIFIED, listen.port()).into(),
        _ => listen,
    }
}

impl Datagrams {
    /// What waits in the socket, at least one datagram.
    pub(super) async fn next(&mut self) -> io::Result<Bytes> {
        let mut batch = BytesMut::new();
        let length = self.socket.recv(&mut self.buffer).await?;
        batch.extend_from_slice(rtp::payload(&self.buffer[..length]));
        while batch.len() < BATCH_MAX_BYTES
            && let Ok(length) = self.socket.try_recv(&mut self.buffer)
        {
            batch.extend_from_slice(rtp::payload(&self.buffer[..length]));
        }
        Ok(batch.freeze())
    }
}
