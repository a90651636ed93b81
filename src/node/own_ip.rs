//! The address under which others reach this node, as far as it can tell.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// A place on the Internet that nobody is at: looking up the route to it sends nothing.
const NOWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// The first `--bind` address, else the address that the way out has, else loopback.
pub fn own_ip(bind: &[IpAddr]) -> IpAddr {
    let bound = bind.iter().find(|ip| !ip.is_unspecified()).copied();
    bound.or_else(outbound_ip).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

fn outbound_ip() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(NOWHERE).ok()?;
    socket.local_addr().ok().map(|addr| addr.ip()).filter(|ip| !ip.is_unspecified())
}
