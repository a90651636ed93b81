//! Connection ids of the UDP tracker: computed from the client's address and the time under a secret key,
//! never stored, so that a stranger who cannot receive at an address cannot announce from it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// An id is accepted for this long at least and twice as long at most (BEP 15 asks for two minutes).
pub const CONNECTION_ID_LIFETIME: Duration = Duration::from_secs(120);

/// Issues and checks connection ids.
#[derive(Clone)]
pub struct ConnectionIds {
    key: [u8; 16],
    started: Instant,
}

impl ConnectionIds {
    /// `key` must be secret and random.
    pub fn new(key: [u8; 16], started: Instant) -> Self {
        Self { key, started }
    }

    pub fn issue(&self, now: Instant, ip: IpAddr) -> u64 {
        self.at(self.bucket(now), ip)
    }

    pub fn accepts(&self, now: Instant, ip: IpAddr, id: u64) -> bool {
        let bucket = self.bucket(now);
        self.at(bucket, ip) == id || (bucket > 0 && self.at(bucket - 1, ip) == id)
    }

    fn bucket(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_secs() / CONNECTION_ID_LIFETIME.as_secs()
    }

    fn at(&self, bucket: u64, ip: IpAddr) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.key);
        hasher.write_u64(bucket);
        ip.hash(&mut hasher);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]
    use super::*;

    #[test]
    fn id_is_accepted_for_its_lifetime_and_only_from_its_address() {
        let start = Instant::now();
        let ids = ConnectionIds::new([7; 16], start);
        let (ip, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        for issued_s in [0, 1, 119, 120, 10_000] {
            let issued = start + Duration::from_secs(issued_s);
            let id = ids.issue(issued, ip);
            assert!(ids.accepts(issued, ip, id));
            assert!(ids.accepts(issued + CONNECTION_ID_LIFETIME, ip, id));
            assert!(!ids.accepts(issued + 2 * CONNECTION_ID_LIFETIME, ip, id));
            assert!(!ids.accepts(issued, other, id));
        }
    }

    #[test]
    fn id_of_another_key_is_refused() {
        let start = Instant::now();
        let ip = [192, 0, 2, 1].into();
        let id = ConnectionIds::new([1; 16], start).issue(start, ip);
        assert!(!ConnectionIds::new([2; 16], start).accepts(start, ip, id));
    }
}
