//! The dict `mi` of the extended handshake: a node's state in the live stream.

use super::bencode::{Dict, Value};

macro_rules! live_info {
    ($($(#[$doc:meta])* $field:ident = $empty:literal,)*) => {
        /// The dict `mi`: 17 integers. Pieces count complete ones only; -1 is unknown or none; rates are
        /// bytes a second.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct LiveInfo {
            $($(#[$doc])* pub $field: i64,)*
        }

        impl LiveInfo {
            /// What a node says that holds nothing yet.
            pub const EMPTY: Self = Self { $($field: $empty,)* };

            /// Reads the dict; keys that are missing or no integers count as [`LiveInfo::EMPTY`] has them.
            pub(super) fn read(dict: &Value<'_>) -> Self {
                Self { $($field: dict.get_int(stringify!($field)).unwrap_or($empty),)* }
            }

            pub(super) fn write(&self) -> Dict {
                Dict::new()$(.int(stringify!($field), self.$field))*
            }
        }
    };
}

live_info! {
    /// -1 at the source, 0 at its direct peers.
    distance_from_source = -1,
    down_rate = 0,
    download_window_end = -1,
    is_accessible = 0,
    live_window_size = 0,
    /// The sender's own position in the stream.
    lsp = -1,
    mam = -1,
    max_piece = -1,
    min_piece = -1,
    peer_type = 0,
    ping_from_source = -1,
    position = -1,
    time_from_source = -1,
    top_session_up_rate = 0,
    top_up_rate = 0,
    up_rate = 0,
    upload_rating = 0,
}

impl LiveInfo {
    /// Live window that sources announce, pieces.
    pub const SOURCE_WINDOW_PIECES: i64 = 115;

    /// What a source says that holds the complete pieces `min_piece..=max_piece`. Official consumers
    /// stay uninterested when a source claims rates, reachability or a lagging position.
    pub fn source(min_piece: i64, max_piece: i64) -> Self {
        Self {
            download_window_end: max_piece,
            live_window_size: Self::SOURCE_WINDOW_PIECES,
            lsp: max_piece,
            max_piece,
            min_piece,
            position: max_piece,
            ..Self::EMPTY
        }
    }
}
