//! Announces, scrapes and replies over HTTP, as real clients and trackers write them.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use proptest::prelude::*;
use start_engine::base::ids::{Infohash, PeerId};
use start_engine::wire::announce::{AnnounceEvent, AnnounceRequest};
use start_engine::wire::tracker_http::{
    PackedV4, PackedV6, QueryError, ReplyParts, ScrapeCounts, announce_url, encode_failure, encode_reply,
    encode_scrape, packed_v4, packed_v6, parse_announce, parse_scrape,
};
use start_engine::wire::tracker_reply::{ReplyError, decode};

const ID: &str = "aaaaaaaaaaaaaaaaaaaa";

#[test]
fn escapes_of_either_case_and_bare_characters_are_read() {
    let query = "info_hash=%aB%Cd!()*.~-_x%00%ff%20+%2B1234&peer_id=-TR4000-abcdefghijkl&port=51413";
    let announce = parse_announce(query).unwrap();
    assert_eq!(announce.request.infohash.0, *b"\xab\xcd!()*.~-_x\x00\xff  +1234"[..].first_chunk().unwrap());
}

#[test]
fn announce_with_everything_that_clients_send_is_read() {
    let query = format!(
        "info_hash={ID}&peer_id={ID}&port=6881&uploaded=1&downloaded=2&left=3&corrupt=0&key=0D7AF2C1\
         &event=started&numwant=200&compact=1&no_peer_id=1&supportcrypto=1&redundant=0&ip=10.1.2.3&x&=&&"
    );
    let announce = parse_announce(&query).unwrap();
    let request = announce.request;
    assert_eq!((request.uploaded, request.downloaded, request.left), (1, 2, 3));
    assert_eq!((request.port, request.key, request.num_want), (6881, 0x0d7a_f2c1, Some(200)));
    assert_eq!(request.event, AnnounceEvent::Started);
    assert_eq!(announce.ip, Some([10, 1, 2, 3].into()));
    assert!(announce.compact);
}

#[test]
fn missing_zero_and_negative_numwant_are_told_apart() {
    let num_want = |rest: &str| {
        parse_announce(&format!("info_hash={ID}&peer_id={ID}&port=1{rest}")).map(|it| it.request.num_want)
    };
    assert_eq!(num_want(""), Ok(None));
    assert_eq!(num_want("&numwant="), Ok(None));
    assert_eq!(num_want("&numwant=-1"), Ok(None));
    assert_eq!(num_want("&numwant=0"), Ok(Some(0)));
    assert_eq!(num_want("&numwant=99999999999"), Ok(Some(u32::MAX)));
    assert_eq!(num_want("&numwant=many"), Err(QueryError::NotANumber("numwant")));
}

#[test]
fn unusable_queries_name_what_is_wrong() {
    let parse = |query: &str| parse_announce(query).unwrap_err().to_string();
    assert_eq!(parse(""), "info_hash is missing");
    assert_eq!(parse("info_hash=short"), "info_hash is not 20 bytes long");
    assert_eq!(parse(&format!("info_hash={ID}b")), "info_hash is not 20 bytes long");
    assert_eq!(parse(&format!("info_hash={ID}&port=1")), "peer_id is missing");
    assert_eq!(parse(&format!("info_hash={ID}&peer_id={ID}")), "port is missing");
    assert_eq!(parse(&format!("info_hash={ID}&peer_id={ID}&port=65536")), "port is not a number");
    assert_eq!(parse(&format!("info_hash={ID}&peer_id={ID}&port=1&left=x")), "left is not a number");
    assert_eq!(parse_scrape("x=1"), Err(QueryError::Missing("info_hash")));
    let many = format!("info_hash={ID}&").repeat(75);
    assert_eq!(parse_scrape(&many), Err(QueryError::TooManyInfohashes));
}

fn parts<'a>(v4: &'a [PackedV4], v6: &'a [PackedV6]) -> ReplyParts<'a> {
    ReplyParts { interval_s: 300, min_interval_s: 60, seeders: 1, leechers: 20, v4, v6 }
}

#[test]
fn replies_are_written_as_the_beps_say() {
    let v4 = [packed_v4(SocketAddrV4::new([1, 2, 3, 4].into(), 0x0506))];
    let v6 = [packed_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7, 0, 0))];
    let mut out = Vec::new();
    encode_reply(&mut out, &parts(&v4, &v6), true);
    let head = b"d8:completei1e10:incompletei20e8:intervali300e12:min intervali60e5:peers";
    let packed = [&head[..], b"6:\x01\x02\x03\x04\x05\x066:peers618:", &[0; 15], &[1, 0, 7], b"e"].concat();
    assert_eq!(out, packed);
    out.clear();
    encode_reply(&mut out, &parts(&v4, &[]), false);
    assert_eq!(out, [&head[..], b"ld2:ip7:1.2.3.44:porti1286eeee"].concat());
    out.clear();
    encode_failure(&mut out, "no");
    assert_eq!(out, b"d14:failure reason2:noe");
    out.clear();
    let counts = ScrapeCounts { seeders: 1, leechers: 2, completed: 3 };
    encode_scrape(&mut out, &[(Infohash([b'h'; 20]), counts)]);
    assert_eq!(out, b"d5:filesd20:hhhhhhhhhhhhhhhhhhhhd8:completei1e10:downloadedi3e10:incompletei2eeee");
}

