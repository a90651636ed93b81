//! Every bound on what a stranger can make this process hold or do, with its reason.

use std::time::Duration;

// --- frames and links (wire, net) ---

/// Longest frame read from a peer. The largest legitimate ones stay below 24 KiB for 16 KiB chunks
/// and 68 KiB for the largest chunk that a transport file may declare.
pub const FRAME_MAX_BYTES: usize = 128 * 1024;
/// Time for a stranger to finish the 46-byte head of a handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a dialled address to accept the connection.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// A link that sent nothing for so long is closed; keepalives go out at half of it.
pub const LINK_IDLE_TIMEOUT: Duration = Duration::from_secs(240);
/// A frame that began must be complete within this time: one byte a second is not a peer.
pub const FRAME_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes queued to a peer that does not read, beyond which the link is closed.
pub const LINK_QUEUE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// A peer to which bytes wait for so long without any of them going out is closed.
pub const LINK_UNREAD_TIMEOUT: Duration = Duration::from_secs(30);

// --- who is let in (net) ---

/// The operator's file of address rules: half a million networks.
pub const FILTER_FILE_MAX_BYTES: usize = 16 * 1024 * 1024;

// --- bencode, extended handshake, metadata (wire) ---

/// Nesting of bencode from outside.
pub const BENCODE_MAX_DEPTH: usize = 32;
/// Values in one bencoded input: a parsed value takes some 40 times the 2 bytes of an empty list.
pub const BENCODE_MAX_VALUES: usize = 64 * 1024;
/// Header dict of a metadata message; three small integers.
pub const METADATA_HEADER_MAX_BYTES: usize = 1024;
/// Compact state (id 11): 20 integers are below 400 bytes.
pub const MY_INFO_MAX_BYTES: usize = 4 * 1024;
/// Transport files, and metadata that a peer offers.
pub const TRANSPORT_FILE_MAX_BYTES: usize = 1024 * 1024;
/// An extended handshake is below 1 KiB in everything seen.
pub const EXTENDED_HANDSHAKE_MAX_BYTES: usize = 16 * 1024;
/// Records read from one peer exchange message; 50 was the most seen.
pub const PEX_MAX_RECORDS: usize = 200;
/// Longest datagram of local discovery: what fits into an Ethernet frame, as BEP 14 asks.
pub const LSD_DATAGRAM_MAX_BYTES: usize = 1400;
/// Infohashes in one such datagram: the most that fit.
pub const LSD_INFOHASHES_MAX: usize = 25;
/// A cookie in it; those seen are 8 to 16 characters.
pub const LSD_COOKIE_MAX_BYTES: usize = 64;

// --- transport file (wire) ---

pub const PIECE_LENGTH_MAX_BYTES: u32 = 8 * 1024 * 1024;
pub const CHUNK_LENGTH_MIN_BYTES: u32 = 1024;
pub const CHUNK_LENGTH_MAX_BYTES: u32 = 64 * 1024;
pub const TRACKERS_MAX: usize = 64;
pub const TRACKER_URL_MAX_BYTES: usize = 256;
pub const TITLE_MAX_BYTES: usize = 256;
pub const CATEGORIES_MAX: usize = 32;
pub const CATEGORY_MAX_BYTES: usize = 128;
/// A 4096-bit RSA key takes 550 bytes.
pub const PUBKEY_MAX_BYTES: usize = 1024;
/// Bootstrap addresses read from a transport file.
pub const STARTUP_NODES_MAX: usize = 64;
/// Texts of a transport file that only people read.
pub const DESCRIPTION_MAX_BYTES: usize = 4096;
pub const LOGO_URL_MAX_BYTES: usize = 1024;
/// Provider key and stream id.
pub const PROVIDER_TEXT_MAX_BYTES: usize = 128;
/// Countries, and languages, of one broadcast: there are 249 countries.
pub const REGIONS_MAX: usize = 256;
/// The code of one of these; ISO writes three letters.
pub const REGION_CODE_MAX_BYTES: usize = 16;

