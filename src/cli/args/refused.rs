//! Options of the reference engine that this build knows and does not act on. Their values are checked
//! all the same; then the program ends with the reason.

use crate::cli::option::{Effect, Form, Opt};

const ACCOUNTS: &str = "accounts are out of scope of this program";
const PREMIUM: &str = "premium broadcasts are out of scope of this program";
const ACCESS: &str = "access rules of the node interface are not in this build yet";
const NO_INTERFACE: &str = "a client has no node interface in this build";
const SLOTS: &str = "tuning of upload slots is not in this build yet";
const CACHE: &str = "this limit is not in this build: see --live-mem-cache-size and --live-disk-cache-size";
const BUFFER: &str = "adaptive buffering is not in this build yet";
const VIEWER: &str = "this part of the client is not in this build yet";
const UNDOCUMENTED: &str = "its meaning was never documented";

const COUNT: Form = Form::Int(0, 1_000_000);
const BYTES: Form = Form::Int(0, u64::MAX);
const SECONDS: Form = Form::Int(0, 31_536_000);
const PERCENT: Form = Form::Int(0, 100);

/// An on/off value of which 0 is what this build does anyway.
const fn off_only(name: &'static str, reason: &'static str, doc: &'static str) -> Opt {
    Opt::new(name, Form::Bool, "0", doc).with(Effect::RefusedUnless("0", reason))
}

/// Source node, support node and client.
pub const NODE: &[Opt] = &[
    Opt::refused(
        "service-remote-allow-cors",
        Form::Flag,
        "pages do not read the node interface in this build",
    ),
    Opt::refused("live-cache-auto-size", Form::Bool, CACHE),
    Opt::refused("live-cache-auto-size-reserve", BYTES, CACHE),
    Opt::refused("live-cache-max-memory-percent", PERCENT, CACHE),
    Opt::refused("vod-cache-type", Form::Choice(&["memory", "disk"]), CACHE),
    Opt::refused("disk-cache-limit", BYTES, CACHE),
    Opt::refused("memory-cache-limit", BYTES, CACHE),
    Opt::refused("disk-cache-cleanup-interval-active", SECONDS, CACHE),
    Opt::refused("disk-cache-cleanup-interval-inactive", SECONDS, CACHE),
    Opt::refused("max-peers-limit", COUNT, SLOTS),
    Opt::refused("min-upload-slots", COUNT, SLOTS),
    Opt::refused("fix-upload-slots", Form::Bool, SLOTS),
    Opt::refused("fix-upload-slots-interval", SECONDS, SLOTS),
    Opt::refused("wanted-slots-factor", Form::Number, SLOTS),
    Opt::refused("startup-slots-factor", Form::Number, SLOTS),
    Opt::refused("startup-upload-slots", COUNT, SLOTS),
    Opt::refused("startup-max-peers", COUNT, SLOTS),
    Opt::refused("slots-manager-use-cpu-limit", Form::Bool, SLOTS),
    Opt::refused("slots-manager-cpu-low-limit", PERCENT, SLOTS),
    Opt::refused("slots-manager-cpu-high-limit", PERCENT, SLOTS),
    Opt::refused("slots-manager-cpu-low-limit-per-core", PERCENT, SLOTS),
    Opt::refused("slots-manager-cpu-high-limit-per-core", PERCENT, SLOTS),
    Opt::refused("slots-manager-min-slots", COUNT, SLOTS),
    Opt::refused("sync-regular-interval", SECONDS, UNDOCUMENTED),
    Opt::refused("sync-error-interval", SECONDS, UNDOCUMENTED),
    Opt::refused("log-file-buffer", BYTES, "log lines are written one by one in this build"),
    Opt::refused("lib-path", Form::Path, "there are no libraries to find: the program is one file"),
    Opt::refused("login", Form::Text(256), ACCOUNTS),
    Opt::refused("password", Form::Text(256), ACCOUNTS),
    Opt::refused("purse", Form::Text(256), ACCOUNTS),
    Opt::refused("premium", Form::Flag, PREMIUM),
];

/// Source node alone.
pub const SOURCE: &[Opt] = &[
    Opt::refused("duration", Form::Text(16), "time-shift files are not in this build yet"),
    Opt::refused("add-authorized-peers", Form::Flag, "lists of trusted nodes are not in this build yet"),
];

/// Support node alone.
pub const SUPPORT: &[Opt] = &[
    Opt::refused("core-sandbox-max-peers", COUNT, UNDOCUMENTED),
    Opt::refused("core-max-fast-peers", COUNT, UNDOCUMENTED),
];

/// Client alone.
pub const CLIENT: &[Opt] = &[
    Opt::refused("monitor-node-ip", Form::Ip, NO_INTERFACE),
    Opt::refused("service-remote-access", Form::Flag, NO_INTERFACE),
    Opt::refused("service-access-token", Form::Token, NO_INTERFACE),
    Opt::refused("stats-report-peers", Form::Flag, NO_INTERFACE),
    off_only("live-adjust-buffer-time", BUFFER, "Adapt the buffer to the stalls of the swarm"),
    off_only("use-internal-buffering", BUFFER, "Hold data back until a buffer is full"),
    Opt::refused("live-max-buffer-time", SECONDS, BUFFER),
    Opt::refused("metadata-dir", Form::Path, VIEWER),
    Opt::refused("api-port", Form::Int(1, 65_535), "the telnet interface is not in this build yet"),
    Opt::refused("access-token", Form::Token, ACCESS),
    Opt::refused("make-default-access-token", Form::Bool, ACCESS),
    Opt::refused("allow-user-config", Form::Flag, VIEWER),
    Opt::refused("user-agent", Form::Text(256), VIEWER),
    Opt::refused("cache-limit", COUNT, CACHE),
    Opt::refused("cache-max-bytes", BYTES, CACHE),
    Opt::refused("cache-auto", Form::Bool, CACHE),
    Opt::refused("delete-pieces-before-playback", Form::Bool, VIEWER),
    Opt::refused("delete-pieces-before-playback-max-iterations", COUNT, VIEWER),
    Opt::refused("delete-chunks-before-playback", Form::Bool, VIEWER),
    Opt::refused("delete-chunks-before-playback-max-iterations", COUNT, VIEWER),
    Opt::refused("live-disable-multiple-read-threads", Form::Flag, VIEWER),
    Opt::refused("live-stop-main-read-thread", Form::Flag, VIEWER),
    Opt::refused("gui-wx", Form::Flag, "the client has no window in this build"),
    Opt::refused("gui-gtk", Form::Flag, "the client has no window in this build"),
];
