//! The interfaces of this machine that local discovery speaks on, who is their neighbour, and what is
//! this machine itself.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use if_addrs::{IfAddr, get_if_addrs};
use socket2::SockRef;

use crate::base::limits::LSD_INTERFACES_MAX;
use crate::base::net::canonical;

/// An address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    pub ip: IpAddr,
    mask: IpAddr,
    index: u32,
}

/// Those that have an address of `bind`; where that is empty all but loopback. Of IPv6 one an interface, none of
/// them link-local.
pub fn interfaces(bind: &[IpAddr]) -> Vec<Interface> {
    let all = get_if_addrs().unwrap_or_else(|error| {
        tracing::debug!(target: "acestream.lsd", "no interfaces: {error}");
        Vec::new()
    });
    let mut chosen: Vec<Interface> = Vec::new();
    for interface in all {
        let (ip, mask) = match &interface.addr {
            IfAddr::V4(v4) => (v4.ip.into(), v4.netmask.into()),
            IfAddr::V6(v6) => (v6.ip.into(), v6.netmask.into()),
        };
        let is_meant = if bind.is_empty() { !interface.is_loopback() } else { bind.contains(&ip) };
        let index = interface.index.unwrap_or(0);
        let is_spoken_on = ip.is_ipv6() && chosen.iter().any(|c| c.ip.is_ipv6() && c.index == index);
        if is_meant && !is_link_local(ip) && !is_spoken_on && chosen.len() < LSD_INTERFACES_MAX {
            chosen.push(Interface { ip, mask, index });
        }
    }
    chosen
}

/// Every address of this machine; none where the system does not tell.
pub fn own_addresses() -> Vec<IpAddr> {
    get_if_addrs().unwrap_or_default().into_iter().map(|interface| canonical(interface.ip())).collect()
}

impl Interface {
    /// Whether `ip` is in the network that the interface is in.
    pub fn is_neighbour(&self, ip: IpAddr) -> bool {
        match (self.ip, self.mask, canonical(ip)) {
            (IpAddr::V4(own), IpAddr::V4(mask), IpAddr::V4(ip)) => {
                own.to_bits() & mask.to_bits() == ip.to_bits() & mask.to_bits()
            }
            (IpAddr::V6(own), IpAddr::V6(mask), IpAddr::V6(ip)) => {
                own.to_bits() & mask.to_bits() == ip.to_bits() & mask.to_bits()
            }
            _ => false,
        }
    }

    /// What the socket sends to a group next leaves from here.
    pub(super) fn choose(&self, socket: &SockRef<'_>) -> io::Result<()> {
        match self.ip {
            IpAddr::V4(ip) => socket.set_multicast_if_v4(&ip),
            IpAddr::V6(_) => socket.set_multicast_if_v6(self.index),
        }
    }

    /// The socket hears the group here; that it does already is no error.
    pub(super) fn join(&self, socket: &SockRef<'_>, group: IpAddr) -> io::Result<()> {
        let joined = match (self.ip, group) {
            (IpAddr::V4(ip), IpAddr::V4(group)) => socket.join_multicast_v4(&group, &ip),
            (IpAddr::V6(_), IpAddr::V6(group)) => socket.join_multicast_v6(&group, self.index),
            _ => Ok(()),
        };
        match joined {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(()),
            other => other,
        }
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => Ipv4Addr::is_link_local(&ip),
        IpAddr::V6(ip) => Ipv6Addr::is_unicast_link_local(&ip),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_in_the_same_network() {
        let interface = |ip: &str, mask: &str| Interface {
            ip: ip.parse().unwrap(),
            mask: mask.parse().unwrap(),
            index: 1,
        };
        let v4 = interface("10.1.2.3", "255.255.255.0");
        assert!(v4.is_neighbour("10.1.2.200".parse().unwrap()));
        assert!(v4.is_neighbour("::ffff:10.1.2.9".parse().unwrap()));
        let v6 = interface("fd00::1", "ffff:ffff:ffff:ffff::");
        assert!(v6.is_neighbour("fd00::2".parse().unwrap()));
        for stranger in ["10.1.3.1", "8.8.8.8", "127.0.0.1", "fd00:0:0:1::1", "::1"] {
            let ip = stranger.parse().unwrap();
            assert!(!v4.is_neighbour(ip) && !v6.is_neighbour(ip), "{stranger}");
        }
    }

    #[test]
    fn bound_nodes_speak_where_they_are_bound() {
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert!(interfaces(&[loopback]).iter().all(|interface| interface.ip == loopback));
        assert!(interfaces(&[]).iter().all(|interface| !interface.ip.is_loopback()));
    }
}
