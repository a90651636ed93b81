//! Golden vectors, round trips and hostile input for every codec of the wire.

mod bencode;
mod frames;
mod hostile;
mod identity;
mod krpc;
mod lsd;
mod metadata;
mod peers;
mod round_trips;
mod sessions;
mod support;
mod transport;
mod transport_refused;
mod ut_pex;
