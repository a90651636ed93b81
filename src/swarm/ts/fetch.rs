//! The stream's pieces: which are wanted, delivered, believed and given up.

use std::time::Instant;

use super::blame::Evidence;
use super::{Ts, ts_id};
use crate::live::assembler::{Contribution, Forged};
use crate::live::piece::VerifiedPiece;
use crate::swarm::event::{Close, Output};
use crate::swarm::{Role, Swarm};

/// Bytes of pieces being fetched at once.
const FETCHING_MAX_BYTES: usize = 64 * 1024 * 1024;
/// A time this far before its predecessor's is an old piece's time.
const TIME_TOLERANCE_S: f64 = 60.0;

impl Swarm<Ts> {
    /// Moves on: joins, delivers, gives up what is lost, and wants what is new.
    pub(super) fn advance_stream(&mut self, now: Instant) {
        if self.config.role == Role::Source {
            return;
        }
        if self.joined_beyond_the_swarm() {
            self.rejoin();
        }
        if self.medium.follow.position().is_none() {
            self.join(now);
        }
        self.deliver(now);
        self.give_up_lost(now);
        self.catch_up(now);
        self.want_new(now);
    }

    fn deliver(&mut self, now: Instant) {
        while let Some(next) = self.medium.follow.next() {
            let Some(piece) = self.medium.at_hand(next) else { return self.recall(next) };
            self.outputs.push_back(Output::Deliver(piece.clone()));
            self.medium.follow.delivered(now, next);
        }
    }

    /// Skips the next piece when nobody has it, or when it is overdue and a later one is here.
    fn give_up_lost(&mut self, now: Instant) {
        let Some(next) = self.medium.follow.next() else { return };
        let is_claimed = self.peers.values().any(|peer| peer.claims.only().contains(next));
        let plausible_max = self.medium.follow.plausible_max(now);
        let later_claimed = self.trusted().filter_map(|(_, peer)| peer.claims.only().next_after(next));
        let later_claimed = later_claimed.filter(|&later| later <= plausible_max).min();
        let later_held = self.medium.next_held(next);
        let later = later_claimed.into_iter().chain(later_held).min();
        let source_lacks = self.peers.values().any(|peer| {
            let is_source = peer.description.is_some_and(|said| said.is_source);
            is_source
                && !peer.claims.only().contains(next)
                && peer.claims.only().newest().is_some_and(|newest| newest > next)
        });
        // With one or two peers, what they have not got will not come nearer by another way.
        let has_few_peers = self.trusted().nth(2).is_none();
        let is_lacking = !is_claimed && later.is_some();
        let is_lost = self.medium.follow.is_lost(now, is_lacking, source_lacks || has_few_peers);
        let target = match (is_lost, later_held) {
            (true, _) => later,
            (false, Some(held)) if self.medium.follow.is_overdue(now) => Some(held),
            _ => None,
        };
        if let Some(target) = target {
            self.skip_to(now, target);
        }
    }

    fn skip_to(&mut self, now: Instant, target: u64) {
        let Some(next) = self.medium.follow.next().filter(|&next| next < target) else { return };
        tracing::warn!(target: "acestream.swarm", "pieces {next} to {} are lost", target - 1);
        // Before the first piece there is nothing to lose: only the place to join was wrong.
        if self.medium.follow.unproven_start().is_none() {
            self.totals.pieces_skipped += target - next;
        }
        self.medium.follow.skip_to(target);
        self.drop_wants_before(target);
        self.deliver(now);
    }

    fn drop_wants_before(&mut self, number: u64) {
        self.wants.remove_before(ts_id(number));
        self.medium.blame.remove_before(number);
        self.medium.doubted = self.medium.doubted.split_off(&number);
        self.medium.repeats = self.medium.repeats.split_off(&number);
    }

    /// Jumps forward when the swarm is too far ahead to catch up with.
    fn catch_up(&mut self, now: Instant) {
        let (Some(next), Some(head)) = (self.medium.follow.next(), self.swarm_head()) else { return };
        let plausible_head = head.min(self.medium.follow.plausible_max(now));
        let lag_max = self.medium.follow.lag_max_pieces(now, self.medium.config.window_pieces);
        if plausible_head.saturating_sub(next) > lag_max {
            self.skip_to(now, (plausible_head + 1).saturating_sub(self.medium.follow.prefetch_pieces()));
        }
    }

