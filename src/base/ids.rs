//! Identifiers of swarms, peers, nodes and links.

use std::fmt;
use std::str::FromStr;

use super::hex::{self, Hex};

/// The text was not the hex form of an identifier of `expected_bytes` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseIdError {
    pub expected_bytes: usize,
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} hexadecimal digits", 2 * self.expected_bytes)
    }
}

impl std::error::Error for ParseIdError {}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Hex(&self.0).fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                hex::decode(text).map(Self).ok_or(ParseIdError { expected_bytes: $bytes })
            }
        }
    };
}

identifier!(
    /// The key of a swarm: on trackers, in the handshake. Also holds a content id where one is used
    /// as a swarm key.
    Infohash,
    20
);
identifier!(
    /// Names one session of one node in handshakes and tracker announces: `R30------` and 11
    /// characters.
    PeerId,
    20
);
identifier!(
    /// A place in the DHT: of a node, or of what is looked for.
    DhtId,
    20
);
identifier!(
    /// The Ed25519 public key of a node.
    NodeId,
    32
);

/// One connection to one peer, as the driver numbers them. Never reused within a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// One piece of a broadcast. MPEG-TS has the one stream 0; of an HLS broadcast each variant and
/// rendition is a stream, and a piece is a media segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PieceId {
    pub stream: u32,
    pub number: u64,
}

impl fmt::Display for PieceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.stream, self.number)
    }
}

impl From<Infohash> for DhtId {
    fn from(infohash: Infohash) -> Self {
        Self(infohash.0)
    }
}

impl PeerId {
    /// What every peer id of this protocol begins with.
    pub const PREFIX: &[u8; 9] = b"R30------";
    const ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-";

    /// Makes a peer id whose last 11 characters are chosen by `random`.
    pub fn from_random(random: [u8; 11]) -> Self {
        let mut id = [0; 20];
        id[..9].copy_from_slice(Self::PREFIX);
        for (character, byte) in id[9..].iter_mut().zip(random) {
            *character = Self::ALPHABET[usize::from(byte) % Self::ALPHABET.len()];
        }
        Self(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infohash_reads_its_own_display() {
        let infohash = Infohash([0xab; 20]);
        assert_eq!(infohash.to_string().parse(), Ok(infohash));
        assert_eq!("xyz".parse::<Infohash>(), Err(ParseIdError { expected_bytes: 20 }));
    }

    #[test]
    fn peer_id_has_the_prefix_and_printable_characters() {
        let id = PeerId::from_random([0, 63, 64, 255, 10, 11, 12, 13, 14, 15, 16]);
        assert!(id.0.starts_with(PeerId::PREFIX));
        assert!(id.0.iter().all(|byte| byte.is_ascii_graphic()));
    }
}
