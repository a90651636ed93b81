//! Fetching: what to ask of whom, and what to do with what comes.

use std::time::Instant;

use bytes::Bytes;

use super::Swarm;
use super::event::Close;
use super::medium::Medium;
use super::pipeline::ChunkKey;
use super::wants::Use;
use crate::base::ids::LinkId;
use crate::live::assembler::Added;
use crate::wire::message::Message;

/// One chunk in so many may be asked of two peers at once. Without a bound, a swarm that lags asks for
/// everything twice, and lags more.
const CHUNKS_PER_SECOND_ASK: u64 = 50;
/// Unasked chunks forgiven: answers that crossed with a late request.
const UNSOLICITED_MAX: u32 = 512;

impl<M: Medium> Swarm<M> {
    pub(super) fn fill_all(&mut self, now: Instant) {
        if self.wants.is_empty() {
            return;
        }
        let mut links: Vec<_> = self.peers.keys().copied().collect();
        self.rng.shuffle(&mut links);
        links.into_iter().for_each(|link| self.fill(now, link));
    }

    /// Asks `link` for as much as it may have in flight.
    pub(super) fn fill(&mut self, now: Instant, link: LinkId) {
        let everybody = self.peers.values().filter(|peer| peer.description.is_some()).count();
        loop {
            let Some(peer) = self.peers.get_mut(&link).filter(|peer| peer.is_usable()) else { return };
            if peer.pipeline.room() == 0 {
                return;
            }
            if let Some(at) = self.throttle.download_at(now) {
                return self.wait_for_rate(at);
            }
            let how = match peer.is_suspect {
                true => Use::SoleOnly,
                false if M::PROVES_CHUNKS && peer.pipeline.is_mute() => Use::LeftOnly,
                false => Use::Anything,
            };
            let (pipeline, claims) = (&peer.pipeline, &peer.claims);
            let may_ask = |key: ChunkKey| {
                pipeline.may_ask(now, key) && (claims.contains(key.0) || self.medium.has_part(link, key))
            };
            // What the source alone has it must spread: what others have too is asked of them.
            let is_source = peer.description.is_some_and(|said| said.is_source);
            let is_urgent = |id, copies| self.medium.is_urgent(now, id) && !(is_source && copies > 1);
            let has = |id| claims.contains(id) || self.medium.has_parts(link, id);
            let open = self.wants.choose(link, how, everybody, is_urgent, may_ask, has);
            let may_double = self.totals.asked_twice * CHUNKS_PER_SECOND_ASK <= self.totals.asked;
            let urgent = || {
                let next = self.medium.most_urgent(now)?;
                (may_double && how == Use::Anything && has(next)).then_some(next)
            };
            let second = || self.wants.choose_second(urgent()?, link, may_ask);
            let is_second = open.is_none();
            let Some((id, chunk)) = open.or_else(second) else { return };
            self.totals.asked_twice += u64::from(is_second);
            self.totals.asked += 1;
            peer.pipeline.asked(now, (id, chunk));
            self.throttle.asked(now, self.medium.chunk_bytes());
            self.send(now, link, Message::Request { stream: id.stream, piece: id.number as u32, chunk });
        }
    }

    pub(super) fn chunk_arrived(
        &mut self,
        now: Instant,
        link: LinkId,
        key: ChunkKey,
        time: f64,
        data: Bytes,
    ) {
        let Some(peer) = self.peers.get_mut(&link) else { return };
        let bytes = data.len() as u64;
        if !peer.pipeline.answered(now, key) {
            peer.unsolicited += 1;
            if peer.unsolicited > UNSOLICITED_MAX {
                self.close(now, link, Close::Unsolicited);
            }
            return;
        }
        peer.down.add(now, bytes);
        self.totals.downloaded_bytes += bytes;
        self.medium.chunk_came(now);
        self.take_chunk(now, link, key, time, data);
        self.fill(now, link);
    }

    fn take_chunk(&mut self, now: Instant, link: LinkId, key: ChunkKey, time: f64, data: Bytes) {
        let bytes = data.len() as u64;
        let added = self.wants.add(key, data.clone(), time, link);
        self.wants.release(link, key);
        match added {
            Some(Added::Stored) => {
                self.withdraw_elsewhere(link, key);
                M::chunk_stored(self, now, key);
            }
            Some(Added::Complete) => {
                self.withdraw_elsewhere(link, key);
                M::piece_complete(self, now, key);
            }
            Some(Added::False) => M::chunk_false(self, now, link, key),
            Some(Added::Malformed) => self.close(now, link, Close::Malformed),
            Some(Added::Duplicate) | None => {
                self.totals.duplicate_bytes += bytes;
                M::chunk_unneeded(self, now, link, key, &data);
            }
        }
    }

    pub(super) fn withdraw_elsewhere(&mut self, link: LinkId, key: ChunkKey) {
        for other in self.wants.others_asked(key, link) {
            self.wants.release(other, key);
            if let Some(peer) = self.peers.get_mut(&other) {
                peer.pipeline.withdraw(key);
            }
        }
    }
}
