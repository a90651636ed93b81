//! The four documented ways to broadcast, each on machines of its own, with an outsider.

use std::net::SocketAddr;
use std::time::Duration;

use start_engine::base::ids::Infohash;

use crate::cast::{PEER_PORT, Place, SOURCE_PORT, assert_plays, at};
use crate::harness::wait_until;
use crate::hls::origin::{HlsOrigin, Plan};
use crate::hls::viewer::HlsViewer;
use crate::network::{Host, Network};
use crate::node::Node;
use crate::outsider::{Capture, attack, get, harvest};

/// Where operators keep what nobody shall see. Addresses that could be told to anybody, and that no other bytes look
/// like by chance.
const INSIDE: [u8; 3] = [45, 173, 94];
const OUTSIDE: [u8; 3] = [45, 1, 1];
/// Longer than any interval at which nodes tell each other of addresses unasked, or in answer to a newcomer.
const HARVEST_TIME: Duration = Duration::from_secs(20);
const TRANSPORT_FILE: &str = "/app/get_transport_file?format=raw";

fn infohash_of(node: &mut Node) -> Infohash {
    let text = node.last_word("infohash");
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    Infohash(std::array::from_fn(|index| byte(2 * index)))
}

fn socket(host: &Host, lan: usize, port: u16) -> SocketAddr {
    (host.ips_in(lan)[0], port).into()
}

fn file_url(node: SocketAddr) -> String {
    format!("http://{node}{TRANSPORT_FILE}")
}

/// A machine inside that no list names gets nothing, by either family.
fn assert_nothing_is_open(outsider: &Host, private: &Host, port: u16, infohash: Infohash) {
    for ip in private.ips_in(0) {
        assert_eq!(attack(outsider, (ip, port).into(), infohash), Vec::<String>::new(), "{ip}");
    }
}

/// Nobody outside hears of `private` while it asks the public nodes for all that they tell.
fn ask_for_everything(snoop: &Host, supports: &[SocketAddr], infohash: Infohash) {
    for (tag, &support) in (40..).zip(supports) {
        let (status, file) = get(snoop, support, TRANSPORT_FILE).expect("the transport file");
        assert!(status == 200 && !file.is_empty());
        for path in ["/app/monitor", "/metrics"] {
            assert_eq!(get(snoop, support, path).expect("an answer").0, 200, "{path}");
        }
        attack(snoop, support, infohash);
        let messages = harvest(snoop, support, infohash, tag, HARVEST_TIME);
        assert!(messages > 10, "{messages} messages");
    }
}

#[test]
fn single_public_source_serves_everybody() {
    let Some(mut network) = Network::open() else { return };
    let lan = network.lan(OUTSIDE);
    let [source_host, viewer_host, outsider] = network.hosts(lan);
    let (home, client) = (Place::on(&source_host), Place::on(&viewer_host));
    let origin = home.origin();
    let mut source = home.source(&origin, &["--dht-enabled", "1"]);
    assert!(source.line("private node: ").ends_with("private node: 0"));
    let address = socket(&source_host, 0, SOURCE_PORT);
    let mut engine = client.client(&[]);
    let viewer = client.viewer(&mut engine, &format!("url={}", file_url(address)), &origin);
    assert_plays(&viewer, &origin);
    let open = attack(&outsider, address, infohash_of(&mut source));
    for part in ["peer wire", "transport file", "announce", "tracker over UDP", "DHT ping"] {
        assert!(
            open.contains(&format!("{part} was answered")),
            "{part} of a public source is for everybody: {open:?}"
        );
    }
}

