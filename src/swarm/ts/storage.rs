//! What the swarm asks of the place where pieces are kept outside of memory, and what that place tells.

use crate::live::archive::KeptPiece;
use crate::live::piece::VerifiedPiece;

/// Something that the keeper shall do. None is sure to be done: a keeper that has too much to do says so.
#[derive(Debug, Clone)]
pub enum StorageCommand {
    /// Answered by [`StorageEvent::Kept`] or [`StorageEvent::NotKept`].
    Keep(VerifiedPiece),
    /// Answered by [`StorageEvent::Loaded`], [`StorageEvent::Busy`] or, when it is damaged,
    /// [`StorageEvent::Damaged`].
    Load { number: u64 },
    /// The piece is not what belongs under its number.
    Forget { number: u64 },
    /// All of it is of another time.
    Clear,
}

/// Something that the keeper tells.
#[derive(Debug, Clone)]
pub enum StorageEvent {
    /// What an earlier run left, each proven.
    Found(Vec<KeptPiece>),
    Kept {
        number: u64,
        time: f64,
    },
    /// There was no room for it, or no time.
    NotKept,
    /// Is kept no more: newer ones took its place, or its file is gone.
    Gone {
        number: u64,
    },
    Loaded(VerifiedPiece),
    /// Not read now; it is kept all the same.
    Busy {
        number: u64,
    },
    /// Was read and is not what was kept.
    Damaged {
        number: u64,
    },
    /// So many bytes are in use.
    Usage {
        bytes: u64,
    },
    /// Nothing is kept from now on, and nothing can be read.
    Closed,
}
