//! Where in the stream to begin, going by what peers claim: newest, plausible, believed by most.

use std::time::Instant;

use super::{HEAD_JUMP_BACK, Ts};
use crate::base::ids::LinkId;
use crate::base::limits::HEAD_JUMP_MAX_PIECES;
use crate::swarm::Swarm;
use crate::swarm::peer::Peer;

impl Swarm<Ts> {
    /// Joins as far behind the swarm's newest piece as the buffer is long.
    pub(super) fn join(&mut self, now: Instant) {
        if let Some(head) = self.swarm_head() {
            self.join_at(now, head);
        }
    }

    /// Whether we joined on the word of a few, brought nothing home so far, and most now say that the
    /// stream is not so far.
    pub(super) fn joined_beyond_the_swarm(&self) -> bool {
        let start = self.medium.follow.unproven_start();
        start.is_some_and(|start| self.swarm_head().is_some_and(|head| head + HEAD_JUMP_MAX_PIECES < start))
    }

    /// When nothing came for long and nobody has what could come next, goes where the newest claims
    /// are, the source's before all: after a gap in the numbers it alone knows where the stream is.
    pub(super) fn look_elsewhere(&mut self, now: Instant) {
        let Some(next) = self.medium.follow.next().filter(|_| self.medium.follow.is_starved(now)) else {
            return;
        };
        let plausible_max = self.medium.follow.plausible_max(now);
        let news = |peer: &Peer| peer.claims.only().next_after(next.saturating_sub(1));
        if self.trusted().any(|(_, peer)| news(peer).is_some_and(|number| number <= plausible_max)) {
            return;
        }
        let beyond = self.trusted().filter_map(|(_, peer)| {
            let head = peer.claims.only().newest().filter(|&head| head > plausible_max)?;
            Some((peer.description.is_some_and(|said| said.is_source), head))
        });
        if let Some((_, head)) = beyond.max() {
            self.rejoin();
            self.join_at(now, head);
            self.medium.follow.trust_start();
        }
    }

    fn join_at(&mut self, now: Instant, head: u64) {
        let target = (head + 1).saturating_sub(self.medium.follow.prefetch_pieces());
        let claims = self.trusted().map(|(_, peer)| peer.claims.only());
        let available = claims.filter_map(|claims| match claims.contains(target) {
            true => Some(target),
            false => claims.next_after(target),
        });
        let Some(start) = available.min() else { return };
        let start = self.medium.follow.without_repeats(start);
        if self.medium.newest().is_some_and(|newest| start + HEAD_JUMP_BACK < newest) {
            // The stream began anew with lower numbers: what we hold is of another time.
            self.begin_anew();
        }
        tracing::debug!(target: "acestream.swarm", "join at piece {start}, newest {head}");
        self.wants.clear();
        self.medium.follow.join(now, start);
        self.totals.joins += 1;
    }

    /// Peers that we may request from and that did not lead us astray.
    pub(super) fn trusted(&self) -> impl Iterator<Item = (LinkId, &Peer)> {
        let usable = self.peers.iter().filter(|(_, peer)| peer.is_usable() && !peer.is_distrusted);
        usable.map(|(&link, peer)| (link, peer))
    }

    /// The newest piece of the swarm, as the lower median of what peers claim: one liar among
    /// honest peers does not move it.
    pub(super) fn swarm_head(&self) -> Option<u64> {
        let mut heads: Vec<_> = self.trusted().filter_map(|(_, peer)| peer.claims.only().newest()).collect();
        heads.sort_unstable();
        heads.get(heads.len().checked_sub(1)? / 2).copied()
    }

    /// The newest piece that anybody claims plausibly.
    pub(super) fn newest_claimed(&self, now: Instant) -> Option<u64> {
        let plausible_max = self.medium.follow.plausible_max(now);
        let newest = self.trusted().filter_map(|(_, peer)| peer.claims.only().newest());
        newest.filter(|&number| number <= plausible_max).max()
    }
}
