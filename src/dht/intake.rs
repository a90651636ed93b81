//! How many queries are answered: so many of one address, so many of all together. Whoever asks more is not
//! answered until the next window.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

use crate::base::limits::{DHT_INTAKE_WINDOW, DHT_QUERIES_ANSWERED_MAX, DHT_QUERIES_PER_ADDRESS_MAX};

#[derive(Debug)]
pub struct Intake {
    since: Instant,
    /// Queries of each address in this window; as many as were answered at most.
    counts: BTreeMap<IpAddr, u32>,
    answered: usize,
}

impl Intake {
    pub fn new(now: Instant) -> Self {
        Self { since: now, counts: BTreeMap::new(), answered: 0 }
    }

    /// Whether a query of `ip` is answered now.
    pub fn admits(&mut self, now: Instant, ip: IpAddr) -> bool {
        if now.saturating_duration_since(self.since) >= DHT_INTAKE_WINDOW {
            *self = Self::new(now);
        }
        if self.answered >= DHT_QUERIES_ANSWERED_MAX {
            return false;
        }
        let count = self.counts.entry(household(ip)).or_default();
        if *count >= DHT_QUERIES_PER_ADDRESS_MAX && !ip.is_loopback() {
            return false;
        }
        *count = count.saturating_add(1);
        self.answered += 1;
        true
    }
}

/// Of IPv6 the network: whoever has one has all its addresses.
fn household(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make up a time to start from")]
mod tests {
    use super::*;

    fn admitted(intake: &mut Intake, now: Instant, ip: &str, count: u32) -> u32 {
        let ip = ip.parse().expect("an address");
        (0..count).map(|_| u32::from(intake.admits(now, ip))).sum()
    }

    #[test]
    fn one_address_is_answered_so_often_and_no_more() {
        let start = Instant::now();
        let mut intake = Intake::new(start);
        assert_eq!(admitted(&mut intake, start, "1.2.3.4", 1000), DHT_QUERIES_PER_ADDRESS_MAX);
        assert_eq!(admitted(&mut intake, start, "1.2.3.5", 10), 10);
        assert_eq!(admitted(&mut intake, start, "127.0.0.1", 1000), 1000);
        assert_eq!(admitted(&mut intake, start, "2001:db8::1", 1000), DHT_QUERIES_PER_ADDRESS_MAX);
        assert_eq!(admitted(&mut intake, start, "2001:db8::2", 1), 0, "of the same network");
        assert_eq!(admitted(&mut intake, start + DHT_INTAKE_WINDOW, "1.2.3.4", 1), 1);
    }

    #[test]
    fn all_together_are_answered_so_often_and_counted_no_longer() {
        let start = Instant::now();
        let mut intake = Intake::new(start);
        let spoofed = (0..100_000u32).filter(|&n| intake.admits(start, IpAddr::from(n.to_be_bytes())));
        assert_eq!(spoofed.count(), DHT_QUERIES_ANSWERED_MAX);
        assert!(intake.counts.len() <= DHT_QUERIES_ANSWERED_MAX);
    }
}
