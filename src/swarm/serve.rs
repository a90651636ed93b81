//! Serving: which of all requests to answer next, while the uplink takes it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Swarm;
use super::claims::StreamClaims;
use super::event::Close;
use super::medium::Medium;
use super::pipeline::ChunkKey;
use crate::base::ids::{LinkId, PieceId};
use crate::base::limits::{LINK_QUEUE_MAX_BYTES, LINK_UNREAD_TIMEOUT};
use crate::wire::message::Message;

/// Bytes that may wait for one socket; more would only queue.
const LINK_AHEAD_BYTES: usize = 64 * 1024;
/// Bytes that may wait for all sockets together when the uplink is slow.
const UPLINK_AHEAD_MIN_BYTES: usize = 36 * 1024;
/// Bytes that wait for a peer count no more when it took none for so long: it may never read them.
const STUCK_AFTER: Duration = Duration::from_secs(1);
/// How far ahead of a measured uplink to queue.
const UPLINK_AHEAD_S: f64 = 0.1;

/// How long a request may wait for its turn; whose would wait longer is refused.
const WAITING_MAX_S: f64 = 0.25;

/// How many peers hold each piece of our window.
#[derive(Debug, Default)]
pub(super) struct Copies {
    by_piece: BTreeMap<PieceId, Count>,
    /// How often each chunk was sent, where chunks are passed on one by one.
    by_chunk: BTreeMap<PieceId, Vec<u16>>,
}

/// Pieces whose chunks' copies are counted, the newest.
const CHUNKS_COUNTED_OF: usize = 64;

#[derive(Debug, Default)]
struct Count {
    claimed: usize,
    sent: usize,
}

impl Copies {
    /// A piece enters the window; `copies` peers have it already.
    pub fn begin(&mut self, id: PieceId, copies: usize) {
        self.by_piece.insert(id, Count { claimed: copies, sent: 0 });
    }

    /// The last chunk of a whole copy is on its way.
    fn sent(&mut self, id: PieceId) {
        if let Some(count) = self.by_piece.get_mut(&id) {
            count.sent += 1;
        }
    }

    fn chunk_sent(&mut self, (id, chunk): ChunkKey) {
        let counts = self.by_chunk.entry(id).or_default();
        if counts.len() <= usize::from(chunk) {
            counts.resize(usize::from(chunk) + 1, 0);
        }
        counts[usize::from(chunk)] = counts[usize::from(chunk)].saturating_add(1);
        if self.by_chunk.len() > CHUNKS_COUNTED_OF {
            self.by_chunk.pop_first();
        }
    }

    /// How often we sent a chunk.
    fn of_chunk(&self, (id, chunk): ChunkKey) -> u16 {
        self.by_chunk.get(&id).and_then(|counts| counts.get(usize::from(chunk))).copied().unwrap_or(0)
    }

    pub fn claimed(&mut self, id: PieceId) {
        if let Some(count) = self.by_piece.get_mut(&id) {
            count.claimed += 1;
        }
    }

    pub fn peer_left(&mut self, claims: &StreamClaims) {
        for (_, count) in self.by_piece.iter_mut().filter(|(id, _)| claims.contains(**id)) {
            count.claimed = count.claimed.saturating_sub(1);
        }
    }

    pub fn remove_before(&mut self, id: PieceId) {
        self.by_piece = self.by_piece.split_off(&id);
    }

    pub fn remove(&mut self, id: PieceId) {
        self.by_piece.remove(&id);
        self.by_chunk.remove(&id);
    }

    /// Claimed by peers, or sent to some that have not said so yet.
    pub fn of(&self, id: PieceId) -> usize {
        self.by_piece.get(&id).map_or(0, |count| count.claimed.max(count.sent))
    }
}

impl<M: Medium> Swarm<M> {
    pub(super) fn requested(&mut self, now: Instant, link: LinkId, id: PieceId, chunk: u16) {
        let is_held = self.medium.chunk(&self.wants, (id, chunk)).is_some();
        let Some(peer) = self.peers.get(&link) else { return };
        let may_ask = peer.is_unchoked && peer.description.is_some();
        if may_ask && !is_held && M::recall(self, link, (id, chunk)) {
            return;
        }
        let Some(peer) = self.peers.get_mut(&link) else { return };
        if !is_held || !may_ask {
            self.totals.requests_refused += 1;
            return;
        }
        peer.has_used_grant = true;
        let is_begun = peer.requests.sent(id) > 0;
        let is_new_here = peer.requests.is_empty() && !is_begun && !peer.has_priority;
        let copies = self.copies.of(id);
        if is_new_here && self.waiting_bytes(copies) >= self.waiting_max_bytes(now) {
            return self.refuse(now, link);
        }
        if is_new_here && self.waiting_bytes(usize::MAX) >= self.waiting_max_bytes(now) {
            let other = self.least_useful_waiter(copies);
            other.into_iter().for_each(|other| self.refuse(now, other));
        }
        let Some(peer) = self.peers.get_mut(&link) else { return };
        peer.requests.add(now, id, chunk);
        self.serve(now);
    }

