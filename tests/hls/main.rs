//! HLS broadcasts: playlists, transport files, and the origin they come from.

mod origin_fetch;
mod origin_playlist;
mod origin_polling;
mod origin_reading;
mod origin_server;
mod playlist_numbers;
mod playlist_parse;
mod playlist_refused;
mod playlist_write;
mod transport;
