//! Catches an authentic piece that comes again under another number: the signature covers neither
//! number nor time.

use std::collections::{HashMap, VecDeque};

use super::verifier::PayloadDigest;
use crate::base::limits::REPLAY_MEMORY_PIECES;

/// Remembers the digests of the pieces of the recent past.
#[derive(Default)]
pub struct ReplayMemory {
    number_by_digest: HashMap<PayloadDigest, u64>,
    order: VecDeque<PayloadDigest>,
}

impl ReplayMemory {
    /// Remembers that `number` has `digest`; or gives the other number that had it before, and still has.
    pub fn admit(&mut self, digest: &PayloadDigest, number: u64) -> Option<u64> {
        if let Some(&known) = self.number_by_digest.get(digest) {
            return (known != number).then_some(known);
        }
        if self.order.len() == REPLAY_MEMORY_PIECES
            && let Some(oldest) = self.order.pop_front()
        {
            self.number_by_digest.remove(&oldest);
        }
        self.order.push_back(*digest);
        self.number_by_digest.insert(*digest, number);
        None
    }

    /// Says that a digest that is remembered belongs to `number`.
    pub fn renumber(&mut self, digest: &PayloadDigest, number: u64) {
        if let Some(known) = self.number_by_digest.get_mut(digest) {
            *known = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_under_another_number_is_refused_while_remembered() {
        let mut memory = ReplayMemory::default();
        assert_eq!(memory.admit(&[1; 20], 7), None);
        assert_eq!(memory.admit(&[1; 20], 7), None);
        assert_eq!(memory.admit(&[1; 20], 8), Some(7));
        for number in 0..REPLAY_MEMORY_PIECES as u64 {
            let mut digest = [0; 20];
            digest[..8].copy_from_slice(&(number + 1_000_000).to_be_bytes());
            assert_eq!(memory.admit(&digest, number), None);
        }
        assert_eq!(memory.admit(&[1; 20], 8), None);
        memory.renumber(&[1; 20], 6);
        assert_eq!(memory.admit(&[1; 20], 8), Some(6));
        assert_eq!(memory.order.len(), memory.number_by_digest.len());
    }
}