    /// Who waits for nothing but pieces with more than `copies` copies, of which nothing was sent yet.
    fn least_useful_waiter(&self, copies: usize) -> Option<LinkId> {
        let waiting = self.peers.iter().filter(|(_, peer)| !peer.has_priority && !peer.requests.is_empty());
        let ranked = waiting.filter_map(|(&link, peer)| {
            let is_begun = peer.requests.pieces().any(|(_, sent)| sent > 0);
            let rarest = peer.requests.pieces().map(|(id, _)| self.copies.of(id)).min()?;
            (!is_begun && rarest > copies).then_some((rarest, link))
        });
        ranked.max().map(|(_, link)| link)
    }

    /// Bytes asked for that no socket has taken, of pieces with up to `copies` copies: those that are
    /// served before or with one that has so many. Who is slow to read waits for itself.
    pub(super) fn waiting_bytes(&self, copies: usize) -> usize {
        let ready = self.peers.values().filter(|peer| peer.queued_bytes < LINK_AHEAD_BYTES);
        let waiting = ready.flat_map(|peer| peer.requests.waiting());
        let requests = waiting.filter(|&(id, _)| self.copies.of(id) <= copies).map(|(_, count)| count);
        requests.sum::<usize>() * self.medium.chunk_bytes()
    }

    /// The fewest copies of any of these pieces.
    pub(super) fn fewest_copies(&self, pieces: &[PieceId]) -> usize {
        pieces.iter().map(|&id| self.copies.of(id)).min().unwrap_or(0)
    }

    /// Bytes that may wait before others are refused: what the uplink moves in a moment.
    fn waiting_max_bytes(&mut self, now: Instant) -> usize {
        let moved = self.totals.uplink.bytes_per_second(now) as f64 * WAITING_MAX_S;
        (moved as usize).max(self.medium.piece_bytes())
    }

    pub(super) fn writable(&mut self, now: Instant, link: LinkId, queued_bytes: usize) {
        let Some(peer) = self.peers.get_mut(&link) else { return };
        peer.queued_bytes = queued_bytes;
        peer.drained_at = now;
        self.serve(now);
    }

    /// Answers requests as long as the sockets take them.
    pub(super) fn serve(&mut self, now: Instant) {
        let is_stuck = |peer: &&super::Peer| now.saturating_duration_since(peer.drained_at) >= STUCK_AFTER;
        let moving = self.peers.values().filter(|peer| !is_stuck(peer));
        let mut queued_bytes: usize = moving.map(|peer| peer.queued_bytes).sum();
        let ahead_max = self.uplink_ahead_bytes(now);
        while queued_bytes < ahead_max {
            let Some((link, id)) = self.next_service() else { return self.grant(now) };
            if let Some(at) = self.throttle.upload_at(now) {
                return self.wait_for_rate(at);
            }
            queued_bytes += self.serve_one(now, link, id);
        }
    }

    /// Least copied first, then newest; a piece that was begun for a peer is finished for it, since a
    /// peer can pass on whole pieces only.
    fn next_service(&self) -> Option<(LinkId, PieceId)> {
        let writable = self.peers.iter().filter(|(_, peer)| {
            !peer.requests.is_empty() && peer.is_unchoked && peer.queued_bytes < LINK_AHEAD_BYTES
        });
        let waiting = writable.flat_map(|(&link, peer)| {
            let rank = move |id, sent: u16| {
                let rarest = if M::PROVES_CHUNKS { self.rarest_waiting(peer, id) } else { 0 };
                let begun = if M::PROVES_CHUNKS { 0 } else { sent };
                let order = (self.copies.of(id), rarest, Reverse(begun.min(1)), Reverse(id), Reverse(begun));
                (!peer.has_priority, order)
            };
            peer.requests.pieces().map(move |(id, sent)| (rank(id, sent), link, id))
        });
        waiting.min().map(|(_, link, id)| (link, id))
    }

    /// How often we sent the rarest chunk of `id` that a peer waits for.
    fn rarest_waiting(&self, peer: &super::Peer, id: PieceId) -> u16 {
        peer.requests.chunks_of(id).map(|chunk| self.copies.of_chunk((id, chunk))).min().unwrap_or(0)
    }

    /// Sends one chunk of `id` to `link`; returns the bytes queued.
    fn serve_one(&mut self, now: Instant, link: LinkId, id: PieceId) -> usize {
        let Some(peer) = self.peers.get_mut(&link) else { return 0 };
        let copies = &self.copies;
        let chunk = match M::PROVES_CHUNKS {
            true => peer.requests.take_lowest(id, |chunk| copies.of_chunk((id, chunk))),
            false => peer.requests.take(id),
        };
        let Some(chunk) = chunk else { return 0 };
        let Some((time, data)) = self.medium.chunk(&self.wants, (id, chunk)) else {
            if !M::recall(self, link, (id, chunk))
                && let Some(peer) = self.peers.get_mut(&link)
            {
                peer.requests.forget_piece(id);
            }
            return 0;
        };
        let is_last = Some(peer.requests.sent(id)) == self.medium.chunks_of(id);
        if M::PROVES_CHUNKS {
            self.copies.chunk_sent((id, chunk));
        }
        peer.up.add(now, data.len() as u64);
        self.totals.uploaded_bytes += data.len() as u64;
        self.totals.uplink.add(now, data.len() as u64);
        if is_last {
            self.copies.sent(id);
        }
        let message = Message::Piece { stream: id.stream, piece: id.number as u32, time, chunk, data };
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
