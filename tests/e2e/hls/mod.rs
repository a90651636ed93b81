//! HLS broadcasts: an origin made here, the real program, and players that check every byte.

mod cipher;
mod clip;
mod faults;
mod http;
mod liars;
mod nodes;
mod origin;
mod origin_and_viewer;
mod origin_answers;
mod playlist;
mod private;
mod public;
mod relay;
mod relay_between_nodes;
mod secrecy;
mod sequence;
mod transport_stream;
mod trust;
mod variants;
mod viewer;
