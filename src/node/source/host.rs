//! The address under which others reach this node's tracker.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::super::config::SourceConfig;
use super::super::own_ip::own_ip;
use super::super::station::Station;

/// The host of the internal tracker's URL.
pub struct Host {
    name: String,
    /// `None` when the name could not be resolved here.
    ip: Option<IpAddr>,
}

impl Host {
    /// `--host`, else the first `--bind` address, else the address that the way out has, else loopback.
    ///
    /// # Errors
    /// `--host` is not a host.
    pub async fn detect(config: &SourceConfig) -> anyhow::Result<Self> {
        let Some(name) = &config.host else {
            let ip = own_ip(&config.common.bind);
            return Ok(Self { name: bracketed(ip), ip: Some(ip) });
        };
        let is_plain =
            !name.is_empty() && !name.contains(|c: char| c == '/' || c == '@' || c.is_whitespace());
        anyhow::ensure!(is_plain, "--host {name:?}: expected a host name or an address");
        if let Ok(ip) = name.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Self { name: bracketed(ip), ip: Some(ip) });
        }
        let resolved = tokio::net::lookup_host((name.as_str(), 0)).await;
        let ip = resolved.ok().and_then(|mut addrs| addrs.next()).map(|addr| addr.ip());
        if ip.is_none() {
            tracing::warn!(target: super::LOG, "--host {name} has no address as seen from here");
        }
        Ok(Self { name: name.clone(), ip })
    }

    /// The internal tracker, for the transport file.
    pub fn tracker_url(&self, port: u16) -> String {
        format!("http://{}:{port}/announce", self.name)
    }

    /// The internal tracker as this node itself asks it: over an address it listens on, and naming the
    /// one that others know.
    pub fn announce_url(&self, station: &Station) -> String {
        let bound = station.common.bind.first().copied().filter(|ip| !ip.is_unspecified());
        let near = SocketAddr::new(bound.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), station.port);
        match self.ip.filter(|ip| !ip.is_loopback()) {
            Some(ip) => format!("http://{near}/announce?ip={ip}"),
            None => format!("http://{near}/announce"),
        }
    }
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}
