//! What kind of network an address belongs to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whether the address can be reached across the Internet: not loopback, private, link-local, shared,
/// multicast, reserved or unspecified.
pub fn is_public(ip: IpAddr) -> bool {
    match canonical(ip) {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// Whether somebody can be dialled there at all, on this machine's networks or beyond.
pub fn is_dialable(addr: SocketAddr) -> bool {
    let ip = canonical(addr.ip());
    let is_broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    addr.port() != 0 && !ip.is_multicast() && !ip.is_unspecified() && !is_broadcast
}

/// Whether somebody at `ip` can be of use to somebody at `other`, as far as the kinds of their networks tell:
/// loopback addresses mean something on one machine only, private ones not on the Internet, and link-local ones
/// nothing without an interface.
pub fn is_of_use_to(ip: IpAddr, other: IpAddr) -> bool {
    let (ip, other) = (canonical(ip), canonical(other));
    let is_link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    match ip {
        _ if is_public(ip) => true,
        _ if ip.is_loopback() => other.is_loopback(),
        _ => !is_link_local && !is_public(other),
    }
}

/// 127.0.0.1 and ::1; the rest of 127/8 does not count.
pub fn is_localhost(ip: IpAddr) -> bool {
    let ip = canonical(ip);
    ip == IpAddr::V4(Ipv4Addr::LOCALHOST) || ip == IpAddr::V6(Ipv6Addr::LOCALHOST)
}

/// IPv4 in IPv6 form, as dual-stack sockets report it, is IPv4.
pub fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_reserved = a == 0 || a >= 240;
    !(ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || is_shared
        || is_reserved)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let is_documentation = ip.segments()[0] == 0x2001 && ip.segments()[1] == 0xdb8;
    !(ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || ip.is_unique_local()
        || ip.is_unicast_link_local()
        || is_documentation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_told_apart() {
        for public in ["1.2.3.4", "100.128.0.1", "2606:4700::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        let not_public = [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "224.0.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "203.0.113.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::",
            "::ffff:10.0.0.1",
        ];
        for private in not_public {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn addresses_are_of_use_where_they_mean_something() {
        let is_of_use = |ip: &str, other: &str| is_of_use_to(ip.parse().unwrap(), other.parse().unwrap());
        for (ip, other) in [("1.2.3.4", "10.0.0.1"), ("10.0.0.2", "fd00::1"), ("127.0.0.1", "::1")] {
            assert!(is_of_use(ip, other), "{ip} {other}");
        }
        let useless =
            [("10.0.0.2", "1.2.3.4"), ("127.0.0.1", "10.0.0.1"), ("::1", "2606::1"), ("fe80::1", "fe80::2")];
        for (ip, other) in useless {
            assert!(!is_of_use(ip, other), "{ip} {other}");
        }
    }

    #[test]
    fn localhost_is_two_addresses() {
        assert!(is_localhost("::1".parse().unwrap()) && is_localhost("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!is_localhost("127.0.0.2".parse().unwrap()));
    }

    #[test]
    fn nobody_listens_on_port_zero_or_everywhere() {
        for addr in ["1.2.3.4:0", "0.0.0.0:80", "224.0.0.1:80", "255.255.255.255:1"] {
            assert!(!is_dialable(addr.parse().unwrap()), "{addr}");
        }
        assert!(is_dialable("127.0.0.1:1".parse().unwrap()));
    }
}
