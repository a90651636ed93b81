//! Logs.

pub mod level;
pub mod log;
mod log_file;
mod log_line;
