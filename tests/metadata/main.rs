//! Transport files from peer to peer: two machines joined in memory, and liars.
#![expect(clippy::disallowed_methods, reason = "tests make up a time to start from")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use start_engine::base::ids::{Infohash, LinkId, PeerId};
use start_engine::swarm::metadata::{MetadataConfig, MetadataSwarm, Purpose};
use start_engine::swarm::{Close, Input, Machine, Output};
use start_engine::wire::extended::NodeKey;
use start_engine::wire::message::Message;
use start_engine::wire::metadata::MetadataMessage;
use start_engine::wire::transport_file::{Descriptor, TransportFile};

const LINK: LinkId = LinkId(1);

fn file_of(description_bytes: usize) -> TransportFile {
    let mut descriptor = Descriptor {
        name: "Metadata".to_owned(),
        pubkey: Bytes::from_static(b"abc"),
        piece_length: 65536,
        chunk_length: 16384,
        bitrate: 1,
        ..Descriptor::default()
    };
    let padding = format!("{description_bytes}:{}", "x".repeat(description_bytes));
    descriptor.other.insert(b"z_padding".to_vec(), padding.into());
    TransportFile::build(descriptor)
}

fn machine(now: Instant, seed: u8, id: Infohash, purpose: Purpose) -> MetadataSwarm {
    let config = MetadataConfig {
        id,
        purpose,
        node_key: NodeKey::from_seed([seed; 32]),
        peer_id: PeerId::from_random([seed; 11]),
        listen_port: 1000 + u16::from(seed),
        tracker_count: 0,
        allow_private_addresses: true,
        operator_peers: Vec::new(),
        seed: u64::from(seed),
    };
    MetadataSwarm::new(now, config)
}

/// Carries messages between a finder and a server until both are silent; returns what the finder got
/// and why it closed the link, if it did.
fn meet(
    finder: &mut MetadataSwarm,
    server: &mut MetadataSwarm,
    tamper: impl Fn(Message) -> Message,
) -> (Option<Bytes>, Option<Close>) {
    let now = Instant::now();
    let addr = "127.0.0.1:9".parse().expect("an address");
    finder.handle(now, Input::Dialed { link: LINK, addr });
    server.handle(now, Input::Accepted { link: LINK, addr });
    let (mut found, mut closed) = (None, None);
    for _round in 0..1000 {
        let from_finder: Vec<_> = std::iter::from_fn(|| finder.poll()).collect();
        let from_server: Vec<_> = std::iter::from_fn(|| server.poll()).collect();
        if from_finder.is_empty() && from_server.is_empty() {
            break;
        }
        for output in from_finder {
            match output {
                Output::Send { link, message } => server.handle(now, Input::Message { link, message }),
                Output::Metadata(file) => found = Some(file),
                Output::Close { why, .. } => closed = Some(why),
                _ => {}
            }
        }
        for output in from_server {
            if let Output::Send { link, message } = output {
                finder.handle(now, Input::Message { link, message: tamper(message) });
            }
        }
    }
    (found, closed)
}

#[test]
fn file_of_several_parts_is_found_by_either_id() {
    let now = Instant::now();
    let file = file_of(40_000);
    for (id, purpose) in
        [(file.infohash, Purpose::FindByInfohash), (file.content_id, Purpose::FindByContentId)]
    {
        let mut server = machine(now, 1, id, Purpose::Serve(file.bytes.clone()));
        let mut finder = machine(now, 2, id, purpose);
        assert_eq!(meet(&mut finder, &mut server, |message| message), (Some(file.bytes.clone()), None));
    }
}

#[test]
fn file_of_another_broadcast_is_refused() {
    let now = Instant::now();
    let (wanted, other) = (file_of(10), file_of(20));
    let mut server = machine(now, 1, wanted.content_id, Purpose::Serve(other.bytes));
    let mut finder = machine(now, 2, wanted.content_id, Purpose::FindByContentId);
    let outcome = meet(&mut finder, &mut server, |message| message);
    assert_eq!(outcome, (None, Some(Close::WrongMetadata)));
}

#[test]
fn parts_that_do_not_fit_end_the_link() {
    let now = Instant::now();
    let file = file_of(40_000);
    let lies: [fn(MetadataMessage) -> MetadataMessage; 3] = [
        |said| match said {
            MetadataMessage::Data { piece, data, .. } => {
                MetadataMessage::Data { piece, total_bytes: u32::MAX, data }
            }
            other => other,
        },
        |said| match said {
            MetadataMessage::Data { piece, total_bytes, data } => {
                MetadataMessage::Data { piece: piece + 1, total_bytes, data }
            }
            other => other,
        },
        |said| match said {
            MetadataMessage::Data { piece, .. } => MetadataMessage::Reject { piece },
            other => other,
        },
    ];
    for lie in lies {
        let mut server = machine(now, 1, file.content_id, Purpose::Serve(file.bytes.clone()));
        let mut finder = machine(now, 2, file.content_id, Purpose::FindByContentId);
        let tamper = |message| match message {
            Message::Extended { id, payload } => match MetadataMessage::decode(payload.clone()) {
                Some(said) => Message::Extended { id, payload: lie(said).encode() },
                None => Message::Extended { id, payload },
            },
            other => other,
        };
        let (found, closed) = meet(&mut finder, &mut server, tamper);
        assert_eq!(found, None);
        assert!(closed.is_some());
    }
}

#[test]
fn forged_description_ends_the_link() {
    let now = Instant::now();
    let file = file_of(10);
    let mut server = machine(now, 1, file.content_id, Purpose::Serve(file.bytes.clone()));
    let mut finder = machine(now, 2, file.content_id, Purpose::FindByContentId);
    let tamper = |message| match message {
        Message::ExtendedHandshake(raw) => {
            let mut raw = raw.to_vec();
            let last = raw.len() - 5;
            raw[last] ^= 1;
            Message::ExtendedHandshake(raw.into())
        }
        other => other,
    };
    assert_eq!(meet(&mut finder, &mut server, tamper), (None, Some(Close::BadHandshake)));
}

#[test]
fn silent_peers_do_not_stay_and_the_timer_does_not_spin() {
    let now = Instant::now();
    let mut server = machine(now, 1, Infohash([1; 20]), Purpose::Serve(Bytes::from_static(b"file")));
    let addr = "127.0.0.1:9".parse().expect("an address");
    for link in 0..200 {
        server.handle(now, Input::Accepted { link: LinkId(link), addr });
    }
    let outputs: Vec<_> = std::iter::from_fn(|| server.poll()).collect();
    let refused = outputs.iter().filter(|output| matches!(output, Output::Close { why: Close::Full, .. }));
    assert!(refused.count() >= 100, "the number of links is bounded");
    let (mut moment, mut closed, mut timers) = (now, 0, 0);
    while let Some(deadline) = server.deadline().filter(|&at| at < now + Duration::from_secs(120)) {
        timers += 1;
        assert!(timers < 100);
        moment = moment.max(deadline);
        server.handle(moment, Input::Timer);
        closed += std::iter::from_fn(|| server.poll()).filter(|o| matches!(o, Output::Close { .. })).count();
    }
    assert!(closed > 0 && closed <= 100);
}
