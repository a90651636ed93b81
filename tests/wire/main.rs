//! Golden vectors, round trips and hostile input for every codec of the wire.

mod identity;
mod support;
mod transport;
