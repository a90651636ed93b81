//! Collecting a piece from many hands.

use bytes::Bytes;
use proptest::prelude::*;
use start_engine::base::ids::{LinkId, PieceId};
use start_engine::live::assembler::{Added, Assembly, Shape};
use start_engine::live::piece::VerifiedPiece;

use crate::{geometry, make_pieces, verifier};

fn collect(piece: &VerifiedPiece, order: &[u16], damage: Option<(u16, usize)>) -> Assembly {
    let geometry = geometry();
    let mut assembly = Assembly::new(piece.id(), Shape::Signed(geometry));
    for &chunk in order {
        let mut data = piece.chunk(chunk).expect("a chunk").to_vec();
        if let Some((_, offset)) = damage.filter(|(damaged, _)| *damaged == chunk) {
            data[offset] ^= 0x20;
        }
        let from = LinkId(u64::from(chunk));
        assembly.add(chunk, Bytes::from(data), piece.time(), from);
    }
    assembly
}

#[test]
fn chunks_in_any_order_make_the_same_piece() {
    let piece = make_pieces(5, 1).remove(0);
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let assembly = collect(&piece, &order, None);
        assert!(assembly.is_complete());
        let verified = assembly.verify(&verifier()).expect("verifies");
        assert_eq!(verified.payload(), piece.payload());
        assert_eq!((verified.number(), verified.time()), (5, piece.time()));
        assert_eq!(verified.digest(), piece.digest());
    }
}

#[test]
fn incomplete_piece_never_verifies() {
    let piece = make_pieces(0, 1).remove(0);
    let assembly = collect(&piece, &[0, 1, 2], None);
    assert!(!assembly.is_complete());
    assert!(assembly.verify(&verifier()).is_err());
}

#[test]
fn malformed_chunks_and_times_are_refused() {
    let piece = make_pieces(0, 1).remove(0);
    let data = || piece.chunk(0).expect("a chunk").clone();
    let geometry = geometry();
    let mut assembly = Assembly::new(PieceId { stream: 0, number: 0 }, Shape::Signed(geometry));
    let mut add = |chunk, data, time| assembly.add(chunk, data, time, LinkId(1));
    assert_eq!(add(4, data(), 1.0), Added::Malformed);
    assert_eq!(add(0, data().slice(1..), 1.0), Added::Malformed);
    for time in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(add(0, data(), time), Added::Malformed, "{time}");
    }
    assert_eq!(add(0, data(), 1.0), Added::Stored);
    assert_eq!(add(0, data(), 1.0), Added::Duplicate);
}

#[test]
fn one_liar_about_the_time_is_outvoted() {
    let piece = make_pieces(0, 1).remove(0);
    let geometry = geometry();
    let mut assembly = Assembly::new(PieceId { stream: 0, number: 0 }, Shape::Signed(geometry));
    for (chunk, time) in [(0, 9e9), (1, piece.time()), (2, piece.time()), (3, piece.time())] {
        assembly.add(chunk, piece.chunk(chunk).expect("a chunk").clone(), time, LinkId(1));
    }
    assert_eq!(assembly.verify(&verifier()).expect("verifies").time(), piece.time());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_flipped_bit_anywhere_names_every_sender(chunk in 0u16..4, offset in 0usize..16384) {
        let piece = make_pieces(0, 1).remove(0);
        let forged = collect(&piece, &[0, 1, 2, 3], Some((chunk, offset)));
        let contributions = forged.verify(&verifier()).expect_err("is forged").contributions;
        let senders: Vec<_> = contributions.iter().map(|c| (c.chunk, c.from.0)).collect();
        prop_assert_eq!(senders, [(0, 0), (1, 1), (2, 2), (3, 3)]);
    }
}
