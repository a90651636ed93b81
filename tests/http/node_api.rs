//! What a source or support node tells, and to whom.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use start_engine::http::node_api::{
    Access, Counters, DhtStatus, NodeStatus, NodeView, PeerStatus, PortMappingStatus, Update, router,
};

use crate::server::{Reply, ask, get, serve, serve_as_if_from};

#[derive(Default)]
struct Node {
    file: Option<Bytes>,
    trouble: Option<&'static str>,
    updated: Mutex<Option<Update>>,
}

impl NodeView for Node {
    fn status(&self, _reader: IpAddr) -> NodeStatus {
        NodeStatus {
            version: "1.2.3".into(),
            kind: "source".into(),
            port: 7764,
            source_url: Some("http://user:secret@h/stream".into()),
            download_from: vec![([10, 0, 0, 1].into(), 8621)],
            connected_peers: vec![PeerStatus {
                ip: [10, 0, 0, 2].into(),
                port: 8622,
                is_source: false,
                version: 3_021_100,
                download_speed: 1,
                upload_speed: 2,
                first_piece: Some(3),
                last_piece: Some(4),
                distance_from_source: 0,
                round_trip_ms: Some(5),
                connected_for_s: 6,
            }],
            port_mapping: Some(PortMappingStatus {
                way: "UPnP".into(),
                router: [192, 168, 1, 1].into(),
                external_ip: Some([45, 1, 1, 1].into()),
                tcp_port: 7764,
                udp_port: None,
                is_behind_another: false,
            }),
            max_peers: self
                .updated
                .lock()
                .unwrap()
                .as_ref()
                .and_then(|update| update.max_peers)
                .unwrap_or(50),
            latency_ms: Some(1_250),
            last_piece_age_s: Some(0.5),
            last_piece: Some(42),
            dht: Some(DhtStatus { nodes_v4: 12, lookups: 3, ..DhtStatus::default() }),
            counters: Counters { uploaded_bytes: 7, ..Counters::default() },
            ..NodeStatus::default()
        }
    }

    fn transport_file(&self) -> Option<Bytes> {
        self.file.clone()
    }

    fn update(&self, update: Update) {
        *self.updated.lock().unwrap() = Some(update);
    }

    fn health(&self) -> Result<(), String> {
        self.trouble.map_or(Ok(()), |trouble| Err(trouble.to_owned()))
    }
}

fn node_with(access: Access) -> axum::Router {
    let file = Some(Bytes::from_static(b"AceStreamTransport"));
    router(Arc::new(Node { file, ..Node::default() }), access)
}

fn node() -> axum::Router {
    node_with(Access::default())
}

fn troubled(trouble: &'static str) -> axum::Router {
    router(Arc::new(Node { trouble: Some(trouble), ..Node::default() }), Access::default())
}

async fn json(reply: Reply) -> serde_json::Value {
    serde_json::from_str(&reply.text().await).expect("json")
}

#[tokio::test]
async fn monitor_tells_this_machine_everything() {
    let reply = get(serve(node()).await, "/app/monitor").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let json = json(reply).await;
    assert_eq!(json["type"], "source");
    assert_eq!(json["download_from"], serde_json::json!([["10.0.0.1", 8621]]));
    assert_eq!(json["uploaded_bytes"], 7);
    for field in "version max_connections max_peers download_speed upload_speed connected_peers_count \
        connected_peers source_url hls_manifest_url infohash download_hash content_id port first_piece \
        last_piece latency_ms last_piece_age_s known_addresses connections port_mapping log_debug log_modules"
        .split_whitespace()
        .chain(Counters::default().all().iter().map(|(name, ..)| *name))
    {
        assert!(json.get(field).is_some(), "{field}");
    }
    let dht = DhtStatus::default();
    for (name, ..) in dht.levels().iter().chain(&dht.counts()) {
        assert!(json["dht"].get(name).is_some(), "{name}");
    }
    for field in "ip port is_source version download_speed upload_speed first_piece last_piece \
        distance_from_source round_trip_ms connected_for_s"
        .split_whitespace()
    {
        assert!(json["connected_peers"][0].get(field).is_some(), "{field}");
    }
}

