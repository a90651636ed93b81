//! Tokens: computed from the asker's address and the time under a secret, never stored, so that a stranger
//! who cannot receive at an address cannot announce from it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A token is accepted for this long at least and twice as long at most (BEP 5).
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(5 * 60);

#[derive(Clone)]
pub struct Tokens {
    secret: [u8; 16],
    started: Instant,
}

impl Tokens {
    /// `secret` must be random.
    pub fn new(secret: [u8; 16], started: Instant) -> Self {
        Self { secret, started }
    }

    pub fn issue(&self, now: Instant, ip: IpAddr) -> [u8; 8] {
        self.of(self.period(now), ip)
    }

    pub fn accepts(&self, now: Instant, ip: IpAddr, token: &[u8]) -> bool {
        let period = self.period(now);
        self.of(period, ip) == token || (period > 0 && self.of(period - 1, ip) == token)
    }

    fn period(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_secs() / TOKEN_LIFETIME.as_secs()
    }

    fn of(&self, period: u64, ip: IpAddr) -> [u8; 8] {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.secret);
        hasher.write_u64(period);
        ip.hash(&mut hasher);
        hasher.finish().to_be_bytes()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make up a time to start from")]
mod tests {
    use super::*;

    #[test]
    fn token_is_accepted_for_its_lifetime_and_only_from_its_address() {
        let start = Instant::now();
        let tokens = Tokens::new([7; 16], start);
        let (ip, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        for issued_s in [0, 1, 299, 300, 10_000] {
            let issued = start + Duration::from_secs(issued_s);
            let token = tokens.issue(issued, ip);
            assert!(tokens.accepts(issued, ip, &token));
            assert!(tokens.accepts(issued + TOKEN_LIFETIME, ip, &token));
            assert!(!tokens.accepts(issued + 2 * TOKEN_LIFETIME, ip, &token));
            assert!(!tokens.accepts(issued, other, &token) && !tokens.accepts(issued, ip, b""));
        }
        assert_ne!(tokens.issue(start, ip), Tokens::new([8; 16], start).issue(start, ip));
    }
}
