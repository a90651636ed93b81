//! The datagram port: one task a socket that answers what is for the tracker, in place, and passes on what is
//! for the DHT. What cannot be sent at once is dropped, as UDP does; nothing is queued here.
#![allow(clippy::disallowed_methods, reason = "the tracker is handed the time of each batch")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::dht::DhtMailbox;
use super::door::Door;
use super::stop::stopped;
use crate::base::limits::TRACKER_DATAGRAM_MAX_BYTES;
use crate::tracker::service::{Scratch, TrackerService};
use crate::wire::krpc::is_krpc;

/// Datagrams answered with one look at the clock, before other tasks get their turn.
const BATCH: usize = 64;

/// Who answers on a port, and whom.
#[derive(Clone)]
pub struct PortServices {
    pub door: Door,
    pub tracker: Option<Arc<TrackerService>>,
    pub dht: Option<DhtMailbox>,
}

impl PortServices {
    /// Takes what is not the tracker's.
    fn passes_on(&self, socket: &Arc<UdpSocket>, remote: SocketAddr, datagram: &[u8]) -> bool {
        match &self.dht {
            Some(dht) if is_krpc(datagram) => {
                dht.put(remote, datagram, socket);
                true
            }
            _ => false,
        }
    }
}

/// Answers on `socket` until `stop` turns true.
pub async fn serve(socket: Arc<UdpSocket>, services: PortServices, mut stop: watch::Receiver<bool>) {
    let mut buffer = vec![0; TRACKER_DATAGRAM_MAX_BYTES];
    let mut scratch = Scratch::default();
    loop {
        tokio::select! {
            readable = socket.readable() => if readable.is_err() { return },
            () = stopped(&mut stop) => return,
        }
        answer_batch(&socket, &services, &mut buffer, &mut scratch);
        tokio::task::yield_now().await;
    }
}

fn answer_batch(socket: &Arc<UdpSocket>, services: &PortServices, buffer: &mut [u8], scratch: &mut Scratch) {
    let now = Instant::now();
    for _ in 0..BATCH {
        let (length, remote) = match socket.try_recv_from(buffer) {
            Ok(received) => received,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
            // an ICMP message about an earlier answer
            Err(_) => continue,
        };
        if !services.door.admits_datagram(remote.ip()) {
            continue;
        }
        let datagram = buffer.get(..length).unwrap_or_default();
        if services.passes_on(socket, remote, datagram) {
            continue;
        }
        if let Some(tracker) = &services.tracker
            && let Some(answer) = tracker.udp(now, remote, datagram, scratch)
            && let Err(error) = socket.try_send_to(answer, remote)
        {
            tracing::trace!(target: "acestream.tracker", "answer to {remote} was not sent: {error}");
        }
    }
}
