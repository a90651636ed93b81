//! Bytes of several frames, written with one system call and without joining them.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

use crate::wire::message::Message;

/// A queue of byte slices that a vectored write takes from.
#[derive(Debug, Default)]
pub struct Segments {
    parts: VecDeque<Bytes>,
    remaining: usize,
    heads: BytesMut,
}

impl Segments {
    /// Appends a message: its head is encoded, its data shared.
    pub fn push(&mut self, message: &Message) {
        let data = message.encode_head(&mut self.heads);
        let head = self.heads.split().freeze();
        for part in [head, data] {
            if !part.is_empty() {
                self.remaining += part.len();
                self.parts.push_back(part);
            }
        }
    }
}

impl Buf for Segments {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.parts.front().map_or(&[], |part| part)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(&self.parts);
        filled.map(|(slice, part)| *slice = IoSlice::new(part)).count()
    }

    fn advance(&mut self, mut count: usize) {
        self.remaining -= count;
        while let Some(front) = self.parts.front_mut() {
            if count < front.len() {
                return front.advance(count);
            }
            count -= front.len();
            self.parts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_taken_in_order_whatever_the_steps() {
        for step in 1..40 {
            let mut segments = Segments::default();
            let data = Bytes::from_static(b"twelve bytes");
            let piece = Message::Piece { stream: 0, piece: 1, time: 2.0, chunk: 3, data };
            segments.push(&piece);
            segments.push(&Message::Unchoke);
            let whole = segments.remaining();
            assert_eq!(whole, piece.frame_bytes() + Message::Unchoke.frame_bytes());
            let mut read = Vec::new();
            while segments.has_remaining() {
                let taken = segments.chunk().len().min(step);
                read.extend_from_slice(&segments.chunk()[..taken]);
                segments.advance(taken);
            }
            assert_eq!(read.len(), whole);
            assert!(read.windows(12).any(|window| window == b"twelve bytes"));
        }
    }
}
