//! Pieces that are held outside of memory: brought back when somebody asks for them, given up when they are
//! gone. Nothing waits for a disk here: who asks is answered when the piece has come.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::storage::{StorageCommand, StorageEvent};
use super::{HEAD_JUMP_BACK, Ts, ts_id};
use crate::base::ids::LinkId;
use crate::base::limits::ARCHIVE_LOADS_MAX;
use crate::live::archive::KeptPiece;
use crate::live::piece::VerifiedPiece;
use crate::live::window::Window;
use crate::swarm::event::Output;
use crate::swarm::{Role, Swarm};
use crate::wire::message::Message;

/// Counted as copies of a piece that an earlier run left: everything of now comes before it.
const COPIES_OF_OLD: usize = 1 << 20;
/// A kept piece with a higher number and a time so much lower is of another time of the stream.
const TIME_TOLERANCE_S: f64 = 60.0;

/// Who waits for pieces that are being read, and what was counted.
#[derive(Debug, Default)]
pub(super) struct Recalls {
    waiting: BTreeMap<u64, BTreeSet<(LinkId, u16)>>,
    pub bytes: u64,
    pub loads: u64,
    pub damaged: u64,
    pub not_kept: u64,
}

impl Ts {
    /// A piece that is in memory, be it that it was read back.
    pub(super) fn at_hand(&self, number: u64) -> Option<&VerifiedPiece> {
        self.window.get(number).or_else(|| self.archive.at_hand(number))
    }

    pub(super) fn holds_number(&self, number: u64) -> bool {
        self.window.contains(number) || self.archive.contains(number)
    }

    pub(super) fn oldest(&self) -> Option<u64> {
        self.window.oldest().into_iter().chain(self.archive.oldest()).min()
    }

    pub(super) fn newest(&self) -> Option<u64> {
        self.window.newest().max(self.archive.newest())
    }

    /// The oldest piece held that is newer than `number`.
    pub(super) fn next_held(&self, number: u64) -> Option<u64> {
        self.window.next_after(number).into_iter().chain(self.archive.next_after(number)).min()
    }

    /// Runs of all pieces held, as (first, count).
    pub(super) fn runs_held(&self) -> Vec<(u64, u32)> {
        if self.archive.is_empty() {
            return self.window.runs();
        }
        let numbers: BTreeSet<u64> = self.window.numbers().chain(self.archive.numbers()).collect();
        crate::live::window::runs_of(numbers.into_iter())
    }

    /// Where the range begins of which a single pair of numbers may tell: with what an earlier run left
    /// there are holes, and whoever reads the pair takes all between for held.
    pub(super) fn told_from(&self) -> Option<u64> {
        match self.archive.is_empty() {
            true => self.window.oldest(),
            false => self.runs_held().last().map(|&(first, _)| first),
        }
    }
}

impl Swarm<Ts> {
    /// Has a new piece kept, too.
    pub(super) fn archive(&mut self, piece: VerifiedPiece) {
        if self.medium.archive.is_on() {
            self.outputs.push_back(Output::Storage(StorageCommand::Keep(piece)));
        }
    }

    /// Has a piece read that `link` asks a chunk of; `false` when it is not kept, or too many are being
    /// read.
    pub(super) fn recall_for(&mut self, link: LinkId, number: u64, chunk: u16) -> bool {
        let archive = &mut self.medium.archive;
        let is_in_reach = archive.is_loading(number) || archive.loads() < ARCHIVE_LOADS_MAX;
        if !archive.contains(number)
            || !is_in_reach
            || chunk >= self.medium.config.geometry.chunks_per_piece()
        {
            return false;
        }
        self.recall(number);
        self.medium.recalls.waiting.entry(number).or_default().insert((link, chunk));
        true
    }

    /// Has a piece read that is kept.
    pub(super) fn recall(&mut self, number: u64) {
        if self.medium.archive.contains(number) && self.medium.archive.begin_loading(number) {
            self.outputs.push_back(Output::Storage(StorageCommand::Load { number }));
        }
    }

    pub(super) fn stored(&mut self, now: Instant, event: StorageEvent) {
        match event {
            StorageEvent::Found(kept) => self.found_kept(now, &kept),
            StorageEvent::Kept { number, time } => self.medium.archive.insert(number, time),
            StorageEvent::NotKept => self.medium.recalls.not_kept += 1,
            StorageEvent::Gone { number } => self.lost_from_archive(now, number),
            StorageEvent::Loaded(piece) => self.recalled(now, piece),
            StorageEvent::Busy { number } => {
                self.medium.archive.end_loading(number);
                self.refuse_waiting(number);
            }
            StorageEvent::Damaged { number } => {
                self.medium.recalls.damaged += 1;
                self.lost_from_archive(now, number);
            }
            StorageEvent::Usage { bytes } => self.medium.recalls.bytes = bytes,
            StorageEvent::Closed => {
                self.medium.archive = Default::default();
                self.medium.recalls.waiting.clear();
                self.medium.recalls.bytes = 0;
                self.tell_oldest(now);
            }
        }
        self.advance_stream(now);
    }