#[tokio::test]
async fn metrics_hold_every_figure_of_the_monitor() {
    let reply = get(serve(node()).await, "/metrics").await;
    assert_eq!(reply.status, 200);
    assert!(
        reply.header("content-type").is_some_and(|kind| kind.starts_with("application/openmetrics-text"))
    );
    let text = reply.text().await;
    for line in [
        "# TYPE start_engine_uploaded_bytes counter",
        "start_engine_uploaded_bytes_total 7",
        "start_engine_last_piece 42",
        "start_engine_dht_nodes_v4 12",
        "start_engine_dht_lookups_total 3",
        "start_engine_latency_seconds 1.25",
        "start_engine_healthy 1",
        "start_engine_port_mapped 1",
        "start_engine_port_mapping_info{way=\"UPnP\",external_ip=\"45.1.1.1\",tcp_port=\"7764\",udp_port=\"\"} 1",
        "start_engine_node_info{version=\"1.2.3\",type=\"source\",infohash=\"\"} 1",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    for (name, ..) in DhtStatus::default().levels() {
        assert!(text.contains(&format!("start_engine_dht_{name} ")), "{name}\n{text}");
    }
    for (name, ..) in DhtStatus::default().counts() {
        assert!(text.contains(&format!("start_engine_dht_{name}_total ")), "{name}\n{text}");
    }
    for (name, ..) in Counters::default().all() {
        assert!(text.contains(&format!("start_engine_{name}_total ")), "{name}\n{text}");
    }
    assert!(!text.contains("secret"));
}

#[tokio::test]
async fn health_says_why_not() {
    let well = get(serve(node()).await, "/app/healthz").await;
    assert_eq!((well.status, json(well).await["healthy"].clone()), (200, true.into()));
    let server = serve(troubled("no piece for 30 s")).await;
    let ill = get(server, "/app/healthz").await;
    assert_eq!(ill.status, 503);
    assert_eq!(json(ill).await["reason"], "no piece for 30 s");
    assert!(get(server, "/metrics").await.text().await.contains("start_engine_healthy 0\n"));
}

#[tokio::test]
async fn state_is_told_to_other_machines_only_where_the_operator_says_so() {
    let remote = Access { is_remote: true, ..Access::default() };
    let named = Access { monitor_ip: Some([192, 168, 1, 9].into()), ..Access::default() };
    for path in ["/app/monitor", "/app/metrics", "/metrics", "/app/healthz"] {
        for from in ["192.168.1.9:4000", "127.0.0.2:4000", "[2001:db8::1]:4000"] {
            let is_named = from.starts_with("192");
            for (access, status) in
                [(&Access::default(), 403), (&remote, 200), (&named, if is_named { 200 } else { 403 })]
            {
                let reply = get(serve_as_if_from(node_with(access.clone()), from).await, path).await;
                assert_eq!(reply.status, status, "{path} {from} {access:?}");
                let body = reply.text().await;
                assert!(status == 200 || (!body.contains("secret") && body.lines().count() == 1), "{body}");
            }
        }
    }
}

#[tokio::test]
async fn once_there_is_a_token_nothing_answers_without_it() {
    for is_remote in [false, true] {
        let access = Access { token: Some("t0ken".into()), is_remote, ..Access::default() };
        let here = serve(node_with(access.clone())).await;
        let elsewhere = serve_as_if_from(node_with(access), "192.168.1.9:4000").await;
        for method in ["monitor", "metrics", "healthz", "get_transport_file?format=raw"] {
            let is_for_all = method.starts_with("get") || is_remote;
            for server in [here, elsewhere] {
                assert_eq!(get(server, &format!("/app/{method}")).await.status, 403, "{method}");
                assert_eq!(get(server, &format!("/app/wrong/{method}")).await.status, 403, "{method}");
            }
            let with_token = format!("/app/t0ken/{method}");
            assert_eq!(get(here, &with_token).await.status, 200, "{method}");
            let expected = if is_for_all { 200 } else { 403 };
            assert_eq!(get(elsewhere, &with_token).await.status, expected, "{method}");
        }
        for path in ["/metrics", "/app", "/app/t0ken"] {
            assert_eq!(get(here, path).await.status, 403, "{path}");
        }
        assert_eq!(get(here, "/app/t0ken/nothing").await.status, 404);
    }
}

/// Every method, asked from everywhere, with every kind of token, of every kind of node.
#[tokio::test]
async fn every_combination_of_access_is_as_documented() {
    const NAMED: &str = "192.168.1.9:4000";
    const ORIGINS: [&str; 6] = [
        "127.0.0.1:4000",
        "[::1]:4000",
        "[::ffff:127.0.0.1]:4000",
        "127.0.0.2:4000",
        NAMED,
        "[2001:db8::1]:4000",
    ];
    const METHODS: [&str; 5] =
        ["monitor", "update?max_peers=7", "metrics", "healthz", "get_transport_file?format=raw"];
    for bits in 0..8 {
        let [has_token, is_remote, has_named] = [1, 2, 4].map(|bit| bits & bit != 0);
        let access = Access {
            lists: None,
            token: has_token.then(|| "t0ken".to_owned()),
            is_remote,
            monitor_ip: has_named.then(|| [192, 168, 1, 9].into()),
        };
        for from in ORIGINS {
            let server = serve_as_if_from(node_with(access.clone()), from).await;
            let is_here = ORIGINS[..3].contains(&from);
            let may_see = is_here || is_remote || (has_named && from == NAMED);
            for method in METHODS {
                let may = may_see || method.starts_with("get_transport_file");
                for (prefix, is_right) in [("", !has_token), ("t0ken/", has_token), ("t0kem/", false)] {
                    // without a token of its own a node knows no such path
                    let wrong = if has_token { 403 } else { 404 };
                    let expected = match (is_right, may) {
                        (true, true) => 200,
                        (true, false) => 403,
                        (false, _) => wrong,
                    };
                    let path = format!("/app/{prefix}{method}");
                    let reply = get(server, &path).await;
                    assert_eq!(reply.status, expected, "{path} from {from}, {access:?}");
                }
            }
            let bare = if may_see && !has_token { 200 } else { 403 };
            assert_eq!(get(server, "/metrics").await.status, bare, "/metrics from {from}, {access:?}");
        }
    }
}

#[tokio::test]
async fn transport_file_is_for_anyone_in_its_one_format() {
    let server = serve_as_if_from(node(), "192.168.1.9:4000").await;
    let reply = get(server, "/app/get_transport_file?format=raw").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text().await, "AceStreamTransport");
    assert_eq!(get(server, "/app/get_transport_file").await.status, 400);
    assert_eq!(get(server, "/app/get_transport_file?format=json").await.status, 400);
    let early = serve(troubled("it has not begun")).await;
    assert_eq!(get(early, "/app/get_transport_file?format=raw").await.status, 503);
}

