//! Datagrams by the batch, and the tracker that answers them so.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use start_engine::net::datagrams::{BATCH, Inbox, Outbox};
use start_engine::wire::tracker_udp::encode_connect;

use crate::fixture::RunningTracker;

const PATIENCE: Duration = Duration::from_secs(20);

fn socket(ip: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn local() -> UdpSocket {
    socket(Ipv4Addr::LOCALHOST.into())
}

/// Waits for the first datagram and takes all that are there.
fn receive(socket: &UdpSocket, inbox: &mut Inbox) -> usize {
    socket.peek(&mut [0]).unwrap();
    inbox.receive(socket).unwrap()
}

#[test]
fn what_is_sent_together_arrives_with_its_sender() {
    let mut families = vec![IpAddr::from(Ipv4Addr::LOCALHOST)];
    // a machine may be without IPv6
    families.extend(UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).map(|_| IpAddr::from(Ipv6Addr::LOCALHOST)));
    for ip in families {
        let (from, to) = (socket(ip), socket(ip));
        let (mut outbox, mut inbox) = (Outbox::default(), Inbox::new(8));
        for number in 0..3 {
            outbox.add(Some(to.local_addr().unwrap()), |out| out.extend_from_slice(&[number; 4]));
        }
        outbox.add(Some(to.local_addr().unwrap()), |_nothing| {});
        assert!(outbox.send(&from).is_none());
        let mut arrived = Vec::new();
        while arrived.len() < 3 {
            receive(&to, &mut inbox);
            arrived.extend(inbox.iter().map(|(bytes, sender)| (bytes.to_vec(), sender)));
        }
        let sender = from.local_addr().unwrap();
        assert_eq!(arrived, [0, 1, 2].map(|number| (vec![number; 4], sender)));
        assert!(inbox.receive(&to).is_err());
        assert_eq!(inbox.iter().count(), 0);
    }
}

#[test]
fn datagram_that_nobody_can_send_costs_only_itself() {
    let (from, to) = (local(), local());
    let mut outbox = Outbox::default();
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    for (address, text) in [(nowhere, "a"), (to.local_addr().unwrap(), "b"), (nowhere, "c")] {
        outbox.add(Some(address), |out| out.extend_from_slice(text.as_bytes()));
    }
    let (lost, _reason) = outbox.send(&from).unwrap();
    assert_eq!(lost, 2);
    let mut buffer = [0; 8];
    let length = to.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"b");
    assert!(outbox.send(&from).is_none(), "nothing is sent twice");
}

#[test]
fn longer_datagram_is_cut_and_an_empty_one_is_harmless() {
    let (from, to) = (local(), local());
    let mut inbox = Inbox::new(8);
    for datagram in [&[7; 20][..], &[]] {
        from.send_to(datagram, to.local_addr().unwrap()).unwrap();
        assert_eq!(receive(&to, &mut inbox), 1);
        assert!(inbox.iter().all(|(bytes, _)| bytes == &datagram[..datagram.len().min(8)]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn burst_of_several_batches_gets_an_answer_each() {
    let tracker = RunningTracker::start();
    let address = tracker.address();
    let asking = tokio::task::spawn_blocking(move || {
        let socket = local();
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut missing: BTreeSet<u32> = (0..3 * BATCH as u32).collect();
        let mut buffer = [0; 64];
        while !missing.is_empty() {
            // a datagram may be lost even here, and is asked for again
            missing.iter().for_each(|&number| _ = socket.send_to(&encode_connect(number), address).unwrap());
            while !missing.is_empty() {
                let Ok(length) = socket.recv(&mut buffer) else { break };
                assert_eq!(length, 16);
                missing.remove(&u32::from_be_bytes(buffer[4..8].try_into().unwrap()));
            }
        }
    });
    tokio::time::timeout(PATIENCE, asking).await.unwrap().unwrap();
    tracker.stop().await;
}
