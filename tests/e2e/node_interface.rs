//! The interface of the running program: who sees its state, and what the state says.

use std::time::{Duration, Instant};

use crate::harness::{get, wait_for, wait_until};
use crate::node::{Home, address_of};
use crate::origin::{Mood, Origin};

#[test]
fn peers_are_listed_where_that_is_asked_for_and_the_token_keeps_others_out() {
    let origin = Origin::start(200_000);
    let (home, relay_home) = (Home::new(), Home::new());
    let mut source = home.quick_source(&origin, &["--stats-report-peers", "--service-access-token", "t0ken"]);
    let (port, at) = (source.port(), address_of(&mut source));
    let file = home.file("test.acelive").display().to_string();
    let _support = relay_home.support(&file, &["--download-from", &at]);

    wait_until("a refusal", || get(port, "/app/monitor").is_some_and(|(status, _)| status == 403));
    let peer = wait_for("the support node in the list of peers", || {
        let (_, body) = get(port, "/app/t0ken/monitor").filter(|(status, _)| *status == 200)?;
        let state: serde_json::Value = serde_json::from_slice(&body).ok()?;
        let peer = state["connected_peers"].get(0)?.clone();
        peer["last_piece"].is_u64().then_some(peer)
    });
    assert_eq!((peer["ip"].as_str(), peer["version"].as_i64()), (Some("127.0.0.1"), Some(3_021_100)));
    let metrics = wait_for("metrics", || get(port, "/app/t0ken/metrics"));
    let text = String::from_utf8(metrics.1).expect("text");
    assert_eq!(metrics.0, 200);
    assert!(text.contains("\nstart_engine_peers 1\n"), "{text}");
}

#[test]
fn node_whose_source_falls_silent_is_ill_until_it_is_back() {
    let origin = Origin::start(200_000);
    let home = Home::new();
    let mut source = home.quick_source(&origin, &["--source-read-timeout", "1"]);
    let port = source.port();
    let why = || {
        let (status, body) = get(port, "/app/healthz")?;
        (status == 503).then(|| String::from_utf8_lossy(&body).into_owned())
    };
    let is = |status: u16| move || get(port, "/app/healthz").is_some_and(|(found, _)| found == status);
    wait_until("a healthy source", is(200));
    let pulled = Instant::now();
    origin.set_mood(Mood::Stalled);
    let why = wait_for("an ill source", why);
    assert!(why.contains("the source has given nothing for 1 s, the limit is 1 s"), "{why}");
    // the time itself, what was on its way, and a slow machine
    assert!(pulled.elapsed() < Duration::from_secs(10), "{:?}", pulled.elapsed());
    origin.set_mood(Mood::Live);
    wait_until("a healthy source again", is(200));
}

#[test]
fn upload_limit_set_while_the_node_runs_holds() {
    let origin = Origin::start(400_000);
    let (home, relay_home) = (Home::new(), Home::new());
    let mut source = home.quick_source(&origin, &[]);
    let (port, at) = (source.port(), address_of(&mut source));
    let file = home.file("test.acelive").display().to_string();
    let mut support = relay_home.support(&file, &["--download-from", &at]);
    let speed = |port: u16| {
        let (_, body) = get(port, "/app/monitor")?;
        let state: serde_json::Value = serde_json::from_slice(&body).ok()?;
        state["download_speed"].as_u64()
    };
    let relay_port = support.port();
    wait_until("the stream at its rate", || speed(relay_port).is_some_and(|rate| rate > 300_000));
    let (status, body) = wait_for("an answer", || get(port, "/app/update?upload_limit=100"));
    let state: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((status, state["upload_limit"].as_u64()), (200, Some(100)));
    wait_until("the limit", || speed(relay_port).is_some_and(|rate| rate > 0 && rate < 110_000));
}
