//! `--ip-filter-config`: at accept, at dial, read again, and refused in words.

use std::net::Ipv4Addr;

use start_engine::net::door::{Door, FilterFiles, TurnedAway};

use super::{RATE, ip, mmdb, status};
use crate::harness::{get, wait_until};
use crate::node::{Home, address_of, transport_url_of};
use crate::origin::Origin;

const FILE: &str = "/app/get_transport_file?format=raw";

/// Writes the rules and gives the words that name them.
fn rules(home: &Home, text: &str) -> String {
    let path = home.file("rules.json");
    std::fs::write(&path, text).expect("is written");
    path.display().to_string()
}

#[test]
fn blacklist_closes_and_is_read_again_at_a_hangup_but_a_mistake_changes_nothing() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let path = rules(&home, r#"{"blacklist": {"addresses": ["127.0.0.2"]}}"#);
    let mut source = home.quick_source(&origin, &["--ip-filter-config", &path]);
    let port = source.port();
    assert_eq!([status(2, port, FILE), status(3, port, FILE)], [None, Some(200)]);

    rules(&home, r#"{"blacklist": {"addresses": ["127.0.0.3"]}}"#);
    source.signal("HUP");
    source.line("rules.json was read again");
    assert_eq!([status(2, port, FILE), status(3, port, FILE)], [Some(200), None]);

    rules(&home, r#"{"blacklist": {"addresses": ["127.0.0.300"]}}"#);
    source.signal("HUP");
    let line = source.line("the rules stay as they were: ");
    assert!(line.contains(r#"blacklist.addresses[0]: "127.0.0.300" is no address"#), "{line}");
    assert_eq!([status(2, port, FILE), status(3, port, FILE)], [Some(200), None]);
    let metrics = String::from_utf8(get(port, "/metrics").expect("metrics").1).expect("text");
    assert!(metrics.contains("start_engine_connections_turned_away_total 3\n"), "{metrics}");
}

#[test]
fn node_does_not_dial_whom_its_rules_keep_out() {
    let (origin, home, relay_home) = (Origin::start(RATE), Home::new(), Home::new());
    let mut source = home.quick_source(&origin, &[]);
    let path = rules(&relay_home, r#"{"blacklist": {"addresses": ["127.0.0.1"]}, "groups": {}}"#);
    let words =
        ["--download-from", &address_of(&mut source), "--ip-filter-config", &path, "--log-modules", "root:D"];
    let mut support = relay_home.support(&transport_url_of(&mut source), &words);
    support.line("not dialled: it is on the blacklist");
    assert_eq!(source.monitor()["connected_peers_count"], 0);
}

#[test]
fn mistakes_and_missing_files_end_the_program_with_a_line() {
    let home = Home::new();
    let refusal = |more: &[&str]| home.support("nothing.acelive", more).refusal();
    let with = |text: &str| refusal(&["--ip-filter-config", &rules(&home, text)]);
    let line = with(r#"{"whitelist": {"countries": ["PL"]}}"#);
    assert!(line.ends_with("it has rules for countries, which need a database: give --geoip-db"), "{line}");
    let line = with(r#"{"limit_groups": {"x": "10%"}}"#);
    assert!(line.ends_with(r#"limit_groups.x: no group is called "x"; the file has no groups"#), "{line}");
    let line = refusal(&["--ip-filter-config", "/nowhere/rules.json"]);
    assert_eq!(line, "--ip-filter-config: /nowhere/rules.json does not exist");
    let path = rules(&home, "{}");
    let line = refusal(&["--ip-filter-config", &path, "--geoip-db", &path]);
    assert!(line.starts_with(&format!("--geoip-db {path}: ")), "{line}");
}

/// A door with these rules, in a world of two countries.
fn door(home: &Home, text: &str, max_connections: usize) -> Door {
    let countries = home.file("countries.mmdb");
    let poland = (Ipv4Addr::new(127, 0, 1, 0), 24, "PL");
    mmdb::write(&countries, &[poland, (Ipv4Addr::new(127, 0, 2, 128), 25, "CZ")]);
    let files = FilterFiles { rules: rules(home, text).into(), countries: Some(countries) };
    Door::new(None, Some(files), max_connections).expect("rules")
}

fn at(third: u8, last: u8) -> std::net::IpAddr {
    Ipv4Addr::new(127, 0, third, last).into()
}

#[test]
fn countries_are_looked_up_in_the_database() {
    let home = Home::new();
    let door =
        door(&home, r#"{"whitelist": {"countries": ["CZ", "PL"]}, "blacklist": {"countries": ["CZ"]}}"#, 10);
    let is_in = |ip| door.admit(ip).is_ok();
    assert_eq!(
        [at(1, 1), at(1, 255), at(2, 200), at(2, 1), at(3, 1)].map(is_in),
        [true, true, false, false, false]
    );
    assert!(door.admits_datagram(at(1, 1)) && !door.admits_datagram(at(3, 1)));
    assert!(door.call_on(at(1, 1)).is_ok() && door.call_on(at(2, 200)).is_err());
    assert_eq!((door.turned().connections, door.turned().datagrams), (3, 1));
}

#[test]
fn group_has_its_share_of_the_connections_and_no_more() {
    let home = Home::new();
    let text = r#"{"groups": {"pl": {"countries": ["PL"]}, "one": {"addresses": ["127.0.1.9"]}},
        "limit_groups": {"pl": "30%", "one": "10%"}}"#;
    let door = door(&home, text, 10);
    let mut inside: Vec<_> = (0..2).map(|last| door.admit(at(1, last)).expect("a place")).collect();
    inside.push(door.admit(at(1, 9)).expect("a place in both groups"));
    assert_eq!(door.admit(at(1, 7)).expect_err("full"), TurnedAway::GroupIsFull("pl".to_owned()));
    assert!(door.call_on(at(1, 7)).is_err(), "a dial takes a place too");
    assert!(
        door.admit(ip(1)).is_ok() && door.admits_datagram(at(1, 7)),
        "others and datagrams have no share"
    );
    inside.remove(0);
    assert_eq!(door.admit(at(1, 9)).expect_err("full"), TurnedAway::GroupIsFull("one".to_owned()));
    let _last = door.admit(at(1, 7)).expect("the place that was given back");
    door.set_max_connections(20);
    assert!(door.admit(at(1, 8)).is_ok(), "30 % of 20");
}

#[test]
fn connections_beyond_a_groups_share_are_closed() {
    let (origin, home) = (Origin::start(RATE), Home::new());
    let text = r#"{"groups": {"few": {"addresses": ["127.0.0.8/29"]}}, "limit_groups": {"few": "20%"}}"#;
    let words = ["--ip-filter-config", &rules(&home, text), "--max-connections", "10"];
    let mut source = home.quick_source(&origin, &words);
    let port = source.port();
    let held: Vec<_> = [8, 9]
        .map(|last| super::connect_from(ip(last), crate::harness::local(port)).expect("connects"))
        .into();
    wait_until("both places are taken", || status(10, port, FILE).is_none());
    assert_eq!(status(3, port, FILE), Some(200), "others come in");
    drop(held);
    wait_until("a place is free again", || status(10, port, FILE) == Some(200));
}
