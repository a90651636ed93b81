//! What time alone brings about: late answers, silence, rounds, losses.

use std::time::Instant;

use super::event::Close;
use super::medium::Medium;
use super::{Role, Swarm};
use crate::base::limits::{HANDSHAKE_TIMEOUT, LINK_IDLE_TIMEOUT};
use crate::wire::message::Message;

/// So many rounds of late answers, and a peer is no longer asked alone.
const SOLE_TIMEOUTS_MAX: u32 = 3;

impl<M: Medium> Swarm<M> {
    pub(super) fn tick(&mut self, now: Instant) {
        self.last_tick = now;
        self.expire_requests(now);
        if now >= self.next_tick {
            self.next_tick = now + self.config.housekeeping_interval;
            self.grant(now);
            self.close_silent(now);
            self.close_unread(now);
            self.keep_alive(now);
            self.exchange(now);
            self.peers.values_mut().for_each(|peer| peer.requests.expire(now));
            M::keep_house(self, now);
        }
        M::advance(self, now);
        self.resume_throttled(now);
        self.fill_all(now);
    }

    pub(super) fn next_deadline(&self) -> Instant {
        let pipelines = self.peers.values().filter_map(|peer| peer.pipeline.deadline());
        let dials = self.roster.deadline(self.room_to_dial()).filter(|_| self.config.role == Role::Relay);
        let of_medium = self.medium.deadline(self.last_tick);
        let others = [self.announcer.deadline(self.is_lonely()), dials, of_medium, self.throttled_until];
        let exact = pipelines.chain(others.into_iter().flatten()).min();
        exact.map_or(self.next_tick, |exact| exact.min(self.next_tick))
    }

    fn expire_requests(&mut self, now: Instant) {
        let links: Vec<_> = self.peers.keys().copied().collect();
        for link in links {
            let Some(peer) = self.peers.get_mut(&link) else { continue };
            let late = peer.pipeline.expire(now);
            self.totals.requests_late += late.len() as u64;
            if peer.pipeline.timeouts_in_a_row() >= SOLE_TIMEOUTS_MAX {
                self.wants.forget_sole(link);
            }
            late.into_iter().for_each(|key| self.wants.release(link, key));
        }
    }

    fn close_silent(&mut self, now: Instant) {
        let verdict = |peer: &super::Peer| {
            if now.saturating_duration_since(peer.last_heard) >= LINK_IDLE_TIMEOUT {
                return Some(Close::Idle);
            }
            let is_nameless = peer.description.is_none();
            let age = now.saturating_duration_since(peer.since);
            (is_nameless && age >= HANDSHAKE_TIMEOUT).then_some(Close::NoHandshake)
        };
        let closing: Vec<_> =
            self.peers.iter().filter_map(|(&link, peer)| Some((link, verdict(peer)?))).collect();
        closing.into_iter().for_each(|(link, why)| self.close(now, link, why));
    }

    fn keep_alive(&mut self, now: Instant) {
        let is_quiet =
            |peer: &super::Peer| now.saturating_duration_since(peer.last_sent) >= LINK_IDLE_TIMEOUT / 2;
        let quiet: Vec<_> = self.peers.iter().filter(|(_, p)| is_quiet(p)).map(|(&l, _)| l).collect();
        quiet.into_iter().for_each(|link| self.send(now, link, Message::KeepAlive));
    }
}
