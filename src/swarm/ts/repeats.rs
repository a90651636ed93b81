//! Authentic pieces that come under two numbers: one of the two is a lie, and the signature does not say
//! which. Nobody is banned on the word of one other peer: who lied shows when a third, or the true piece,
//! tells.

use std::time::Instant;

use super::Ts;
use super::blame::Evidence;
use crate::base::ids::LinkId;
use crate::live::assembler::{Contribution, contributions};
use crate::live::piece::VerifiedPiece;
use crate::swarm::event::Close;
use crate::swarm::{Peer, Swarm};

impl Swarm<Ts> {
    /// Remembers who gave a verified piece, as long as the window may hold it.
    pub(super) fn note_givers(&mut self, number: u64, senders: Vec<LinkId>) {
        self.medium.givers.insert(number, senders);
        while self.medium.givers.len() > self.medium.config.window_pieces {
            self.medium.givers.pop_first();
        }
    }

    /// `piece` came before under the number `known`. What is replayed is older than its number says, so
    /// the lower number is believed; under a higher one it is not taken, whoever gives it: no content is
    /// played twice.
    pub(super) fn repeated(&mut self, now: Instant, piece: VerifiedPiece, known: u64, senders: Vec<LinkId>) {
        let number = piece.number();
        let given = contributions(senders.iter().copied().zip(piece.chunks()));
        let gave_both = self.medium.givers.get(&known).is_some_and(|givers| sole(givers) == sole(&senders));
        if gave_both && sole(&senders).is_some() {
            return self.forged(now, number, given, Close::Replayed);
        }
        if number > known {
            if self.may_ask_others(number, &senders) {
                self.suspect(number, given);
                self.fetch_elsewhere(now, number);
            }
            return;
        }
        self.doubt_held(now, known);
        self.medium.replays.renumber(piece.digest(), number);
        self.note_givers(number, senders);
        self.verified(now, piece);
    }

    /// Whether somebody above suspicion is connected, who may hold `number` now or soon; or it was not
    /// asked for a second time yet.
    fn may_ask_others(&mut self, number: u64, senders: &[LinkId]) -> bool {
        let is_other =
            |(link, peer): (&LinkId, &Peer)| peer.is_usable() && !peer.is_suspect && !senders.contains(link);
        let has_others = self.peers.iter().any(is_other);
        self.medium.repeats.insert(number) || has_others
    }

    /// Asks one who is above suspicion, or waits for one who is to hold the piece.
    fn fetch_elsewhere(&mut self, now: Instant, number: u64) {
        let usable = || self.peers.values().filter(|peer| peer.is_usable());
        let is_held = usable().any(|peer| !peer.is_suspect && peer.claims.only().contains(number));
        if is_held || usable().all(|peer| peer.is_suspect) {
            self.fetch_alone(now, number);
        } else {
            self.want(number);
        }
        self.fill_all(now);
    }

    /// Takes a piece back that was not played yet, and fetches what belongs there.
    fn doubt_held(&mut self, now: Instant, number: u64) {
        let is_played = self.medium.follow.next().is_none_or(|next| number < next);
        let (Some(givers), false) = (self.medium.givers.remove(&number), is_played) else { return };
        let Some(piece) = self.medium.window.remove(number) else { return };
        self.forget_kept(number);
        self.suspect(number, contributions(givers.into_iter().zip(piece.chunks())));
        self.fetch_elsewhere(now, number);
    }

    /// Keeps the evidence of a piece, and those who gave it from mixing with others until the true piece
    /// tells.
    pub(super) fn suspect(&mut self, number: u64, contributions: Vec<Contribution>) {
        for contribution in &contributions {
            if let Some(peer) = self.peers.get_mut(&contribution.from) {
                peer.is_suspect = true;
            }
        }
        let key_of = |link: LinkId| self.peers.get(&link).map(Peer::ban_key);
        let evidence = contributions
            .into_iter()
            .filter_map(|contribution| Some(Evidence { contribution, ban_key: key_of(contribution.from)? }));
        let evidence = evidence.collect();
        self.medium.blame.open(number, evidence);
    }
}

/// The one peer that gave all of a piece.
fn sole(senders: &[LinkId]) -> Option<LinkId> {
    let (first, rest) = senders.split_first()?;
    rest.iter().all(|sender| sender == first).then_some(*first)
}
