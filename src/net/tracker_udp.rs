//! The UDP side of the tracker: one task that answers what it receives, in place. What cannot be sent at
//! once is dropped, as UDP does; nothing is queued.
#![allow(clippy::disallowed_methods, reason = "the tracker is handed the time of each batch")]

use std::sync::Arc;
use std::time::Instant;

use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::door::Door;
use super::stop::stopped;
use crate::base::limits::TRACKER_DATAGRAM_MAX_BYTES;
use crate::tracker::service::{Scratch, TrackerService};

/// Datagrams answered with one look at the clock, before other tasks get their turn.
const BATCH: usize = 64;

/// Answers whom `door` lets in on `socket` until `stop` turns true.
pub async fn serve(
    socket: UdpSocket,
    door: Door,
    tracker: Arc<TrackerService>,
    mut stop: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; TRACKER_DATAGRAM_MAX_BYTES];
    let mut scratch = Scratch::default();
    loop {
        tokio::select! {
            readable = socket.readable() => if readable.is_err() { return },
            () = stopped(&mut stop) => return,
        }
        answer_batch(&socket, &door, &tracker, &mut buffer, &mut scratch);
        tokio::task::yield_now().await;
    }
}

fn answer_batch(
    socket: &UdpSocket,
    door: &Door,
    tracker: &TrackerService,
    buffer: &mut [u8],
    scratch: &mut Scratch,
) {
    let now = Instant::now();
    for _ in 0..BATCH {
        let (length, remote) = match socket.try_recv_from(buffer) {
            Ok(received) => received,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
            // an ICMP message about an earlier answer
            Err(_) => continue,
        };
        if !door.admits_datagram(remote.ip()) {
            continue;
        }
        let datagram = buffer.get(..length).unwrap_or_default();
        if let Some(answer) = tracker.udp(now, remote, datagram, scratch)
            && let Err(error) = socket.try_send_to(answer, remote)
        {
            tracing::trace!(target: "acestream.tracker", "answer to {remote} was not sent: {error}");
        }
    }
}
