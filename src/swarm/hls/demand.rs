//! Which streams this node follows: those its players watch, and at a support node those its peers do.
//!
//! Nodes tell each other what they watch and how far the nearest viewer is. A support node passes that on with
//! one added, never back to where it came from, so a demand that has no viewer any more counts itself up to
//! [`DISTANCE_MAX`] and ends.

use std::collections::BTreeSet;
use std::time::Instant;

use super::Hls;
use super::event::{HlsDelivery, HlsDemand, OriginCommand};
use super::stream::Stream;
use crate::base::ids::{LinkId, PieceId};
use crate::base::limits::HLS_STREAMS_MAX;
use crate::swarm::Swarm;
use crate::swarm::event::Output;
use crate::wire::hls::table::{TableMessage, Watching};

/// Support nodes in a row between a viewer and the origin.
const DISTANCE_MAX: u8 = 8;

impl Swarm<Hls> {
    pub(super) fn demand(&mut self, now: Instant, demand: HlsDemand) {
        match demand {
            HlsDemand::Watched(streams) => {
                let is_stream = |stream: &u32| *stream < HLS_STREAMS_MAX;
                self.medium.watched = streams.into_iter().filter(is_stream).collect();
                self.follow_demand(now);
            }
            HlsDemand::Asked(id) => {
                let segment = self.medium.streams.get(&id.stream).and_then(|s| s.segments.get(&id.number));
                if segment.is_some_and(|segment| segment.is_open()) {
                    self.medium.asked.insert(id);
                }
            }
        }
        self.advance_segments(now);
    }

    /// Follows what is watched now, and tells everybody.
    pub(super) fn follow_demand(&mut self, now: Instant) {
        let followed = self.followed();
        let before: BTreeSet<u32> = self.medium.streams.keys().copied().collect();
        let epoch = self.medium.config.epoch;
        for &stream in before.difference(&followed) {
            self.drop_stream(stream);
            self.medium.streams.remove(&stream);
            self.outputs.push_back(Output::Hls(HlsDelivery::Reset { stream, epoch }));
        }
        for &stream in followed.difference(&before) {
            self.medium.streams.insert(stream, Stream::new(now, epoch));
        }
        if followed != before && self.medium.config.reads_playlists {
            self.outputs.push_back(Output::Origin(OriginCommand::Follow(followed)));
        }
        self.tell_watching(now);
    }

    fn followed(&self) -> BTreeSet<u32> {
        let mut followed = self.medium.watched.clone();
        if self.follows_only_stream() {
            followed.insert(0);
        }
        if self.medium.config.follows_for_peers {
            let peers = self.medium.peers.values().flat_map(|peer| peer.watching.streams.iter());
            let near = peers.filter(|(_, distance)| *distance < DISTANCE_MAX);
            followed.extend(near.map(|&(stream, _)| stream));
        }
        if let Some(catalog) = &self.medium.catalog {
            followed.retain(|&stream| (stream as usize) < catalog.streams.len());
        }
        followed
    }

    /// A support node always follows a broadcast that has one stream.
    fn follows_only_stream(&self) -> bool {
        let is_only = self.medium.catalog.as_ref().is_some_and(|catalog| catalog.streams.len() == 1);
        self.medium.config.follows_for_peers && is_only
    }

    pub(super) fn tell_watching(&mut self, now: Instant) {
        let links: Vec<LinkId> = self.medium.peers.keys().copied().collect();
        for link in links {
            let watching = self.watching_for(now, link);
            let Some(peer) = self.medium.peers.get_mut(&link) else { continue };
            if peer.told.as_ref() != Some(&watching) {
                peer.told = Some(watching.clone());
                self.tell(now, link, &TableMessage::Watching(watching));
            }
        }
    }

    /// What `link` is told: the nearest viewer that it did not tell us of itself.
    fn watching_for(&self, now: Instant, link: LinkId) -> Watching {
        let distance = |stream: u32| {
            let is_own = self.medium.watched.contains(&stream) || (stream == 0 && self.follows_only_stream());
            let others = self.medium.peers.iter().filter(|(other, _)| **other != link);
            let demands = others.flat_map(|(_, peer)| peer.watching.streams.iter());
            let nearest = demands.filter(|(watched, _)| *watched == stream).map(|&(_, d)| d + 1).min();
            if is_own { Some(0) } else { nearest.filter(|&distance| distance <= DISTANCE_MAX) }
        };
        let streams = self.medium.streams.keys();
        Watching {
            reads_origin: self.may_fetch_now(now) && !self.medium.config.skips_data,
            is_signer: self.is_signer() && !self.medium.config.skips_data,
            streams: streams.filter_map(|&stream| Some((stream, distance(stream)?))).collect(),
        }
    }

    /// A peer says what it watches: it gets what we know of streams that are new to it.
    pub(super) fn peer_watches(&mut self, now: Instant, link: LinkId, mut watching: Watching) {
        watching.streams.iter_mut().for_each(|(_, distance)| *distance = (*distance).min(DISTANCE_MAX));
        let Some(peer) = self.medium.peers.get_mut(&link) else { return };
        let before = std::mem::replace(&mut peer.watching, watching.clone());
        self.follow_demand(now);
        let is_new = |stream: &u32| !before.streams.iter().any(|(watched, _)| watched == stream);
        let streams: Vec<u32> = watching.streams.iter().map(|&(stream, _)| stream).collect();
        for stream in streams.into_iter().filter(is_new) {
            self.introduce_stream(now, link, stream);
        }
    }

    /// Forgets all segments of a stream, as far as players and peers are concerned too.
    pub(super) fn drop_stream(&mut self, stream: u32) {
        let Some(state) = self.medium.streams.get_mut(&stream) else { return };
        let numbers: Vec<u64> = state.segments.keys().copied().collect();
        for number in numbers {
            self.drop_segment(PieceId { stream, number });
        }
        for peer in self.medium.peers.values_mut() {
            peer.forget_stream(stream);
        }
        self.medium.early.retain(|(_, early)| early.id.stream != stream);
        self.medium.asked.retain(|id| id.stream != stream);
    }

    /// The stream's numbers begin anew.
    pub(super) fn reset_stream(&mut self, now: Instant, stream: u32, epoch: u64) {
        if !self.medium.streams.contains_key(&stream) {
            return;
        }
        tracing::warn!(target: super::LOG, "stream {stream} begins anew");
        self.drop_stream(stream);
        self.medium.streams.insert(stream, Stream::new(now, epoch));
        for peer in self.peers.values_mut() {
            peer.claims.clear(stream);
        }
        self.outputs.push_back(Output::Hls(HlsDelivery::Reset { stream, epoch }));
    }
}
