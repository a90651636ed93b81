//! HLS broadcasts: an origin made here, the real program, and players that check every byte.

mod cipher;
mod clip;
mod http;
mod nodes;
mod origin;
mod origin_and_viewer;
mod origin_answers;
mod playlist;
mod relay;
mod relay_between_nodes;
mod viewer;