    fn recalled(&mut self, now: Instant, piece: VerifiedPiece) {
        let number = piece.number();
        self.medium.recalls.loads += 1;
        if !self.medium.archive.loaded(piece) {
            return self.refuse_waiting(number);
        }
        for (link, chunk) in self.medium.recalls.waiting.remove(&number).unwrap_or_default() {
            self.requested(now, link, ts_id(number), chunk);
        }
    }

    fn refuse_waiting(&mut self, number: u64) {
        let waiting = self.medium.recalls.waiting.remove(&number).unwrap_or_default();
        self.totals.requests_refused += waiting.len() as u64;
    }

    fn lost_from_archive(&mut self, now: Instant, number: u64) {
        self.refuse_waiting(number);
        if self.medium.archive.remove(number) && !self.medium.window.contains(number) {
            self.copies.remove(ts_id(number));
            self.tell_oldest(now);
        }
    }

    /// Forgets a piece that turned out not to belong under its number.
    pub(super) fn forget_kept(&mut self, number: u64) {
        if self.medium.archive.is_on() {
            self.medium.archive.remove(number);
            self.outputs.push_back(Output::Storage(StorageCommand::Forget { number }));
        }
    }

    /// The stream began anew: what was held is of another time.
    pub(super) fn begin_anew(&mut self) {
        self.medium.window = Window::new(self.medium.config.window_pieces);
        self.clear_archive();
    }

    fn clear_archive(&mut self) {
        if self.medium.archive.is_on() {
            self.medium.archive.clear();
            self.medium.recalls.waiting.clear();
            self.outputs.push_back(Output::Storage(StorageCommand::Clear));
        }
    }

    /// What is kept under higher numbers, though it is older than the piece that just came, is of another
    /// time.
    pub(super) fn doubt_archive(&mut self, piece: &VerifiedPiece) {
        let newest = self.medium.archive.newest_time();
        let is_of_another_time =
            |(number, time): (u64, f64)| number > piece.number() && time + TIME_TOLERANCE_S < piece.time();
        if newest.is_some_and(is_of_another_time) {
            self.clear_archive();
        }
    }

    /// A source counts on from its last number: what is kept under this one or higher is of another time.
    pub(super) fn doubt_archive_of_source(&mut self, next: u64) {
        let is_first = self.medium.window.is_empty();
        if is_first && self.medium.archive.newest().is_some_and(|newest| newest >= next) {
            self.clear_archive();
        }
    }

    fn found_kept(&mut self, now: Instant, kept: &[KeptPiece]) {
        let newest = kept.iter().map(|piece| piece.number).max().unwrap_or(0);
        let is_beyond = match self.config.role {
            Role::Source => self.medium.window.oldest().is_some_and(|oldest| newest >= oldest),
            Role::Relay => self.medium.follow.next().is_some_and(|next| next + HEAD_JUMP_BACK < newest),
        };
        if is_beyond {
            return self.outputs.push_back(Output::Storage(StorageCommand::Clear));
        }
        for piece in kept {
            let is_repeat = self.medium.replays.admit(&piece.digest, piece.number).is_some();
            if is_repeat || self.medium.window.contains(piece.number) {
                self.forget_kept(piece.number);
                continue;
            }
            self.medium.archive.insert(piece.number, piece.time);
            self.copies.begin(ts_id(piece.number), COPIES_OF_OLD);
        }
        if self.medium.archive.is_empty() {
            return;
        }
        let described: Vec<_> =
            self.peers.iter().filter(|(_, p)| p.description.is_some()).map(|(&link, _)| link).collect();
        for link in described {
            self.send_description(now, link);
            self.send_window(now, link);
        }
    }

    /// Tells peers where what is held begins, if that has changed.
    pub(super) fn tell_oldest(&mut self, now: Instant) {
        let Some(oldest) = self.medium.oldest().filter(|&oldest| self.medium.told_oldest != Some(oldest))
        else {
            return;
        };
        self.medium.told_oldest = Some(oldest);
        self.copies.remove_before(ts_id(oldest));
        let described: Vec<_> =
            self.peers.iter().filter(|(_, p)| p.description.is_some()).map(|(&link, _)| link).collect();
        for link in described {
            self.send(now, link, Message::TrailingEdge { stream: 0, piece: oldest as u32 });
        }
    }
}
