//! Fetching: what to ask of whom, what to do with what comes, and what to give up.

use std::time::Instant;

use bytes::Bytes;

use super::blame::Evidence;
use super::event::{Close, Output};
use super::pipeline::ChunkKey;
use super::wants::Use;
use super::{Role, Swarm};
use crate::base::ids::LinkId;
use crate::live::assembler::{Added, Contribution, Forged};
use crate::live::piece::VerifiedPiece;
use crate::wire::message::Message;

/// Bytes of pieces being fetched at once.
const FETCHING_MAX_BYTES: usize = 64 * 1024 * 1024;
/// One chunk in so many may be asked of two peers at once. Without a bound, a swarm that lags asks for
/// everything twice, and lags more.
const CHUNKS_PER_SECOND_ASK: u64 = 50;
/// Unasked chunks forgiven: answers that crossed with a late request.
const UNSOLICITED_MAX: u32 = 512;
/// A time this far before its predecessor's is an old piece's time.
const TIME_TOLERANCE_S: f64 = 60.0;

impl Swarm {
    /// Moves on: joins, delivers, gives up what is lost, and wants what is new.
    pub(super) fn advance(&mut self, now: Instant) {
        if self.config.role == Role::Source {
            return;
        }
        if self.joined_beyond_the_swarm() {
            self.rejoin();
        }
        if self.follow.position().is_none() {
            self.join(now);
        }
        self.deliver(now);
        self.give_up_lost(now);
        self.catch_up(now);
        self.want_new(now);
    }

    fn deliver(&mut self, now: Instant) {
        while let Some(piece) = self.follow.next().and_then(|next| self.window.get(next)) {
            let number = piece.number();
            self.outputs.push_back(Output::Deliver(piece.clone()));
            self.follow.delivered(now, number);
        }
    }

    /// Skips the next piece when nobody has it, or when it is overdue and a later one is here.
    fn give_up_lost(&mut self, now: Instant) {
        let Some(next) = self.follow.next() else { return };
        let is_claimed = self.peers.values().any(|peer| peer.claims.contains(next));
        let plausible_max = self.follow.plausible_max(now);
        let later_claimed = self.trusted().filter_map(|(_, peer)| peer.claims.next_after(next));
        let later_claimed = later_claimed.filter(|&later| later <= plausible_max).min();
        let later_held = self.window.runs().into_iter().map(|(first, _)| first).find(|&first| first > next);
        let later = later_claimed.into_iter().chain(later_held).min();
        let source_lacks = self.peers.values().any(|peer| {
            let is_source = peer.description.is_some_and(|said| said.is_source);
            is_source
                && !peer.claims.contains(next)
                && peer.claims.newest().is_some_and(|newest| newest > next)
        });
        // With one or two peers, what they have not got will not come nearer by another way.
        let has_few_peers = self.trusted().nth(2).is_none();
        let is_lacking = !is_claimed && later.is_some();
        let is_lost = self.follow.is_lost(now, is_lacking, source_lacks || has_few_peers);
        let target = match (is_lost, later_held) {
            (true, _) => later,
            (false, Some(held)) if self.follow.is_overdue(now) => Some(held),
            _ => None,
        };
        if let Some(target) = target {
            self.skip_to(now, target);
        }
    }

    fn skip_to(&mut self, now: Instant, target: u64) {
        let Some(next) = self.follow.next() else { return };
        tracing::warn!(target: "acestream.swarm", "pieces {next} to {} are lost", target - 1);
        // Before the first piece there is nothing to lose: only the place to join was wrong.
        if self.follow.unproven_start().is_none() {
            self.totals.pieces_skipped += target - next;
        }
        self.follow.skip_to(target);
        self.drop_wants_before(target);
        self.deliver(now);
    }

    fn drop_wants_before(&mut self, number: u64) {
        self.wants.remove_before(number);
        self.blame.remove_before(number);
        self.doubted = self.doubted.split_off(&number);
        self.repeats = self.repeats.split_off(&number);
    }

    /// Jumps forward when the swarm is too far ahead to catch up with.
    fn catch_up(&mut self, now: Instant) {
        let (Some(next), Some(head)) = (self.follow.next(), self.swarm_head()) else { return };
        let plausible_head = head.min(self.follow.plausible_max(now));
        let lag_max = self.follow.lag_max_pieces(now, self.config.window_pieces);
        if plausible_head.saturating_sub(next) > lag_max {
            self.skip_to(now, (plausible_head + 1).saturating_sub(self.follow.prefetch_pieces()));
        }
    }

    /// Wants every piece from the next one to the newest, within bounds.
    fn want_new(&mut self, now: Instant) {
        let (Some(next), Some(newest)) = (self.follow.next(), self.newest_claimed(now)) else { return };
        let window_max = (self.config.window_pieces / 2).max(1);
        let fetching_max = (FETCHING_MAX_BYTES / self.config.geometry.piece_length()).clamp(2, window_max);
        for number in next..=newest.min(next + fetching_max as u64 - 1) {
            if !self.window.contains(number) {
                self.want(number);
            }
        }
    }

