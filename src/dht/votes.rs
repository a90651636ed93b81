//! What others say this node's own address is. Each has one vote.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use crate::base::limits::DHT_VOTES_MAX;

/// Votes that agree before this node takes a place by them.
const QUORUM: usize = 4;

/// Votes on one address.
#[derive(Debug, Default)]
pub struct Votes(VecDeque<(IpAddr, SocketAddr)>);

impl Votes {
    pub fn cast(&mut self, voter: IpAddr, seen: SocketAddr) {
        self.0.retain(|(known, _)| *known != voter);
        if self.0.len() >= DHT_VOTES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((voter, seen));
    }

    /// The address that most of them name, if enough do.
    pub fn elected(&self) -> Option<IpAddr> {
        let votes_for = |ip: IpAddr| self.0.iter().filter(|(_, seen)| seen.ip() == ip).count();
        let winner = self.0.iter().map(|(_, seen)| seen.ip()).max_by_key(|&ip| votes_for(ip))?;
        (votes_for(winner) >= QUORUM.max(self.0.len() / 2 + 1)).then_some(winner)
    }

    /// Whether somebody says that this is where we are.
    pub fn name(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|(_, seen)| seen.ip() == ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voted(votes: &[(&str, &str)]) -> Option<IpAddr> {
        let mut ballot = Votes::default();
        for (voter, seen) in votes {
            ballot.cast(voter.parse().expect("an address"), seen.parse().expect("an address"));
        }
        ballot.elected()
    }

    #[test]
    fn one_voice_is_not_enough_however_often_it_speaks() {
        assert_eq!(voted(&[("1.1.1.1", "5.6.7.8:1"); 10]), None);
    }

    #[test]
    fn most_of_enough_voices_decide() {
        let honest = ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"].map(|voter| (voter, "5.6.7.8:1"));
        let mut votes = vec![("1.1.1.9", "6.6.6.6:6"), ("1.1.1.8", "6.6.6.6:6")];
        votes.extend(honest);
        assert_eq!(voted(&votes), Some("5.6.7.8".parse().expect("an address")));
        votes.extend(["1.1.2.1", "1.1.2.2"].map(|voter| (voter, "6.6.6.6:6")));
        assert_eq!(voted(&votes), None, "they do not agree");
    }
}
