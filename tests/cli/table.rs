//! Every documented option: the modes that take it, values in its form, values in another, and what
//! becomes of it. Written from the documentation, not from the definitions.

/// What an option does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    /// Changes what the node is told.
    Acts,
    /// Says what this build does anyway; other values end it.
    OnlyAs(&'static str),
    /// Ends the program with a line that names it.
    Ends,
}

use Answer::{Acts, Ends, OnlyAs};

pub struct Row {
    /// S source, R support (relay), C client, T tracker, D demo.
    pub modes: &'static str,
    pub name: &'static str,
    /// Values to try, `""` standing for a flag. Those of a list are also given together.
    pub good: &'static [&'static str],
    pub bad: &'static [&'static str],
    pub answer: Answer,
}

const fn row(
    modes: &'static str,
    name: &'static str,
    good: &'static [&'static str],
    bad: &'static [&'static str],
    answer: Answer,
) -> Row {
    Row { modes, name, good, bad, answer }
}

const FLAG: &[&str] = &[""];
const BOOL: &[&str] = &["1", "0"];
const NO_BOOL: &[&str] = &["2", "yes", "true", "-1"];
const NUMBER: &[&str] = &["7"];
const NO_NUMBER: &[&str] = &["-1", "x", "1.5", ""];
const ADDRESSES: &[&str] = &["10.0.0.1:8621", "[fe80::1]:8621"];
const NO_ADDRESS: &[&str] = &["10.0.0.1", "10.0.0.1:0", "fe80::1:8621", "host:8621", "10.0.0.1:70000"];
const TRACKERS: &[&str] =
    &["http://t/announce", "https://t/announce", "udp://t:80/announce", "udp://[::1]:1/a"];
const NO_TRACKER: &[&str] = &["t:80", "ftp://t/announce", "http://", "http://a b/"];
const URLS: &[&str] = &["http://h/x.png", "https://h/x.png"];
const NO_URL: &[&str] = &["udp://h/x", "x.png", "http://"];
const TEXT: &[&str] = &["Some text, ünïcode"];
const NO_TEXT: &[&str] = &["", " ", "two\nlines"];
const PATH: &[&str] = &["/tmp/x"];
const NO_PATH: &[&str] = &[""];
const TOKEN: &[&str] = &["aZ09_-"];
const NO_TOKEN: &[&str] = &["a b", "ä", "a/b", ""];
const PORT: &[&str] = &["0", "1", "65535"];
const NO_PORT: &[&str] = &["65536", "-1", "x", ""];
const DATES: &[&str] = &["1700000000", "2030-01-31T18:00:00+01:00", "2030-01-31T17:00:00Z"];
const NO_DATE: &[&str] = &["tomorrow", "2030-13-01T00:00:00Z", "2030-01-31", "31.1.2030"];
const LEVELS: &[&str] = &["error", "info", "debug", "any"];
const NO_LEVEL: &[&str] = &["warn", "1"];

