//! Datagrams of BEP 15, as real clients and trackers write them.

use std::net::{Ipv4Addr, SocketAddrV4};

use proptest::prelude::*;
use start_engine::base::ids::Infohash;
use start_engine::wire::announce::{AnnounceEvent, AnnounceRequest};
use start_engine::wire::tracker_http::{ReplyParts, ScrapeCounts, packed_v4};
use start_engine::wire::tracker_udp::{
    UdpReply, UdpRequest, encode_announce, encode_announce_reply, encode_connect, encode_connect_reply,
    encode_error, encode_scrape, encode_scrape_counts, encode_scrape_reply,
};

use crate::fixture::request;

#[test]
fn connect_has_the_bytes_of_the_bep() {
    let bytes = [0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0, 0, 0, 0, 9];
    assert_eq!(encode_connect(9), bytes);
    assert_eq!(UdpRequest::decode(&bytes), Some(UdpRequest::Connect { transaction: 9 }));
    let mut wrong_magic = bytes;
    wrong_magic[7] = 0;
    assert_eq!(UdpRequest::decode(&wrong_magic), None);
}

#[test]
fn announce_has_98_bytes_and_may_have_more() {
    let asked = AnnounceRequest { num_want: Some(30), event: AnnounceEvent::Completed, ..request(5, 6881) };
    let plain = encode_announce(0x0102_0304_0506_0708, 77, &asked);
    assert_eq!(plain.len(), 98);
    assert_eq!(plain[..16], [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 0, 0, 0, 77]);
    assert_eq!(plain[80..], [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 30, 0x1a, 0xe1]);
    let aria2 = [&plain[..], &[0, 0]].concat();
    let bep41 = [&plain[..], &[2, 9], b"/announce", &[1, 0]].concat();
    for datagram in [plain, aria2, bep41] {
        let Some(UdpRequest::Announce { connection_id, transaction, announce }) =
            UdpRequest::decode(&datagram)
        else {
            panic!("{datagram:?}")
        };
        assert_eq!((connection_id, transaction), (0x0102_0304_0506_0708, 77));
        assert_eq!((announce.request, announce.ip), (asked, None));
    }
}

#[test]
fn number_wanted_that_is_negative_leaves_it_to_the_tracker() {
    let mut datagram = encode_announce(1, 2, &request(5, 6881));
    assert_eq!(datagram[92..96], [0xff; 4]);
    datagram[84..88].copy_from_slice(&[10, 0, 0, 1]);
    let Some(UdpRequest::Announce { announce, .. }) = UdpRequest::decode(&datagram) else { panic!() };
    assert_eq!(announce.request.num_want, None);
    assert_eq!(announce.ip, Some(Ipv4Addr::new(10, 0, 0, 1)));
}

#[test]
fn scrape_takes_1_to_74_swarms() {
    let swarms: Vec<_> = (0..80).map(|number| Infohash([number; 20])).collect();
    let decoded = encode_scrape(1, 2, &swarms);
    let Some(UdpRequest::Scrape { swarms: listed, .. }) = UdpRequest::decode(&decoded) else { panic!() };
    assert_eq!(listed.iter().collect::<Vec<_>>(), swarms[..74]);
    assert_eq!(UdpRequest::decode(&encode_scrape(1, 2, &[])), None);
}

#[test]
fn replies_are_read_back_and_only_for_their_transaction() {
    let v4 = [packed_v4(SocketAddrV4::new([1, 2, 3, 4].into(), 5))];
    let parts = ReplyParts { interval_s: 300, min_interval_s: 60, seeders: 8, leechers: 9, v4: &v4, v6: &[] };
    let mut out = Vec::new();
    encode_announce_reply(&mut out, 7, &parts, false);
    assert_eq!(out, [0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 1, 44, 0, 0, 0, 9, 0, 0, 0, 8, 1, 2, 3, 4, 0, 5]);
    assert_eq!(UdpReply::decode(&out, 8, false), None);
    let Some(UdpReply::Announce(reply)) = UdpReply::decode(&out, 7, false) else { panic!() };
    assert_eq!((reply.seeders, reply.leechers, reply.peers), (8, 9, vec!["1.2.3.4:5".parse().unwrap()]));
    out.clear();
    encode_connect_reply(&mut out, 7, 0xabcd);
    assert_eq!(UdpReply::decode(&out, 7, false), Some(UdpReply::Connect { connection_id: 0xabcd }));
    out.clear();
    encode_error(&mut out, 7, "no");
    assert_eq!(UdpReply::decode(&out, 7, false), Some(UdpReply::Error("no".into())));
    out.clear();
    let counts = ScrapeCounts { seeders: 1, leechers: 2, completed: 3 };
    encode_scrape_reply(&mut out, 7);
    encode_scrape_counts(&mut out, counts);
    assert_eq!(out[8..], [0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 2]);
    assert_eq!(UdpReply::decode(&out, 7, false), Some(UdpReply::Scrape(vec![counts])));
}

proptest! {
    #[test]
    fn any_datagram_is_read_without_harm(datagram: Vec<u8>, action in 0u8..4) {
        let mut shaped = datagram;
        if let Some(byte) = shaped.get_mut(11) {
            *byte = action;
        }
        let long_enough = shaped.len() >= 16;
        prop_assert!(UdpRequest::decode(&shaped).is_none() || long_enough);
        prop_assert!(UdpReply::decode(&shaped, 0, true).is_none() || shaped.len() >= 8);
    }
}
