//! Sources against servers, files and senders that behave and misbehave.

mod http;
mod local;
mod reading;
mod server;
mod stdin;
