//! Many datagrams with one call to the system each way, since the call costs more than the answer. It
//! never waits: what is not there is not received, and what cannot be sent at once is dropped, as UDP does.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

/// Datagrams of one call.
pub const BATCH: usize = 64;

/// Where datagrams are received, up to [`BATCH`] at a time.
pub struct Inbox {
    space: Box<[u8]>,
    received: Vec<(usize, SocketAddr)>,
    headers: MultiHeaders<SockaddrStorage>,
}

impl Inbox {
    /// Of longer datagrams than `max_bytes` the rest is lost.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            space: vec![0; BATCH * max_bytes.max(1)].into(),
            received: Vec::with_capacity(BATCH),
            headers: MultiHeaders::preallocate(BATCH, None),
        }
    }

    /// Takes what waits in `socket` instead of what was received before, and says how many.
    pub fn receive(&mut self, socket: &impl AsFd) -> io::Result<usize> {
        self.received.clear();
        let max_bytes = self.space.len() / BATCH;
        let mut rest = &mut *self.space;
        let mut slices: [_; BATCH] = std::array::from_fn(|_| {
            let (slot, others) = std::mem::take(&mut rest).split_at_mut(max_bytes);
            rest = others;
            [IoSliceMut::new(slot)]
        });
        let (fd, flags) = (socket.as_fd().as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let messages = recvmmsg(fd, &mut self.headers, slices.iter_mut(), flags, None)?;
        self.received.extend(
            messages.map(|message| (message.bytes, message.address.and_then(address_of).unwrap_or(NOBODY))),
        );
        Ok(self.received.len())
    }

    /// What was received last, and from whom.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], SocketAddr)> {
        let slots = self.space.chunks_exact(self.space.len() / BATCH);
        let filled = slots.zip(&self.received);
        filled.map(|(slot, &(length, from))| (slot.get(..length).unwrap_or_default(), from))
    }
}

/// Cannot be answered.
const NOBODY: SocketAddr = SocketAddr::V4(SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0));

fn address_of(name: SockaddrStorage) -> Option<SocketAddr> {
    let v4 = name.as_sockaddr_in().map(|name| SocketAddr::V4(SocketAddrV4::from(*name)));
    v4.or_else(|| name.as_sockaddr_in6().map(|name| SocketAddr::V6(SocketAddrV6::from(*name))))
}

/// Datagrams that wait to be sent together.
pub struct Outbox {
    bytes: Vec<u8>,
    datagrams: Vec<Range<usize>>,
    addresses: Vec<Option<SockaddrStorage>>,
    headers: MultiHeaders<SockaddrStorage>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            datagrams: Vec::with_capacity(BATCH),
            addresses: Vec::with_capacity(BATCH),
            headers: MultiHeaders::preallocate(BATCH, None),
        }
    }
}

impl Outbox {
    /// Adds the datagram that `write` appends, if it appends any. `to` may be `None` on a connected socket.
    pub fn add(&mut self, to: Option<SocketAddr>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        if self.bytes.len() > start {
            self.datagrams.push(start..self.bytes.len());
            self.addresses.push(to.map(SockaddrStorage::from));
        }
    }

    /// Sends all and forgets all. Gives how many could not be sent, and the last reason.
    pub fn send(&mut self, socket: &impl AsFd) -> Option<(usize, io::Error)> {
        let (mut done, mut lost, mut reason) = (0, 0, Errno::UnknownErrno);
        while done < self.datagrams.len() {
            match self.send_from(done, socket) {
                Ok(sent) => done += sent.max(1),
                Err(Errno::EAGAIN) => {
                    (lost, reason) = (lost + self.datagrams.len() - done, Errno::EAGAIN);
                    break;
                }
                // concerns the first one only
                Err(error) => (done, lost, reason) = (done + 1, lost + 1, error),
            }
        }
        self.bytes.clear();
        self.datagrams.clear();
        self.addresses.clear();
        (lost > 0).then(|| (lost, reason.into()))
    }

    fn send_from(&mut self, first: usize, socket: &impl AsFd) -> nix::Result<usize> {
        let waiting = self.datagrams.get(first..).unwrap_or_default();
        let slices: [_; BATCH] = std::array::from_fn(|place| {
            let range = waiting.get(place).cloned().unwrap_or_default();
            [IoSlice::new(self.bytes.get(range).unwrap_or_default())]
        });
        let count = waiting.len().min(BATCH);
        let addresses = self.addresses.get(first..).unwrap_or_default();
        let (fd, flags) = (socket.as_fd().as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let no_control: [ControlMessage<'_>; 0] = [];
        let sent = sendmmsg(fd, &mut self.headers, slices.iter().take(count), addresses, no_control, flags)?;
        Ok(sent.count())
    }
}
