//! HLS broadcasts: an origin made here, the real program, and players that check every byte.

mod cipher;
mod clip;
mod http;
mod origin;
mod origin_and_viewer;
mod origin_answers;
mod playlist;
mod viewer;