#[test]
fn replies_of_other_trackers_are_read() {
    let listed = b"d8:intervali1800e5:peersld2:ip9:127.0.0.17:peer id20:aaaaaaaaaaaaaaaaaaaa4:porti80eed2:ip3:::14:porti81eed2:ip4:name4:porti1eeee";
    let reply = decode(listed).unwrap();
    assert_eq!(reply.peers, ["127.0.0.1:80".parse().unwrap(), "[::1]:81".parse::<SocketAddr>().unwrap()]);
    assert_eq!((reply.interval, reply.min_interval), (Duration::from_secs(1800), None));
    // neither sorted nor told when to come back; a peer without a port
    let sloppy = b"d5:peers12:\x01\x02\x03\x04\x00\x00\x01\x02\x03\x04\x00\x098:completei-5ee";
    let reply = decode(sloppy).unwrap();
    assert_eq!((reply.peers, reply.seeders), (vec!["1.2.3.4:9".parse().unwrap()], 0));
    assert!(reply.interval > Duration::ZERO);
    let line_break_behind = b"d8:completei0e10:incompletei0e8:intervali120e5:peers0:6:peers60:e\r\n";
    assert_eq!(decode(line_break_behind).unwrap().interval, Duration::from_secs(120));
    assert_eq!(decode(b"d14:failure reason2:noe"), Err(ReplyError::Failure("no".into())));
    assert_eq!(decode(b"i1e"), Err(ReplyError::NotADict));
}

prop_compose! {
    fn any_request()(
        infohash: [u8; 20], peer_id: [u8; 20], port: u16, amounts: [u64; 3], event in 0..4, key: u32,
        num_want: Option<u32>,
    ) -> AnnounceRequest {
        use AnnounceEvent::{Completed, None, Started, Stopped};
        AnnounceRequest {
            infohash: Infohash(infohash),
            peer_id: PeerId(peer_id),
            port,
            uploaded: amounts[0],
            downloaded: amounts[1],
            left: amounts[2],
            event: [None, Completed, Started, Stopped][event as usize],
            num_want,
            key,
        }
    }
}

proptest! {
    #[test]
    fn request_survives_its_url(request in any_request()) {
        let url = announce_url(&"http://tracker/announce?k=v".parse().unwrap(), &request);
        prop_assert!(url.is_ascii());
        let (_, query) = url.split_once('?').unwrap();
        prop_assert_eq!(parse_announce(query).unwrap().request, request);
    }

    #[test]
    fn reply_survives_its_encoding(
        v4 in prop::collection::vec((1u8..224, any::<[u8; 3]>(), 1u16..), 0..50),
        v6 in prop::collection::vec((any::<[u16; 7]>(), 1u16..), 0..50),
        compact: bool,
    ) {
        let v4 = v4.into_iter().map(|(a, [b, c, d], port)| SocketAddrV4::new([a, b, c, d].into(), port));
        let v6 = v6.into_iter().map(|([a, b, c, d, e, f, g], port)| {
            SocketAddrV6::new([0x2001, a, b, c, d, e, f, g][..].first_chunk::<8>().copied().unwrap().into(), port, 0, 0)
        });
        let (v4, v6): (Vec<_>, Vec<_>) = (v4.collect(), v6.collect());
        let mut out = Vec::new();
        let packed: (Vec<_>, Vec<_>) =
            (v4.iter().copied().map(packed_v4).collect(), v6.iter().copied().map(packed_v6).collect());
        encode_reply(&mut out, &parts(&packed.0, &packed.1), compact);
        let expected: Vec<SocketAddr> =
            v4.into_iter().map(SocketAddr::V4).chain(v6.into_iter().map(SocketAddr::V6)).collect();
        let reply = decode(&out).unwrap();
        prop_assert_eq!(reply.peers, expected);
        prop_assert_eq!((reply.seeders, reply.leechers), (1, 20));
    }

    #[test]
    fn any_query_and_any_reply_are_read_without_harm(query in ".{0,200}", reply: Vec<u8>) {
        if let Ok(announce) = parse_announce(&query) {
            prop_assert!(query.contains("info_hash="), "{announce:?}");
        }
        prop_assert!(parse_scrape(&query).is_err() || query.contains("info_hash="));
        prop_assert!(decode(&reply).is_err() || reply.first() == Some(&b'd'));
    }
}
