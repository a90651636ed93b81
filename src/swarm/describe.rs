//! What this node says of itself in the extended handshake.

use std::time::Instant;

use bytes::Bytes;

use super::medium::{Medium, Run};
use super::{Role, Swarm};
use crate::base::ids::{LinkId, PieceId};
use crate::wire::extended::{ENGINE_VERSION, ExtendedHandshake, LiveInfo, UT_METADATA_ID};
use crate::wire::message::Message;
use crate::wire::ut_pex::UT_PEX_ID;

impl<M: Medium> Swarm<M> {
    /// Sends our signed description, at once in both roles: a peer that waits for ours would wait for
    /// ever.
    pub(super) fn send_description(&mut self, now: Instant, link: LinkId) {
        let Some(peer) = self.peers.get(&link) else { return };
        let live = self.live_info();
        let handshake = ExtendedHandshake {
            ut_metadata: Some(UT_METADATA_ID),
            piece_table: M::PIECE_TABLE,
            ut_pex: (!self.config.is_private).then_some(UT_PEX_ID),
            metadata_size: u32::try_from(self.config.transport_file.len()).ok(),
            live,
            lsp: live.lsp,
            is_source: self.config.role == Role::Source,
            listen_port: self.config.listen_port,
            counter_s: now.saturating_duration_since(self.started_at).as_secs() as i64,
            version: ENGINE_VERSION,
            your_ip: Some(peer.addr.ip()),
        };
        let raw = handshake.sign(&self.config.node_key);
        self.send(now, link, Message::ExtendedHandshake(raw));
    }

    /// Sends what we hold: one bitfield for each run of consecutive pieces.
    pub(super) fn send_window(&mut self, now: Instant, link: LinkId) {
        let runs = self.medium.runs();
        self.send_runs(now, link, &runs);
    }

    pub(super) fn send_runs(&mut self, now: Instant, link: LinkId, runs: &[Run]) {
        for &Run { first: PieceId { stream, number }, count } in runs {
            let message = Message::Bitfield { stream, first: number as u32, count, bits: all_ones(count) };
            self.send(now, link, message);
        }
    }

    fn live_info(&self) -> LiveInfo {
        let holding = self.medium.live_info();
        match self.config.role {
            Role::Relay if holding != LiveInfo::EMPTY => LiveInfo {
                distance_from_source: self.distance_from_source(),
                is_accessible: i64::from(self.totals.has_been_reached),
                ..holding
            },
            _ => holding,
        }
    }

    /// One more than the nearest peer's; the source itself says -1.
    pub(super) fn distance_from_source(&self) -> i64 {
        let described = self.peers.values().filter_map(|peer| peer.description);
        let distances = described.filter_map(|said| match said.distance_from_source {
            _ if said.is_source => Some(0),
            distance @ 0..=1_000 => Some(distance + 1),
            _ => None,
        });
        distances.min().unwrap_or(-1)
    }
}

fn all_ones(count: u32) -> Bytes {
    let mut bits = vec![0xff; count.div_ceil(8) as usize];
    if let (Some(last), rest @ 1..) = (bits.last_mut(), count % 8) {
        *last = 0xffu8 << (8 - rest);
    }
    bits.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_beyond_the_count_are_zero() {
        assert_eq!(all_ones(9)[..], [0xff, 0x80]);
        assert_eq!(all_ones(8)[..], [0xff]);
        assert!(all_ones(0).is_empty());
    }
}
