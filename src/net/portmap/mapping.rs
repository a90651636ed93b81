//! What a router does for this node.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::base::net::is_public;

/// How a router was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Pcp,
    NatPmp,
    Upnp,
}

impl Way {
    /// As the monitor and the log spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcp => "PCP",
            Self::NatPmp => "NAT-PMP",
            Self::Upnp => "UPnP",
        }
    }
}

/// Ports of a router that lead to this node's port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    pub way: Way,
    pub router: Ipv4Addr,
    /// The router's own address on its far side; `None` when it does not tell.
    pub external_ip: Option<IpAddr>,
    pub tcp_port: u16,
    /// `None` when the router maps TCP alone.
    pub udp_port: Option<u16>,
}

impl Mapping {
    /// Whether the router itself is behind another one, which lets nobody in.
    pub fn is_behind_another(&self) -> bool {
        self.external_ip.is_some_and(|ip| !is_public(ip))
    }

    /// The port under which others reach this node, if they do by this mapping.
    pub fn port_for_others(&self) -> Option<u16> {
        (!self.is_behind_another()).then_some(self.tcp_port)
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { way, router, external_ip, tcp_port, udp_port } = self;
        write!(out, "router {router} maps by {}: ", way.name())?;
        match external_ip {
            Some(ip) => write!(out, "outside {ip}, ")?,
            None => write!(out, "outside unknown, ")?,
        }
        write!(out, "TCP {tcp_port}, ")?;
        match udp_port {
            Some(port) => write!(out, "UDP {port}"),
            None => write!(out, "no UDP"),
        }
    }
}

/// A mapping, and how long the router keeps it unless it is asked again; `None`: until it is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    pub mapping: Mapping,
    pub lease: Option<Duration>,
}
