//! The pieces that are kept.

use start_engine::live::window::{Inserted, Window};

use crate::make_pieces;

#[test]
fn oldest_pieces_leave_first_and_stay_away() {
    let pieces = make_pieces(0, 6);
    let mut window = Window::new(3);
    for piece in &pieces[1..4] {
        assert_eq!(window.insert(piece.clone()), Inserted::Stored);
    }
    assert_eq!(window.insert(pieces[4].clone()), Inserted::StoredAndEvicted);
    assert_eq!((window.oldest(), window.newest(), window.len()), (Some(2), Some(4), 3));
    assert_eq!(window.insert(pieces[0].clone()), Inserted::Refused);
    assert_eq!(window.insert(pieces[4].clone()), Inserted::Refused);
    assert!(!window.contains(1) && window.get(3).is_some());
}

#[test]
fn holes_divide_the_window_into_runs() {
    let pieces = make_pieces(10, 6);
    let mut window = Window::new(10);
    assert!(window.is_empty() && window.runs().is_empty());
    for index in [5, 0, 3, 1] {
        window.insert(pieces[index].clone());
    }
    assert_eq!(window.runs(), [(10, 2), (13, 1), (15, 1)]);
}