#[tokio::test]
async fn other_methods_are_not_found_in_json() {
    let server = serve(node()).await;
    for path in ["/app", "/app/nothing", "/app/token/monitor"] {
        let reply = get(server, path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(json(reply).await["error"].is_string());
    }
}

#[tokio::test]
async fn update_changes_what_it_names_and_answers_with_the_new_values() {
    let server = serve(node()).await;
    let reply = get(server, "/app/update?max_peers=7&upload_limit=100").await;
    assert_eq!(reply.status, 200);
    assert_eq!(json(reply).await["max_peers"], 7);
    assert_eq!(json(get(server, "/app/monitor").await).await["max_peers"], 7);
    let path = "/app/update?max_connections=9&log_debug=1&log_modules=root:D,acestream.LM:E";
    assert_eq!(get(server, path).await.status, 200);
    assert_eq!(get(server, "/app/update?log_modules=").await.status, 200, "none has a level of its own");
    for wrong in ["?max_connections=0", "?log_debug=x", "?log_modules=root", "?log_modules=root:Q"] {
        let reply = get(server, &format!("/app/update{wrong}")).await;
        assert_eq!(reply.status, 400, "{wrong}");
        assert_eq!(reply.text().await.lines().count(), 1);
    }
    let reply = get(server, "/app/update?max_peers=7").await;
    assert_eq!(reply.status, 200);
    for wrong in ["", "?max_peers=0", "?max_peers=x", "?upload_limit=-1", "?nothing=1", "?max_peers=9&x=1"] {
        let reply = get(server, &format!("/app/update{wrong}")).await;
        assert_eq!(reply.status, 400, "{wrong}");
        assert_eq!(reply.text().await.lines().count(), 1);
    }
    assert_eq!(json(get(server, "/app/monitor").await).await["max_peers"], 7, "all of it or nothing");
}

#[tokio::test]
async fn update_is_for_those_who_see_the_state_and_not_for_pages() {
    let elsewhere = serve_as_if_from(node(), "192.168.1.9:4000").await;
    assert_eq!(get(elsewhere, "/app/update?max_peers=7").await.status, 403);
    let here = serve(node()).await;
    for header in ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"] {
        assert_eq!(
            ask(here, "GET", "/app/update?max_peers=7", &format!("{header}\r\n")).await.status,
            403,
            "{header}"
        );
    }
}

/// The dashboard asks for metrics by name.
#[tokio::test]
async fn dashboard_shows_only_metrics_that_there_are() {
    let text = get(serve(node()).await, "/metrics").await.text().await;
    let dashboard = include_str!("../../docs/deploy/grafana.json");
    let names = dashboard.split("start_engine_").skip(1).map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(rest.len());
        format!("start_engine_{}", &rest[..end])
    });
    let missing: Vec<_> = names.filter(|name| !text.contains(&format!("\n{name}"))).collect();
    assert!(missing.is_empty(), "{missing:?}\n{text}");
}
