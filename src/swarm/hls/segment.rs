//! One segment: what is known of it, who offers it, and how far it is here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::microseconds;
use crate::base::ids::{LinkId, PieceId};
use crate::live::gatherer::Gatherer;
use crate::wire::hls::entry::{Content, TableEntry};
use crate::wire::hls::segment::{InitId, Key, Resource, Tags};

/// Contents offered for one segment that are remembered; each but one is a lie.
const OFFERS_MAX: usize = 64;

/// Peers that offer a segment are waited for so long at least before they count as stalled.
const STALL_MIN: Duration = Duration::from_millis(500);

/// Peers that say that they fetch one segment, remembered.
const FETCHING_MAX: usize = 64;

/// What a trustworthy listing says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub duration_us: u64,
    pub tags: Tags,
    pub init: Option<InitId>,
    pub key: Option<Key>,
    pub target_duration_s: u64,
    pub discontinuities_before: u64,
    pub listed_count: u32,
    /// Unix milliseconds.
    pub shown_at_ms: u64,
}

/// Who says that the segment has some content.
#[derive(Debug, Clone)]
pub struct Offer {
    pub content: Content,
    /// By the broadcast's key.
    pub is_signed: bool,
    /// Peers that said so, and whether each fetched it itself.
    pub givers: BTreeMap<LinkId, bool>,
}

/// Where the bytes come from at the moment.
#[derive(Debug)]
pub enum Supply {
    /// Nothing is under way.
    None,
    /// From the origin, from the first byte on.
    Origin(Gatherer),
    /// From peers, the chunks checked against this content; at `rescued_from`, the rest also from the
    /// origin.
    Peers {
        content: Content,
        rescued_from: Option<u16>,
    },
    Held,
    Lost,
}

/// How far the content collected from peers is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belief {
    /// Nothing of it is played or passed on.
    Doubted,
    /// The chunk was asked for at the origin, so many times.
    Checking {
        chunk: u16,
        tries: u8,
    },
    Confirmed,
}

#[derive(Debug)]
pub struct Segment {
    pub id: PieceId,
    pub known: Known,
    /// Where it is at the origin.
    pub at: Option<Resource>,
    /// Our own playlist says so.
    pub is_at_known: bool,
    /// The key to take off.
    pub decrypt: Option<Key>,
    pub since: Instant,
    pub offers: Vec<Offer>,
    pub supply: Supply,
    pub belief: Belief,
    /// The chunk that was checked at the origin for this content.
    pub was_checked: bool,
    /// When a chunk last came from a peer, or peers were first asked.
    pub progress_at: Instant,
    /// Chunks that players got.
    pub delivered: Vec<bool>,
    pub is_listed: bool,
    /// Peers that said they are fetching it.
    pub fetching: BTreeMap<LinkId, Instant>,
    /// Not before this moment from the origin again.
    pub retry_at: Option<Instant>,
    pub is_gone_at_origin: bool,
    /// The entry that stands for it on the wire.
    pub entry: Option<TableEntry>,
    /// This node read the segment at the origin, and answers for the entry.
    pub is_own_entry: bool,
}

impl Segment {
    pub fn new(id: PieceId, known: Known, now: Instant) -> Self {
        Self {
            id,
            known,
            at: None,
            is_at_known: false,
            decrypt: None,
            since: now,
            offers: Vec::new(),
            supply: Supply::None,
            belief: Belief::Doubted,
            was_checked: false,
            progress_at: now,
            delivered: Vec::new(),
            is_listed: false,
            fetching: BTreeMap::new(),
            retry_at: None,
            is_gone_at_origin: false,
            entry: None,
            is_own_entry: false,
        }
    }

    pub fn duration(&self) -> Duration {
        microseconds(self.known.duration_us)
    }

    /// From this moment on the origin is asked for what peers have not brought.
    pub fn rescue_at(&self) -> Instant {
        self.since + self.duration().mul_f64(1.75) + Duration::from_millis(100)
    }

