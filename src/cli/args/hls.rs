//! HLS broadcasts: what their transport files say, where these are written, and what a support node does
//! with them.

use super::broadcast::{CATEGORY, PROVIDER_KEY, SID, STARTUP_NODE, TRACKER};
use super::storage::PUBLISH_DIR;
use crate::base::limits::TITLE_MAX_BYTES;
use crate::cli::option::{Form, Opt};

const HIDE_SEGMENTS: Opt = Opt::flag("hide-hls-segments", "Tell no peer where the segments are");
const PRIVATE_DOC: &str = "Transport file for support nodes, with key and playlist URL: never give it away; must not be --output-public";

/// What is broadcast.
pub const PLAYLIST: &[Opt] = &[
    Opt::required("url", Form::PlaylistUrl, "Live HLS playlist, master or media"),
    Opt::new(
        "base-url",
        Form::PlaylistUrl,
        "--url",
        "URL that the infohash is made from, for a --url that changes; has no effect with --hide-hls-manifest",
    ),
    Opt::flag("hide-hls-manifest", "Keep the playlist's URL out of the public transport file"),
    HIDE_SEGMENTS,
];

/// What the transport files say beside.
pub const DESCRIPTION: &[Opt] = &[
    Opt::required("title", Form::Text(TITLE_MAX_BYTES), "Title shown in players"),
    CATEGORY,
    Opt::list("country", Form::Country, "Country of the broadcast"),
    Opt::list("language", Form::Language, "Language of the broadcast"),
    Opt { doc: "Tracker, written to the transport files", ..TRACKER },
    Opt { doc: "Startup node, written to the transport files", ..STARTUP_NODE },
    PROVIDER_KEY,
    SID,
];

/// Where transport files are made.
pub const OUTPUT: &[Opt] = &[
    Opt::required("output-public", Form::Path, "Transport file for everybody; its directory must exist"),
    Opt::new("output-private", Form::Path, "needed with --hide-hls-manifest, else none", PRIVATE_DOC),
    Opt::flag("quiet", "Print nothing"),
];

/// The same where a node runs on them.
pub const PUBLISHED: &[Opt] = &[
    Opt { doc: "Directory of the public transport file; must exist", ..PUBLISH_DIR },
    Opt::new(
        "output-public",
        Form::Path,
        "`<title>.acelive` in --publish-dir",
        "Transport file for everybody",
    ),
    Opt::new("output-private", Form::Path, "`<title>_private.acelive` in --metadata-dir", PRIVATE_DOC),
    Opt::flag("quiet", "Print nothing, unless --log-stdout asks for the log"),
];

/// Support node: whom it tells where the segments are. Where transport files are made, that is among
/// [`PLAYLIST`].
pub const SUPPORT_HIDING: &[Opt] = &[HIDE_SEGMENTS];

/// Support node: how it reads the origin and feeds the swarm.
pub const SUPPORT: &[Opt] = &[
    Opt::flag("hls-broadcast-last-source-piece", "Tell the swarm the newest segment that the origin shows"),
    Opt::flag("hls-skip-data", "Read and tell the playlist only, fetch no media"),
    Opt::flag("hls-skip-metadata-broadcast", "Tell segment URLs to directly connected nodes only"),
    Opt::new(
        "hls-bad-manifest-max-errors",
        Form::Int(1, 1_000_000),
        "5",
        "Playlists in a row whose media sequence went back, after which the stream begins anew",
    ),
    Opt::new(
        "hls-bad-manifest-retry-interval",
        Form::Int(1, 86_400),
        "2",
        "Seconds before the playlist is read again after such a one",
    ),
    Opt::new(
        "hls-force-monotonic-sequence",
        Form::Bool,
        "0",
        "Number segments on through resets and restarts; for hidden manifests only",
    ),
    Opt::new(
        "metadata-dir",
        Form::Path,
        ".",
        "Directory of what an HLS broadcast keeps from run to run; must exist",
    ),
];
