//! What is broadcast, from where, how it is cut and who hears of it.

use crate::base::limits::{
    CHUNK_LENGTH_MAX_BYTES, CHUNK_LENGTH_MIN_BYTES, PIECE_LENGTH_MAX_BYTES, TITLE_MAX_BYTES,
};
use crate::cli::option::{Effect, Form, Opt};
use crate::node::config::{CATEGORIES, DEINTERLACING_MODES};

/// 1 Gbit/s: beyond it, pieces of the largest size last less than 70 ms.
const BITRATE_MAX: u64 = 125_000_000;
const PIECE_SIZE_MIN_BYTES: u32 = 16 * 1024;
const DAY_SECONDS: u64 = 86_400;

/// Source node: what names and classifies the broadcast.
pub const IDENTITY: &[Opt] = &[
    Opt::required("name", Form::Name, "Base name of the broadcast's files"),
    Opt::required("title", Form::Text(TITLE_MAX_BYTES), "Title shown in players; part of the infohash"),
    Opt::new("quality", Form::Choice(&["auto", "SD", "HD"]), "auto", "Quality shown in players"),
    CATEGORY,
];

/// What every broadcast may say of itself.
pub const CATEGORY: Opt = Opt::list("category", Form::Choice(&CATEGORIES), "Category");
pub const PROVIDER_KEY: Opt = Opt::new("provider-key", Form::Token, "", "Identity of the broadcaster");
pub const SID: Opt = Opt::new("sid", Form::Token, "", "Stream id for statistics");
pub const STARTUP_NODE: Opt =
    Opt::list("startup-node", Form::Address, "Startup node, written to the transport file");

/// Source node: where the stream comes from.
pub const SOURCE: &[Opt] = &[
    Opt::required_list(
        "source",
        Form::SourceUrl,
        "MPEG-TS over HTTP(S), UDP or RTP, a file, or - for stdin; more of them are read in this order while those before fail",
    ),
    Opt::new(
        "bitrate",
        Form::Int(0, BITRATE_MAX),
        "0",
        "Average bitrate in bytes a second, written to the transport file; 0 measures it",
    ),
    Opt::new(
        "source-read-timeout",
        Form::Int(1, DAY_SECONDS),
        "10",
        "Seconds of silence after which the source is opened anew",
    ),
    Opt::new(
        "source-reconnect-interval",
        Form::Int(0, DAY_SECONDS),
        "1",
        "Seconds before the source is opened anew",
    ),
];

/// Source node: geometry and keys.
pub const PIECES: &[Opt] = &[
    Opt::new(
        "piecesize",
        Form::PowerOfTwo(PIECE_SIZE_MIN_BYTES, PIECE_LENGTH_MAX_BYTES),
        "about one second of the stream",
        "Bytes of a piece, at least --chunksize",
    ),
    Opt::new(
        "chunksize",
        Form::PowerOfTwo(CHUNK_LENGTH_MIN_BYTES, CHUNK_LENGTH_MAX_BYTES),
        "16384",
        "Bytes of a chunk; no other size than 16384 was seen elsewhere",
    ),
    Opt::new(
        "source-key-bits",
        Form::Choice(&["768", "1024", "2048"]),
        "768",
        "Size of the signing key when one has to be made; existing engines know 768 only",
    ),
];

/// Source node: who tells peers of each other.
pub const TRACKERS: &[Opt] = &[
    Opt::flag("skip-internal-tracker", "Do not run the tracker inside this node"),
    Opt::new("host", Form::Host, "detected", "Host in the URL of the internal tracker"),
    TRACKER,
    Opt::list("metatracker", Form::TrackerUrl, "Metatracker, written to the transport file"),
    STARTUP_NODE,
    Opt::new(
        "allow-public-trackers",
        Form::Bool,
        "0",
        "Other nodes may use public trackers for this broadcast",
    ),
];

/// Trackers given by hand, in every mode that announces.
pub const TRACKER: Opt = Opt::list("tracker", Form::TrackerUrl, "Tracker to announce to");

/// Source node: what the transport file says beside.
pub const DESCRIPTION: &[Opt] = &[
    Opt::flag("permanent", "The broadcast runs round the clock"),
    Opt::new("date-start", Form::Date, "", "When the broadcast begins: no input is read before"),
    Opt::new("date-end", Form::Date, "", "When it ends, and the node with it; after --date-start"),
    Opt::list("tag", Form::Text(64), "Free tag"),
    Opt::new("logo-url", Form::Url, "", "Logo shown in players"),
    Opt::new("description", Form::Text(4096), "", "Description shown in players"),
    Opt::new("deinterlacing-mode", Form::Choice(&DEINTERLACING_MODES), "", "Hint for players"),
    PROVIDER_KEY,
    SID,
    Opt::new("timeshift", Form::Int(0, 30 * DAY_SECONDS), "", "Seconds of the player's time-shift bar"),
    Opt::new("mutex-name", Form::Text(256), "", "Named mutex of Windows; accepted with a warning elsewhere")
        .with(Effect::Warns("named mutexes exist on Windows only")),
];

/// Support node: what is relayed.
pub const SUPPORT: &[Opt] = &[
    Opt::required("url", Form::FileOrUrl, "Transport file of the broadcast"),
    Opt::new("public-transport-file", Form::FileOrUrl, "--url", "Transport file handed out to others"),
    TRACKER,
];
