//! Which pieces a peer says it holds: the newest few thousand, in constant memory.

use std::collections::BTreeMap;

use crate::base::ids::PieceId;
use crate::base::limits::PEER_WINDOW_MAX_PIECES;

const WORDS: usize = PEER_WINDOW_MAX_PIECES as usize / 64;

/// What a peer says it holds, stream by stream. Who calls [`StreamClaims::add`] bounds the streams.
#[derive(Debug, Clone, Default)]
pub struct StreamClaims {
    first: Claims,
    others: BTreeMap<u32, Claims>,
}

impl StreamClaims {
    /// Of stream 0, which an MPEG-TS broadcast has alone.
    pub fn only(&self) -> &Claims {
        &self.first
    }

    pub fn of(&self, stream: u32) -> Option<&Claims> {
        if stream == 0 { Some(&self.first) } else { self.others.get(&stream) }
    }

    pub fn contains(&self, id: PieceId) -> bool {
        self.of(id.stream).is_some_and(|claims| claims.contains(id.number))
    }

    /// Adds a piece; `false` when it was claimed before or is too old to matter.
    pub fn add(&mut self, id: PieceId) -> bool {
        self.of_mut(id.stream).add(id.number)
    }

    /// Forgets what lies before the piece in its stream.
    pub fn remove_before(&mut self, id: PieceId) {
        self.of_mut(id.stream).remove_before(id.number);
    }

    /// Forgets all of a stream.
    pub fn clear(&mut self, stream: u32) {
        *self.of_mut(stream) = Claims::default();
    }

    fn of_mut(&mut self, stream: u32) -> &mut Claims {
        if stream == 0 { &mut self.first } else { self.others.entry(stream).or_default() }
    }
}

/// A ring of bits that ends at the newest piece claimed.
#[derive(Debug, Clone)]
pub struct Claims {
    newest: Option<u64>,
    bits: [u64; WORDS],
}

impl Default for Claims {
    fn default() -> Self {
        Self { newest: None, bits: [0; WORDS] }
    }
}

impl Claims {
    pub fn newest(&self) -> Option<u64> {
        self.newest
    }

    pub fn contains(&self, number: u64) -> bool {
        self.is_in_range(number) && self.bits[word(number)] & bit(number) != 0
    }

    /// Adds a piece; `false` when it was claimed before or is too old to matter.
    pub fn add(&mut self, number: u64) -> bool {
        let previous = self.newest.unwrap_or(number);
        if number > previous || self.newest.is_none() {
            self.forget_between(previous, number);
            self.newest = Some(number);
        } else if !self.is_in_range(number) || self.contains(number) {
            return false;
        }
        self.bits[word(number)] |= bit(number);
        true
    }

    /// Forgets what lies before `number`.
    pub fn remove_before(&mut self, number: u64) {
        let Some(newest) = self.newest else { return };
        if number > newest {
            *self = Self::default();
            return;
        }
        let oldest = (newest + 1).saturating_sub(PEER_WINDOW_MAX_PIECES);
        for old in oldest..number {
            self.bits[word(old)] &= !bit(old);
        }
    }

    /// The oldest piece that is claimed and remembered.
    pub fn oldest(&self) -> Option<u64> {
        let newest = self.newest?;
        let oldest = (newest + 1).saturating_sub(PEER_WINDOW_MAX_PIECES);
        (oldest..=newest).find(|&candidate| self.contains(candidate))
    }

    /// The oldest claimed piece that is newer than `number`.
    pub fn next_after(&self, number: u64) -> Option<u64> {
        let newest = self.newest?;
        let oldest = (newest + 1).saturating_sub(PEER_WINDOW_MAX_PIECES);
        (oldest.max(number.saturating_add(1))..=newest).find(|&candidate| self.contains(candidate))
    }

    fn is_in_range(&self, number: u64) -> bool {
        self.newest.is_some_and(|newest| number <= newest && newest - number < PEER_WINDOW_MAX_PIECES)
    }

    /// Clears the bits of the numbers after `previous` up to `number`: the ring reuses their places.
    fn forget_between(&mut self, previous: u64, number: u64) {
        if number - previous >= PEER_WINDOW_MAX_PIECES {
            self.bits = [0; WORDS];
            return;
        }
        for skipped in previous + 1..=number {
            self.bits[word(skipped)] &= !bit(skipped);
        }
    }
}

fn word(number: u64) -> usize {
    (number % PEER_WINDOW_MAX_PIECES) as usize / 64
}

fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_stay_holes_and_the_ring_forgets_the_old() {
        let mut claims = Claims::default();
        assert!(claims.add(10));
        assert!(claims.add(12));
        assert!(!claims.add(12));
        assert!(claims.contains(10) && !claims.contains(11) && claims.contains(12));
        assert_eq!(claims.next_after(10), Some(12));

        assert!(claims.add(12 + PEER_WINDOW_MAX_PIECES));
        assert!(!claims.contains(10) && !claims.contains(12));
        assert!(!claims.add(11), "too old to matter");
        assert!(claims.add(13));
    }

    #[test]
    fn enormous_jump_costs_nothing_and_leaves_one_piece() {
        let mut claims = Claims::default();
        claims.add(5);
        claims.add(u64::from(u32::MAX));
        assert!(!claims.contains(5));
        assert_eq!(claims.newest(), Some(u64::from(u32::MAX)));
        assert_eq!(claims.next_after(5), Some(u64::from(u32::MAX)));
    }

    #[test]
    fn trailing_edge_removes_what_lies_before() {
        let mut claims = Claims::default();
        (100..110).for_each(|number| assert!(claims.add(number)));
        claims.remove_before(105);
        assert_eq!(claims.oldest(), Some(105));
        assert!(!claims.contains(104) && claims.contains(105));
        claims.remove_before(200);
        assert_eq!(claims.newest(), None);
    }
}
