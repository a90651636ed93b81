//! HLS broadcasts: playlists and transport files.

mod playlist_numbers;
mod playlist_parse;
mod playlist_refused;
mod playlist_write;
mod transport;
