//! Directories, and what is kept in them.

use crate::cli::option::{Form, Opt};

const MEBIBYTE: u64 = 1024 * 1024;

const CACHE_DIR: Opt = Opt::new("cache-dir", Form::Path, ".", "Cache on disk; created when it is needed");
const CACHE_TYPE: Opt = Opt::new(
    "live-cache-type",
    Form::Choice(&["memory", "disk"]),
    "memory",
    "Where the live window is kept; HLS in memory alone",
);
const MEMORY_SIZE: Opt = Opt::new(
    "live-mem-cache-size",
    Form::Int(MEBIBYTE, 64 * 1024 * MEBIBYTE),
    "a minute of the stream",
    "Bytes of a broadcast that are in memory, at least 8 pieces",
);
const DISK_SIZE: Opt = Opt::new(
    "live-disk-cache-size",
    Form::Int(MEBIBYTE, 1024 * 1024 * MEBIBYTE),
    "209715200",
    "Bytes of a broadcast's files with --live-cache-type disk, at least 8 pieces and at most 4096 of them",
);
const PID_DIR: Opt =
    Opt::new("pid-file-dir", Form::Path, "/tmp", "Directory of acestream-<port>.pid; must exist");

const fn state_dir(default: &'static str) -> Opt {
    Opt::new("state-dir", Form::Path, default, "State of the node; created when missing")
}

/// Source and support nodes.
pub const COMMON: &[Opt] =
    &[state_dir("a temporary one in /tmp"), CACHE_DIR, CACHE_TYPE, MEMORY_SIZE, DISK_SIZE, PID_DIR];

/// The client.
pub const CLIENT: &[Opt] =
    &[state_dir("~/.ACEStream"), CACHE_DIR, CACHE_TYPE, MEMORY_SIZE, DISK_SIZE, PID_DIR];

/// The standalone tracker.
pub const TRACKER: &[Opt] = &[PID_DIR];

pub const PUBLISH_DIR: Opt =
    Opt::new("publish-dir", Form::Path, ".", "Directory of <name>.acelive; must exist");

/// Source node.
pub const SOURCE: &[Opt] = &[
    PUBLISH_DIR,
    Opt::new("metadata-dir", Form::Path, ".", "Directory of <name>.sauth and <name>.restart; must exist"),
];

/// Support node.
pub const SUPPORT: &[Opt] = &[
    Opt::flag("always-generate-peer-id", "Take a new peer id at each start, not the one in state.json"),
    Opt::new(
        "support-node-cleanup-interval",
        Form::Int(1, 86_400),
        "1",
        "Seconds between rounds of internal maintenance",
    ),
];
