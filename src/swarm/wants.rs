//! The pieces that are being fetched: which chunk is there, which is asked of whom, which is open.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::pipeline::ChunkKey;
use crate::base::ids::{LinkId, PieceId};
use crate::live::assembler::{Added, Assembly, Shape};

/// Two peers at most are asked for the same chunk at once.
type Asked = [Option<LinkId>; 2];

/// One piece being fetched.
pub struct Want {
    assembly: Assembly,
    asked: Vec<Asked>,
    /// Chunks that are neither there nor asked of anybody.
    open: usize,
    /// The chunk to ask for first.
    first: u16,
    /// Peers that claim the piece.
    copies: usize,
    /// After a forgery: everything comes from this peer alone.
    sole: Option<LinkId>,
}

/// How a peer may be used for a want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Anything,
    /// Only pieces that nobody else claims, and those that it is asked for alone.
    LeftOnly,
    /// Only pieces that it is asked for alone.
    SoleOnly,
}

#[derive(Default)]
pub struct Wants {
    pieces: BTreeMap<PieceId, Want>,
}

impl Wants {
    /// Begins to want a piece that `copies` peers claim, unless it is wanted already.
    pub fn insert(&mut self, id: PieceId, shape: &Shape, copies: impl FnOnce() -> usize) {
        self.pieces.entry(id).or_insert_with(|| Want { copies: copies(), ..Want::new(id, shape.clone()) });
    }

    /// The same, asked for from chunk `first` on and around.
    pub fn insert_from(&mut self, id: PieceId, shape: Shape, first: u16, copies: usize) {
        self.pieces.entry(id).or_insert_with(|| Want { copies, first, ..Want::new(id, shape) });
    }

    /// What is here of a piece.
    pub fn assembly(&self, id: PieceId) -> Option<&Assembly> {
        self.pieces.get(&id).map(|want| &want.assembly)
    }

    /// Wants a piece no more.
    pub fn remove(&mut self, id: PieceId) {
        self.pieces.remove(&id);
    }

    /// One more peer claims the piece.
    pub fn claimed(&mut self, id: PieceId) {
        if let Some(want) = self.pieces.get_mut(&id) {
            want.copies += 1;
        }
    }

