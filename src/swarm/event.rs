//! What a swarm is told and what it asks for.

use std::net::SocketAddr;

use super::hls::event::{HlsDelivery, HlsDemand, OriginCommand, OriginEvent};
use super::limits::Limits;
use super::ts::storage::{StorageCommand, StorageEvent};
use crate::base::ids::{LinkId, PeerId};
use crate::live::piece::VerifiedPiece;
use crate::wire::announce::{AnnounceReply, AnnounceRequest};
use crate::wire::message::Message;

/// Something that happened outside.
#[derive(Debug, Clone)]
pub enum Input {
    /// A stranger connected and asked for our infohash; both handshakes are done.
    Accepted {
        link: LinkId,
        addr: SocketAddr,
    },
    /// An [`Output::Dial`] succeeded; both handshakes are done.
    Dialed {
        link: LinkId,
        addr: SocketAddr,
    },
    /// The peer id of the handshake, which may come after the link.
    Named {
        link: LinkId,
        peer_id: PeerId,
    },
    /// An [`Output::Dial`] led to this node itself.
    DialedMyself {
        addr: SocketAddr,
    },
    /// An [`Output::Dial`] failed.
    DialFailed {
        addr: SocketAddr,
    },
    /// The link is gone. Not sent for links that [`Output::Close`] ended.
    Closed {
        link: LinkId,
    },
    Message {
        link: LinkId,
        message: Message,
    },
    /// So many bytes of what was sent still wait to be written to the socket.
    Writable {
        link: LinkId,
        queued_bytes: usize,
    },
    /// The source of an MPEG-TS broadcast made a piece.
    Produced(VerifiedPiece),
    /// The reader of an HLS broadcast's origin tells.
    Origin(OriginEvent),
    /// The keeper of an MPEG-TS broadcast's pieces tells.
    Storage(StorageEvent),
    /// The players of an HLS broadcast want something.
    Demand(HlsDemand),
    /// The answer to an [`Output::Announce`]; `None` when the tracker failed.
    Announced {
        tracker: usize,
        reply: Option<AnnounceReply>,
    },
    /// Peers were found without a tracker. Those that strangers name (`is_trusted` is false) may not be on
    /// loopback or private addresses.
    Found {
        addrs: Vec<SocketAddr>,
        is_trusted: bool,
    },
    /// The operator changed what may be used.
    Limits(Limits),
    /// The deadline passed.
    Timer,
    /// The node ends: trackers are told.
    Stop,
}

/// Something that the outside shall do.
#[derive(Debug, Clone)]
pub enum Output {
    /// Connect and shake hands; answered by [`Input::Dialed`] or [`Input::DialFailed`].
    Dial(SocketAddr),
    Close {
        link: LinkId,
        why: Close,
    },
    Send {
        link: LinkId,
        message: Message,
    },
    /// `tracker` is an index into the swarm's list of trackers.
    Announce {
        tracker: usize,
        request: AnnounceRequest,
    },
    /// The next piece of the stream, in ascending order; a jump in the number is a loss for good.
    Deliver(VerifiedPiece),
    /// Something for the players of an HLS broadcast.
    Hls(HlsDelivery),
    /// Something for the reader of an HLS broadcast's origin.
    Origin(OriginCommand),
    /// Something for the keeper of an MPEG-TS broadcast's pieces.
    Storage(StorageCommand),
    /// The whole transport file, checked against what was asked for.
    Metadata(bytes::Bytes),
}

/// Why a link was closed by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Close {
    #[error("no room for more peers")]
    Full,
    #[error("made room for a peer of --upload-to")]
    Displaced,
    #[error("banned")]
    Banned,
    #[error("extended handshake is wrong")]
    BadHandshake,
    #[error("no extended handshake in time")]
    NoHandshake,
    #[error("it is this node itself")]
    Myself,
    #[error("connected twice")]
    Duplicate,
    #[error("sent forged data")]
    Forged,
    #[error("replayed an old piece under another number")]
    Replayed,
    #[error("sent data that nobody asked for")]
    Unsolicited,
    #[error("sent malformed data")]
    Malformed,
    #[error("sent too many messages")]
    Flooding,
    #[error("vouched for segments that the origin does not have")]
    Liar,
    #[error("does not read")]
    NotReading,
    #[error("silent for too long")]
    Idle,
    #[error("claims pieces but does not send them")]
    Unproductive,
    #[error("answered with a transport file of another broadcast")]
    WrongMetadata,
    #[error("this swarm ends")]
    Stopped,
}

/// A state machine that a driver can run on sockets and a simulator on a virtual network. After every
/// [`Machine::handle`], [`Machine::poll`] must be drained.
pub trait Machine {
    fn handle(&mut self, now: std::time::Instant, input: Input);
    fn poll(&mut self) -> Option<Output>;
    /// When [`Input::Timer`] is due.
    fn deadline(&self) -> Option<std::time::Instant>;
    /// How it is now.
    fn stats(&mut self, now: std::time::Instant) -> super::stats::SwarmStats;
}
