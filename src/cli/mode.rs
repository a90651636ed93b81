//! The modes: what the process is to be. Exactly one is asked for on a command line, or by the tables of a
//! configuration file.

use super::option::Form;

/// What the process is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Source,
    Support,
    Client,
    CreateHls,
    PublishHls,
    Tracker,
    Demo,
    GetInfohash,
    GetFileInfo,
    GetFileInfoWithId,
    Generate,
    Version,
}

impl Mode {
    /// Every mode of this build, in the order of the help.
    pub const ALL: [Self; 12] = [
        Self::Source,
        Self::Support,
        Self::Client,
        Self::CreateHls,
        Self::PublishHls,
        Self::Tracker,
        Self::Demo,
        Self::GetInfohash,
        Self::GetFileInfo,
        Self::GetFileInfoWithId,
        Self::Generate,
        Self::Version,
    ];

    /// The flag, without its dashes.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Source => "stream-source-node",
            Self::Support => "stream-support-node",
            Self::Client => "client-console",
            Self::CreateHls => "create-hls-transport",
            Self::PublishHls => "publish-hls-stream",
            Self::Tracker => "start-tracker",
            Self::Demo => "demo",
            Self::GetInfohash => "get-infohash",
            Self::GetFileInfo => "get-file-info",
            Self::GetFileInfoWithId => "get-file-info-with-id",
            Self::Generate => "generate",
            Self::Version => "version",
        }
    }

    /// The modes that a table of a configuration file can ask for.
    pub const OF_TABLES: [Self; 5] =
        [Self::Source, Self::Support, Self::Client, Self::PublishHls, Self::Tracker];

    /// The table of a configuration file that asks for this mode.
    pub fn table(self) -> Option<&'static str> {
        match self {
            Self::Source => Some("source"),
            Self::Support => Some("support"),
            Self::Client => Some("client"),
            Self::PublishHls => Some("publish-hls"),
            Self::Tracker => Some("tracker"),
            _ => None,
        }
    }

    /// One line for the help and the documentation.
    pub fn doc(self) -> &'static str {
        match self {
            Self::Source => "Broadcast an MPEG-TS stream",
            Self::Support => "Relay a broadcast for as long as the process runs",
            Self::Client => "Fetch broadcasts and serve them to players over HTTP",
            Self::CreateHls => "Make the transport file of an HLS broadcast, or a public and a private one",
            Self::PublishHls => "Make the transport files of an HLS broadcast and feed it as a support node",
            Self::Tracker => "Run a tracker alone, HTTP and UDP on one port",
            Self::Demo => "Source, support node and client at once, with a clip that the program carries",
            Self::GetInfohash => "Print the infohash of a transport file",
            Self::GetFileInfo => "Print what a transport file holds, as JSON",
            Self::GetFileInfoWithId => "The same as --get-file-info, whose output holds the content id",
            Self::Generate => "Print the man page, or completions for a shell",
            Self::Version => "Print version and revision (also -v)",
        }
    }

    /// The form of the flag's own value, where the mode acts on one.
    pub fn operand(self) -> Option<Form> {
        match self {
            Self::GetInfohash | Self::GetFileInfo | Self::GetFileInfoWithId => Some(Form::Path),
            Self::Generate => Some(Form::Choice(&["completions", "man"])),
            _ => None,
        }
    }

    /// What the usage line shows after the mode's flag.
    pub fn usage(self) -> &'static str {
        match self {
            Self::Source => " --name NAME --source URL --title TITLE [OPTIONS]",
            Self::Support => " --url TRANSPORT [OPTIONS]",
            Self::CreateHls => " --url URL --title TITLE --output-public PATH [OPTIONS]",
            Self::PublishHls => " --url URL --title TITLE [OPTIONS]",
            Self::Client | Self::Tracker | Self::Demo => " [OPTIONS]",
            Self::GetInfohash | Self::GetFileInfo | Self::GetFileInfoWithId => " PATH",
            Self::Generate => " completions|man [OPTIONS]",
            Self::Version => "",
        }
    }
}

/// Modes of the reference engine that are recognised and refused, with the reason.
pub const ABSENT_MODES: [(&str, &str); 7] = [
    ("create-transport", "transport files are made by --stream-source-node in this build"),
    ("create-transport-multi", "multi-stream transport files are not in this build yet"),
    ("stream-startup-node", "startup nodes are not in this build yet"),
    ("control-node", "control nodes are not in this build yet"),
    ("client-gtk", "the client has no window in this build, use --client-console"),
    ("client-wx", "the client has no window in this build, use --client-console"),
    ("play", "playing to standard output is not in this build yet, use --client-console"),
];