pub const ROWS: &[Row] = &[
    // log
    row("SRCTD", "log-file", &["/tmp/x.log"], &["/proc/x.log", "/nowhere/x.log", ""], Acts),
    row("SRCTD", "log-debug", &["355", "1"], NO_NUMBER, Acts),
    row("SRCTD", "log-modules", &["root:D", "acestream.LM:E,x:I"], &["root", "root:Q", ":D"], Acts),
    row("SRCTD", "log-backup-count", NUMBER, NO_NUMBER, Acts),
    row("SRCTD", "log-max-size", &["100000000"], NO_NUMBER, Acts),
    row("SRCTD", "log-file-mode", &["w"], &["r", ""], Acts),
    row("SRCTD", "log-stdout", FLAG, &["1"], Acts),
    row("SRCTD", "log-stderr", FLAG, &["1"], Acts),
    row("SRCTD", "log-stdout-level", LEVELS, NO_LEVEL, Acts),
    row("SRCTD", "log-stderr-level", LEVELS, NO_LEVEL, Acts),
    // common
    row("SRC", "private-node", &["0"], NO_BOOL, OnlyAs("0")),
    row("SRC", "monitor-node-ip", &["127.0.0.1"], &["127.0.0.1:80", "host"], Ends),
    row("SRC", "upload-to", ADDRESSES, NO_ADDRESS, Acts),
    row("SRC", "download-from", ADDRESSES, NO_ADDRESS, Acts),
    row("SRC", "close-connections-from-same-peer", &["1"], NO_BOOL, Acts),
    row("SRC", "max-connections", NUMBER, NO_NUMBER, Acts),
    row("SRC", "max-peers", NUMBER, NO_NUMBER, Acts),
    row("SRC", "max-upload-slots", NUMBER, NO_NUMBER, Acts),
    row("SRC", "stats-report-interval", NUMBER, NO_NUMBER, Acts),
    row("SRC", "stats-report-peers", FLAG, &["1"], Ends),
    row("SRC", "service-remote-access", FLAG, &["1"], Ends),
    row("SRC", "service-access-token", TOKEN, NO_TOKEN, Ends),
    row("SRC", "live-cache-type", &["memory"], &["tape", ""], OnlyAs("memory")),
    row("SRC", "state-dir", PATH, NO_PATH, Acts),
    row("SRC", "cache-dir", PATH, NO_PATH, Acts),
    row("S", "metadata-dir", &["/tmp"], &["/proc", "/nowhere", "/dev/null"], Acts),
    row("RC", "metadata-dir", &["/tmp"], NO_PATH, Ends),
    row("SRCT", "pid-file-dir", &["/var/tmp"], &["/proc", "/nowhere", "/dev/null"], Acts),
    row("SRC", "ip-filter-config", PATH, NO_PATH, Ends),
    row("SRC", "live-mem-cache-size", NUMBER, NO_NUMBER, Ends),
    row("SRC", "live-disk-cache-size", NUMBER, NO_NUMBER, Ends),
    row("SRC", "bind", &["127.0.0.1", "::1", "[::1]"], &["127.0.0.1:80", "host", ""], Acts),
    row("SRCTD", "port", PORT, NO_PORT, Acts),
    row("T", "bind", &["127.0.0.1", "::1"], &["host"], Acts),
    row("SRC", "allow-private-addresses", FLAG, &["1"], Acts),
    // source node
    row("S", "name", &["abc-1_2"], &["Test", "a b", "a/b", "ä", ""], Acts),
    row(
        "S",
        "source",
        &["http://h/s", "https://h/s", "udp://@239.0.0.1:1234", "rtp://h:1", "file:x.ts", "x.ts", "-"],
        &["ftp://h/s", "http://", ""],
        Acts,
    ),
    row("S", "title", TEXT, NO_TEXT, Acts),
    row("S", "quality", &["SD", "HD"], &["sd", "4K"], Acts),
    row("S", "category", &["entertaining", "kids", "erotic_18_plus"], &["tv", "Sport", ""], Acts),
    row("S", "bitrate", &["295972"], NO_NUMBER, Acts),
    row("S", "source-read-timeout", NUMBER, &["0", "-1", "x"], Acts),
    row("S", "source-reconnect-interval", &["0", "20"], NO_NUMBER, Acts),
    row("S", "publish-dir", &["/tmp"], &["/proc", "/nowhere", "/dev/null"], Acts),
    row("S", "mutex-name", TEXT, NO_TEXT, Acts),
    row("S", "skip-internal-tracker", FLAG, &["1"], Acts),
    row("S", "host", &["example.org", "10.0.0.1", "::1"], &["a b", "http://h", "h:80", ""], Acts),
    row("S", "permanent", FLAG, &["1"], Acts),
    row("S", "date-start", DATES, NO_DATE, Acts),
    row("S", "date-end", DATES, NO_DATE, Acts),
    row("S", "tag", TEXT, NO_TEXT, Acts),
    row("S", "logo-url", URLS, NO_URL, Acts),
    row("S", "description", TEXT, NO_TEXT, Acts),
    row("S", "deinterlacing-mode", &["discard", "yadif2x", "ivtc"], &["none", ""], Acts),
    row("S", "allow-public-trackers", &["1"], NO_BOOL, Acts),
    row("S", "piecesize", &["16384", "1048576", "8388608"], &["3", "8192", "16777216", "100000", "x"], Acts),
    row("S", "chunksize", &["1024", "65536"], &["512", "131072", "16383", "x"], Acts),
    row("SRC", "tracker", TRACKERS, NO_TRACKER, Acts),
    row("S", "metatracker", TRACKERS, NO_TRACKER, Acts),
    row("S", "startup-node", ADDRESSES, NO_ADDRESS, Acts),
    row("S", "provider-key", TOKEN, NO_TOKEN, Acts),
    row("S", "sid", TOKEN, NO_TOKEN, Acts),
    row("S", "timeshift", NUMBER, NO_NUMBER, Acts),
    row("S", "source-key-bits", &["1024", "2048"], &["769", "x"], Acts),
    row("S", "premium", FLAG, &["1"], Ends),
    row("S", "duration", &["01:00:00"], NO_TEXT, Ends),
    row("S", "add-authorized-peers", FLAG, &["1"], Ends),
    // support node
    row("R", "url", &["x.acelive", "file:///x.acelive", "http://h:1/app/get"], &["udp://h", ""], Acts),
    row("R", "public-transport-file", &["x.acelive", "http://h/x"], &["udp://h", ""], Acts),
    row("R", "always-generate-peer-id", FLAG, &["1"], Acts),
    row("R", "support-node-cleanup-interval", NUMBER, NO_NUMBER, Acts),
    row("R", "core-sandbox-max-peers", NUMBER, NO_NUMBER, Ends),
    row("R", "core-max-fast-peers", NUMBER, NO_NUMBER, Ends),
    row("R", "hide-hls-segments", FLAG, &["1"], Ends),
    row("R", "hls-broadcast-last-source-piece", FLAG, &["1"], Ends),
    row("R", "hls-skip-data", FLAG, &["1"], Ends),
    row("R", "hls-skip-metadata-broadcast", FLAG, &["1"], Ends),
    row("R", "hls-bad-manifest-max-errors", NUMBER, NO_NUMBER, Ends),
    row("R", "hls-bad-manifest-retry-interval", NUMBER, NO_NUMBER, Ends),
    row("R", "hls-force-monotonic-sequence", BOOL, NO_BOOL, Ends),
    // client
    row("CD", "http-port", PORT, NO_PORT, Acts),
    row("C", "api-port", &["62062"], NO_PORT, Ends),
    row("C", "bind-all", FLAG, &["1"], Acts),
    row("C", "live-buffer-time", &["0", "10"], NO_NUMBER, Acts),
    row("C", "live-max-buffer-time", NUMBER, NO_NUMBER, Ends),
    row("C", "live-adjust-buffer-time", &["0"], NO_BOOL, OnlyAs("0")),
    row("C", "use-internal-buffering", &["0"], NO_BOOL, OnlyAs("0")),
    row("C", "cache-limit", NUMBER, NO_NUMBER, Ends),
    row("C", "cache-max-bytes", NUMBER, NO_NUMBER, Ends),
    row("C", "cache-auto", BOOL, NO_BOOL, Ends),
    row("C", "login", TEXT, NO_TEXT, Ends),
    row("C", "password", TEXT, NO_TEXT, Ends),
    row("C", "access-token", TOKEN, NO_TOKEN, Ends),
    row("C", "make-default-access-token", BOOL, NO_BOOL, Ends),
    row("C", "allow-user-config", FLAG, &["1"], Ends),
    row("C", "user-agent", TEXT, NO_TEXT, Ends),
    row("C", "delete-pieces-before-playback", BOOL, NO_BOOL, Ends),
    row("C", "delete-pieces-before-playback-max-iterations", NUMBER, NO_NUMBER, Ends),
    row("C", "delete-chunks-before-playback", BOOL, NO_BOOL, Ends),
    row("C", "delete-chunks-before-playback-max-iterations", NUMBER, NO_NUMBER, Ends),
    row("C", "live-disable-multiple-read-threads", FLAG, &["1"], Ends),
    row("C", "live-stop-main-read-thread", FLAG, &["1"], Ends),
    row("C", "gui-wx", FLAG, &["1"], Ends),
    row("C", "gui-gtk", FLAG, &["1"], Ends),
    // named by the vendor, undocumented
    row("SRC", "upnp-enabled", &["0"], NO_BOOL, OnlyAs("0")),
    row("SRC", "service-remote-allow-cors", FLAG, &["1"], Ends),
    row("SRC", "upload-limit", NUMBER, NO_NUMBER, Ends),
    row("SRC", "download-limit", NUMBER, NO_NUMBER, Ends),
    row("SRC", "max-peers-limit", NUMBER, NO_NUMBER, Ends),
    row("SRC", "min-upload-slots", NUMBER, NO_NUMBER, Ends),
    row("SRC", "fix-upload-slots", BOOL, NO_BOOL, Ends),
    row("SRC", "fix-upload-slots-interval", NUMBER, NO_NUMBER, Ends),
    row("SRC", "wanted-slots-factor", &["1.5"], &["-1", "x", "inf"], Ends),
    row("SRC", "startup-slots-factor", &["2"], &["-1", "x", "nan"], Ends),
    row("SRC", "startup-upload-slots", NUMBER, NO_NUMBER, Ends),
    row("SRC", "startup-max-peers", NUMBER, NO_NUMBER, Ends),
    row("SRC", "slots-manager-use-cpu-limit", BOOL, NO_BOOL, Ends),
    row("SRC", "slots-manager-cpu-low-limit", NUMBER, &["101", "x"], Ends),
    row("SRC", "slots-manager-cpu-high-limit", NUMBER, &["101", "x"], Ends),
    row("SRC", "slots-manager-cpu-low-limit-per-core", NUMBER, &["101", "x"], Ends),
    row("SRC", "slots-manager-cpu-high-limit-per-core", NUMBER, &["101", "x"], Ends),
    row("SRC", "slots-manager-min-slots", NUMBER, NO_NUMBER, Ends),
    row("SRC", "live-cache-auto-size", BOOL, NO_BOOL, Ends),
    row("SRC", "live-cache-auto-size-reserve", NUMBER, NO_NUMBER, Ends),
    row("SRC", "live-cache-max-memory-percent", NUMBER, &["101", "x"], Ends),
    row("SRC", "vod-cache-type", &["memory", "disk"], &["tape"], Ends),
    row("SRC", "disk-cache-limit", NUMBER, NO_NUMBER, Ends),
    row("SRC", "memory-cache-limit", NUMBER, NO_NUMBER, Ends),
    row("SRC", "sync-regular-interval", NUMBER, NO_NUMBER, Ends),
    row("SRC", "sync-error-interval", NUMBER, NO_NUMBER, Ends),
    row("SRC", "disk-cache-cleanup-interval-active", NUMBER, NO_NUMBER, Ends),
    row("SRC", "disk-cache-cleanup-interval-inactive", NUMBER, NO_NUMBER, Ends),
    row("SRC", "log-file-buffer", NUMBER, NO_NUMBER, Ends),
    row("SRC", "lib-path", PATH, NO_PATH, Ends),
    row("SRC", "purse", TEXT, NO_TEXT, Ends),
    // subsystems
    row("SRC", "debug-multicast-pex", FLAG, &["1"], Acts),
    row("SRC", "debug-encoder", FLAG, &["1"], Acts),
    row("SRC", "debug-encoder-connection", FLAG, &["1"], Acts),
    row("SRC", "debug-download-live", FLAG, &["1"], Acts),
    row("SRC", "debug-connecter", FLAG, &["1"], Acts),
    row("SRC", "debug-connecter-connection", FLAG, &["1"], Acts),
    row("SRC", "debug-downloader", FLAG, &["1"], Acts),
    row("SRC", "debug-single-download", FLAG, &["1"], Acts),
    row("SRC", "debug-picker-client", FLAG, &["1"], Acts),
    row("SRC", "debug-client-transporter", FLAG, &["1"], Acts),
    row("SRC", "debug-memory-usage", FLAG, &["1"], Acts),
    row("SRC", "debug-pieces", FLAG, &["1"], Acts),
    row("SRC", "debug-storage", FLAG, &["1"], Acts),
    row("SRC", "debug-rerequester", FLAG, &["1"], Acts),
    row("SRC", "debug-rerequester-dht", FLAG, &["1"], Acts),
    row("SRC", "debug-dht", FLAG, &["1"], Acts),
    row("SRC", "debug-magnet", FLAG, &["1"], Acts),
];
