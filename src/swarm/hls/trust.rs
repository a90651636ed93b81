//! What a peer's word is worth where the broadcast's key did not sign: a chunk is compared with the origin's.
//!
//! The first offers of every peer are checked before anything of them is played, later ones at random, so that
//! checks stay a small part of the origin's traffic. Whoever vouched for a content that the origin does not
//! have is banned; who only passed it on is, once that happened too often.

use std::time::Instant;

use bytes::Bytes;

use super::Hls;
use super::event::{HlsDelivery, OriginCommand};
use super::peers::{CREDIT, STRIKES_MAX};
use super::segment::{Belief, Offer, Segment, Supply};
use crate::base::ids::{LinkId, PieceId};
use crate::swarm::Swarm;
use crate::swarm::event::{Close, Output};
use crate::swarm::pipeline::ChunkKey;
use crate::wire::hls::entry::{ChunkHash, Content, TableEntry};

/// With credit, one chunk in so many is compared with the origin's.
const CHUNKS_PER_CHECK: f64 = 32.0;
/// A check that fails is tried again, up to so many times in all.
const CHECK_TRIES: u8 = 2;
/// Quarrels about chunks at once.
const DISPUTES_MAX: usize = 64;

/// A content that is offered and not sent counts as so many broken promises: the announced fetch was kept.
const IDLE_BREAKS: u32 = 2;

/// A peer sent a chunk that is not what others say: the origin decides.
#[derive(Debug, Clone)]
pub struct Dispute {
    key: ChunkKey,
    link: LinkId,
    content: Content,
}

impl Swarm<Hls> {
    /// Decides how far a content that is about to be collected is believed.
    pub(super) fn weigh(&mut self, id: PieceId) {
        let Some((content, is_signed, has_credit)) = self.medium.segment(id).and_then(|segment| {
            let Supply::Peers { content, .. } = &segment.supply else { return None };
            let offer = segment.offer_of(content)?;
            Some((content.clone(), offer.is_signed, self.has_credit(offer)))
        }) else {
            return;
        };
        let part = (f64::from(content.chunks()) / CHUNKS_PER_CHECK).min(1.0);
        let is_disputed = self.medium.segment(id).is_some_and(|s| s.disputed_chunk(&content).is_some());
        let is_lucky = has_credit && !is_disputed && self.medium.rng.unit() >= part;
        let Some(segment) = self.medium.segment_mut(id) else { return };
        if is_signed || is_lucky {
            segment.belief = Belief::Confirmed;
        } else {
            self.check(id, &content, 1);
        }
    }

    /// Whether the word of a peer counts for this segment: not in a private broadcast, unless its signer left
    /// the bytes to others.
    pub(super) fn counts_unsigned(&self, segment: &Segment) -> bool {
        let is_left_open = |entry: &TableEntry| entry.signature.is_some() && entry.entry.content.is_none();
        !self.medium.config.needs_signature || segment.entry.as_ref().is_some_and(is_left_open)
    }

    /// Whether somebody who fetched it itself was right often enough.
    fn has_credit(&self, offer: &Offer) -> bool {
        let credit = |link| self.medium.peers.get(link).map_or(0, |peer| peer.credit);
        offer.givers.iter().any(|(link, is_own)| *is_own && credit(link) >= CREDIT)
    }

    /// Compares a chunk with the origin's: one on which offers differ, else any.
    fn check(&mut self, id: PieceId, content: &Content, tries: u8) {
        let any = self.medium.rng.below(usize::from(content.chunks())) as u16;
        let disputed = self.medium.segment(id).and_then(|segment| segment.disputed_chunk(content));
        let chunk = disputed.unwrap_or(any);
        let Some(segment) = self.medium.segment_mut(id) else { return };
        segment.belief = Belief::Checking { chunk, tries };
        self.ask_origin((id, chunk), content);
    }

    fn ask_origin(&mut self, (piece, chunk): ChunkKey, content: &Content) {
        let Some(segment) = self.medium.segment(piece) else { return };
        let Some(at) = segment.at.clone() else { return };
        let (length, decrypt) = (content.length(), segment.decrypt.clone());
        self.totals.checks += 1;
        self.outputs.push_back(Output::Origin(OriginCommand::Check { piece, at, chunk, length, decrypt }));
    }

    /// The origin's chunk has this hash, or could not be had.
    pub(super) fn checked(&mut self, now: Instant, key: ChunkKey, hash: Option<ChunkHash>) {
        self.settle_disputes(now, key, hash);
        let (id, chunk) = key;
        let Some(segment) = self.medium.segment(id) else { return };
        let Supply::Peers { content, .. } = &segment.supply else { return };
        let Belief::Checking { chunk: asked, tries } = segment.belief else { return };
        if asked != chunk {
            return;
        }
        let content = content.clone();
        match hash {
            Some(hash) if content.hash(chunk) == Some(&hash) => {
                self.reward(id, &content);
                if let Some(segment) = self.medium.segment_mut(id) {
                    segment.was_checked = true;
                }
                self.confirm(now, id);
            }
            Some(_) => self.is_a_lie(now, id, &content),
            None if tries < CHECK_TRIES => self.check(id, &content, tries + 1),
            None => self.believe_without_origin(now, id, &content),
        }
    }

