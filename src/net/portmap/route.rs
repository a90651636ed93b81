//! The way out of this machine: the router behind the default route, and the address that it knows us by.
//! Read from the kernel's table; nothing is sent.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

/// The kernel's table of IPv4 routes, of the network that this process is in.
const TABLE: &str = "/proc/net/route";
/// Flags of a route that is up and leads through a gateway.
const UP_AND_GATEWAY: u32 = 0x3;
/// Asked for no more than the way there.
const DISCARD_PORT: u16 = 9;

/// The router of the default route; `None` where there is none.
pub fn default_gateway() -> io::Result<Option<Ipv4Addr>> {
    Ok(gateway_in(&std::fs::read_to_string(TABLE)?))
}

/// The address of this machine from which it talks to `gateway`.
pub fn own_ip_towards(gateway: Ipv4Addr) -> io::Result<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect((gateway, DISCARD_PORT))?;
    match socket.local_addr()? {
        SocketAddr::V4(own) => Ok(*own.ip()),
        SocketAddr::V6(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

/// Of several default routes the one of the lowest metric.
fn gateway_in(table: &str) -> Option<Ipv4Addr> {
    let routes = table.lines().skip(1).filter_map(default_route);
    routes.min_by_key(|&(metric, _)| metric).map(|(_, gateway)| gateway)
}

/// Metric and gateway of a line `eth0 00000000 0101A8C0 0003 0 0 100 00000000 …`, addresses in the byte order
/// of the machine.
fn default_route(line: &str) -> Option<(u32, Ipv4Addr)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, destination, gateway, flags, _, _, metric, mask, ..] = fields[..] else { return None };
    let hex = |text: &str| u32::from_str_radix(text, 16).ok();
    let is_default = hex(destination)? == 0 && hex(mask)? == 0;
    let gateway = Ipv4Addr::from(hex(gateway)?.to_ne_bytes());
    let leads_out = hex(flags)? & UP_AND_GATEWAY == UP_AND_GATEWAY && !gateway.is_unspecified();
    (is_default && leads_out).then_some((metric.parse().ok()?, gateway))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    #[cfg(target_endian = "little")]
    #[test]
    fn default_route_of_the_lowest_metric_is_taken() {
        let table = format!(
            "{HEAD}wlan0\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
             eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
             eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
        );
        assert_eq!(gateway_in(&table), Some(Ipv4Addr::new(192, 168, 1, 1)));
    }

    #[test]
    fn machine_without_a_router_has_none() {
        for line in [
            "",
            "eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n",
            "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n",
            "eth0\t00000000\t0101A8C0\t0002\t0\t0\t100\t00000000\t0\t0\t0\n",
            "eth0\t00000000\tnonsense\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
            "half a line\n",
        ] {
            assert_eq!(gateway_in(&format!("{HEAD}{line}")), None, "{line}");
        }
    }
}
