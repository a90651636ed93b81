//! The tracker without sockets: registry and codecs, bytes to bytes.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use criterion::Criterion;
use start_engine::base::rng::Rng;
use start_engine::tracker::registry::RegistryLimits;
use start_engine::tracker::service::{HttpEndpoint, Scratch, TrackerService};
use start_engine::wire::announce::AnnounceRequest;
use start_engine::wire::tracker_http::announce_url;
use start_engine::wire::tracker_udp::{UdpReply, encode_announce, encode_connect};

use crate::crowd::{Crowd, SOURCES, local};

const CROWDS: [(&str, Crowd); 2] = [
    ("1,000 swarms of 100", Crowd { swarms: 1000, peers: 100 }),
    ("1 of 10,000", Crowd { swarms: 1, peers: 10_000 }),
];

pub fn run() {
    let mut criterion = Criterion::default().configure_from_args();
    for (name, crowd) in CROWDS {
        bench(&mut criterion, name, crowd);
    }
    criterion.final_summary();
}

fn query_of(request: &AnnounceRequest) -> String {
    let url = announce_url(&"http://t/announce".parse().expect("a URL"), request);
    url.split_once('?').expect("a query").1.to_owned()
}

fn bench(criterion: &mut Criterion, name: &str, crowd: Crowd) {
    let now = Instant::now();
    let service = TrackerService::new(RegistryLimits::default(), [3; 32], now);
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, 5000));
    for source in 0..SOURCES {
        for request in crowd.everyone_at(source) {
            let address = (local(source).ip(), request.port).into();
            service.announce(now, &request, address).expect("has room");
        }
    }
    let mut rng = Rng::new(1);
    let mut anyone = || crowd.someone_at(0, &mut rng);
    let queries: Vec<_> = (0..4096).map(|_| query_of(&anyone())).collect();
    let mut queries = queries.iter().cycle();
    criterion.bench_function(&format!("tracker/http announce, {name}"), |bencher| {
        bencher.iter(|| service.http(now, remote, HttpEndpoint::Announce, queries.next().expect("cycles")));
    });
    let mut scratch = Scratch::default();
    let connect = service.udp(now, remote, &encode_connect(1), &mut scratch).expect("an answer");
    let Some(UdpReply::Connect { connection_id }) = UdpReply::decode(connect, 1, false) else {
        panic!("no connection id")
    };
    let datagrams: Vec<_> = (0..4096).map(|_| encode_announce(connection_id, 2, &anyone())).collect();
    let mut datagrams = datagrams.iter().cycle();
    criterion.bench_function(&format!("tracker/udp announce, {name}"), |bencher| {
        bencher.iter(|| {
            black_box(service.udp(now, remote, datagrams.next().expect("cycles"), &mut scratch)).is_some()
        });
    });
}
