//! Logs, and what the service manager is told.

pub mod level;
pub mod log;
mod log_file;
mod log_line;
pub mod node_name;
pub mod systemd;
