//! What `--source` may say, parsed once. Never displays what a URL carries before its `@`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;

use crate::net::fetch::without_userinfo;

/// Where a transport stream comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceAddress {
    /// http or https.
    Http(Url),
    /// A file, played at the pace of its clock, again and again.
    File(PathBuf),
    /// Standard input; its end is the end of the broadcast.
    Stdin,
    /// Datagrams of transport stream packets, bare or in RTP.
    Udp(UdpAddress),
    /// A clip in memory, played as a file is. No option leads here.
    Clip(&'static [u8]),
}

/// Where datagrams are received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpAddress {
    /// The group to join, or the local address to listen on.
    pub listen: SocketAddr,
    /// The interface a group is joined on.
    pub interface: Option<Ipv4Addr>,
}

/// Why the text is no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the source is empty")]
    Empty,
    #[error(
        "source '{0}' has no scheme: expected http://, https://, file:, udp://, rtp:// or - for standard input"
    )]
    NoScheme(String),
    #[error("source scheme '{0}' is unknown: expected http, https, file, udp, rtp or - for standard input")]
    UnknownScheme(String),
    #[error("source is no valid URL: {0}")]
    Url(String),
    #[error("source '{0}' names no file")]
    NoPath(String),
    #[error("source '{0}' needs a port from 1 to 65535")]
    Port(String),
    #[error("source '{0}' needs an IP address to listen on or a group to join, not a host name")]
    NotIp(String),
    #[error(
        "source option '{0}' is unknown: only localaddr=IP is, with the IPv4 address of the interface to join on"
    )]
    Option(String),
    #[error("source option localaddr applies to IPv4 groups, {0} is none")]
    LocalAddress(IpAddr),
}

impl FromStr for SourceAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.split_once(':') {
            None if text.is_empty() => Err(AddressError::Empty),
            None if text == "-" => Ok(Self::Stdin),
            None => Err(AddressError::NoScheme(text.to_owned())),
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "http" | "https" => http(text),
                "file" => file(text, rest),
                "udp" | "rtp" => udp(text, rest).map(Self::Udp),
                scheme => Err(AddressError::UnknownScheme(scheme.to_owned())),
            },
        }
    }
}

impl fmt::Display for SourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => f.write_str(without_userinfo(url).as_str()),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Stdin => f.write_str("-"),
            Self::Udp(address) => write!(f, "udp://{}{}", at(address.listen), address.listen),
            Self::Clip(_) => f.write_str("the built-in clip"),
        }
    }
}

fn at(listen: SocketAddr) -> &'static str {
    if listen.ip().is_multicast() { "@" } else { "" }
}

fn http(text: &str) -> Result<SourceAddress, AddressError> {
    Url::parse(text).map(SourceAddress::Http).map_err(|error| AddressError::Url(error.to_string()))
}

/// `file:path` is taken as it is; `file://` is a URL with %-escapes.
fn file(text: &str, rest: &str) -> Result<SourceAddress, AddressError> {
    if !rest.starts_with("//") {
        return match rest {
            "" => Err(AddressError::NoPath(text.to_owned())),
            path => Ok(SourceAddress::File(path.into())),
        };
    }
    let url = Url::parse(text).map_err(|error| AddressError::Url(error.to_string()))?;
    let path = url.to_file_path().map_err(|()| AddressError::NoPath(text.to_owned()))?;
    Ok(SourceAddress::File(path))
}

fn udp(text: &str, rest: &str) -> Result<UdpAddress, AddressError> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let place = place.strip_prefix('@').unwrap_or(place).trim_end_matches('/');
    let (host, port) = place.rsplit_once(':').ok_or_else(|| AddressError::Port(text.to_owned()))?;
    let port = port.parse().ok().filter(|&port| port != 0);
    let port: u16 = port.ok_or_else(|| AddressError::Port(text.to_owned()))?;
    let ip = listen_ip(host).ok_or_else(|| AddressError::NotIp(text.to_owned()))?;
    Ok(UdpAddress { listen: SocketAddr::new(ip, port), interface: interface(query, ip)? })
}

fn listen_ip(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        None if host.is_empty() => Some(Ipv4Addr::UNSPECIFIED.into()),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::from),
    }
}

fn interface(query: &str, listen: IpAddr) -> Result<Option<Ipv4Addr>, AddressError> {
    let mut interface = None;
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let address = option.strip_prefix("localaddr=").and_then(|address| address.parse().ok());
        interface = Some(address.ok_or_else(|| AddressError::Option(option.to_owned()))?);
    }
    if interface.is_some() && !(listen.is_ipv4() && listen.is_multicast()) {
        return Err(AddressError::LocalAddress(listen));
    }
    Ok(interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SourceAddress, AddressError> {
        text.parse()
    }

    #[test]
    fn every_form_of_a_source_is_read() {
        assert!(matches!(parse("http://host:8000/a?b=c"), Ok(SourceAddress::Http(_))));
        assert!(matches!(parse("HTTPS://host/"), Ok(SourceAddress::Http(_))));
        assert_eq!(parse("-"), Ok(SourceAddress::Stdin));
        assert_eq!(parse("file:a b.ts"), Ok(SourceAddress::File("a b.ts".into())));
        assert_eq!(parse("file:///tmp/a%20b.ts"), Ok(SourceAddress::File("/tmp/a b.ts".into())));
    }

    #[test]
    fn datagram_addresses_name_a_group_or_a_place_to_listen() {
        let udp = |text: &str| match parse(text) {
            Ok(SourceAddress::Udp(address)) => (address.listen.to_string(), address.interface),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(udp("udp://@239.0.0.1:1234"), ("239.0.0.1:1234".into(), None));
        assert_eq!(udp("rtp://:5004"), ("0.0.0.0:5004".into(), None));
        assert_eq!(udp("udp://[::1]:7"), ("[::1]:7".into(), None));
        let with_interface = udp("udp://239.0.0.1:1234?localaddr=10.0.0.1");
        assert_eq!(with_interface, ("239.0.0.1:1234".into(), Some(Ipv4Addr::new(10, 0, 0, 1))));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(parse(""), Err(AddressError::Empty));
        assert_eq!(parse("stream.ts"), Err(AddressError::NoScheme("stream.ts".into())));
        assert_eq!(parse("rtmp://h/a"), Err(AddressError::UnknownScheme("rtmp".into())));
        assert!(matches!(parse("http://"), Err(AddressError::Url(_))));
        assert!(matches!(parse("file:"), Err(AddressError::NoPath(_))));
        assert!(matches!(parse("udp://239.0.0.1"), Err(AddressError::Port(_))));
        assert!(matches!(parse("udp://239.0.0.1:0"), Err(AddressError::Port(_))));
        assert!(matches!(parse("udp://localhost:1234"), Err(AddressError::NotIp(_))));
        assert!(matches!(parse("udp://:1234?ttl=3"), Err(AddressError::Option(_))));
        assert!(matches!(parse("udp://:1234?localaddr=10.0.0.1"), Err(AddressError::LocalAddress(_))));
    }

    #[test]
    fn secrets_of_a_url_are_not_shown() {
        let address = parse("http://user:secret@host/a.ts").unwrap();
        assert_eq!(address.to_string(), "http://host/a.ts");
    }
}
