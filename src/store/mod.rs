//! Files: keys, numbers, state directory, pid file, pieces.

pub mod cache;
pub mod dht_table;
pub mod files;
pub mod hls_numbers;
pub mod pid_file;
pub mod restart;
pub mod state;
pub mod stream_keys;