    /// The origin does not answer: peers that were right before are believed, or two that agree.
    fn believe_without_origin(&mut self, now: Instant, id: PieceId, content: &Content) {
        let needs_signature = self.medium.config.needs_signature;
        let offer = self.medium.segment(id).and_then(|segment| segment.offer_of(content));
        let is_credible = offer.is_some_and(|offer| {
            let own: Vec<_> = offer.givers.iter().filter(|(_, is_own)| **is_own).collect();
            let was_right = |link| self.medium.peers.get(link).is_some_and(|peer| peer.credit > 0);
            !needs_signature && (own.len() >= 2 || own.iter().any(|(link, _)| was_right(link)))
        });
        if is_credible {
            self.confirm(now, id);
        } else if let Some(segment) = self.medium.segment_mut(id) {
            segment.belief = Belief::Doubted;
        }
    }

    fn reward(&mut self, id: PieceId, content: &Content) {
        let offer = self.medium.segment(id).and_then(|segment| segment.offer_of(content));
        let givers: Vec<_> = offer.into_iter().flat_map(|offer| offer.givers.clone()).collect();
        for (link, is_own) in givers {
            let Some(peer) = self.medium.peers.get_mut(&link) else { continue };
            peer.broken_promises = 0;
            if is_own {
                peer.credit += 1;
            } else {
                peer.strikes = peer.strikes.saturating_sub(1);
            }
        }
    }

    /// What was collected so far may be played and passed on.
    fn confirm(&mut self, now: Instant, id: PieceId) {
        let Some(segment) = self.medium.segment_mut(id) else { return };
        segment.belief = Belief::Confirmed;
        self.medium.untold_parts.insert(id);
        self.deliver_chunks(id);
        if self.wants.assembly(id).is_some_and(|assembly| assembly.is_complete()) {
            self.collected(now, id);
        }
    }

    /// The origin has other bytes than this content: nothing of it is played any more, and whoever vouched
    /// for it goes.
    pub(super) fn is_a_lie(&mut self, now: Instant, id: PieceId, content: &Content) {
        self.totals.pieces_forged += 1;
        let Some(segment) = self.medium.segment_mut(id) else { return };
        let is_collected = matches!(&segment.supply, Supply::Peers { content: c, .. } if c == content);
        let lie = segment.offers.iter().position(|offer| offer.content == *content);
        let givers = lie.map(|at| segment.offers.remove(at).givers).unwrap_or_default();
        if is_collected {
            self.forget_collected(now, id);
        }
        for (link, is_own) in givers {
            self.blame(now, link, is_own);
        }
    }

    fn blame(&mut self, now: Instant, link: LinkId, is_own: bool) {
        let Some(peer) = self.medium.peers.get_mut(&link) else { return };
        peer.strikes += u32::from(!is_own);
        peer.credit = 0;
        if is_own || peer.strikes >= STRIKES_MAX {
            self.ban_link(now, link, Close::Liar);
        }
    }

    /// Gives up what was collected for a segment. If players got some of it, the rest would not fit.
    pub(super) fn forget_collected(&mut self, now: Instant, id: PieceId) {
        self.wants.remove(id);
        self.medium.untold_parts.remove(&id);
        let Some(segment) = self.medium.segment_mut(id) else { return };
        let was_rescued = matches!(segment.supply, Supply::Peers { rescued_from: Some(_), .. });
        let was_played = segment.was_delivered_in_part();
        segment.supply = Supply::None;
        segment.belief = Belief::Doubted;
        segment.was_checked = false;
        if was_rescued {
            self.outputs.push_back(Output::Origin(OriginCommand::Cancel { piece: id }));
        }
        if was_played {
            self.lose(now, id);
        }
    }

    /// Judges everybody who offered a content by the one that this node got at the origin itself.
    pub(super) fn judge_offers(&mut self, now: Instant, id: PieceId, truth: &Content) {
        self.reward(id, truth);
        self.judge_rivals(now, id, truth);
    }

    /// Judges those who offered another content than the true one.
    pub(super) fn judge_rivals(&mut self, now: Instant, id: PieceId, truth: &Content) {
        let Some(segment) = self.medium.segment(id) else { return };
        let lies: Vec<Content> = lies(segment, truth);
        lies.iter().for_each(|lie| self.is_a_lie(now, id, lie));
    }

