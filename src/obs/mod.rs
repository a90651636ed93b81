//! Logs.

mod level;
pub mod log;
mod log_file;
