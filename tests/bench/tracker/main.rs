//! What the tracker costs.
//!
//! - `cargo bench --bench tracker`: its registry and codecs in this process, bytes to bytes.
//! - `cargo bench --bench tracker -- beside`: the program, opentracker and aquatic under the same load, in
//!   turns: announces per CPU-second of the tracker over UDP and HTTP, and bytes a peer.
//! - `cargo bench --bench tracker -- load udp 127.0.0.1:6969 1000 100 5`: that load alone, on any tracker
//!   (`load.rs`).
#![allow(clippy::disallowed_methods, reason = "benches measure time")]

mod beside;
mod crowd;
mod http;
mod load;
mod process;
mod servers;
mod service;
mod udp;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    match words.first().map(String::as_str) {
        Some("beside") => beside::run(),
        Some("load" | "fill") => load::run(&words),
        _ => service::run(),
    }
}
