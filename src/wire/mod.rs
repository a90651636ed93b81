//! Codecs of everything that crosses a socket or lies in a transport file. Pure: bytes in, values
//! out, no I/O and no clock. Nothing here trusts its input, and nothing here can panic.

pub mod announce;
pub mod bencode;
pub mod container;
pub mod descriptor;
pub mod extended;
pub mod handshake;
pub mod hls;
pub mod krpc;
pub mod link;
pub mod live_info;
pub mod lsd;
pub mod message;
pub mod metadata;
pub mod myinfo;
pub mod node_key;
pub mod pex;
pub mod sniff;
pub mod source_announce;
pub mod tracker_http;
pub mod tracker_reply;
pub mod tracker_udp;
pub mod tracker_url;
pub mod transport_file;
pub mod ut_pex;
