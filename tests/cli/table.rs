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
    /// S source, R support (relay), C client, T tracker, D demo, H create HLS transport, P publish HLS stream.
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
const LISTED: &[&str] =
    &["10.0.0.1:8621", "[fe80::1]:8621", "10.0.0.1", "10.0.0.0/8", "fd00::/8", "10.0.0.0/8:8621"];
const NO_LISTED: &[&str] =
    &["10.0.0.1:0", "host:8621", "10.0.0.1:70000", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", ""];
const TRACKERS: &[&str] =
    &["http://t/announce", "https://t/announce", "udp://t:80/announce", "udp://[::1]:1/a"];
const NO_TRACKER: &[&str] = &["t:80", "ftp://t/announce", "http://", "http://a b/"];
const URLS: &[&str] = &["http://h/x.png", "https://h/x.png"];
const NO_URL: &[&str] = &["udp://h/x", "x.png", "http://"];
const PLAYLISTS: &[&str] = &["http://h/x.m3u8", "https://h:1/a/b.m3u8?token=%2F#x", "http://[::1]/ä.m3u8"];
const NO_PLAYLIST: &[&str] =
    &["udp://h/x", "x.m3u8", "http://", "http:///x", "http://h/a b", "file:///x.m3u8"];
const NO_OUTPUT: &[&str] = &["/proc/x", "/nowhere/x", "/dev/null/x", "/tmp", "/tmp/x/", ""];
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
    row("SRCTDHP", "log-file", &["/tmp/x.log"], &["/proc/x.log", "/nowhere/x.log", ""], Acts),
    row("SRCTDHP", "log-debug", &["355", "1"], NO_NUMBER, Acts),
    row("SRCTDHP", "log-modules", &["root:D", "acestream.LM:E,x:I"], &["root", "root:Q", ":D"], Acts),
    row("SRCTDHP", "log-backup-count", NUMBER, NO_NUMBER, Acts),
    row("SRCTDHP", "log-max-size", &["100000000"], NO_NUMBER, Acts),
    row("SRCTDHP", "log-format", &["json"], &["xml", ""], Acts),
    row("SRCTDHP", "log-file-mode", &["w"], &["r", ""], Acts),
    row("SRCTDHP", "log-stdout", FLAG, &["1"], Acts),
    row("SRCTDHP", "log-stderr", FLAG, &["1"], Acts),
    row("SRCTDHP", "log-stdout-level", LEVELS, NO_LEVEL, Acts),
    row("SRCTDHP", "log-stderr-level", LEVELS, NO_LEVEL, Acts),
    // common
    row("SRCP", "private-node", &["1"], NO_BOOL, Acts),
    row("SRP", "monitor-node-ip", &["127.0.0.1"], &["127.0.0.1:80", "host"], Acts),
    row("C", "monitor-node-ip", &["127.0.0.1"], &["127.0.0.1:80", "host"], Ends),
    row("SRCP", "upload-to", LISTED, NO_LISTED, Acts),
    row("SRCP", "download-from", LISTED, NO_LISTED, Acts),
    row("SRCP", "close-connections-from-same-peer", &["1"], NO_BOOL, Acts),
    row("SRCP", "max-connections", NUMBER, NO_NUMBER, Acts),
    row("SRCP", "max-peers", NUMBER, NO_NUMBER, Acts),
    row("SRCP", "max-upload-slots", NUMBER, NO_NUMBER, Acts),
    row("SRCP", "stats-report-interval", NUMBER, NO_NUMBER, Acts),
    row("SRP", "stats-report-peers", FLAG, &["1"], Acts),
    row("C", "stats-report-peers", FLAG, &["1"], Ends),
    row("SRP", "service-remote-access", FLAG, &["1"], Acts),
    row("C", "service-remote-access", FLAG, &["1"], Ends),
    row("SRP", "service-access-token", TOKEN, NO_TOKEN, Acts),
    row("C", "service-access-token", TOKEN, NO_TOKEN, Ends),
    row("SRCP", "live-cache-type", &["disk"], &["tape", ""], Acts),
    row("SRCP", "state-dir", PATH, NO_PATH, Acts),
    row("SRCP", "cache-dir", PATH, NO_PATH, Acts),
    row("S", "metadata-dir", &["/tmp"], &["/proc", "/nowhere", "/dev/null"], Acts),
    row("RP", "metadata-dir", &["/tmp"], &["/proc", "/nowhere", "/dev/null"], Acts),
    row("C", "metadata-dir", &["/tmp"], NO_PATH, Ends),
    row("SRCTP", "pid-file-dir", &["/var/tmp"], &["/proc", "/nowhere", "/dev/null"], Acts),
    row("SRCP", "live-mem-cache-size", &["50000000"], &["1000", "-1", "x", ""], Acts),
    row("SRCP", "live-disk-cache-size", &["300000000"], &["1000", "-1", "x", ""], Acts),
    row("SRCP", "ip-filter-config", PATH, NO_PATH, Acts),
    row("SRCP", "geoip-db", PATH, NO_PATH, Acts),
    row("SRCP", "bind", &["127.0.0.1", "::1", "[::1]"], &["127.0.0.1:80", "host", ""], Acts),
    row("SRCTDP", "port", PORT, NO_PORT, Acts),
    row("T", "bind", &["127.0.0.1", "::1"], &["host"], Acts),
    row("SRCP", "allow-private-addresses", FLAG, &["1"], Acts),
    row("SRCP", "lsd-enabled", BOOL, NO_BOOL, Acts),
    row("RCP", "public-tracker", TRACKERS, NO_TRACKER, Acts),
    row("SRCP", "dht-enabled", &["0"], NO_BOOL, Acts),
    row(
        "SRCP",
        "dht-bootstrap",
        &["router.example:6881", "10.0.0.1:1", "[::1]:8621"],
        &["router.example", "host:0", "::1:8621", ":80", ""],
        Acts,
    ),
    // source node
    row("S", "name", &["abc-1_2"], &["Test", "a b", "a/b", "ä", ""], Acts),
    row(
        "S",
        "source",
        &["http://h/s", "https://h/s", "udp://@239.0.0.1:1234", "rtp://h:1", "file:x.ts", "x.ts"],
        &["ftp://h/s", "http://", ""],
        Acts,
    ),
    row("SHP", "title", TEXT, NO_TEXT, Acts),
    row("S", "quality", &["SD", "HD"], &["sd", "4K"], Acts),
    row("SHP", "category", &["entertaining", "kids", "erotic_18_plus"], &["tv", "Sport", ""], Acts),
    row("S", "bitrate", &["295972"], NO_NUMBER, Acts),
    row("S", "source-read-timeout", NUMBER, &["0", "-1", "x"], Acts),
    row("S", "source-reconnect-interval", &["0", "20"], NO_NUMBER, Acts),
    row("SP", "publish-dir", &["/tmp"], &["/proc", "/nowhere", "/dev/null"], Acts),
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
    row("SRCHP", "tracker", TRACKERS, NO_TRACKER, Acts),
    row("S", "metatracker", TRACKERS, NO_TRACKER, Acts),
    row("SHP", "startup-node", ADDRESSES, NO_ADDRESS, Acts),
    row("SHP", "provider-key", TOKEN, NO_TOKEN, Acts),
    row("SHP", "sid", TOKEN, NO_TOKEN, Acts),
    row("S", "timeshift", NUMBER, NO_NUMBER, Acts),
    row("S", "source-key-bits", &["1024", "2048"], &["769", "x"], Acts),
    row("S", "premium", FLAG, &["1"], Ends),
    row("S", "duration", &["01:00:00"], NO_TEXT, Ends),
    row("S", "add-authorized-peers", FLAG, &["1"], Ends),
    // support node
    row("R", "url", &["x.acelive", "file:///x.acelive", "http://h:1/app/get"], &["udp://h", ""], Acts),
    row("R", "public-transport-file", &["x.acelive", "http://h/x"], &["udp://h", ""], Acts),
    row("RP", "always-generate-peer-id", FLAG, &["1"], Acts),
    row("RP", "support-node-cleanup-interval", NUMBER, NO_NUMBER, Acts),
    row("RP", "core-sandbox-max-peers", NUMBER, NO_NUMBER, Ends),
    row("RP", "core-max-fast-peers", NUMBER, NO_NUMBER, Ends),
    // HLS broadcasts
    row("RHP", "hide-hls-segments", FLAG, &["1"], Acts),
    row("RP", "hls-broadcast-last-source-piece", FLAG, &["1"], Acts),
    row("RP", "hls-skip-data", FLAG, &["1"], Acts),
    row("RP", "hls-skip-metadata-broadcast", FLAG, &["1"], Acts),
    row("RP", "hls-bad-manifest-max-errors", NUMBER, &["0", "-1", "x", "1.5", ""], Acts),
    row("RP", "hls-bad-manifest-retry-interval", NUMBER, &["0", "-1", "x", "1.5", ""], Acts),
    row("RP", "hls-force-monotonic-sequence", &["1"], NO_BOOL, Acts),
    row("HP", "url", PLAYLISTS, NO_PLAYLIST, Acts),
    row("HP", "base-url", PLAYLISTS, NO_PLAYLIST, Acts),
    row("HP", "hide-hls-manifest", FLAG, &["1"], Acts),
    row("HP", "country", &["POL", "pol"], &["PL", "Poland", "P0L", ""], Acts),
    row("HP", "language", &["pol", "POL"], &["pl", "polish", "p0l", ""], Acts),
    row("HP", "output-public", &["/tmp/x"], NO_OUTPUT, Acts),
    row("HP", "output-private", &["/tmp/x"], NO_OUTPUT, Acts),
    row("HP", "quiet", FLAG, &["1"], Acts),
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
    row("SRP", "upnp-enabled", &["1"], NO_BOOL, Acts),
    row("C", "upnp-enabled", &["0"], NO_BOOL, Acts),
    row("SRCP", "service-remote-allow-cors", FLAG, &["1"], Ends),
    row("SRCP", "upload-limit", NUMBER, NO_NUMBER, Acts),
    row("SRCP", "download-limit", NUMBER, NO_NUMBER, Acts),
    row("SRCP", "max-peers-limit", NUMBER, NO_NUMBER, Ends),
    row("SRCP", "min-upload-slots", NUMBER, NO_NUMBER, Ends),
    row("SRCP", "fix-upload-slots", BOOL, NO_BOOL, Ends),
    row("SRCP", "fix-upload-slots-interval", NUMBER, NO_NUMBER, Ends),
    row("SRCP", "wanted-slots-factor", &["1.5"], &["-1", "x", "inf"], Ends),
    row("SRCP", "startup-slots-factor", &["2"], &["-1", "x", "nan"], Ends),
    row("SRCP", "startup-upload-slots", NUMBER, NO_NUMBER, Ends),
    row("SRCP", "startup-max-peers", NUMBER, NO_NUMBER, Ends),
    row("SRCP", "slots-manager-use-cpu-limit", BOOL, NO_BOOL, Ends),
    row("SRCP", "slots-manager-cpu-low-limit", NUMBER, &["101", "x"], Ends),
    row("SRCP", "slots-manager-cpu-high-limit", NUMBER, &["101", "x"], Ends),
    row("SRCP", "slots-manager-cpu-low-limit-per-core", NUMBER, &["101", "x"], Ends),
    row("SRCP", "slots-manager-cpu-high-limit-per-core", NUMBER, &["101", "x"], Ends),
    row("SRCP", "slots-manager-min-slots", NUMBER, NO_NUMBER, Ends),
    row("SRCP", "live-cache-auto-size", BOOL, NO_BOOL, Ends),
    row("SRCP", "live-cache-auto-size-reserve", NUMBER, NO_NUMBER, Ends),
    row("SRCP", "live-cache-max-memory-percent", NUMBER, &["101", "x"], Ends),
    row("SRCP", "vod-cache-type", &["memory", "disk"], &["tape"], Ends),
    row("SRCP", "disk-cache-limit", NUMBER, NO_NUMBER, Ends),
    row("SRCP", "memory-cache-limit", NUMBER, NO_NUMBER, Ends),
    row("SRCP", "sync-regular-interval", NUMBER, NO_NUMBER, Ends),
    row("SRCP", "sync-error-interval", NUMBER, NO_NUMBER, Ends),
    row("SRCP", "disk-cache-cleanup-interval-active", NUMBER, NO_NUMBER, Ends),
    row("SRCP", "disk-cache-cleanup-interval-inactive", NUMBER, NO_NUMBER, Ends),
    row("SRCP", "log-file-buffer", NUMBER, NO_NUMBER, Ends),
    row("SRCP", "lib-path", PATH, NO_PATH, Ends),
    row("SRCP", "purse", TEXT, NO_TEXT, Ends),
    // subsystems
    row("SRCP", "debug-multicast-pex", FLAG, &["1"], Acts),
    row("SRCP", "debug-encoder", FLAG, &["1"], Acts),
    row("SRCP", "debug-encoder-connection", FLAG, &["1"], Acts),
    row("SRCP", "debug-download-live", FLAG, &["1"], Acts),
    row("SRCP", "debug-connecter", FLAG, &["1"], Acts),
    row("SRCP", "debug-connecter-connection", FLAG, &["1"], Acts),
    row("SRCP", "debug-downloader", FLAG, &["1"], Acts),
    row("SRCP", "debug-single-download", FLAG, &["1"], Acts),
    row("SRCP", "debug-picker-client", FLAG, &["1"], Acts),
    row("SRCP", "debug-client-transporter", FLAG, &["1"], Acts),
    row("SRCP", "debug-memory-usage", FLAG, &["1"], Acts),
    row("SRCP", "debug-pieces", FLAG, &["1"], Acts),
    row("SRCP", "debug-storage", FLAG, &["1"], Acts),
    row("SRCP", "debug-rerequester", FLAG, &["1"], Acts),
    row("SRCP", "debug-rerequester-dht", FLAG, &["1"], Acts),
    row("SRCP", "debug-dht", FLAG, &["1"], Acts),
    row("SRCP", "debug-magnet", FLAG, &["1"], Acts),
];
