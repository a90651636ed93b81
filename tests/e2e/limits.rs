//! Limits on connections and peers, under a crowd that asks for more.

use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use start_engine::wire::extended::LiveInfo;

use crate::harness::{get, local, monitor, wait_for, wait_until};
use crate::node::Home;
use crate::origin::Origin;
use crate::wire_peer::{WirePeer, connect};

fn is_open(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket");
    !matches!(stream.read(&mut [0]), Ok(0))
}

#[test]
fn connections_are_as_many_as_may_be_and_a_lower_limit_holds_for_new_ones() {
    const MAX: usize = 4;
    let origin = Origin::start(200_000);
    let home = Home::new();
    let mut source = home.quick_source(&origin, &["--max-connections", "100"]);
    let port = source.port();
    let (status, body) = wait_for("an answer", || get(port, "/app/update?max_connections=4"));
    let state: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((status, state["max_connections"].as_u64()), (200, Some(4)));

    let mut crowd: Vec<TcpStream> = Vec::new();
    wait_until("as many as may be", || {
        crowd.retain_mut(is_open);
        while crowd.len() < MAX {
            crowd.push(connect(local(port)).expect("accepted by the system"));
        }
        // one more is closed at once, if those before it are really in
        let mut beyond = connect(local(port)).expect("accepted by the system");
        let is_closed = beyond.read(&mut [0]).is_ok_and(|bytes| bytes == 0);
        crowd.retain_mut(is_open);
        is_closed && crowd.len() == MAX
    });
    drop(crowd);
    let state = wait_for("room again", || monitor(port));
    assert_eq!(state["max_connections"].as_u64(), Some(4));
}

#[test]
fn peers_are_as_many_as_may_be() {
    const MAX: usize = 3;
    const CROWD: usize = 8;
    let origin = Origin::start(200_000);
    let home = Home::new();
    let mut source = home.quick_source(&origin, &["--max-peers", "3"]);
    let port = source.port();
    let infohash = source.last_word("infohash: ").parse().expect("an infohash");
    let ended = Arc::new(AtomicUsize::new(0));
    for tag in 1..=CROWD as u8 {
        let ended = ended.clone();
        thread::spawn(move || {
            let peer = WirePeer::dial(local(port), infohash, tag);
            if let Ok(mut peer) = peer {
                let _ = peer.describe(tag, LiveInfo::EMPTY);
                let _ = peer.receive_until(|_| false);
            }
            ended.fetch_add(1, Ordering::Relaxed);
        });
    }
    wait_until("the rest is closed", || ended.load(Ordering::Relaxed) >= CROWD - MAX);
    let peers = |state: serde_json::Value| state["connected_peers_count"].as_u64();
    wait_until("the peers counted", || monitor(port).and_then(peers) == Some(MAX as u64));
    assert_eq!(ended.load(Ordering::Relaxed), CROWD - MAX);
}