// --- HLS ---

/// Media playlists of one broadcast: variants and renditions. Services with every language stay below.
pub const HLS_STREAMS_MAX: u32 = 64;
/// The highest media sequence number taken, far beyond all that count from 1970 in nanoseconds: so that no sum
/// overflows.
pub const HLS_NUMBER_MAX: u64 = 1 << 62;
/// A media segment: 10 s at 25 Mbit/s.
pub const SEGMENT_MAX_BYTES: u64 = 32 * 1024 * 1024;
/// Chunks of one segment.
pub const SEGMENT_CHUNKS_MAX: u16 = 2048;
/// A URL of a playlist, a segment or a key.
pub const HLS_URL_MAX_BYTES: usize = 4096;
/// A message of the piece table; it must fit into a frame.
pub const TABLE_MESSAGE_MAX_BYTES: usize = FRAME_MAX_BYTES - 64;
/// An entry of the piece table: 32 bytes a chunk, and what is said beside.
pub const HLS_ENTRY_MAX_BYTES: usize = 80 * 1024;

// --- swarm ---

/// Pieces of one peer's advertised window that are remembered, newest first.
pub const PEER_WINDOW_MAX_PIECES: u64 = 4096;
/// How far one message may move a peer's newest piece once we follow the stream.
pub const HEAD_JUMP_MAX_PIECES: u64 = 256;
/// Requests that one peer may have waiting at our side; later ones replace the oldest.
pub const PEER_REQUESTS_MAX: usize = 512;
/// Messages a second from one peer. A peer that fetches 1 Gbit/s in chunks of 16 KiB sends 8,000.
pub const PEER_MESSAGES_PER_SECOND_MAX: u32 = 20_000;
/// A peer that describes itself again sooner than this is not listened to.
pub const DESCRIPTION_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Bytes that may wait for a peer before its requests for metadata are ignored.
pub const METADATA_QUEUE_MAX_BYTES: usize = 128 * 1024;
/// Addresses of peers remembered to dial.
pub const CANDIDATES_MAX: usize = 2048;
/// Addresses told in one peer exchange message, as existing engines do.
pub const PEX_TOLD_MAX: usize = 50;
/// Addresses that one peer may name a minute, in bursts of as many: two full messages and what existing engines
/// send beside. More is not looked at.
pub const PEX_HEARD_PER_MINUTE_MAX: u32 = 200;
/// Addresses to dial that only one peer named, at a time: so that a liar is outvoted by anybody else.
pub const PEX_CANDIDATES_PER_PEER_MAX: usize = 64;
/// Addresses to dial that only peers named: the other half is for trackers and the rest.
pub const PEX_CANDIDATES_MAX: usize = CANDIDATES_MAX / 2;
/// Ports of one public address that peers may name: a household or two behind one router, and no more, so that
/// nobody is knocked at on every port because somebody said so.
pub const PEX_PORTS_PER_IP_MAX: usize = 8;
/// Addresses under which this node met itself, one for each interface and router.
pub const OWN_ADDRESSES_MAX: usize = 16;
/// Peers whose word on our own address counts; the oldest goes first.
pub const ADDRESS_VOTES_MAX: usize = 64;
/// Finds of local discovery remembered, so that none is told twice a minute.
pub const LSD_FINDS_MAX: usize = 1024;
/// Ports that one neighbour may name for one swarm within that time.
pub const LSD_PORTS_PER_NEIGHBOUR_MAX: usize = 4;
/// Datagrams of local discovery that are looked at in one second: a link of a hundred nodes that all begin at once.
pub const LSD_DATAGRAMS_PER_SECOND_MAX: u32 = 100;
/// Interfaces on which local discovery speaks.
pub const LSD_INTERFACES_MAX: usize = 16;
/// Bans remembered; the oldest goes first.
pub const BANS_MAX: usize = 4096;
/// Signature digests of past pieces remembered, against replays under another number.
pub const REPLAY_MEMORY_PIECES: usize = 4096;

