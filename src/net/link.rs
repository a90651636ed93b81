//! One connection to one peer, after the handshake: carries messages in and out and decides nothing.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use super::frames::FrameReader;
use super::listen::Presence;
use super::segments::Segments;
use crate::base::ids::{LinkId, PeerId};
use crate::wire::message::Message;

/// Bytes written with one system call, as far as the socket takes them.
const BATCH_BYTES: usize = 64 * 1024;
/// Bytes in the system's buffer beyond what is on its way: more would only hide how slow the link is.
const UNSENT_BYTES: u32 = 64 * 1024;

/// A connection whose handshake is done.
#[derive(Debug)]
pub struct Connection {
    pub stream: TcpStream,
    /// From the handshake; `None` while only 46 bytes of it came: the rest may follow.
    pub peer_id: Option<PeerId>,
    /// Counts it.
    pub presence: Presence,
}

/// What a link tells its driver.
#[derive(Debug)]
pub enum LinkEvent {
    Message(Message),
    /// The rest of the handshake came.
    Named(PeerId),
    /// So many more bytes are with the system.
    Written(usize),
    Closed,
}

/// Runs the link until it breaks or the task is aborted.
pub async fn run(
    link: LinkId,
    connection: Connection,
    outgoing: mpsc::UnboundedReceiver<Message>,
    events: mpsc::Sender<(LinkId, LinkEvent)>,
) {
    let Connection { stream, peer_id, presence: _presence } = connection;
    prepare(&stream);
    let (reader, writer) = stream.into_split();
    // Both at once: two nodes that both write and do not read would wait for ever.
    tokio::select! {
        () = read(link, FrameReader::new(reader, peer_id.is_none()), &events) => {}
        () = write(link, writer, outgoing, &events) => {}
    }
    // A driver that is gone needs no news.
    let _ = events.send((link, LinkEvent::Closed)).await;
}

fn prepare(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    // Both are wishes: a system that refuses them still carries the link.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_notsent_lowat(UNSENT_BYTES);
}

async fn read(
    link: LinkId,
    mut frames: FrameReader<OwnedReadHalf>,
    events: &mpsc::Sender<(LinkId, LinkEvent)>,
) {
    loop {
        match frames.next().await {
            Ok(message) => {
                if let Some(peer_id) = frames.take_peer_id()
                    && events.send((link, LinkEvent::Named(peer_id))).await.is_err()
                {
                    return;
                }
                if events.send((link, LinkEvent::Message(message))).await.is_err() {
                    return;
                }
            }
            Err(error) => return tracing::debug!(target: "acestream.link", "link {link}: {error}"),
        }
    }
}

async fn write(
    link: LinkId,
    mut socket: OwnedWriteHalf,
    mut outgoing: mpsc::UnboundedReceiver<Message>,
    events: &mpsc::Sender<(LinkId, LinkEvent)>,
) {
    let mut segments = Segments::default();
    while let Some(message) = outgoing.recv().await {
        let mut batch_bytes = message.frame_bytes();
        segments.push(&message);
        while batch_bytes < BATCH_BYTES {
            let Ok(message) = outgoing.try_recv() else { break };
            batch_bytes += message.frame_bytes();
            segments.push(&message);
        }
        if let Err(error) = socket.write_all_buf(&mut segments).await {
            return tracing::debug!(target: "acestream.link", "link {link}: {error}");
        }
        if events.send((link, LinkEvent::Written(batch_bytes))).await.is_err() {
            return;
        }
    }
}
