//! Serving: which of all requests to answer next, while the uplink takes it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Instant;

use super::Swarm;
use super::claims::Claims;
use super::event::Close;
use crate::base::ids::LinkId;
use crate::base::limits::{LINK_QUEUE_MAX_BYTES, LINK_UNREAD_TIMEOUT};
use crate::wire::message::Message;

/// Bytes that may wait for one socket; more would only queue.
const LINK_AHEAD_BYTES: usize = 64 * 1024;
/// Bytes that may wait for all sockets together when the uplink is slow.
const UPLINK_AHEAD_MIN_BYTES: usize = 128 * 1024;
/// Bytes that may wait for a peer that counts as waiting for nothing: small messages. It is served
/// even when too much waits for others, which may never read it.
const LINK_IDLE_BYTES: usize = 1024;
/// How far ahead of a measured uplink to queue.
const UPLINK_AHEAD_S: f64 = 0.2;

/// How many peers hold each piece of our window.
#[derive(Debug, Default)]
pub(super) struct Copies {
    by_piece: BTreeMap<u64, usize>,
}

impl Copies {
    /// A piece enters the window; `copies` peers have it already.
    pub fn begin(&mut self, number: u64, copies: usize) {
        self.by_piece.insert(number, copies);
    }

    pub fn claimed(&mut self, number: u64) {
        if let Some(copies) = self.by_piece.get_mut(&number) {
            *copies += 1;
        }
    }

    pub fn peer_left(&mut self, claims: &Claims) {
        for (_, copies) in self.by_piece.iter_mut().filter(|(number, _)| claims.contains(**number)) {
            *copies = copies.saturating_sub(1);
        }
    }

    pub fn remove_before(&mut self, number: u64) {
        self.by_piece = self.by_piece.split_off(&number);
    }

    fn of(&self, number: u64) -> usize {
        self.by_piece.get(&number).copied().unwrap_or(0)
    }
}

impl Swarm {
    pub(super) fn requested(&mut self, now: Instant, link: LinkId, number: u64, chunk: u16) {
        let is_held = self.window.contains(number) && chunk < self.config.geometry.chunks_per_piece();
        let Some(peer) = self.peers.get_mut(&link) else { return };
        if !is_held || !peer.is_unchoked || peer.description.is_none() {
            self.totals.requests_refused += 1;
            return;
        }
        peer.requests.add(now, number, chunk);
        self.serve(now);
    }

    pub(super) fn writable(&mut self, now: Instant, link: LinkId, queued_bytes: usize) {
        let Some(peer) = self.peers.get_mut(&link) else { return };
        peer.queued_bytes = queued_bytes;
        peer.drained_at = now;
        self.serve(now);
    }

    /// Answers requests as long as the sockets take them.
    pub(super) fn serve(&mut self, now: Instant) {
        let mut queued_bytes: usize = self.peers.values().map(|peer| peer.queued_bytes).sum();
        let ahead_max = self.uplink_ahead_bytes(now);
        loop {
            let link_max = if queued_bytes < ahead_max { LINK_AHEAD_BYTES } else { LINK_IDLE_BYTES };
            let Some((link, number)) = self.next_service(link_max) else { return };
            queued_bytes += self.serve_one(now, link, number);
        }
    }

    /// Least copied first, then newest; a piece that was begun for a peer is finished for it, since a
    /// peer can pass on whole pieces only. Only peers for which less than `link_max` bytes wait.
    fn next_service(&self, link_max: usize) -> Option<(LinkId, u64)> {
        let writable = self.peers.iter().filter(|(_, peer)| {
            !peer.requests.is_empty() && peer.is_unchoked && peer.queued_bytes < link_max
        });
        let waiting = writable.flat_map(|(&link, peer)| {
            let rank = move |number, sent: u16| {
                (
                    !peer.has_priority,
                    self.copies.of(number),
                    Reverse(sent.min(1)),
                    Reverse(number),
                    Reverse(sent),
                )
            };
            peer.requests.pieces().map(move |(number, sent)| (rank(number, sent), link, number))
        });
        waiting.min().map(|(_, link, number)| (link, number))
    }

    /// Sends one chunk of `number` to `link`; returns the bytes queued.
    fn serve_one(&mut self, now: Instant, link: LinkId, number: u64) -> usize {
        let Some(peer) = self.peers.get_mut(&link) else { return 0 };
        let (Some(piece), Some(chunk)) = (self.window.get(number), peer.requests.take(number)) else {
            peer.requests.remove_piece(number);
            return 0;
        };
        let Some(data) = piece.chunk(chunk).cloned() else { return 0 };
        peer.up.add(now, data.len() as u64);
        self.totals.uploaded_bytes += data.len() as u64;
        self.totals.uplink.add(now, data.len() as u64);
        let message = Message::Piece { stream: 0, piece: number as u32, time: piece.time(), chunk, data };
        let bytes = message.frame_bytes();
        self.send(now, link, message);
        bytes
    }

    fn uplink_ahead_bytes(&mut self, now: Instant) -> usize {
        let measured = self.totals.uplink.bytes_per_second(now) as f64 * UPLINK_AHEAD_S;
        (measured as usize).max(UPLINK_AHEAD_MIN_BYTES)
    }

    /// Peers that let everything pile up are not peers.
    pub(super) fn close_unread(&mut self, now: Instant) {
        let is_deaf = |peer: &super::Peer| {
            let waited = now.saturating_duration_since(peer.drained_at);
            peer.queued_bytes > LINK_QUEUE_MAX_BYTES
                || (peer.queued_bytes > 0 && waited >= LINK_UNREAD_TIMEOUT)
        };
        let stuck = self.peers.iter().filter(|(_, peer)| is_deaf(peer));
        let stuck: Vec<_> = stuck.map(|(&link, _)| link).collect();
        stuck.into_iter().for_each(|link| self.close(now, link, Close::NotReading));
    }
}