    /// Peers that bring nothing for so long are not waited for until then.
    pub fn stalled_at(&self) -> Instant {
        let patience = (self.duration() / 4).max(STALL_MIN);
        (self.progress_at + patience).max(self.since + self.duration() / 2)
    }

    /// From this moment on nobody waits for it any more, if something later is there.
    pub fn lost_at(&self) -> Instant {
        self.since + (self.duration() * 3).max(Duration::from_secs(5))
    }

    /// The origin does not have it, and nobody offers it.
    pub fn is_nowhere(&self) -> bool {
        self.is_gone_at_origin && self.offers.is_empty() && self.fetching.is_empty()
    }

    /// Neither here nor given up.
    pub fn is_open(&self) -> bool {
        !matches!(self.supply, Supply::Held | Supply::Lost)
    }

    /// Notes an offer; returns whether it is a new content. A peer has one word: its last.
    pub fn offer(&mut self, content: Content, signed: bool, from: Option<(LinkId, bool)>) -> bool {
        if let Some((link, _)) = from.filter(|_| !signed) {
            self.take_back_offers(link, &content);
        }
        if let Some(known) = self.offers.iter_mut().find(|offer| offer.content == content) {
            known.is_signed |= signed;
            if let Some((link, is_own)) = from {
                *known.givers.entry(link).or_default() |= is_own;
            }
            return false;
        }
        if self.offers.len() >= OFFERS_MAX && !signed {
            return false;
        }
        self.offers.push(Offer { content, is_signed: signed, givers: from.into_iter().collect() });
        true
    }

    /// What the peer offered before and others did not is forgotten, unless it is what is being collected: for
    /// that the peer answers.
    fn take_back_offers(&mut self, link: LinkId, but: &Content) {
        let collected = match &self.supply {
            Supply::Peers { content, .. } => Some(content.clone()),
            _ => None,
        };
        let is_other = |offer: &Offer| offer.content != *but && collected.as_ref() != Some(&offer.content);
        for offer in self.offers.iter_mut().filter(|offer| is_other(offer)) {
            offer.givers.remove(&link);
        }
        self.offers.retain(|offer| offer.is_signed || !offer.givers.is_empty() || !is_other(offer));
    }

    /// The signed offer, else the one of most peers.
    pub fn best_offer(&self) -> Option<&Offer> {
        let rank = |offer: &&Offer| (offer.is_signed, offer.givers.len());
        self.offers.iter().filter(|offer| offer.is_signed || !offer.givers.is_empty()).max_by_key(rank)
    }

    pub fn offer_of(&self, content: &Content) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.content == *content)
    }

    /// A chunk that some other offer says to be another.
    pub fn disputed_chunk(&self, content: &Content) -> Option<u16> {
        let rivals = self.offers.iter().filter(|offer| !offer.givers.is_empty() && offer.content != *content);
        let differs = |rival: &Content| (0..content.chunks()).find(|&n| rival.hash(n) != content.hash(n));
        rivals.filter_map(|rival| differs(&rival.content)).next()
    }

    /// Whether its content is proven by the broadcast's key.
    pub fn is_signed(&self, content: &Content) -> bool {
        self.offer_of(content).is_some_and(|offer| offer.is_signed)
    }

    /// A peer says that it fetches the segment.
    pub fn note_fetching(&mut self, link: LinkId, now: Instant) {
        if self.fetching.len() < FETCHING_MAX && self.is_open() {
            self.fetching.entry(link).or_insert(now);
        }
    }

    /// A peer is gone, and its word with it; what the key signed stays.
    pub fn forget_peer(&mut self, link: LinkId) {
        self.fetching.remove(&link);
        for offer in &mut self.offers {
            offer.givers.remove(&link);
        }
    }

    /// Marks a chunk as given to players; `false` when it was before.
    pub fn mark_delivered(&mut self, chunk: u16) -> bool {
        let at = usize::from(chunk);
        if self.delivered.len() <= at {
            self.delivered.resize(at + 1, false);
        }
        !std::mem::replace(&mut self.delivered[at], true)
    }

    pub fn was_delivered_in_part(&self) -> bool {
        self.delivered.contains(&true)
    }
}
