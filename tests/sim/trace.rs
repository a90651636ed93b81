//! The outputs of all nodes, folded into one number.

use std::hash::{Hash, Hasher};

use start_engine::swarm::Output;
use start_engine::wire::message::Message;

use super::events::Time;

pub fn note(state: &mut impl Hasher, now: Time, node: usize, output: &Output) {
    (now, node).hash(state);
    match output {
        Output::Dial(addr) => (0, addr).hash(state),
        Output::Close { link, why } => (1, link, why).hash(state),
        Output::Send { link, message } => {
            (2, link, message.frame_bytes(), std::mem::discriminant(message)).hash(state);
            note_numbers(state, message);
        }
        Output::Announce { tracker, request } => {
            (3, tracker, request.uploaded, request.downloaded).hash(state)
        }
        Output::Deliver(piece) => (4, piece.number(), piece.digest()).hash(state),
        Output::Metadata(file) => (5, file).hash(state),
        Output::Hls(delivery) => (6, std::mem::discriminant(delivery)).hash(state),
        Output::Storage(command) => (8, std::mem::discriminant(command)).hash(state),
        Output::Origin(command) => (7, std::mem::discriminant(command)).hash(state),
    }
}

fn note_numbers(state: &mut impl Hasher, message: &Message) {
    match message {
        Message::Have { piece, .. } | Message::TrailingEdge { piece, .. } => piece.hash(state),
        Message::Request { piece, chunk, .. } | Message::Piece { piece, chunk, .. } => {
            (piece, chunk).hash(state)
        }
        Message::ExtendedHandshake(raw) => raw.hash(state),
        _ => {}
    }
}
