//! Rules about addresses: who is let in, and how many of a group at once. It knows countries as codes; where
//! an address belongs is for the database to say.

use std::net::IpAddr;

use crate::base::cidr::Networks;
use crate::base::net::is_localhost;

/// Two upper-case letters.
pub type Country = [u8; 2];

/// Addresses and countries under one heading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    pub networks: Networks,
    /// Sorted.
    pub countries: Vec<Country>,
}

impl Origins {
    fn hold(&self, ip: IpAddr, country: Option<Country>) -> bool {
        let is_from = |country| self.countries.binary_search(&country).is_ok();
        self.networks.contain(ip) || country.is_some_and(is_from)
    }
}

/// A group that may have no more than its share of the connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitedGroup {
    pub name: String,
    pub origins: Origins,
    /// 0 to 100.
    pub percent: u8,
}

impl LimitedGroup {
    /// Connections of the group, of `max_connections` that the node takes; a share is one at least.
    pub fn places(&self, max_connections: usize) -> usize {
        let places = max_connections.saturating_mul(usize::from(self.percent)) / 100;
        if self.percent == 0 { 0 } else { places.max(1) }
    }
}

/// The rules of one file. The default lets everybody in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub blacklist: Origins,
    /// If there is one, all others stay out, but not this machine.
    pub whitelist: Option<Origins>,
    pub limited: Vec<LimitedGroup>,
}

/// Why somebody stays out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwanted {
    #[error("it is on the blacklist")]
    Blacklisted,
    #[error("it is not on the whitelist")]
    NotWhitelisted,
}

impl Filter {
    /// Whether any rule needs to know of countries.
    pub fn knows_countries(&self) -> bool {
        let limited = self.limited.iter().map(|group| &group.origins);
        let mut all = limited.chain(&self.whitelist).chain([&self.blacklist]);
        all.any(|origins| !origins.countries.is_empty())
    }

    /// Whether `ip`, of `country` if that is known, may come at all. The blacklist stands above the whitelist.
    pub fn judge(&self, ip: IpAddr, country: Option<Country>) -> Result<(), Unwanted> {
        if self.blacklist.hold(ip, country) {
            return Err(Unwanted::Blacklisted);
        }
        match &self.whitelist {
            Some(whitelist) if !whitelist.hold(ip, country) && !is_localhost(ip) => {
                Err(Unwanted::NotWhitelisted)
            }
            _ => Ok(()),
        }
    }

    /// The groups of limited number that `ip` counts in.
    pub fn groups_of(&self, ip: IpAddr, country: Option<Country>) -> impl Iterator<Item = &LimitedGroup> {
        self.limited.iter().filter(move |group| group.origins.hold(ip, country))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(networks: &[&str], countries: &[Country]) -> Origins {
        let networks = networks.iter().map(|text| text.parse().expect("a network")).collect();
        Origins { networks, countries: countries.to_vec() }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn blacklist_stands_above_the_whitelist() {
        let filter = Filter {
            blacklist: origins(&["10.0.0.0/24"], &[]),
            whitelist: Some(origins(&["10.0.0.0/16"], &[*b"PL"])),
            limited: Vec::new(),
        };
        assert_eq!(filter.judge(ip("10.0.0.1"), None), Err(Unwanted::Blacklisted));
        assert_eq!(filter.judge(ip("10.0.1.1"), None), Ok(()));
        assert_eq!(filter.judge(ip("1.2.3.4"), Some(*b"PL")), Ok(()));
        assert_eq!(filter.judge(ip("10.0.0.1"), Some(*b"PL")), Err(Unwanted::Blacklisted));
        for country in [None, Some(*b"DE")] {
            assert_eq!(filter.judge(ip("1.2.3.4"), country), Err(Unwanted::NotWhitelisted));
        }
    }

    #[test]
    fn this_machine_needs_no_place_on_the_whitelist_but_can_be_shut_out() {
        let whitelist = Filter { whitelist: Some(origins(&["10.0.0.1"], &[])), ..Filter::default() };
        assert_eq!(whitelist.judge(ip("127.0.0.1"), None), Ok(()));
        assert_eq!(whitelist.judge(ip("127.0.0.2"), None), Err(Unwanted::NotWhitelisted));
        let blacklist = Filter { blacklist: origins(&["127.0.0.0/8"], &[]), ..whitelist };
        assert_eq!(blacklist.judge(ip("127.0.0.1"), None), Err(Unwanted::Blacklisted));
    }

    #[test]
    fn no_rules_let_everybody_in() {
        let filter = Filter::default();
        assert_eq!(filter.judge(ip("1.2.3.4"), None), Ok(()));
        assert!(!filter.knows_countries() && filter.groups_of(ip("1.2.3.4"), None).next().is_none());
    }

    #[test]
    fn group_has_its_share_and_one_place_at_least() {
        let group = |percent| LimitedGroup { name: "g".to_owned(), origins: Origins::default(), percent };
        let places = |percent, max| group(percent).places(max);
        assert_eq!([places(30, 1000), places(30, 1), places(0, 1000), places(100, 7)], [300, 1, 0, 7]);
    }
}
