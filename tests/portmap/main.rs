//! Opening the node's port on routers that these tests play, each at a loopback address of its own.
#![allow(clippy::disallowed_methods, reason = "these tests run in real time")]

mod igd_router;
mod pmp_router;
mod ways;