// --- disk cache (swarm, store) ---

/// Pieces read back from disk at once for peers: a stranger that asks for a chunk of each moves the disk no
/// faster.
pub const ARCHIVE_LOADS_MAX: usize = 8;
/// What waits for the disk: these reads, and as many pieces to write. What comes beyond is not kept.
pub const STORAGE_COMMANDS_MAX: usize = 2 * ARCHIVE_LOADS_MAX;
/// What the disk tells and the swarm has not taken.
pub const STORAGE_EVENTS_MAX: usize = 64;
/// One file of the cache; the last one of a broadcast is shorter.
pub const CACHE_FILE_MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Pieces older than this are not taken up again, and files of other broadcasts that nobody uses and that are
/// older are removed.
pub const CACHE_LIFE: Duration = Duration::from_secs(24 * 3600);

// --- tracker ---

/// Time between two announces that our tracker asks for: short, since viewers of a live stream come and go.
pub const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(300);
/// Announces sooner than this are answered all the same; polite clients wait.
pub const ANNOUNCE_MIN_INTERVAL: Duration = Duration::from_secs(60);
/// A peer that did not announce for so long is forgotten: two intervals and a lost packet.
pub const TRACKER_PEER_LIFETIME: Duration = Duration::from_secs(660);
/// Swarms that a tracker remembers, some 400 bytes each without their peers.
pub const TRACKER_SWARMS_MAX: usize = 65_536;
/// Peers of one swarm; beyond it a newcomer takes the place of a random one.
pub const TRACKER_SWARM_PEERS_MAX: usize = 100_000;
/// Peers of all swarms together, below 120 bytes each.
pub const TRACKER_PEERS_MAX: usize = 1_000_000;
/// Connections of a standalone tracker; each takes some kilobytes.
pub const TRACKER_CONNECTIONS_MAX: usize = 10_000;
/// Addresses in one answer when the announcer names no number.
pub const ANNOUNCE_PEERS_DEFAULT: usize = 50;
/// Addresses in one answer at most: 1,220 bytes over UDP and IPv4, one packet.
pub const ANNOUNCE_PEERS_MAX: usize = 200;
/// The same over UDP and IPv6, where one takes 18 bytes.
pub const ANNOUNCE_UDP6_PEERS_MAX: usize = 74;
/// Swarms in one scrape: what a UDP packet carries.
pub const SCRAPE_MAX: usize = 74;
/// Longest datagram read: an announce with every option seen stays below 400 bytes, a full scrape is 1,496.
pub const TRACKER_DATAGRAM_MAX_BYTES: usize = 2048;
/// Longest reply read from a tracker.
pub const TRACKER_REPLY_MAX_BYTES: usize = 512 * 1024;
/// Addresses taken from one reply of a tracker.
pub const TRACKER_REPLY_PEERS_MAX: usize = 2000;
/// Characters kept of a failure that a tracker tells.
pub const TRACKER_FAILURE_MAX_CHARS: usize = 200;

// --- DHT ---

