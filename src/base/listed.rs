//! An entry of an operator's list of peers: one address or a network, with or without a port.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use super::cidr::{Network, NetworkError, Networks};

/// `192.0.2.7:8621`, `192.0.2.7`, `10.0.0.0/8`, `10.0.0.0/8:8621`, `[::1]:8621`, `fd00::/8` or `[fd00::/8]:8621`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Listed {
    pub network: Network,
    /// Where peers listen there; connections that come in have other ports.
    pub port: Option<u16>,
}

/// Why a text is not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListedError {
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("{0:?} is no port: expected a number from 1 to 65535")]
    Port(String),
}

impl Listed {
    /// Where to dial. A network, and an address without port, only gives permission.
    pub fn dial_addr(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.network.single()?, self.port?))
    }
}

impl From<SocketAddr> for Listed {
    fn from(addr: SocketAddr) -> Self {
        Self { network: Network::of(addr.ip()), port: Some(addr.port()) }
    }
}

impl FromStr for Listed {
    type Err = ListedError;

    fn from_str(text: &str) -> Result<Self, ListedError> {
        let (network, port) = split(text);
        let network = network.parse()?;
        let port = port.map(|port| match port.parse::<u16>() {
            Ok(number) if number != 0 && !port.starts_with('+') => Ok(number),
            _ => Err(ListedError::Port(port.to_owned())),
        });
        Ok(Self { network, port: port.transpose()? })
    }
}

/// The network, and the port if there is one. The colons of IPv6 are no port's unless brackets end before.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some((network, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return match rest.strip_prefix(':') {
            Some(port) => (network, Some(port)),
            None if rest.is_empty() => (network, None),
            None => (text, None),
        };
    }
    match text.split_once(':') {
        Some((network, port)) if !port.contains(':') => (network, Some(port)),
        _ => (text, None),
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.network.to_string();
        match self.port {
            Some(port) if text.contains(':') => write!(f, "[{text}]:{port}"),
            Some(port) => write!(f, "{text}:{port}"),
            None => f.write_str(&text),
        }
    }
}

/// All networks of a list.
pub fn networks(list: &[Listed]) -> Networks {
    list.iter().map(|listed| listed.network).collect()
}

/// All addresses of a list that are to be dialled.
pub fn dial_addrs(list: &[Listed]) -> Vec<SocketAddr> {
    list.iter().filter_map(Listed::dial_addr).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_written_as_they_are_read() {
        for text in [
            "192.0.2.7:8621",
            "192.0.2.7",
            "10.0.0.0/8",
            "10.0.0.0/8:8621",
            "[::1]:8621",
            "::1",
            "fd00::/8",
            "[fd00::/8]:8621",
        ] {
            assert_eq!(text.parse::<Listed>().expect(text).to_string(), text);
        }
        assert_eq!("[::1]".parse::<Listed>(), "::1".parse());
    }

    #[test]
    fn only_a_single_address_with_a_port_is_dialled() {
        let dialled = |text: &str| text.parse::<Listed>().expect("an entry").dial_addr();
        assert_eq!(dialled("192.0.2.7:8621"), "192.0.2.7:8621".parse().ok());
        assert_eq!(dialled("[2001:db8::1]:8621"), "[2001:db8::1]:8621".parse().ok());
        assert_eq!(dialled("192.0.2.7/32:8621"), "192.0.2.7:8621".parse().ok());
        for permission in ["192.0.2.7", "10.0.0.0/8", "10.0.0.0/8:8621", "::1", "fd00::/8"] {
            assert_eq!(dialled(permission), None, "{permission}");
        }
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for text in
            ["", "host:80", "192.0.2.7:", "192.0.2.7:0", "192.0.2.7:70000", "192.0.2.7:+80", "10.0.0.0/40"]
        {
            assert!(text.parse::<Listed>().is_err(), "{text}");
        }
        for text in ["[::1", "[::1]80", "[::1]:", "::1]:80", "1.2.3.4:80:90"] {
            assert!(text.parse::<Listed>().is_err(), "{text}");
        }
    }
}
