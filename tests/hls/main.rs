//! HLS broadcasts: playlists.

mod playlist_numbers;
mod playlist_parse;
mod playlist_refused;
mod playlist_write;
