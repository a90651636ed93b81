//! BEP 11 between our own nodes.

use start_engine::base::limits::PEX_MAX_RECORDS;
use start_engine::wire::ut_pex::PeerChanges;

fn changes(added: &[&str], dropped: &[&str]) -> PeerChanges {
    let parse = |addrs: &[&str]| addrs.iter().map(|addr| addr.parse().unwrap()).collect();
    PeerChanges { added: parse(added), dropped: parse(dropped) }
}

#[test]
fn message_is_the_dict_of_bep_11() {
    let message = changes(&["1.2.3.4:258", "[2606::1]:8621", "5.6.7.8:80"], &["9.9.9.9:9"]);
    let expected = [
        b"d5:added12:\x01\x02\x03\x04\x01\x02\x05\x06\x07\x08\x00\x507:added.f2:\0\0".as_slice(),
        b"6:added618:\x26\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x21\xad8:added6.f1:\0",
        b"7:dropped6:\x09\x09\x09\x09\x00\x098:dropped60:e",
    ];
    assert_eq!(message.encode(), expected.concat());
    let read = PeerChanges::decode(&message.encode()).unwrap();
    assert_eq!(read, changes(&["1.2.3.4:258", "5.6.7.8:80", "[2606::1]:8621"], &["9.9.9.9:9"]));
}

#[test]
fn lists_may_be_missing_and_may_not_be_cut_off() {
    assert_eq!(PeerChanges::decode(b"de"), Some(PeerChanges::default()));
    let sorted_otherwise = b"d7:dropped6:\x01\x01\x01\x01\0\x015:added0:e";
    assert_eq!(PeerChanges::decode(sorted_otherwise), Some(changes(&[], &["1.1.1.1:1"])));
    for bad in [b"d5:added5:\x01\x01\x01\x01\0e".as_slice(), b"d6:added66:\0\0\0\0\0\0e", b"le", b"i1e", b""]
    {
        assert_eq!(PeerChanges::decode(bad), None, "{bad:?}");
    }
}

#[test]
fn addresses_beyond_the_limit_are_not_read() {
    let many =
        PeerChanges { added: vec!["1.1.1.1:1".parse().unwrap(); PEX_MAX_RECORDS + 1], dropped: vec![] };
    assert_eq!(PeerChanges::decode(&many.encode()).unwrap().added.len(), PEX_MAX_RECORDS);
}