#[test]
fn public_source_feeds_two_supports_first_and_serves_viewers_too() {
    let Some(mut network) = Network::open() else { return };
    let lan = network.lan(OUTSIDE);
    let [source_host, first_host, second_host, viewer_host, snoop] = network.hosts(lan);
    let places = [&source_host, &first_host, &second_host, &viewer_host].map(Place::on);
    let origin = places[0].origin();
    let address = socket(&source_host, 0, SOURCE_PORT);
    let supports = [&first_host, &second_host].map(|host| socket(host, 0, PEER_PORT));
    let [first, second] = supports.map(|support| support.to_string());
    let mut source = places[0].source(&origin, &["--upload-to", &first, "--upload-to", &second]);
    let from_source =
        ["--download-from", &address.to_string(), "--stats-report-peers", "--service-remote-access"];
    let _supports = [1, 2].map(|index| places[index].support(&file_url(address), &from_source));
    let mut engine = places[3].client(&[]);
    let viewer = places[3].viewer(&mut engine, &format!("url={}", file_url(supports[0])), &origin);
    assert_plays(&viewer, &origin);
    wait_until("the viewer knows source and supports", || {
        places[0].monitor(SOURCE_PORT)["connected_peers_count"] == 3
    });
    // whom the supports fetch from is told on their machines alone
    for (support, place) in supports.into_iter().zip([&places[1], &places[2]]) {
        assert_eq!(place.monitor(PEER_PORT)["download_from"][0][0], source_host.ip().to_string());
        let (status, state) = get(&snoop, support, "/app/monitor").expect("the monitor");
        let (status, state) = (status, String::from_utf8(state).expect("text"));
        assert!(status == 200 && !state.contains(&format!("\"{}\"", source_host.ip())), "{state}");
    }
    assert!(!attack(&snoop, address, infohash_of(&mut source)).is_empty(), "the source is public");
}

#[test]
fn private_source_is_known_to_its_two_supports_alone() {
    let Some(mut network) = Network::open() else { return };
    let (inside, outside) = (network.lan(INSIDE), network.lan(OUTSIDE));
    let source_host = network.host(&[inside]);
    let supports_hosts = [(); 2].map(|()| network.host(&[inside, outside]));
    let (monitor_host, intruder) = (network.host(&[inside]), network.host(&[inside]));
    let [tracker_host, viewer_host, snoop] = network.hosts(outside);
    let capture = Capture::on(&snoop);

    let tracker_home = Place::on(&tracker_host);
    let mut tracker =
        tracker_host.run(|| Node::start(["--start-tracker", "--pid-file-dir", &tracker_home.home.text()]));
    tracker.line("listen on ");
    let tracker_url = format!("http://{}/announce", at(tracker_host.ip(), SOURCE_PORT));
    let (home, client) = (Place::on(&source_host), Place::on(&viewer_host));
    let places = [Place::on(&supports_hosts[0]), Place::on(&supports_hosts[1])];
    let origin = home.origin();
    let address = socket(&source_host, 0, SOURCE_PORT);
    let [first, second] = [0, 1].map(|index| at(supports_hosts[index].ip(), PEER_PORT));
    let monitor_ip = monitor_host.ip().to_string();
    let lists = ["--private-node", "1", "--upload-to", &first, "--upload-to", &second];
    let more = ["--monitor-node-ip", &monitor_ip, "--tracker", &tracker_url, "--stats-report-peers"];
    let mut source = home.source(&origin, &[&lists[..], &more].concat());
    assert!(source.line("private node: ").ends_with("private node: 1"));
    let infohash = infohash_of(&mut source);

    let from_source =
        ["--download-from", &address.to_string(), "--stats-report-peers", "--service-remote-access"];
    let _supports = [0, 1].map(|index| places[index].support(&file_url(address), &from_source));
    let public = [0, 1].map(|index| socket(&supports_hosts[index], 1, PEER_PORT));
    let mut engine = client.client(&[]);
    let viewer = client.viewer(&mut engine, &format!("url={}", file_url(public[0])), &origin);
    assert_plays(&viewer, &origin);
    let snoops_home = Place::on(&snoop);
    let mut snoops_engine = snoops_home.client(&[]);
    let snooped = snoops_home.viewer(&mut snoops_engine, &format!("url={}", file_url(public[1])), &origin);
    assert_plays(&snooped, &origin);

    // what each list opens
    let state = get(&monitor_host, address, "/app/monitor").expect("the monitor of the one who may");
    let state: serde_json::Value = serde_json::from_slice(&state.1).expect("JSON");
    assert_eq!(state["connected_peers_count"], 2, "supports and nobody else: {state}");
    assert_eq!(get(&monitor_host, address, "/announce").map(|(status, _)| status), Some(404));
    assert_eq!(get(&supports_hosts[0], address, "/app/monitor").map(|(status, _)| status), Some(403));
    assert_eq!(get(&source_host, ([127, 0, 0, 1], SOURCE_PORT).into(), "/app/monitor"), None, "not listed");

    assert_nothing_is_open(&intruder, &source_host, SOURCE_PORT, infohash);
    ask_for_everything(&snoop, &public, infohash);
    let state = get(&monitor_host, address, "/app/monitor").expect("the monitor");
    let state: serde_json::Value = serde_json::from_slice(&state.1).expect("JSON");
    assert!(
        state["connections_turned_away"].as_u64() > Some(15)
            && state["datagrams_turned_away"].as_u64() >= Some(10),
        "{state}"
    );
    assert_eq!(state["connected_peers_count"], 2, "{state}");
    drop((viewer, snooped));
    capture.assert_without(&source_host.ips_in(0), public[0].ip());
}

