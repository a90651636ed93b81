//! Sockets: listening, links, ingest, fetching, announcing.

pub mod fetch;