/// Longest datagram read: more than any that one packet carries.
pub const DHT_DATAGRAM_MAX_BYTES: usize = 1500;
/// Name of a query that is written back in its answer; those in use take 2 to 8 bytes.
pub const DHT_TRANSACTION_MAX_BYTES: usize = 20;
/// A token that is kept to announce with; those in use take 4 to 20 bytes.
pub const DHT_TOKEN_MAX_BYTES: usize = 64;
/// Nodes of one family taken from one answer: honest ones hold 8.
pub const DHT_REPLY_NODES_MAX: usize = 16;
/// Peers taken from one answer: what a packet carries.
pub const DHT_REPLY_PEERS_MAX: usize = 150;
/// Peers put into one answer, 8 bytes each over IPv4 and 21 over IPv6: with 16 nodes it stays below 1,200
/// bytes, which every path carries in one packet, and some 10 times the question.
pub const DHT_ANSWER_V4_PEERS_MAX: usize = 50;
pub const DHT_ANSWER_V6_PEERS_MAX: usize = 20;
/// Queries on the way; more are not sent.
pub const DHT_QUERIES_MAX: usize = 512;
/// Nodes remembered by one lookup, the nearest.
pub const DHT_CANDIDATES_MAX: usize = 128;
/// Queries of one lookup: honest nodes are at its end after some 30.
pub const DHT_LOOKUP_QUERIES_MAX: usize = 128;
/// Peers taken from one lookup.
pub const DHT_LOOKUP_PEERS_MAX: usize = 512;
/// Swarms that others announced to us; beyond it the one that is silent the longest makes room.
pub const DHT_SWARMS_MAX: usize = 2048;
/// Peers of one of these swarms, some 60 bytes each; beyond it the one that announced first makes room.
pub const DHT_SWARM_PEERS_MAX: usize = 128;
/// Ports of one address in one of these swarms: a household, not one stranger who fills it.
pub const DHT_SWARM_PORTS_PER_ADDRESS_MAX: usize = 8;
/// A peer that did not announce again is forgotten; clients announce every 15 minutes.
pub const DHT_PEER_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// Queries of one address that are answered in [`DHT_INTAKE_WINDOW`]; loopback is exempt.
pub const DHT_QUERIES_PER_ADDRESS_MAX: u32 = 100;
/// Queries of all addresses together that are answered in it, which bounds the addresses counted.
pub const DHT_QUERIES_ANSWERED_MAX: usize = 20_000;
pub const DHT_INTAKE_WINDOW: Duration = Duration::from_secs(10);
/// Datagrams that wait for the DHT; what comes beyond is dropped, as UDP does.
pub const DHT_DATAGRAMS_WAITING_MAX: usize = 1024;
/// Votes on this node's own address that are remembered.
pub const DHT_VOTES_MAX: usize = 16;
/// The table on the disk: 1,280 nodes of each family take 84 KB.
pub const DHT_TABLE_FILE_MAX_BYTES: usize = 256 * 1024;

// --- ingest and media ---

/// Bytes without a packet grid after which a source is surely no transport stream.
pub const NOT_TS_AFTER_BYTES: u64 = 64 * 1024;
/// Longest measurement of a bitrate, in stream time and in wall time.
pub const BITRATE_MEASURE_MAX: Duration = Duration::from_secs(60);
/// Longest pause between two attempts to open a source.
pub const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(30);
/// Head of the answer of a SHOUTcast server.
pub const ICY_HEAD_MAX_BYTES: usize = 16 * 1024;
/// Inputs of one broadcast: one, a backup, and the backups of a cautious operator.
pub const SOURCES_MAX: usize = 8;
/// Bytes at either end of a file that are read to learn its span.
pub const FILE_SCAN_BYTES: u64 = 8 * 1024 * 1024;

// --- HLS playlists (media) ---

/// Longest playlist read: 24 hours of segments of 2 s take some 4 MB, and a playlist that keeps all since its
/// start grows until here.
pub const PLAYLIST_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Segments kept of a media playlist, the newest: a quarter of an hour of short ones, far beyond what is shared.
pub const PLAYLIST_SEGMENTS_MAX: usize = 512;
/// Lines of a master playlist that are looked at: the streams, and renditions and captions without playlists.
pub const MASTER_LINES_MAX: usize = 512;
/// A text of a master playlist: a name, a group, a list of codecs.
pub const PLAYLIST_TEXT_MAX_BYTES: usize = 256;
/// Attributes looked at in one tag; the longest known lists have some 20.
pub const PLAYLIST_ATTRIBUTES_MAX: usize = 64;
/// A date and time with fractions and zone takes 35 characters.
pub const PROGRAM_DATE_TIME_MAX_BYTES: usize = 64;
/// Longest segment and longest target duration, seconds: what is longer is no live stream.
pub const SEGMENT_DURATION_MAX_S: u64 = 3600;
/// Highest sequence number of segments or discontinuities: above milliseconds since 1970 and with room to count on.
pub const MEDIA_SEQUENCE_MAX: u64 = 1 << 62;
/// How far a media sequence may leap within one run: less than half of what 32 bits on the wire can tell.
pub const SEQUENCE_LEAP_MAX: u64 = 1 << 30;

