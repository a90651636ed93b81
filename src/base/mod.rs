//! What every other module stands on: identifiers, limits, rates, seeded randomness. `std` only.

pub mod cidr;
pub mod civil;
pub mod hex;
pub mod ids;
pub mod limits;
pub mod listed;
pub mod net;
pub mod openings;
pub mod rate;
pub mod rng;
pub mod token_bucket;
