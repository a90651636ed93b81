//! Sockets: listening, links, ingest, fetching, announcing.