// --- program tables and starting points (media) ---

/// A PAT or PMT section is at most 1021 bytes after its 3-byte head.
pub const SECTION_MAX_BYTES: usize = 1024;
/// Programs of one stream whose tables are followed; a full satellite transponder has some 30.
pub const PROGRAMS_MAX: usize = 64;
/// Streams of one program; a PMT section has room for 200.
pub const ELEMENTARY_STREAMS_MAX: usize = 200;
/// Bytes of a video frame's start that are searched for what makes it a place to start: parameter
/// sets come before everything else but an access unit delimiter.
pub const FRAME_LOOK_MAX_BYTES: usize = 1024;
/// Seconds of stream, and bytes, after which a stream that shows no clean point is entered anywhere.
pub const CLEAN_POINT_PATIENCE_S: f64 = 10.0;
pub const CLEAN_POINT_PATIENCE_BYTES: u64 = 24 * 1024 * 1024;
/// The same for scrambled video and codecs not looked into: only a mark could still show a point.
pub const CLOSED_CODEC_PATIENCE_S: f64 = 2.0;
/// The same once a clean point was seen: long groups of pictures are waited for.
pub const CLEAN_POINT_LONG_PATIENCE_S: f64 = 30.0;
/// Points of streams where any unit will do lie so far apart, which bounds their number.
pub const UNIT_POINT_SPACING_S: f64 = 0.25;

// --- playout (live) ---

/// What is held for players: what a slow one may lag behind, and the longest burst at a start.
pub const PLAYOUT_MAX_BYTES: u64 = 64 * 1024 * 1024;
pub const PLAYOUT_MAX_SPAN: Duration = Duration::from_secs(60);
/// Places to start that are remembered: 68 a second over the longest span, more than any video has frames to
/// start at.
pub const PLAYOUT_MAX_POINTS: usize = 4096;

// --- http ---

/// Redirects followed by one outgoing request.
pub const HTTP_CLIENT_REDIRECTS_MAX: usize = 5;
/// Bytes taken from the playout window for one player at a time.
pub const PLAYER_READ_MAX_BYTES: usize = 256 * 1024;
/// A JSONP callback is a JavaScript name; none in use is longer.
pub const CALLBACK_MAX_BYTES: usize = 64;
/// The longest `url=` taken from a player.
pub const SELECTOR_URL_MAX_BYTES: usize = 4096;
/// Time for a client to send the head of its next request; an idle keep-alive connection ends with it.
pub const HTTP_HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// What a connection may buffer of a request's head.
pub const HTTP_BUFFER_MAX_BYTES: usize = 64 * 1024;
/// Header fields of one request.
pub const HTTP_HEADERS_MAX: usize = 64;

// --- origin of an HLS broadcast (net) ---

