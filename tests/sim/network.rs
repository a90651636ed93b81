//! Connections as TCP shows them: bytes in order, never lost, late when a packet was lost. Frames wait
//! at the sender's uplink, which serves its connections in turn.

use std::collections::VecDeque;

use start_engine::base::ids::LinkId;
use start_engine::base::rng::Rng;
use start_engine::wire::message::Message;

use super::events::{End, MILLISECOND, SECOND, Time};

const PACKET_BYTES: usize = 1_448;
/// Least time until TCP sends again what no later packet shows to be lost.
const RETRANSMISSION_MIN: Time = 200 * MILLISECOND;

/// One direction of a connection.
#[derive(Default)]
pub struct Direction {
    pub frames: VecDeque<(Message, usize)>,
    pub queued_bytes: usize,
    /// Bytes that have left since the sender was last told how much waits.
    pub unreported_bytes: usize,
    pub last_arrival: Time,
}

/// `ends[side]` is a node; what `ends[side]` sends waits in `directions[side]`.
pub struct Connection {
    pub ends: [usize; 2],
    pub directions: [Direction; 2],
    pub is_open: [bool; 2],
    /// One way.
    pub delay: Time,
}

impl End {
    pub fn other(self) -> Self {
        Self { side: 1 - self.side, ..self }
    }

    pub fn link(self) -> LinkId {
        LinkId(self.connection as u64 * 2 + self.side as u64)
    }
}

/// What the way between any two nodes is like.
pub struct Weather {
    pub jitter: Time,
    pub loss: f64,
    pub rng: Rng,
}

impl Weather {
    /// When a frame of `bytes` that leaves now arrives; order within the direction is kept.
    pub fn arrival(&mut self, now: Time, delay: Time, bytes: usize, last_arrival: Time) -> Time {
        let jitter = (self.jitter as f64 * self.rng.unit()) as Time;
        let lateness = self.retransmissions(bytes, 2 * delay);
        (now + delay + jitter + lateness).max(last_arrival)
    }

    /// Lost packets come again a round trip later; a frame's last one only after a timeout.
    fn retransmissions(&mut self, bytes: usize, round_trip: Time) -> Time {
        if self.loss == 0.0 {
            return 0;
        }
        let packets = bytes.div_ceil(PACKET_BYTES);
        let mut lateness = 0;
        for packet in 0..packets {
            let is_last = packet + 1 == packets;
            while self.rng.unit() < self.loss {
                lateness += if is_last { round_trip.max(RETRANSMISSION_MIN) } else { round_trip };
            }
        }
        lateness
    }
}

/// How long `bytes` occupy a line of `rate` bytes a second.
pub fn occupancy(bytes: usize, rate: Option<u64>) -> Time {
    rate.map_or(0, |rate| (bytes as u128 * u128::from(SECOND) / u128::from(rate.max(1))) as Time)
}
