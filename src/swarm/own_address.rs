//! Under which address others see this node: what peers say in `yourip`, by majority.
//!
//! Every network has one vote, its latest, for an hour. An address of the Internet is believed before one of
//! a private network, which only peers that are no strangers there may name. One voice is no majority.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::base::limits::ADDRESS_VOTES_MAX;
use crate::base::net::{canonical, is_of_use_to, is_public};

const VOTE_LIFE: Duration = Duration::from_secs(3600);
const VOTES_MIN: usize = 2;

#[derive(Debug)]
struct Vote {
    at: Instant,
    voter: IpAddr,
    ip: IpAddr,
}

/// Bounded; the oldest vote goes first.
#[derive(Debug, Default)]
pub struct OwnAddress {
    votes: VecDeque<Vote>,
    v4: Option<IpAddr>,
    v6: Option<IpAddr>,
}

impl OwnAddress {
    /// A peer at `from` sees this node at `ip`. Whether that changed the outcome.
    pub fn vote(&mut self, now: Instant, from: IpAddr, ip: IpAddr) -> bool {
        let (from, ip) = (canonical(from), canonical(ip));
        let is_credible = !ip.is_loopback() && !ip.is_unspecified() && is_of_use_to(ip, from);
        if !is_credible {
            return false;
        }
        let voter = network(from);
        let is_over = |vote: &Vote| {
            let is_replaced = vote.voter == voter && vote.ip.is_ipv4() == ip.is_ipv4();
            is_replaced || now.saturating_duration_since(vote.at) >= VOTE_LIFE
        };
        self.votes.retain(|vote| !is_over(vote));
        if self.votes.len() >= ADDRESS_VOTES_MAX {
            self.votes.pop_front();
        }
        self.votes.push_back(Vote { at: now, voter, ip });
        let before = (self.v4, self.v6);
        (self.v4, self.v6) = (self.elected(IpAddr::is_ipv4), self.elected(IpAddr::is_ipv6));
        before != (self.v4, self.v6)
    }

    pub fn v4(&self) -> Option<IpAddr> {
        self.v4
    }

    pub fn v6(&self) -> Option<IpAddr> {
        self.v6
    }

    pub fn is(&self, ip: IpAddr) -> bool {
        let ip = Some(canonical(ip));
        self.v4 == ip || self.v6 == ip
    }

    fn elected(&self, is_of_family: fn(&IpAddr) -> bool) -> Option<IpAddr> {
        [true, false].into_iter().find_map(|public| {
            let counts = |ip: &IpAddr| is_of_family(ip) && is_public(*ip) == public;
            let ballot: Vec<_> = self.votes.iter().map(|vote| vote.ip).filter(counts).collect();
            let most = ballot.iter().max_by_key(|&&ip| (votes_for(&ballot, ip), ip)).copied()?;
            let count = votes_for(&ballot, most);
            (count >= VOTES_MIN && 2 * count > ballot.len()).then_some(most)
        })
    }
}

fn votes_for(ballot: &[IpAddr], ip: IpAddr) -> usize {
    ballot.iter().filter(|&&other| other == ip).count()
}

/// Who has one vote together: on the Internet what one customer is given, elsewhere one address.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        _ if !is_public(ip) => ip,
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & !0xff).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (!0 << 80)).into(),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make up a time to start from")]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn after(votes: &[(&str, &str)]) -> OwnAddress {
        let (now, mut own) = (Instant::now(), OwnAddress::default());
        votes.iter().for_each(|(from, seen)| _ = own.vote(now, ip(from), ip(seen)));
        own
    }

    #[test]
    fn majority_of_networks_decides() {
        let own = after(&[("1.1.1.1", "9.9.9.9"), ("2.2.2.2", "9.9.9.9"), ("3.3.3.3", "8.8.8.8")]);
        assert_eq!((own.v4(), own.v6()), (Some(ip("9.9.9.9")), None));
        assert!(own.is(ip("::ffff:9.9.9.9")) && !own.is(ip("8.8.8.8")));
        assert_eq!(after(&[("1.1.1.1", "9.9.9.9")]).v4(), None, "one voice");
        assert_eq!(after(&[("1.1.1.1", "9.9.9.9"), ("2.2.2.2", "8.8.8.8")]).v4(), None, "a tie");
    }

    #[test]
    fn crowd_in_one_network_has_one_vote() {
        let crowd: Vec<String> = (1..200).map(|host| format!("6.6.6.{host}")).collect();
        let mut votes = vec![("1.1.1.1", "9.9.9.9"), ("2.2.2.2", "9.9.9.9")];
        votes.extend(crowd.iter().map(|from| (from.as_str(), "6.6.6.6")));
        assert_eq!(after(&votes).v4(), Some(ip("9.9.9.9")));
    }

    #[test]
    fn private_address_is_named_by_neighbours_and_yields_to_a_public_one() {
        let neighbours = [("10.0.0.1", "10.0.0.9"), ("10.0.0.2", "10.0.0.9")];
        assert_eq!(after(&neighbours).v4(), Some(ip("10.0.0.9")));
        assert_eq!(after(&[("1.1.1.1", "10.0.0.9"), ("2.2.2.2", "10.0.0.9")]).v4(), None);
        let behind_a_router = [&neighbours[..], &[("1.1.1.1", "9.9.9.9"), ("2.2.2.2", "9.9.9.9")]].concat();
        assert_eq!(after(&behind_a_router).v4(), Some(ip("9.9.9.9")));
        assert_eq!(after(&[("127.0.0.1", "127.0.0.1"), ("::1", "::1")]).v4(), None);
    }

    #[test]
    fn families_are_apart_and_old_votes_fall_away() {
        let (start, mut own) = (Instant::now(), OwnAddress::default());
        for from in ["1.1.1.1", "2.2.2.2"] {
            own.vote(start, ip(from), ip("9.9.9.9"));
            own.vote(start, ip(from), ip("2606::9"));
        }
        assert_eq!((own.v4(), own.v6()), (Some(ip("9.9.9.9")), Some(ip("2606::9"))));
        let later = start + VOTE_LIFE;
        assert!(own.vote(later, ip("3.3.3.3"), ip("8.8.8.8")), "what was elected has no votes left");
        assert!(own.vote(later, ip("4.4.4.4"), ip("8.8.8.8")));
        assert_eq!((own.v4(), own.v6()), (Some(ip("8.8.8.8")), None));
    }

    #[test]
    fn memory_is_bounded() {
        let (now, mut own) = (Instant::now(), OwnAddress::default());
        for net in 0..3 * ADDRESS_VOTES_MAX as u32 {
            own.vote(now, Ipv4Addr::from(0x0100_0001 + 256 * net).into(), ip("9.9.9.9"));
        }
        assert_eq!(own.votes.len(), ADDRESS_VOTES_MAX);
    }
}
