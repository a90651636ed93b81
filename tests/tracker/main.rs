//! The tracker: its codecs, its registry, and both on real sockets of this machine.
#![allow(clippy::disallowed_methods, reason = "tests hand the time to what they test")]

mod announcing;
mod codec_http;
mod codec_udp;
mod datagrams;
mod fixture;
mod hostile;
mod listener;
mod registry;
