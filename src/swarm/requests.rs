//! What one peer asked of us and still waits for.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::base::ids::PieceId;
use crate::base::limits::PEER_REQUESTS_MAX;

/// After this long the peer has asked again, or somebody else.
const REQUEST_LIFE: Duration = Duration::from_secs(2);

/// Begun pieces remembered of one peer, the newest.
const BEGUN_MAX: usize = 64;

/// The chunks of one piece that are waited for.
#[derive(Debug)]
pub struct PieceRequests {
    chunks: VecDeque<u16>,
    last_asked: Instant,
}

/// Requests by piece, bounded; asking twice changes nothing.
#[derive(Debug, Default)]
pub struct RequestQueue {
    pieces: BTreeMap<PieceId, PieceRequests>,
    /// Chunks sent of pieces that the peer has not got whole, so that one once begun is finished first.
    sent: BTreeMap<PieceId, u16>,
    count: usize,
}

impl RequestQueue {
    /// Notes a request; when the queue is full the oldest piece makes room.
    pub fn add(&mut self, now: Instant, piece: PieceId, chunk: u16) {
        if self.count >= PEER_REQUESTS_MAX {
            self.drop_oldest_piece();
        }
        let fresh = || PieceRequests { chunks: VecDeque::new(), last_asked: now };
        let requests = self.pieces.entry(piece).or_insert_with(fresh);
        requests.last_asked = now;
        if !requests.chunks.contains(&chunk) {
            requests.chunks.push_back(chunk);
            self.count += 1;
        }
    }

    /// The pieces waited for, with how much of each was sent.
    pub fn pieces(&self) -> impl Iterator<Item = (PieceId, u16)> {
        self.pieces.keys().map(|&piece| (piece, self.sent(piece)))
    }

    /// The pieces waited for, with how many chunks of each.
    pub fn waiting(&self) -> impl Iterator<Item = (PieceId, usize)> {
        self.pieces.iter().map(|(&piece, requests)| (piece, requests.chunks.len()))
    }

    /// Takes the next chunk of `piece` to send.
    pub fn take(&mut self, piece: PieceId) -> Option<u16> {
        let requests = self.pieces.get_mut(&piece)?;
        let chunk = requests.chunks.pop_front()?;
        self.count -= 1;
        if requests.chunks.is_empty() {
            self.pieces.remove(&piece);
        }
        *self.sent.entry(piece).or_default() += 1;
        if self.sent.len() > BEGUN_MAX {
            self.sent.pop_first();
        }
        Some(chunk)
    }

    /// The same with the chunk that ranks lowest, the first one of equals.
    pub fn take_lowest(&mut self, piece: PieceId, rank: impl Fn(u16) -> u16) -> Option<u16> {
        let chunks = &mut self.pieces.get_mut(&piece)?.chunks;
        let (at, _) = chunks.iter().enumerate().min_by_key(|&(at, &chunk)| (rank(chunk), at))?;
        chunks.swap(0, at);
        self.take(piece)
    }

    /// The chunks of `piece` that are waited for.
    pub fn chunks_of(&self, piece: PieceId) -> impl Iterator<Item = u16> {
        self.pieces.get(&piece).into_iter().flat_map(|requests| requests.chunks.iter().copied())
    }

    /// The peer has some chunks of a piece: it waits for them no more.
    pub fn forget_chunks(&mut self, piece: PieceId, has: impl Fn(u16) -> bool) {
        let Some(requests) = self.pieces.get_mut(&piece) else { return };
        let before = requests.chunks.len();
        requests.chunks.retain(|&chunk| !has(chunk));
        self.count -= before - requests.chunks.len();
        if requests.chunks.is_empty() {
            self.pieces.remove(&piece);
        }
    }

    /// How many chunks of `piece` it got from us, as long as it has not the whole.
    pub fn sent(&self, piece: PieceId) -> u16 {
        self.sent.get(&piece).copied().unwrap_or(0)
    }

    /// The peer has the piece, or we have it no more.
    pub fn forget_piece(&mut self, piece: PieceId) {
        self.sent.remove(&piece);
        self.remove_piece(piece);
    }

    fn remove_piece(&mut self, piece: PieceId) {
        if let Some(requests) = self.pieces.remove(&piece) {
            self.count -= requests.chunks.len();
        }
    }

    /// Drops what is too old to be waited for.
    pub fn expire(&mut self, now: Instant) {
        let is_old =
            |requests: &PieceRequests| now.saturating_duration_since(requests.last_asked) >= REQUEST_LIFE;
        let old: Vec<_> = self.pieces.iter().filter(|(_, r)| is_old(r)).map(|(&piece, _)| piece).collect();
        old.into_iter().for_each(|piece| self.remove_piece(piece));
    }

    /// Drops all that is waited for.
    pub fn clear(&mut self) {
        self.pieces.clear();
        self.count = 0;
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn drop_oldest_piece(&mut self) {
        let oldest = self.pieces.iter().min_by_key(|(_, requests)| requests.last_asked);
        if let Some((&piece, _)) = oldest {
            self.remove_piece(piece);
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make up a time to start from")]
mod tests {
    use super::*;

    const fn id(number: u64) -> PieceId {
        PieceId { stream: 0, number }
    }

    #[test]
    fn asking_twice_is_asking_once() {
        let now = Instant::now();
        let mut queue = RequestQueue::default();
        queue.add(now, id(1), 0);
        queue.add(now, id(1), 0);
        assert_eq!(queue.len(), 1);
        assert_eq!((queue.take(id(1)), queue.take(id(1))), (Some(0), None));
        assert!(queue.is_empty());
    }

    #[test]
    fn flood_of_requests_stays_bounded() {
        let now = Instant::now();
        let mut queue = RequestQueue::default();
        for n in 0..10 * PEER_REQUESTS_MAX as u64 {
            queue.add(now + Duration::from_micros(n), id(n), (n % 7) as u16);
            assert!(queue.len() <= PEER_REQUESTS_MAX);
        }
    }

    #[test]
    fn old_requests_are_dropped() {
        let now = Instant::now();
        let mut queue = RequestQueue::default();
        queue.add(now, id(1), 0);
        queue.add(now + REQUEST_LIFE / 2, id(2), 0);
        queue.expire(now + REQUEST_LIFE);
        assert_eq!(queue.pieces().collect::<Vec<_>>(), [(id(2), 0)]);
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn begun_piece_is_remembered_when_its_sender_was_refused_in_between() {
        let now = Instant::now();
        let mut queue = RequestQueue::default();
        queue.add(now, id(1), 0);
        queue.take(id(1));
        queue.clear();
        queue.add(now, id(1), 1);
        assert_eq!(queue.pieces().collect::<Vec<_>>(), [(id(1), 1)]);
        queue.forget_piece(id(1));
        assert_eq!((queue.sent(id(1)), queue.len()), (0, 0));
    }
}
