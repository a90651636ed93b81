//! Id 11: a peer's state as a dict of twenty one-letter integers.
//!
//! The meaning of the letters is inferred, so a reader should use `max_piece` as a hint at most.

use super::bencode::{self, Dict};
use crate::base::limits;

/// The letters whose meaning is known well enough to write them. Rates in bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MyInfo {
    /// `c`
    pub up_rate: i64,
    /// `d`
    pub down_rate: i64,
    /// `e`
    pub top_rate: i64,
    /// `g`: one past the newest piece.
    pub download_window_end: i64,
    /// `h`: pieces.
    pub live_window_size: i64,
    /// `i`
    pub min_piece: i64,
    /// `j`
    pub max_piece: i64,
    /// `k`
    pub distance_from_source: i64,
    /// `q`
    pub is_accessible: bool,
    /// `r` and `s`
    pub position: i64,
}

impl MyInfo {
    /// What a node says that holds nothing yet.
    pub const EMPTY: Self = Self {
        up_rate: 0,
        down_rate: 0,
        top_rate: 0,
        download_window_end: -1,
        live_window_size: 0,
        min_piece: -1,
        max_piece: -1,
        distance_from_source: -1,
        is_accessible: false,
        position: -1,
    };

    /// Reads a canonical dict; letters that are missing count as [`MyInfo::EMPTY`] has them. `None`
    /// when it is no dict, too long, or lacks the newest piece.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let dict = bencode::parse(payload, limits::MY_INFO_MAX_BYTES).ok()?;
        let int = |letter: &str, otherwise: i64| dict.get_int(letter).unwrap_or(otherwise);
        Some(Self {
            max_piece: dict.get_int("j")?,
            up_rate: int("c", 0),
            down_rate: int("d", 0),
            top_rate: int("e", 0),
            download_window_end: int("g", -1),
            live_window_size: int("h", 0),
            min_piece: int("i", -1),
            distance_from_source: int("k", -1),
            is_accessible: int("q", 0) == 1,
            position: int("r", -1),
        })
    }

    /// All twenty letters; those whose meaning is unknown as a peer in the same state has them.
    pub fn encode(&self) -> Vec<u8> {
        let with_zeros = ["b", "f", "n", "o", "p"].iter().fold(Dict::new(), |dict, key| dict.int(key, 0));
        let unknown = ["l", "m", "t"].iter().fold(with_zeros, |dict, key| dict.int(key, -1));
        unknown
            .int("a", i64::from(self.max_piece >= 0))
            .int("c", self.up_rate)
            .int("d", self.down_rate)
            .int("e", self.top_rate)
            .int("g", self.download_window_end)
            .int("h", self.live_window_size)
            .int("i", self.min_piece)
            .int("j", self.max_piece)
            .int("k", self.distance_from_source)
            .int("q", i64::from(self.is_accessible))
            .int("r", self.position)
            .int("s", self.position)
            .encode()
    }
}