    /// Somebody offers another content than the one that is being collected and was not compared with the
    /// origin's: nothing more of it is played before that is settled.
    pub(super) fn settle_difference(&mut self, id: PieceId) {
        let Some(segment) = self.medium.segment(id) else { return };
        let Supply::Peers { content, .. } = &segment.supply else { return };
        let is_open = segment.belief == Belief::Confirmed && !segment.was_checked;
        if is_open && !segment.is_signed(content) && segment.disputed_chunk(content).is_some() {
            let content = content.clone();
            self.check(id, &content, 1);
        }
    }

    /// Who answers for a content of which nothing comes has not kept its word.
    pub(super) fn blame_idle(&mut self, id: PieceId) {
        let Some(segment) = self.medium.segment(id) else { return };
        let Supply::Peers { content, .. } = &segment.supply else { return };
        let givers = segment.offer_of(content).into_iter().flat_map(|offer| &offer.givers);
        let idle: Vec<LinkId> = givers.filter(|(_, is_own)| **is_own).map(|(&link, _)| link).collect();
        for link in idle {
            if let Some(peer) = self.medium.peers.get_mut(&link) {
                peer.broken_promises += IDLE_BREAKS;
            }
        }
    }

    /// A chunk that is not what its hash says: the sender lies, or who gave the hash.
    pub(super) fn false_chunk(&mut self, now: Instant, link: LinkId, key: ChunkKey) {
        self.totals.pieces_forged += 1;
        let Some(segment) = self.medium.segment(key.0) else { return };
        let Supply::Peers { content, .. } = &segment.supply else { return };
        let content = content.clone();
        let Some(offer) = segment.offer_of(&content) else { return };
        let vouched_itself = offer.givers.get(&link) == Some(&true);
        let is_settled = offer.is_signed || segment.was_checked || vouched_itself;
        if is_settled || segment.at.is_none() {
            return self.ban_link(now, link, Close::Forged);
        }
        let is_known = self.medium.disputes.iter().any(|d| d.key == key && d.link == link);
        if !is_known && self.medium.disputes.len() < DISPUTES_MAX {
            self.medium.disputes.push(Dispute { key, link, content: content.clone() });
            self.ask_origin(key, &content);
        }
    }

    /// A chunk of a segment that is here whole: who sends another one than the true one lies as well.
    pub(super) fn compare_late(&mut self, now: Instant, link: LinkId, (id, chunk): ChunkKey, data: &Bytes) {
        let stream = self.medium.streams.get(&id.stream);
        let Some(piece) = stream.and_then(|stream| stream.held.get(id.number)) else { return };
        let is_proven = self.medium.segment(id).is_some_and(|segment| {
            segment.was_checked || segment.is_own_entry || segment.offers.iter().any(|offer| offer.is_signed)
        });
        if is_proven && piece.chunk(chunk) != Some(data) {
            self.totals.pieces_forged += 1;
            self.ban_link(now, link, Close::Forged);
        }
    }

    fn settle_disputes(&mut self, now: Instant, key: ChunkKey, hash: Option<ChunkHash>) {
        let all = std::mem::take(&mut self.medium.disputes);
        let (settled, open): (Vec<_>, Vec<_>) = all.into_iter().partition(|dispute| dispute.key == key);
        self.medium.disputes = open;
        for Dispute { link, content, .. } in settled {
            match hash {
                Some(hash) if content.hash(key.1) == Some(&hash) => self.ban_link(now, link, Close::Forged),
                Some(_) => self.is_a_lie(now, key.0, &content),
                None => self.close(now, link, Close::Forged),
            }
        }
    }

    /// Players and peers hear no more of the segment.
    pub(super) fn lose(&mut self, now: Instant, id: PieceId) {
        self.wants.remove(id);
        self.medium.asked.remove(&id);
        let Some(segment) = self.medium.segment_mut(id) else { return };
        let was_fetching =
            matches!(segment.supply, Supply::Origin(_) | Supply::Peers { rescued_from: Some(_), .. });
        segment.supply = Supply::Lost;
        let was_listed = segment.is_listed;
        self.totals.pieces_skipped += 1;
        tracing::debug!(target: super::LOG, "segment {id} is lost");
        if was_fetching {
            self.outputs.push_back(Output::Origin(OriginCommand::Cancel { piece: id }));
        }
        if was_listed {
            self.outputs.push_back(Output::Hls(HlsDelivery::Lost { piece: id }));
        }
        self.list_ready(now, id.stream);
    }
}

/// Contents that peers offered and that are not the true one. What the key signed is no lie of a peer's.
fn lies(segment: &Segment, truth: &Content) -> Vec<Content> {
    let others = segment.offers.iter().filter(|offer| !offer.is_signed && offer.content != *truth);
    others.map(|offer| offer.content.clone()).collect()
}
