//! Hostile nodes of an HLS broadcast: production swarms whose words are twisted on their way out, and that
//! say more than they know.

use bytes::Bytes;

use start_engine::base::ids::{LinkId, PieceId};
use start_engine::swarm::hls::event::OriginEvent;
use start_engine::swarm::{Input, Output};
use start_engine::wire::hls::entry::{Entry, TableEntry};
use start_engine::wire::hls::segment::Tags;
use start_engine::wire::hls::table::{TABLE_ID, TableMessage};
use start_engine::wire::message::Message;

use super::HlsWorld;
use super::origin::content_of;
use crate::hostile::Behaviour;
use crate::world::EPOCH_S;

#[derive(Default)]
pub struct Liar {
    /// Lies were told up to this segment of each stream.
    lied_up_to: std::collections::BTreeMap<u32, u64>,
    /// An entry that was true once.
    old_entry: Option<TableEntry>,
}

/// What goes out instead of `output`.
pub fn tamper(world: &mut HlsWorld, node: usize, output: Output) -> Vec<Output> {
    let behaviour = world.nodes[node].tamper.behaviour;
    if behaviour == Behaviour::Honest {
        return vec![output];
    }
    let Output::Send { link, message } = output else { return vec![output] };
    let messages = match (behaviour, message) {
        (_, Message::Extended { id: TABLE_ID, payload }) => match TableMessage::decode(&payload) {
            Some(table) => tamper_table(world, node, link, table),
            None => vec![Message::Extended { id: TABLE_ID, payload }],
        },
        (
            Behaviour::TableLiar | Behaviour::PassingLiar,
            Message::Piece { stream, piece, time, chunk, data },
        ) => {
            let data = falsified(&data);
            vec![Message::Piece { stream, piece, time, chunk, data }]
        }
        (Behaviour::FalsePromiser, Message::Piece { .. } | Message::Have { .. }) => vec![],
        (Behaviour::Polluter, message @ Message::Piece { .. }) => {
            note_lie(world, node, link);
            return world.nodes[node].tamper.tamper(Output::Send { link, message });
        }
        (_, message) => return world.nodes[node].tamper.tamper(Output::Send { link, message }),
    };
    messages.into_iter().map(|message| Output::Send { link, message }).collect()
}

fn tamper_table(world: &mut HlsWorld, node: usize, link: LinkId, table: TableMessage) -> Vec<Message> {
    let said = |message: TableMessage| Message::Extended { id: TABLE_ID, payload: message.encode() };
    match (world.nodes[node].tamper.behaviour, table) {
        (Behaviour::TableLiar | Behaviour::PassingLiar, TableMessage::Entry { entry, is_own }) => {
            let is_own = is_own && world.nodes[node].tamper.behaviour == Behaviour::TableLiar;
            match false_entry(world, entry.entry.piece) {
                Some(lie) => {
                    note_lie(world, node, link);
                    vec![said(TableMessage::Entry { entry: Box::new(lie), is_own })]
                }
                None => vec![],
            }
        }
        (Behaviour::FalsePromiser, TableMessage::Entry { .. } | TableMessage::Held { .. }) => vec![],
        (Behaviour::Forger, TableMessage::Entry { entry, is_own }) => {
            let old = world.nodes[node].seat.liar.old_entry.get_or_insert_with(|| (*entry).clone()).clone();
            let forged = forge(&entry);
            note_lie(world, node, link);
            let entries = [*entry, old, forged];
            entries.map(|entry| said(TableMessage::Entry { entry: Box::new(entry), is_own })).into()
        }
        (Behaviour::Babbler, table) => {
            let payload = table.encode();
            let half = payload.slice(..payload.len() / 2);
            vec![Message::Extended { id: TABLE_ID, payload: half }]
        }
        (_, table) => vec![said(table)],
    }
}

/// What the node's swarm hears; liars act on what they hear.
pub fn intercept(world: &mut HlsWorld, node: usize, input: Input) -> Option<Input> {
    match world.nodes[node].tamper.behaviour {
        Behaviour::TableLiar => lie_on_news(world, node, input),
        Behaviour::FalsePromiser => promise_on_news(world, node, input),
        _ => Some(input),
    }
}

