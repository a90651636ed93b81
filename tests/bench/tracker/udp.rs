//! Announces over UDP from [`SOURCES`] sockets, each with some of them on their way. Nobody sleeps: that a
//! reader is woken would be on the tracker's bill.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use start_engine::base::rng::Rng;
use start_engine::net::datagrams::{Inbox, Outbox};
use start_engine::wire::announce::AnnounceRequest;
use start_engine::wire::tracker_udp::{UdpReply, encode_announce, encode_connect};

use crate::crowd::{Crowd, NUM_WANT, SOURCES, local};
use crate::load::{Amount, Tally};

/// Of one socket. All together stay within what a socket of a tracker holds by default.
const IN_FLIGHT: usize = 8;
/// After so long a datagram counts as lost.
const LOST_AFTER: Duration = Duration::from_millis(300);
const ANSWER_MAX_BYTES: usize = 2048;
const CONNECTION_ATTEMPTS: usize = 100;

pub fn ask(tracker: SocketAddr, crowd: Crowd, amount: Amount, look: &mut dyn FnMut(Tally)) -> Tally {
    let mut sources: Vec<_> =
        (0..SOURCES).map(|number| Source::new(tracker, crowd, number, amount)).collect();
    let (mut inbox, mut outbox, mut tally) =
        (Inbox::new(ANSWER_MAX_BYTES), Outbox::default(), Tally::default());
    loop {
        let now = Instant::now();
        look(tally);
        let mut busy = false;
        for source in &mut sources {
            source.take_answers(crowd, amount.told(crowd), &mut inbox, &mut tally);
            busy |= source.ask(now, &mut outbox, &mut tally);
        }
        if !busy || matches!(amount, Amount::Until(end) if now >= end) {
            return tally;
        }
    }
}

struct Source {
    socket: UdpSocket,
    connection_id: u64,
    announces: Box<dyn Iterator<Item = AnnounceRequest>>,
    /// What is on its way; the place is the low part of the transaction.
    slots: [Option<Vec<u8>>; IN_FLIGHT],
    round: u32,
    asked: Instant,
}

impl Source {
    fn new(tracker: SocketAddr, crowd: Crowd, number: usize, amount: Amount) -> Self {
        let socket = UdpSocket::bind(local(number)).expect("a socket");
        socket.connect(tracker).expect("connects");
        let connection_id = connect(&socket);
        let mut rng = Rng::new(number as u64);
        let announces: Box<dyn Iterator<Item = AnnounceRequest>> = match amount {
            Amount::Everyone => Box::new(crowd.everyone_at(number)),
            Amount::Until(_) => Box::new(std::iter::repeat_with(move || crowd.someone_at(number, &mut rng))),
        };
        Self { socket, connection_id, announces, slots: Default::default(), round: 0, asked: Instant::now() }
    }

    fn take_answers(&mut self, crowd: Crowd, least: usize, inbox: &mut Inbox, tally: &mut Tally) {
        if inbox.receive(&self.socket).is_err() {
            return;
        }
        for (answer, _) in inbox.iter() {
            let transaction = u32::from_be_bytes(*answer[4..].first_chunk().expect("a transaction"));
            let slot = &mut self.slots[transaction as usize % IN_FLIGHT];
            // an answer to what was asked twice may come twice
            if slot.as_ref().is_some_and(|asked| asked[12..16] == transaction.to_be_bytes()) {
                *slot = None;
                check(answer, crowd, least);
                tally.answered += 1;
            }
        }
    }

    /// Fills the free slots, and says whether anything is on its way.
    fn ask(&mut self, now: Instant, outbox: &mut Outbox, tally: &mut Tally) -> bool {
        let late = now.duration_since(self.asked) > LOST_AFTER;
        let mut waiting = false;
        for (place, slot) in self.slots.iter_mut().enumerate() {
            if let Some(datagram) = slot {
                if late {
                    tally.repeated += 1;
                    outbox.add(None, |out| out.extend_from_slice(datagram));
                }
            } else if let Some(request) = self.announces.next() {
                self.round = self.round.wrapping_add(1);
                let transaction = self.round * IN_FLIGHT as u32 + place as u32;
                let datagram = encode_announce(self.connection_id, transaction, &request);
                outbox.add(None, |out| out.extend_from_slice(&datagram));
                *slot = Some(datagram);
                self.asked = now;
            }
            waiting |= slot.is_some();
        }
        if late {
            self.asked = now;
        }
        // what is not sent is lost, and asked again
        let _ = outbox.send(&self.socket);
        waiting
    }
}

fn check(answer: &[u8], crowd: Crowd, least: usize) {
    let told = answer.len().saturating_sub(20) / 6;
    let error = || String::from_utf8_lossy(&answer[8..]).into_owned();
    assert!(answer[..4] == [0, 0, 0, 1], "not the answer to an announce: {}", error());
    assert!((least..=NUM_WANT as usize).contains(&told), "an answer with {told} addresses");
    if let Some(first) = answer[20..].first_chunk() {
        assert!(crowd.may_hold(first), "an address that is nobody's: {first:?}");
    }
}

fn connect(socket: &UdpSocket) -> u64 {
    socket.set_read_timeout(Some(LOST_AFTER)).expect("a timeout");
    let mut buffer = [0; ANSWER_MAX_BYTES];
    for _ in 0..CONNECTION_ATTEMPTS {
        socket.send(&encode_connect(1)).expect("sends");
        if let Ok(length) = socket.recv(&mut buffer)
            && let Some(UdpReply::Connect { connection_id }) = UdpReply::decode(&buffer[..length], 1, false)
        {
            return connection_id;
        }
    }
    panic!("the tracker gives no connection id");
}
