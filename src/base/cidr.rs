//! Networks in the notation `address/length`, and sets of them. IPv4 in IPv6 form is IPv4 here, on both sides.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use super::net::canonical;

const V4_BITS: u8 = 32;
const V6_BITS: u8 = 128;

/// All addresses that begin with the same bits; a single address is the network of its whole length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    /// The bits after `length` are zero.
    first: IpAddr,
    length: u8,
}

/// Why a text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error("{0:?} is no address and no network: expected 192.0.2.7, 10.0.0.0/8, 2001:db8::1 or fd00::/8")]
    Unreadable(String),
    #[error("/{length} is longer than the {max} bits of {address}")]
    TooLong { address: IpAddr, length: u8, max: u8 },
    #[error("{address}/{length} names one address and a network at once: expected {address} or {network}")]
    HostBits { address: IpAddr, length: u8, network: Network },
}

impl Network {
    /// The network that this one address is.
    pub fn of(address: IpAddr) -> Self {
        let first = canonical(address);
        Self { first, length: bits_of(first) }
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, canonical(address)) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                (first.to_bits() ^ address.to_bits())
                    .checked_shr(u32::from(V4_BITS - self.length))
                    .unwrap_or(0)
                    == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                (first.to_bits() ^ address.to_bits())
                    .checked_shr(u32::from(V6_BITS - self.length))
                    .unwrap_or(0)
                    == 0
            }
            _ => false,
        }
    }

    /// The address, when it is a single one.
    pub fn single(&self) -> Option<IpAddr> {
        (self.length == bits_of(self.first)).then_some(self.first)
    }
}

fn bits_of(address: IpAddr) -> u8 {
    if address.is_ipv4() { V4_BITS } else { V6_BITS }
}

/// The address with its last bits zero.
fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(u32::from(V4_BITS - length)).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(u32::from(V6_BITS - length)).unwrap_or(0);
            Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let unreadable = || NetworkError::Unreadable(text.to_owned());
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| unreadable())?;
        let Some(length) = length else { return Ok(Self::of(address)) };
        let is_number = !length.is_empty() && length.bytes().all(|digit| digit.is_ascii_digit());
        let length: u8 = length.parse().ok().filter(|_| is_number).ok_or_else(unreadable)?;
        let max = bits_of(address);
        if length > max {
            return Err(NetworkError::TooLong { address, length, max });
        }
        let network = Self { first: masked(address, length), length };
        if network.first != address {
            return Err(NetworkError::HostBits { address, length, network });
        }
        Ok(network.unmapped())
    }
}

impl Network {
    /// A network within the IPv4 part of IPv6 is one of IPv4.
    fn unmapped(self) -> Self {
        const MAPPED_BITS: u8 = V6_BITS - V4_BITS;
        match (self.first, canonical(self.first)) {
            (IpAddr::V6(_), first @ IpAddr::V4(_)) if self.length >= MAPPED_BITS => {
                Self { first, length: self.length - MAPPED_BITS }
            }
            _ => self,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.single() {
            Some(address) => write!(f, "{address}"),
            None => write!(f, "{}/{}", self.first, self.length),
        }
    }
}

/// Several networks; a copy shares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks(Arc<[Network]>);

impl Networks {
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for Networks {
    fn default() -> Self {
        Self(Arc::new([]))
    }
}

impl FromIterator<Network> for Networks {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<Network>().expect("a network").contains(address.parse().expect("an address"))
    }

    #[test]
    fn network_holds_what_begins_alike_and_nothing_else() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("192.0.2.7/32", "192.0.2.7", "192.0.2.6"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            ("2001:db8::/127", "2001:db8::1", "2001:db8::2"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "ffff::", "1.2.3.4"),
        ] {
            assert!(contains(network, inside), "{network} {inside}");
            assert!(!contains(network, outside), "{network} {outside}");
        }
    }

    #[test]
    fn ipv4_in_ipv6_form_is_ipv4() {
        assert!(contains("10.0.0.0/8", "::ffff:10.1.1.1"));
        assert!(contains("::ffff:10.0.0.0/104", "10.1.1.1"));
        assert_eq!("::ffff:10.0.0.1".parse::<Network>(), "10.0.0.1".parse());
    }

    #[test]
    fn networks_are_written_as_they_are_read() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "192.0.2.7", "fd00::/8", "::1"] {
            assert_eq!(text.parse::<Network>().expect("a network").to_string(), text);
        }
    }

    #[test]
    fn what_is_no_network_is_refused_in_words() {
        let why = |text: &str| text.parse::<Network>().expect_err(text).to_string();
        assert_eq!(why("10.0.0.0/33"), "/33 is longer than the 32 bits of 10.0.0.0");
        assert_eq!(
            why("10.0.0.1/8"),
            "10.0.0.1/8 names one address and a network at once: expected 10.0.0.1 or 10.0.0.0/8"
        );
        for text in
            ["", "10.0.0/8", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "host", "10.0.0.0/256", "[::1]"]
        {
            assert!(why(text).contains("is no address and no network"), "{text}");
        }
    }
}
