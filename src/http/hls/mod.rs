//! HLS broadcasts on the players' side: playlists, segments as they grow, and the transport stream that
//! they make back to back. It hands out what was verified before; it never fetches, and never changes a
//! byte of media.

pub mod attention;
pub mod choice;
pub mod feed;
pub mod holdings;
pub mod hub;
pub mod lookup;
pub mod playlist;
pub mod range;
pub mod reader;
pub mod reply;
pub mod routes;
pub mod segment;
pub mod shelf;
pub mod unavailable;