    /// Wants every piece from the next one to the newest, within bounds.
    fn want_new(&mut self, now: Instant) {
        let (Some(next), Some(newest)) = (self.medium.follow.next(), self.newest_claimed(now)) else {
            return;
        };
        let window_max = (self.medium.config.window_pieces / 2).max(1);
        let fetching_max =
            (FETCHING_MAX_BYTES / self.medium.config.geometry.piece_length()).clamp(2, window_max);
        for number in next..=newest.min(next + fetching_max as u64 - 1) {
            if !self.medium.holds_number(number) {
                self.want(number);
            }
        }
    }

    pub(super) fn want(&mut self, number: u64) {
        let copies = || self.peers.values().filter(|peer| peer.claims.only().contains(number)).count();
        self.wants.insert(ts_id(number), &self.medium.shape(), copies);
    }

    pub(super) fn piece_complete(&mut self, now: Instant, number: u64) {
        let Some(assembly) = self.wants.take(ts_id(number)) else { return };
        let senders = assembly.senders();
        match assembly.verify(&self.medium.config.verifier) {
            Err(Forged { contributions }) => self.forged(now, number, contributions, Close::Forged),
            Ok(piece) if let Some(known) = self.medium.replays.admit(piece.digest(), number) => {
                self.repeated(now, piece, known, senders);
            }
            Ok(piece) if self.has_implausible_time(&piece) && self.medium.doubted.insert(number) => {
                self.want(number);
                self.fill_all(now);
            }
            Ok(piece) => {
                self.note_givers(number, senders);
                self.verified(now, piece);
            }
        }
    }

    fn has_implausible_time(&self, piece: &VerifiedPiece) -> bool {
        let before = piece.number().checked_sub(1).and_then(|previous| self.medium.window.get(previous));
        before.is_some_and(|before| piece.time() + TIME_TOLERANCE_S < before.time())
    }

    pub(super) fn verified(&mut self, now: Instant, piece: VerifiedPiece) {
        self.totals.pieces_verified += 1;
        self.medium.follow.verified(now, piece.number());
        self.doubt_archive(&piece);
        for Evidence { contribution, ban_key } in self.medium.blame.settle(&piece) {
            self.ban(now, contribution.from, ban_key, Close::Forged);
        }
        self.clear_suspects();
        self.store(now, piece);
        self.advance_stream(now);
        self.serve(now);
    }

    fn clear_suspects(&mut self) {
        for (&link, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.is_suspect) {
            peer.is_suspect = self.medium.blame.names(link);
        }
    }

    /// A piece was not what the source signed. Who sent all of it is banned; of several, each is kept
    /// from mixing until the piece, from one peer alone, tells who lied.
    pub(super) fn forged(&mut self, now: Instant, number: u64, contributions: Vec<Contribution>, why: Close) {
        self.totals.pieces_forged += 1;
        let mut links: Vec<_> = contributions.iter().map(|contribution| contribution.from).collect();
        links.sort_unstable();
        links.dedup();
        if let [liar] = links[..] {
            if let Some(key) = self.peers.get(&liar).map(crate::swarm::Peer::ban_key) {
                self.ban(now, liar, key, why);
            }
        } else {
            self.suspect(number, contributions);
        }
        self.fetch_alone(now, number);
        self.fill_all(now);
    }

    /// Fetches a piece again from one peer: the source if it is connected, else one above suspicion.
    pub(super) fn fetch_alone(&mut self, now: Instant, number: u64) {
        let claims =
            self.peers.iter().filter(|(_, peer)| peer.is_usable() && peer.claims.only().contains(number));
        let rank = |peer: &crate::swarm::Peer| {
            let is_source = peer.description.is_some_and(|said| said.is_source);
            (peer.is_suspect, !is_source)
        };
        let ranked: Vec<_> = claims.map(|(&link, peer)| (rank(peer), link)).collect();
        let Some(best) = ranked.iter().map(|(rank, _)| *rank).min() else {
            return self.want(number);
        };
        let equals: Vec<_> = ranked.iter().filter(|(rank, _)| *rank == best).collect();
        let sole = equals[self.rng.below(equals.len())].1;
        self.wants.insert_sole(ts_id(number), self.medium.shape(), sole);
        self.fill(now, sole);
    }
}
