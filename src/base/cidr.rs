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
        let address = canonical(address);
        let (first, last) = self.range();
        address.is_ipv4() == self.first.is_ipv4() && (first..=last).contains(&number(address))
    }

    /// Its first and its last address.
    fn range(&self) -> (u128, u128) {
        let first = number(self.first);
        let rest = u32::from(bits_of(self.first) - self.length);
        (first, first | 1u128.checked_shl(rest).map_or(u128::MAX, |size| size - 1))
    }

    /// The address, when it is a single one.
    pub fn single(&self) -> Option<IpAddr> {
        (self.length == bits_of(self.first)).then_some(self.first)
    }
}

fn bits_of(address: IpAddr) -> u8 {
    if address.is_ipv4() { V4_BITS } else { V6_BITS }
}

/// An address as a number; those of both families begin at 0.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
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

/// Many networks, found in a time that grows with the logarithm of their number; a copy shares them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks {
    v4: Ranges,
    v6: Ranges,
}

/// First and last of each, in ascending order, without overlap.
type Ranges = Arc<[(u128, u128)]>;

impl Networks {
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = canonical(address);
        let ranges = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        let address = number(address);
        let after = ranges.partition_point(|&(first, _)| first <= address);
        after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|&(_, last)| address <= last)
    }

    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

impl FromIterator<Network> for Networks {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        let (v4, v6): (Vec<_>, Vec<_>) = networks.into_iter().partition(|network| network.first.is_ipv4());
        Self { v4: ranges(&v4), v6: ranges(&v6) }
    }
}

/// Networks that overlap lie in one another: the shorter one, which begins no later, holds the other.
fn ranges(networks: &[Network]) -> Ranges {
    let mut ranges: Vec<_> = networks.iter().map(Network::range).collect();
    ranges.sort_unstable_by_key(|&(first, last)| (first, std::cmp::Reverse(last)));
    ranges.dedup_by(|later, earlier| later.1 <= earlier.1);
    ranges.into()
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
    fn set_holds_what_any_of_its_networks_holds() {
        let texts =
            ["10.0.0.0/8", "10.1.0.0/16", "10.255.255.255", "9.0.0.0/8", "fd00::/8", "0.0.0.9", "fd00::/9"];
        let networks: Vec<Network> = texts.iter().map(|text| text.parse().expect("a network")).collect();
        let set: Networks = networks.iter().copied().collect();
        for text in [
            "8.255.255.255",
            "9.0.0.0",
            "10.2.0.0",
            "10.255.255.255",
            "11.0.0.0",
            "0.0.0.9",
            "0.0.0.8",
            "::9",
            "fdff::",
        ] {
            let address: IpAddr = text.parse().expect("an address");
            assert_eq!(set.contain(address), networks.iter().any(|one| one.contains(address)), "{text}");
        }
        assert!(!Networks::default().contain([1, 2, 3, 4].into()) && Networks::default().is_empty());
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
