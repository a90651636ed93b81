//! HLS broadcasts on the players' side: playlists, segments as they grow, and the transport stream that
//! they make back to back. It hands out what was verified before; it never fetches, and never changes a
//! byte of media.

pub mod attention;
pub mod holdings;
pub mod hub;
pub mod segment;
pub mod shelf;