#[test]
fn private_hls_node_is_known_to_the_public_supports_that_it_feeds_alone() {
    let Some(mut network) = Network::open() else { return };
    let (inside, outside) = (network.lan(INSIDE), network.lan(OUTSIDE));
    let knowing_host = network.host(&[inside]);
    let supports_hosts = [(); 2].map(|()| network.host(&[inside, outside]));
    let intruder = network.host(&[inside]);
    let [viewer_host, snoop] = network.hosts(outside);
    let capture = Capture::on(&snoop);

    let knowing = Place::on(&knowing_host);
    let origin = knowing_host.run(|| HlsOrigin::start(Plan::default()));
    let files =
        ["public.acelive", "private.acelive"].map(|name| knowing.home.file(name).display().to_string());
    let words = ["--create-hls-transport", "--url", &origin.url(), "--title", "Test Stream 2"];
    let hidden = [
        "--hide-hls-manifest",
        "--hide-hls-segments",
        "--output-public",
        &files[0],
        "--output-private",
        &files[1],
    ];
    assert!(knowing_host.run(|| Node::start([&words[..], &hidden].concat()).wait()).success());

    let address = socket(&knowing_host, 0, PEER_PORT);
    let [first, second] = [0, 1].map(|index| at(supports_hosts[index].ip(), PEER_PORT));
    let dir = knowing.home.text();
    let lists = ["--private-node", "1", "--upload-to", &first, "--upload-to", &second];
    let mut node =
        knowing.support(&files[1], &[&lists[..], &["--metadata-dir", &dir, "--hide-hls-segments"]].concat());
    let infohash = infohash_of(&mut node);

    let places = [Place::on(&supports_hosts[0]), Place::on(&supports_hosts[1])];
    let from_knowing =
        ["--download-from", &address.to_string(), "--stats-report-peers", "--service-remote-access"];
    let _supports = [0, 1].map(|index| places[index].support(&file_url(address), &from_knowing));
    let public = [0, 1].map(|index| socket(&supports_hosts[index], 1, PEER_PORT));
    let viewers = [(&viewer_host, public[0]), (&snoop, public[1])].map(|(host, support)| {
        let place = Place::on(host);
        let mut client = place.client(&["--download-from", &support.to_string()]);
        let url =
            format!("http://127.0.0.1:{}/ace/manifest.m3u8?url={}", client.player_port(), file_url(support));
        (host.run(|| HlsViewer::open(&url)), client, place)
    });
    viewers.iter().for_each(|(viewer, ..)| viewer.plays(4).assert_whole());

    assert_nothing_is_open(&intruder, &knowing_host, PEER_PORT, infohash);
    ask_for_everything(&snoop, &public, infohash);
    viewers.iter().for_each(|(viewer, ..)| _ = viewer.plays(1));
    drop(viewers);
    // the support node that the snoop asks by its name
    capture.assert_without(&knowing_host.ips_in(0), public[1].ip());
}