    /// A peer that claimed some pieces is gone.
    pub fn peer_left(&mut self, has: impl Fn(PieceId) -> bool) {
        for (_, want) in self.pieces.iter_mut().filter(|(id, _)| has(**id)) {
            want.copies = want.copies.saturating_sub(1);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Forgets all pieces before `id`.
    pub fn remove_before(&mut self, id: PieceId) {
        self.pieces = self.pieces.split_off(&id);
    }

    pub fn clear(&mut self) {
        self.pieces.clear();
    }

    /// Chooses an open chunk for `link` and marks it as asked. Urgent pieces come first, oldest first;
    /// then pieces that were begun, since only whole ones can be passed on; then the rarest, the newest
    /// of equals: nodes that fetch different pieces have something to give each other. `everybody` is
    /// the number of peers.
    pub fn choose(
        &mut self,
        link: LinkId,
        how: Use,
        everybody: usize,
        is_urgent: impl Fn(PieceId, usize) -> bool,
        may_ask: impl Fn(ChunkKey) -> bool,
        has: impl Fn(PieceId) -> bool,
    ) -> Option<ChunkKey> {
        let rank = |id: PieceId, want: &Want| match is_urgent(id, want.copies) {
            true => (false, id.number, 0, 0),
            false => (true, u64::from(!want.is_begun()), want.copies, want.by_age(id, everybody)),
        };
        let usable = self.pieces.iter().filter(|(_, want)| want.open > 0 && want.admits(link, how));
        let open = usable.filter(|(id, _)| has(**id)).filter_map(|(&id, want)| {
            let chunk = want.open_chunk(|chunk| may_ask((id, chunk)))?;
            Some((rank(id, want), (id, chunk)))
        });
        let (_, (id, chunk)) = open.min()?;
        self.pieces.get_mut(&id)?.ask(chunk, link);
        Some((id, chunk))
    }

    /// Chooses a chunk of `id` that another peer owes us, to ask `link` as well.
    pub fn choose_second(
        &mut self,
        id: PieceId,
        link: LinkId,
        may_ask: impl Fn(ChunkKey) -> bool,
    ) -> Option<ChunkKey> {
        let want = self.pieces.get_mut(&id).filter(|want| want.sole.is_none())?;
        let chunk = want.once_asked_chunk(link, |chunk| may_ask((id, chunk)))?;
        want.ask(chunk, link);
        Some((id, chunk))
    }

    /// `link` does not owe the chunk any more.
    pub fn release(&mut self, link: LinkId, (id, chunk): ChunkKey) {
        if let Some(want) = self.pieces.get_mut(&id) {
            want.release(chunk, link);
        }
    }

    /// `link` is gone: nothing comes from it alone any more.
    pub fn forget_sole(&mut self, link: LinkId) {
        for want in self.pieces.values_mut().filter(|want| want.sole == Some(link)) {
            want.sole = None;
        }
    }

    /// Takes a chunk in. `None` when the piece is not wanted, or wanted from another peer alone.
    pub fn add(&mut self, (id, chunk): ChunkKey, data: Bytes, time: f64, from: LinkId) -> Option<Added> {
        let want = self.pieces.get_mut(&id)?;
        if want.sole.is_some_and(|sole| sole != from) {
            return None;
        }
        let was_open = want.is_open(chunk);
        let added = want.assembly.add(chunk, data, time, from);
        if matches!(added, Added::Stored | Added::Complete) && was_open {
            want.open -= 1;
        }
        Some(added)
    }

    /// Who else was asked for the chunk.
    pub fn others_asked(&self, (id, chunk): ChunkKey, link: LinkId) -> Vec<LinkId> {
        let asked = self.pieces.get(&id).and_then(|want| want.asked.get(usize::from(chunk)));
        asked.into_iter().flatten().flatten().copied().filter(|&other| other != link).collect()
    }

    /// Takes a complete piece out, to be verified.
    pub fn take(&mut self, id: PieceId) -> Option<Assembly> {
        self.pieces.remove(&id).map(|want| want.assembly)
    }

    /// Begins a piece anew, from one peer alone.
    pub fn insert_sole(&mut self, id: PieceId, shape: Shape, sole: LinkId) {
        let mut want = Want::new(id, shape);
        want.sole = Some(sole);
        self.pieces.insert(id, want);
    }
}

impl Want {
    fn new(id: PieceId, shape: Shape) -> Self {
        let chunks = usize::from(shape.chunks());
        Self {
            assembly: Assembly::new(id, shape),
            asked: vec![[None; 2]; chunks],
            open: chunks,
            first: 0,
            copies: 0,
            sole: None,
        }
    }

    /// What all peers have, nobody needs of us: it is fetched in the order of play.
    fn by_age(&self, id: PieceId, everybody: usize) -> u64 {
        if self.copies >= everybody { id.number } else { u64::MAX - id.number }
    }

    fn is_begun(&self) -> bool {
        self.open < self.asked.len()
    }

    fn admits(&self, link: LinkId, how: Use) -> bool {
        match self.sole {
            Some(sole) => sole == link,
            None => how == Use::Anything || (how == Use::LeftOnly && self.copies <= 1),
        }
    }

    fn is_open(&self, chunk: u16) -> bool {
        !self.assembly.has(chunk)
            && self.asked.get(usize::from(chunk)).is_some_and(|asked| *asked == [None; 2])
    }

    fn open_chunk(&self, may_ask: impl Fn(u16) -> bool) -> Option<u16> {
        let count = self.asked.len() as u16;
        (self.first..count).chain(0..self.first).find(|&chunk| self.is_open(chunk) && may_ask(chunk))
    }

    fn once_asked_chunk(&self, link: LinkId, may_ask: impl Fn(u16) -> bool) -> Option<u16> {
        let is_once_asked = |chunk: u16| match self.asked[usize::from(chunk)] {
            [Some(other), None] | [None, Some(other)] => other != link && !self.assembly.has(chunk),
            _ => false,
        };
        (0..self.asked.len() as u16).find(|&chunk| is_once_asked(chunk) && may_ask(chunk))
    }

    fn ask(&mut self, chunk: u16, link: LinkId) {
        if self.is_open(chunk) {
            self.open -= 1;
        }
        let slots = &mut self.asked[usize::from(chunk)];
        if let Some(slot) = slots.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(link);
        }
    }

    fn release(&mut self, chunk: u16, link: LinkId) {
        let Some(slots) = self.asked.get_mut(usize::from(chunk)) else { return };
        let Some(slot) = slots.iter_mut().find(|slot| **slot == Some(link)) else { return };
        *slot = None;
        if self.is_open(chunk) {
            self.open += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::geometry::Geometry;

    const LINK: LinkId = LinkId(1);
    const OTHER: LinkId = LinkId(2);

    const fn id(number: u64) -> PieceId {
        PieceId { stream: 0, number }
    }

    fn two_chunks() -> Shape {
        Shape::Signed(Geometry::new(32_768, 16_384, 96).unwrap())
    }

    /// Pieces of two chunks, wanted with so many copies each.
    fn wants(copies: &[(u64, usize)]) -> Wants {
        let shape = two_chunks();
        let mut wants = Wants::default();
        copies.iter().for_each(|&(number, copies)| wants.insert(id(number), &shape, || copies));
        wants
    }

    fn choose(wants: &mut Wants, link: LinkId) -> Option<ChunkKey> {
        wants.choose(link, Use::Anything, usize::MAX, |_, _| false, |_| true, |_| true)
    }

    #[test]
    fn rarest_piece_comes_first_the_newest_of_equals_and_a_begun_one_is_finished() {
        let mut wants = wants(&[(1, 2), (2, 1), (3, 1)]);
        assert_eq!(choose(&mut wants, LINK), Some((id(3), 0)));
        wants.peer_left(|piece| piece == id(1));
        wants.peer_left(|piece| piece == id(1));
        assert_eq!(choose(&mut wants, OTHER), Some((id(3), 1)), "begun, though piece 1 is rarer now");
        assert_eq!(choose(&mut wants, OTHER), Some((id(1), 0)));
    }

    #[test]
    fn what_all_peers_have_is_fetched_in_the_order_of_play() {
        let mut wants = wants(&[(1, 2), (2, 2)]);
        let chosen = wants.choose(LINK, Use::Anything, 2, |_, _| false, |_| true, |_| true);
        assert_eq!(chosen, Some((id(1), 0)));
    }

    #[test]
    fn urgent_pieces_come_first_in_order() {
        let mut wants = wants(&[(1, 9), (2, 9), (3, 1)]);
        let urgent = |wants: &mut Wants| {
            wants
                .choose(LINK, Use::Anything, usize::MAX, |piece, _| piece < id(3), |_| true, |_| true)
                .map(|(piece, _)| piece.number)
        };
        let order: Vec<_> = std::iter::from_fn(|| urgent(&mut wants)).collect();
        assert_eq!(order, [1, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn chunk_is_asked_once_until_released_and_twice_only_on_purpose() {
        let mut wants = wants(&[(1, 1)]);
        assert_eq!(
            (choose(&mut wants, LINK), choose(&mut wants, LINK)),
            (Some((id(1), 0)), Some((id(1), 1)))
        );
        assert_eq!(choose(&mut wants, OTHER), None);
        assert_eq!(wants.choose_second(id(1), OTHER, |_| true), Some((id(1), 0)));
        wants.release(LINK, (id(1), 1));
        assert_eq!(choose(&mut wants, OTHER), Some((id(1), 1)));
        assert_eq!(wants.others_asked((id(1), 0), LINK), [OTHER]);
    }

    #[test]
    fn piece_from_one_peer_alone_is_not_asked_of_others_before_that_peer_is_gone() {
        let mut wants = wants(&[]);
        wants.insert_sole(id(1), two_chunks(), LINK);
        assert_eq!(choose(&mut wants, OTHER), None);
        assert_eq!(
            wants.choose(LINK, Use::SoleOnly, usize::MAX, |_, _| false, |_| true, |_| true),
            Some((id(1), 0))
        );
        wants.forget_sole(LINK);
        assert_eq!(choose(&mut wants, OTHER), Some((id(1), 1)));
    }
}
