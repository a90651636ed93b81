//! What is going to happen, in the order of virtual time. Events of the same moment keep the order in
//! which they were planned, so that a run depends on its seed alone.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use start_engine::wire::message::Message;

use super::plan::Change;

/// Nanoseconds since the run began.
pub type Time = u64;

pub const MILLISECOND: Time = 1_000_000;
pub const SECOND: Time = 1_000 * MILLISECOND;

/// One end of a connection: `side` 0 dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    pub connection: usize,
    pub side: usize,
}

/// One life of a node: a node that comes back is told apart from its earlier self.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    pub node: usize,
    pub epoch: u32,
}

#[derive(Debug)]
pub enum Event<E> {
    Timer(Life),
    /// The frame on the uplink of a node has left.
    UplinkFree(Life),
    /// A frame reached the downlink of `to`.
    Arrived {
        to: End,
        message: Message,
    },
    /// A frame has come through the downlink of `to`.
    Received {
        to: End,
        message: Message,
    },
    /// The other end of `at` closed.
    Ended {
        at: End,
    },
    DialAnswered {
        from: Life,
        to: SocketAddr,
    },
    TrackerAnswered {
        to: Life,
        tracker: usize,
    },
    Change(Change),
    /// Something that only this kind of broadcast knows.
    Broadcast(E),
}

struct Planned<E> {
    at: Time,
    sequence: u64,
    event: Event<E>,
}

impl<E> PartialEq for Planned<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.sequence) == (other.at, other.sequence)
    }
}

impl<E> Eq for Planned<E> {}

impl<E> PartialOrd for Planned<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Planned<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

pub struct Events<E> {
    heap: BinaryHeap<Reverse<Planned<E>>>,
    sequence: u64,
}

impl<E> Default for Events<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0 }
    }
}

impl<E> Events<E> {
    pub fn plan(&mut self, at: Time, event: Event<E>) {
        self.sequence += 1;
        self.heap.push(Reverse(Planned { at, sequence: self.sequence, event }));
    }

    pub fn next(&mut self, until: Time) -> Option<(Time, Event<E>)> {
        if self.heap.peek()?.0.at > until {
            return None;
        }
        self.heap.pop().map(|Reverse(planned)| (planned.at, planned.event))
    }
}
