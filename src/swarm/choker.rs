//! Who may request: everybody while the uplink keeps up, else as many as it can serve at once.
//!
//! Being unchoked is a grant: what is asked under it is answered soon. A request that would wait for
//! long is refused by choking, so that its sender asks somebody else at once instead of waiting for a
//! timeout; and when the uplink falls idle, the next peer that lacks something is let in.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use super::Swarm;
use super::medium::Medium;
use crate::base::ids::{LinkId, PieceId};
use crate::wire::message::Message;

/// After a refusal, grants are dealt out one by one for so long.
const SCARCITY: Duration = Duration::from_secs(10);
/// A peer that was let in asks within this time, or the next one is let in.
const GRANT_TIME: Duration = Duration::from_millis(100);
/// Peers that were just let in and did not ask yet, while grants are scarce.
const GRANTS_MAX: usize = 4;
/// With all slots taken, a peer that asks nothing holds its slot for so long.
const SLOT_TIME: Duration = Duration::from_secs(1);
/// One grant in so many goes to who waited longest, whether it gives or not.
const GRANTS_BY_WAIT: u64 = 3;

#[derive(Debug, Default)]
pub(super) struct Choker {
    refused_at: Option<Instant>,
    grants: u64,
}

impl Choker {
    fn is_scarce(&self, now: Instant) -> bool {
        self.refused_at.is_some_and(|at| now.saturating_duration_since(at) < SCARCITY)
    }
}

impl<M: Medium> Swarm<M> {
    /// Lets in whom the uplink has room for.
    pub(super) fn grant(&mut self, now: Instant) {
        let is_scarce = self.choker.is_scarce(now);
        let newest = self.medium.newest_held();
        if newest.is_empty() {
            return;
        }
        let rarest = self.fewest_copies(&newest);
        while !is_scarce || (self.waiting_bytes(rarest) == 0 && self.fresh_grants(now) < GRANTS_MAX) {
            let lacking = if is_scarce { Some((&newest[..], rarest)) } else { None };
            let Some(link) = self.next_grant(now, lacking) else { return };
            if !self.has_free_slot(now) {
                return;
            }
            self.choker.grants += 1;
            self.set_unchoked(now, link, true);
        }
    }

    /// Answers a request that would wait too long by choking its sender.
    pub(super) fn refuse(&mut self, now: Instant, link: LinkId) {
        self.choker.refused_at = Some(now);
        self.totals.requests_refused += 1;
        self.set_unchoked(now, link, false);
    }

    pub(super) fn set_unchoked(&mut self, now: Instant, link: LinkId, is_unchoked: bool) {
        let Some(peer) = self.peers.get_mut(&link).filter(|peer| peer.is_unchoked != is_unchoked) else {
            return;
        };
        peer.is_unchoked = is_unchoked;
        if is_unchoked {
            peer.granted_at = Some(now);
            peer.has_used_grant = false;
        } else {
            peer.requests.clear();
        }
        self.send(now, link, if is_unchoked { Message::Unchoke } else { Message::Choke });
    }

    /// The peer to let in next: of priority first, then one that gives, then who waited longest. While
    /// grants are scarce, only one that lacks some piece of (these, with so many copies).
    fn next_grant(&mut self, now: Instant, lacking: Option<(&[PieceId], usize)>) -> Option<LinkId> {
        let (choker, copies) = (&self.choker, &self.copies);
        let lacks = |peer: &super::Peer| {
            lacking.is_none_or(|(pieces, rarest)| {
                let mut rare = pieces.iter().filter(|&&id| copies.of(id) <= rarest);
                rare.any(|&id| !peer.claims.contains(id))
            })
        };
        let by_wait = choker.grants.is_multiple_of(GRANTS_BY_WAIT);
        let waiting = self.peers.iter_mut().filter(|(_, peer)| peer.is_interested && !peer.is_unchoked);
        let ranked = waiting.filter_map(|(&link, peer)| {
            if !lacks(peer) {
                return None;
            }
            let gives = !by_wait && peer.down.bytes_per_second(now) > 0;
            Some((Reverse(peer.has_priority), Reverse(gives), peer.granted_at, link))
        });
        ranked.min().map(|(.., link)| link)
    }

    /// Whether one more peer may be let in; takes the slot of one that does not use it if need be.
    fn has_free_slot(&mut self, now: Instant) -> bool {
        let unchoked = self.peers.iter().filter(|(_, peer)| peer.is_unchoked);
        if unchoked.clone().count() < self.config.upload_slots.max(1) {
            return true;
        }
        let is_idle = |peer: &super::Peer| {
            let held = peer.granted_at.map(|at| now.saturating_duration_since(at));
            !peer.has_priority && peer.requests.is_empty() && held.is_none_or(|held| held >= SLOT_TIME)
        };
        let idle = unchoked.filter(|(_, peer)| is_idle(peer));
        let longest = idle.min_by_key(|(link, peer)| (peer.granted_at, **link)).map(|(&link, _)| link);
        longest.into_iter().for_each(|link| self.set_unchoked(now, link, false));
        longest.is_some()
    }

    fn fresh_grants(&self, now: Instant) -> usize {
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < GRANT_TIME;
        let fresh = |peer: &&super::Peer| {
            peer.is_unchoked && !peer.has_used_grant && peer.granted_at.is_some_and(is_fresh)
        };
        self.peers.values().filter(fresh).count()
    }
}
