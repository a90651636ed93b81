//! Who may request: everybody while there are slots, else those that give, and one by chance.

use std::time::{Duration, Instant};

use super::Swarm;
use crate::base::ids::LinkId;
use crate::wire::message::Message;

const ROUND: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Choker {
    next_round: Instant,
    /// The peer that holds a slot by chance, until the next round.
    optimistic: Option<LinkId>,
}

impl Choker {
    pub fn new(now: Instant) -> Self {
        Self { next_round: now + ROUND, optimistic: None }
    }
}

impl Swarm {
    /// A regular round: the slot by chance moves on.
    pub(super) fn choke_timer(&mut self, now: Instant) {
        if now >= self.choker.next_round {
            self.choker.next_round = now + ROUND;
            self.choker.optimistic = None;
            self.choke_round(now);
        }
    }

    /// Gives the slots out anew.
    pub(super) fn choke_round(&mut self, now: Instant) {
        let chosen = self.choose_unchoked(now);
        let changes: Vec<_> = self
            .peers
            .iter()
            .map(|(&link, peer)| (link, peer.is_unchoked, chosen.contains(&link)))
            .filter(|(_, was, is)| was != is)
            .collect();
        for (link, _, is_unchoked) in changes {
            let Some(peer) = self.peers.get_mut(&link) else { continue };
            peer.is_unchoked = is_unchoked;
            if !is_unchoked {
                peer.requests.clear();
            }
            self.send(now, link, if is_unchoked { Message::Unchoke } else { Message::Choke });
        }
    }

    fn choose_unchoked(&mut self, now: Instant) -> Vec<LinkId> {
        let interested = self.peers.iter_mut().filter(|(_, peer)| peer.is_interested);
        let mut ranked: Vec<_> = interested
            .map(|(&link, peer)| {
                (!peer.has_priority, std::cmp::Reverse(peer.down.bytes_per_second(now)), link)
            })
            .collect();
        let slots = self.config.upload_slots.max(1);
        if ranked.len() <= slots {
            return ranked.into_iter().map(|(_, _, link)| link).collect();
        }
        ranked.sort_unstable();
        let mut chosen: Vec<_> = ranked.iter().map(|&(_, _, link)| link).collect();
        let rest = chosen.split_off(slots - 1);
        let kept = self.choker.optimistic.filter(|link| rest.contains(link));
        let optimistic = kept.unwrap_or_else(|| rest[self.rng.below(rest.len())]);
        self.choker.optimistic = Some(optimistic);
        chosen.push(optimistic);
        chosen
    }
}