/// Time for an origin to begin its answer, redirects included.
pub const ORIGIN_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a playlist, a key or an initialisation section to come in full.
pub const ORIGIN_SMALL_TIMEOUT: Duration = Duration::from_secs(15);
/// A body that gives nothing for so long is given up.
pub const ORIGIN_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// A body may be slow for so long: the connection warms up.
pub const ORIGIN_SLOW_GRACE: Duration = Duration::from_secs(10);
/// Bytes a second below which a body is given up after that; 8 kbit/s carry no media.
pub const ORIGIN_MIN_BYTES_PER_SECOND: u64 = 1024;
/// Idle connections kept to one host: a few fetches of a few streams.
pub const ORIGIN_IDLE_CONNECTIONS_MAX: usize = 8;
/// Keys remembered: the origin changes them every few segments at most, and viewers are near its newest.
pub const ORIGIN_KEYS_MAX: usize = 16;
/// Initialisation sections of a stream that are remembered: one for each period between discontinuities.
pub const ORIGIN_INITS_MAX: usize = 16;
/// Segments of one stream that are fetched at once.
pub const ORIGIN_FETCHES_MAX: usize = 4;
/// Chunks that are checked at once, of all streams.
pub const ORIGIN_CHECKS_MAX: usize = 2;
/// Fetches and checks that wait or run; what comes beyond fails at once.
pub const ORIGIN_TASKS_MAX: usize = 128;
/// Causes of trouble that were told and need not be told again.
pub const ORIGIN_COMPLAINTS_MAX: usize = 256;
/// An initialisation section; those seen stay below 4 KiB. It must fit into one message between peers.
pub const INIT_SECTION_MAX_BYTES: usize = 96 * 1024;

// --- hls, the players' side (http) ---

/// What all streams of a broadcast hold for players together.
pub const HLS_HELD_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Media that a stream holds; playlists that reach further back are told from here on.
pub const HLS_HELD_MAX_SPAN: Duration = Duration::from_secs(90);
/// Segments that a stream holds however large and long they are: with fewer no player can follow.
pub const HLS_HELD_MIN_SEGMENTS: usize = 3;
/// Segments that a stream holds beyond those in the playlist, for players that read slowly.
pub const HLS_HELD_EXTRA_SEGMENTS: usize = 3;
/// Segments that a stream holds however short: the longest span in thirds of a second.
pub const HLS_HELD_MAX_SEGMENTS: usize = 270;
/// Initialisation sections that a broadcast holds: two a stream.
pub const HLS_INITS_MAX: usize = 2 * HLS_STREAMS_MAX as usize;
/// A stream counts as watched for three target durations after it was asked for, within these.
pub const HLS_WATCHED_MIN: Duration = Duration::from_secs(10);
pub const HLS_WATCHED_MAX: Duration = Duration::from_secs(90);
/// A player waits no longer than this for the next chunk of a segment.
pub const HLS_CHUNK_TIMEOUT: Duration = Duration::from_secs(25);

// --- listener (net) ---

/// Time for an accepted connection to send its first byte.
pub const SNIFF_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections of one address that did not send anything yet; loopback is exempt.
pub const UNSNIFFED_PER_ADDRESS_MAX: usize = 32;
/// Time for open HTTP connections to finish once the node stops; what remains is cut.
pub const HTTP_STOP_TIMEOUT: Duration = Duration::from_millis(500);

// --- port mapping (net) ---

/// A router answers PCP and NAT-PMP from its own memory; three attempts a quarter of a second and more apart.
pub const PMP_FIRST_TIMEOUT: Duration = Duration::from_millis(250);
pub const PMP_RETRIES_MAX: usize = 2;
/// Time for a router to answer a search by SSDP, and to describe itself.
pub const SSDP_TIMEOUT: Duration = Duration::from_secs(4);
/// Time for all that a router is asked over UPnP in one round, of a handful of requests.
pub const UPNP_TIMEOUT: Duration = Duration::from_secs(20);
/// A mapping is asked for anew no more often than this, whatever lease the router grants.
pub const MAPPING_REFRESH_MIN: Duration = Duration::from_secs(5);

// --- client ---

/// Broadcasts that a client has open at once: each holds a window.
pub const BROADCASTS_MAX: usize = 32;
/// Transport files that a client remembers, two names each.
pub const TRANSPORTS_KEPT_MAX: usize = 1024;

// --- configuration ---

/// Bytes of a configuration file: thousands of nodes fit; what is larger is another kind of file.
pub const CONFIG_FILE_MAX_BYTES: usize = 1024 * 1024;
