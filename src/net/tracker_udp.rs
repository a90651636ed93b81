//! The datagram port: one task a socket that answers what is for the tracker, in place, and passes on what is
//! for the DHT. What cannot be sent at once is dropped, as UDP does; nothing is queued here.
#![allow(clippy::disallowed_methods, reason = "the tracker is handed the time of each batch")]

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::datagrams::{BATCH, Inbox, Outbox};
use super::dht::DhtMailbox;
use super::door::Door;
use super::stop::stopped;
use crate::base::limits::TRACKER_DATAGRAM_MAX_BYTES;
use crate::tracker::service::{Scratch, TrackerService};
use crate::wire::krpc::is_krpc;

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

/// Where a batch is answered. Nothing of it outlasts the batch, so a thread has one for all its sockets.
struct Desk {
    inbox: Inbox,
    outbox: Outbox,
    scratch: Scratch,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::new(Desk {
        inbox: Inbox::new(TRACKER_DATAGRAM_MAX_BYTES),
        outbox: Outbox::default(),
        scratch: Scratch::default(),
    });
}

/// Answers on `socket` until `stop` turns true.
pub async fn serve(socket: Arc<UdpSocket>, services: PortServices, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            readable = socket.readable() => if readable.is_err() { return },
            () = stopped(&mut stop) => return,
        }
        DESK.with_borrow_mut(|desk| desk.answer_batch(&socket, &services));
        // other tasks get their turn
        tokio::task::yield_now().await;
    }
}

impl Desk {
    fn answer_batch(&mut self, socket: &Arc<UdpSocket>, services: &PortServices) {
        let Self { inbox, outbox, scratch } = self;
        // what comes after a batch that is not full makes the socket readable again
        let _ = socket.try_io(Interest::READABLE, || match inbox.receive(socket)? {
            BATCH => Ok(()),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        });
        let now = Instant::now();
        for (datagram, remote) in inbox.iter() {
            if !services.door.admits_datagram(remote.ip()) || services.passes_on(socket, remote, datagram) {
                continue;
            }
            let Some(tracker) = &services.tracker else { continue };
            outbox.add(Some(remote), |out| {
                if let Some(answer) = tracker.udp(now, remote, datagram, scratch) {
                    out.extend_from_slice(answer);
                }
            });
        }
        if let Some((lost, error)) = outbox.send(socket) {
            tracing::trace!(target: "acestream.tracker", "{lost} answers were not sent: {error}");
        }
    }
}