fn lie_on_news(world: &mut HlsWorld, node: usize, input: Input) -> Option<Input> {
    if let Input::Message { link, message: Message::Request { stream, piece, chunk } } = input {
        answer_falsely(world, node, link, PieceId { stream, number: u64::from(piece) }, chunk);
        return None;
    }
    for id in news(world, node, &input) {
        let Some(lie) = false_entry(world, id) else { continue };
        let message = TableMessage::Entry { entry: Box::new(lie), is_own: true };
        let links: Vec<LinkId> = world.nodes[node].links.keys().copied().collect();
        for link in links {
            note_lie(world, node, link);
            world.send(node, link, Message::Extended { id: TABLE_ID, payload: message.encode() });
            world.send(node, link, Message::Have { stream: id.stream, piece: id.number as u32 });
            world.send(node, link, Message::Unchoke);
        }
    }
    Some(input)
}

fn promise_on_news(world: &mut HlsWorld, node: usize, input: Input) -> Option<Input> {
    for id in news(world, node, &input) {
        let links: Vec<LinkId> = world.nodes[node].links.keys().copied().collect();
        for link in links {
            let payload = TableMessage::Fetching(id).encode();
            world.send(node, link, Message::Extended { id: TABLE_ID, payload });
        }
    }
    Some(input)
}

/// Segments that the node hears of for the first time, from the origin or from a peer.
fn news(world: &mut HlsWorld, node: usize, input: &Input) -> Vec<PieceId> {
    let newest = match input {
        Input::Origin(OriginEvent::Listed(listing)) => {
            let number = listing.segments.last().map(|segment| segment.number);
            number.map(|number| PieceId { stream: listing.stream, number })
        }
        Input::Message { message: Message::Extended { id: TABLE_ID, payload }, .. } => {
            match TableMessage::decode(payload) {
                Some(TableMessage::Entry { entry, .. }) => Some(entry.entry.piece),
                _ => None,
            }
        }
        _ => None,
    };
    let Some(newest) = newest else { return Vec::new() };
    let lied = world.nodes[node].seat.liar.lied_up_to.entry(newest.stream).or_default();
    let first = (*lied + 1).max(newest.number.saturating_sub(2));
    *lied = newest.number.max(*lied);
    (first..=newest.number).map(|number| PieceId { number, ..newest }).collect()
}

fn answer_falsely(world: &mut HlsWorld, node: usize, link: LinkId, id: PieceId, chunk: u16) {
    let run = world.broadcast.origin.run_of(id.stream);
    let truth = world.broadcast.origin.truth(id, run);
    let Some(data) = truth.and_then(|truth| truth.chunks.get(usize::from(chunk))).map(falsified) else {
        return;
    };
    let (stream, piece) = (id.stream, id.number as u32);
    world.send(node, link, Message::Piece { stream, piece, time: 1.0, chunk, data });
}

fn note_lie(world: &mut HlsWorld, node: usize, link: LinkId) {
    let Some(&end) = world.nodes[node].links.get(&link) else { return };
    let victim = world.node_at(end.other());
    let now = world.now;
    world.broadcast.lies.entry((node, victim)).or_insert(now);
}

/// What liars send instead of a chunk; they all agree.
fn falsified(data: &Bytes) -> Bytes {
    data.iter().map(|byte| byte ^ 0x55).collect::<Vec<_>>().into()
}

/// An entry with the content that liars send; in a private broadcast with a signature that does not fit.
fn false_entry(world: &HlsWorld, id: PieceId) -> Option<TableEntry> {
    let truth = world.broadcast.origin.truth(id, world.broadcast.origin.run_of(id.stream))?;
    let chunks: Vec<Bytes> = truth.chunks.iter().map(falsified).collect();
    let entry = Entry {
        piece: id,
        epoch: EPOCH_S,
        duration_us: world.plan.hls.segment / 1_000,
        tags: Tags::default(),
        init: None,
        key: None,
        target_duration_s: 2,
        discontinuities_before: 0,
        listed_count: 6,
        shown_at_ms: 1,
        address_digest: None,
        is_address_local: false,
        content: Some(content_of(&chunks)),
    };
    let entry = TableEntry::new(entry, None);
    let is_private = world.plan.hls.is_private;
    Some(TableEntry { signature: is_private.then_some([7; 64]), ..entry })
}

/// The entry under the number of the next segment, with a signature that was for this one.
fn forge(true_entry: &TableEntry) -> TableEntry {
    let mut entry = true_entry.entry.clone();
    entry.piece.number += 1;
    let at = None;
    TableEntry { signature: true_entry.signature, ..TableEntry::new(entry, at) }
}
