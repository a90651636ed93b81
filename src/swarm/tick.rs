//! What time alone brings about: late answers, silence, rounds, losses.

use std::time::Instant;

use super::event::Close;
use super::{Role, Swarm};
use crate::base::limits::{HANDSHAKE_TIMEOUT, LINK_IDLE_TIMEOUT};
use crate::wire::message::Message;

/// So many rounds of late answers, and a peer is no longer asked alone.
const SOLE_TIMEOUTS_MAX: u32 = 3;

impl Swarm {
    pub(super) fn tick(&mut self, now: Instant) {
        self.last_tick = now;
        self.expire_requests(now);
        if now >= self.next_tick {
            self.next_tick = now + self.config.housekeeping_interval;
            self.grant(now);
            self.close_silent(now);
            self.close_unread(now);
            self.keep_alive(now);
            self.peers.values_mut().for_each(|peer| peer.requests.expire(now));
            self.recover(now);
        }
        self.advance(now);
        self.fill_all(now);
    }

    pub(super) fn next_deadline(&self) -> Instant {
        let pipelines = self.peers.values().filter_map(|peer| peer.pipeline.deadline());
        let dials = self.roster.deadline(self.room_to_dial()).filter(|_| self.config.role == Role::Relay);
        // What was overdue in the last tick was looked at then.
        let losses = self.follow.deadline().filter(|&at| at > self.last_tick);
        let others = [self.announcer.deadline(self.is_lonely()), dials, losses];
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

    /// Starts over when a join or the stream itself brought nothing for too long.
    fn recover(&mut self, now: Instant) {
        if self.follow.was_led_astray(now) {
            self.distrust_idlers();
            self.rejoin();
        } else if self.follow.is_stalled(now) {
            let owing = self.peers.iter().filter(|(_, peer)| peer.pipeline.timeouts_in_a_row() > 0);
            let owing: Vec<_> = owing.map(|(&link, _)| link).collect();
            owing.into_iter().for_each(|link| self.close(now, link, Close::Unproductive));
            self.rejoin();
        } else {
            self.look_elsewhere(now);
        }
    }

    /// Peers that claimed what we joined for and sent nothing do not choose the place again, unless
    /// nobody else is left.
    fn distrust_idlers(&mut self) {
        let Some(next) = self.follow.next() else { return };
        for peer in self.peers.values_mut() {
            peer.is_distrusted |= peer.claims.newest().is_some_and(|newest| newest >= next);
        }
        if self.peers.values().filter(|peer| peer.is_usable()).all(|peer| peer.is_distrusted) {
            self.peers.values_mut().for_each(|peer| peer.is_distrusted = false);
        }
    }

    pub(super) fn rejoin(&mut self) {
        self.follow.leave();
        for (&link, peer) in &mut self.peers {
            for key in peer.pipeline.clear() {
                self.wants.release(link, key);
            }
        }
        self.wants.clear();
    }
}
