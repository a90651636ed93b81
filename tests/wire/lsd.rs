//! Datagrams of local discovery, in both forms.

use start_engine::base::ids::{Infohash, PeerId};
use start_engine::base::limits::{LSD_DATAGRAM_MAX_BYTES, LSD_INFOHASHES_MAX};
use start_engine::wire::lsd::{LongSearch, Search};

use crate::support::unhex;

const INFOHASH: Infohash = Infohash([0xab; 20]);

#[test]
fn long_form_is_the_request_of_bep_14() {
    let search = LongSearch { port: 8621, infohashes: vec![INFOHASH], cookie: Some("4e1f".to_owned()) };
    let text = format!(
        "BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 8621\r\nInfohash: {}\r\ncookie: 4e1f\r\n\r\n\r\n",
        "ab".repeat(20)
    );
    let datagram = search.encode("239.192.152.143:6771");
    assert_eq!(String::from_utf8_lossy(&datagram), text);
    assert_eq!(Search::decode(&datagram), Some(Search::Long(search)));
}

#[test]
fn headers_of_others_are_read_in_any_order_and_spelling() {
    let upper = "AB".repeat(20);
    let text = format!(
        "BT-SEARCH * HTTP/1.1\r\nINFOHASH:{upper}\r\nx-more: 1:2\r\nport:  6881 \r\nInfohash: {upper}\r\n\r\n"
    );
    let Some(Search::Long(read)) = Search::decode(text.as_bytes()) else { panic!("not read") };
    assert_eq!(read, LongSearch { port: 6881, infohashes: vec![INFOHASH; 2], cookie: None });
}

#[test]
fn short_form_is_a_lead_an_infohash_and_a_peer_id() {
    let peer_id = PeerId(*b"R30------Ef2V8QOgmt4");
    let datagram = Search::encode_short(INFOHASH, peer_id);
    assert_eq!(datagram, [unhex("01"), vec![0xab; 20], peer_id.0.to_vec()].concat());
    assert_eq!(Search::decode(&datagram), Some(Search::Short { infohash: INFOHASH, peer_id }));
    for wrong in [&datagram[..40], &[&datagram[..], &[0]].concat(), &[&[2], &datagram[1..]].concat()] {
        assert_eq!(Search::decode(wrong), None);
    }
}

#[test]
fn what_names_no_swarm_or_no_port_is_refused() {
    let search = |lines: &str| Search::decode(format!("BT-SEARCH * HTTP/1.1\r\n{lines}\r\n\r\n").as_bytes());
    let infohash = format!("Infohash: {INFOHASH}");
    assert!(search(&format!("Port: 1\r\n{infohash}")).is_some());
    for lines in [
        "Port: 1".to_owned(),
        infohash.clone(),
        format!("Port: 0\r\n{infohash}"),
        format!("Port: 65536\r\n{infohash}"),
        "Port: 1\r\nInfohash: abcd".to_owned(),
        format!("Port: 1\r\nno header\r\n{infohash}"),
    ] {
        assert_eq!(search(&lines), None, "{lines}");
    }
    assert_eq!(Search::decode(b"M-SEARCH * HTTP/1.1\r\nPort: 1\r\n\r\n"), None);
}

#[test]
fn number_of_infohashes_and_length_are_bounded() {
    let search = LongSearch { port: 1, infohashes: vec![INFOHASH; LSD_INFOHASHES_MAX + 1], cookie: None };
    let datagram = search.encode("h");
    assert!(datagram.len() <= LSD_DATAGRAM_MAX_BYTES, "{}", datagram.len());
    let Some(Search::Long(read)) = Search::decode(&datagram) else { panic!("not read") };
    assert_eq!(read.infohashes.len(), LSD_INFOHASHES_MAX);
    let padded = [datagram, vec![b' '; LSD_DATAGRAM_MAX_BYTES]].concat();
    assert_eq!(Search::decode(&padded), None);
}