    pub(super) fn want(&mut self, number: u64) {
        let copies = || self.peers.values().filter(|peer| peer.claims.contains(number)).count();
        self.wants.insert(number, &self.config.geometry, copies);
    }

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
            let how = if peer.is_suspect { Use::SoleOnly } else { Use::Anything };
            let (pipeline, claims) = (&peer.pipeline, &peer.claims);
            let may_ask = |key| pipeline.may_ask(now, key);
            // What the source alone has it must spread: what others have too is asked of them.
            let is_source = peer.description.is_some_and(|said| said.is_source);
            let next = self.follow.next();
            let is_urgent = |number, copies| {
                let is_awaited = next == Some(number) || self.follow.is_urgent(now, number);
                is_awaited && !(is_source && copies > 1)
            };
            let has = |number| claims.contains(number);
            let open = self.wants.choose(link, how, everybody, is_urgent, may_ask, has);
            let may_double = self.totals.asked_twice * CHUNKS_PER_SECOND_ASK <= self.totals.asked;
            let urgent = || {
                let next = self.follow.next().filter(|&next| self.follow.is_urgent(now, next))?;
                (may_double && how == Use::Anything && claims.contains(next)).then_some(next)
            };
            let second = || self.wants.choose_second(urgent()?, link, may_ask);
            let is_second = open.is_none();
            let Some((number, chunk)) = open.or_else(second) else { return };
            self.totals.asked_twice += u64::from(is_second);
            self.totals.asked += 1;
            peer.pipeline.asked(now, (number, chunk));
            self.send(now, link, Message::Request { stream: 0, piece: number as u32, chunk });
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
        self.follow.chunk_came(now);
        self.take_chunk(now, link, key, time, data);
        self.fill(now, link);
    }

    fn take_chunk(&mut self, now: Instant, link: LinkId, key: ChunkKey, time: f64, data: Bytes) {
        let bytes = data.len() as u64;
        let added = self.wants.add(&self.config.geometry, key, data, time, link);
        self.wants.release(link, key);
        match added {
            Some(Added::Stored) => self.withdraw_elsewhere(link, key),
            Some(Added::Complete) => {
                self.withdraw_elsewhere(link, key);
                self.piece_complete(now, key.0);
            }
            Some(Added::Malformed) => self.close(now, link, Close::Malformed),
            Some(Added::Duplicate) | None => self.totals.duplicate_bytes += bytes,
        }
    }

    fn withdraw_elsewhere(&mut self, link: LinkId, key: ChunkKey) {
        for other in self.wants.others_asked(key, link) {
            self.wants.release(other, key);
            if let Some(peer) = self.peers.get_mut(&other) {
                peer.pipeline.withdraw(key);
            }
        }
    }

    fn piece_complete(&mut self, now: Instant, number: u64) {
        let Some(assembly) = self.wants.take(number) else { return };
        let senders = assembly.senders();
        match assembly.verify(&self.config.geometry, &self.config.verifier) {
            Err(Forged { contributions }) => self.forged(now, number, contributions, Close::Forged),
            Ok(piece) if let Some(known) = self.replays.admit(piece.digest(), number) => {
                self.repeated(now, piece, known, senders);
            }
            Ok(piece) if self.has_implausible_time(&piece) && self.doubted.insert(number) => {
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
        let before = piece.number().checked_sub(1).and_then(|previous| self.window.get(previous));
        before.is_some_and(|before| piece.time() + TIME_TOLERANCE_S < before.time())
    }

    pub(super) fn verified(&mut self, now: Instant, piece: VerifiedPiece) {
        self.totals.pieces_verified += 1;
        self.follow.verified(now, piece.number());
        for Evidence { contribution, ban_key } in self.blame.settle(&piece) {
            self.ban(now, contribution.from, ban_key, Close::Forged);
        }
        self.clear_suspects();
        self.store(now, piece);
        self.advance(now);
        self.serve(now);
    }

    fn clear_suspects(&mut self) {
        for (&link, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.is_suspect) {
            peer.is_suspect = self.blame.names(link);
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
            if let Some(key) = self.peers.get(&liar).map(super::Peer::ban_key) {
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
        let claims = self.peers.iter().filter(|(_, peer)| peer.is_usable() && peer.claims.contains(number));
        let rank = |peer: &super::Peer| {
            let is_source = peer.description.is_some_and(|said| said.is_source);
            (peer.is_suspect, !is_source)
        };
        let ranked: Vec<_> = claims.map(|(&link, peer)| (rank(peer), link)).collect();
        let Some(best) = ranked.iter().map(|(rank, _)| *rank).min() else {
            return self.want(number);
        };
        let equals: Vec<_> = ranked.iter().filter(|(rank, _)| *rank == best).collect();
        let sole = equals[self.rng.below(equals.len())].1;
        self.wants.insert_sole(number, &self.config.geometry, sole);
        self.fill(now, sole);
    }
}
