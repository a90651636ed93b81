//! The newest verified pieces, kept to serve and to play.

use std::collections::BTreeMap;

use super::piece::VerifiedPiece;

/// At most `capacity` pieces; the oldest leave first.
pub struct Window {
    pieces: BTreeMap<u64, VerifiedPiece>,
    capacity: usize,
}

impl Window {
    /// `capacity` of at least one piece.
    pub fn new(capacity: usize) -> Self {
        Self { pieces: BTreeMap::new(), capacity: capacity.max(1) }
    }

    /// Adds a piece; `false` when it is older than all that a full window holds, or held already.
    /// Returns with it whether the oldest piece moved up.
    pub fn insert(&mut self, piece: VerifiedPiece) -> Inserted {
        let number = piece.number();
        let is_full = self.pieces.len() >= self.capacity;
        if self.pieces.contains_key(&number)
            || (is_full && self.oldest().is_some_and(|oldest| number < oldest))
        {
            return Inserted::Refused;
        }
        self.pieces.insert(number, piece);
        if !is_full {
            return Inserted::Stored;
        }
        self.pieces.pop_first();
        Inserted::StoredAndEvicted
    }

    /// Takes a piece out that should not have come in.
    pub fn remove(&mut self, number: u64) -> Option<VerifiedPiece> {
        self.pieces.remove(&number)
    }

    pub fn get(&self, number: u64) -> Option<&VerifiedPiece> {
        self.pieces.get(&number)
    }

    pub fn contains(&self, number: u64) -> bool {
        self.pieces.contains_key(&number)
    }

    pub fn oldest(&self) -> Option<u64> {
        self.pieces.first_key_value().map(|(&number, _)| number)
    }

    pub fn newest(&self) -> Option<u64> {
        self.pieces.last_key_value().map(|(&number, _)| number)
    }

    /// The numbers held, from `oldest` on.
    pub fn newest_numbers(&self, oldest: u64) -> impl Iterator<Item = u64> {
        self.pieces.range(oldest..).map(|(&number, _)| number)
    }

    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The oldest number held that is above `number`.
    pub fn next_after(&self, number: u64) -> Option<u64> {
        self.pieces.range(number.checked_add(1)?..).next().map(|(&next, _)| next)
    }

    /// All numbers held, ascending.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.pieces.keys().copied()
    }

    /// Runs of consecutive numbers, ascending, as (first, count).
    pub fn runs(&self) -> Vec<(u64, u32)> {
        runs_of(self.numbers())
    }
}

/// Runs of consecutive numbers among ascending ones, as (first, count).
pub fn runs_of(numbers: impl Iterator<Item = u64>) -> Vec<(u64, u32)> {
    let mut runs: Vec<(u64, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((first, count)) if *first + u64::from(*count) == number => *count += 1,
            _ => runs.push((number, 1)),
        }
    }
    runs
}

/// What became of a piece offered to the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    Stored,
    StoredAndEvicted,
    Refused,
}
