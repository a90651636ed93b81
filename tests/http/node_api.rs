//! What a source or support node tells, and to whom.

use std::sync::Arc;

use bytes::Bytes;
use start_engine::http::node_api::{NodeStatus, NodeView, router};

use crate::server::{get, serve, serve_as_if_from};

struct Node(Option<Bytes>);

impl NodeView for Node {
    fn status(&self) -> NodeStatus {
        NodeStatus {
            kind: "source".into(),
            port: 7764,
            source_url: Some("http://user:secret@h/stream".into()),
            download_from: vec![([10, 0, 0, 1].into(), 8621)],
            ..NodeStatus::default()
        }
    }

    fn transport_file(&self) -> Option<Bytes> {
        self.0.clone()
    }
}

fn node() -> axum::Router {
    router(Arc::new(Node(Some(Bytes::from_static(b"AceStreamTransport")))))
}

#[tokio::test]
async fn monitor_tells_this_machine_everything() {
    let server = serve(node()).await;
    let reply = get(server, "/app/monitor").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let json: serde_json::Value = serde_json::from_str(&reply.text().await).unwrap();
    assert_eq!(json["type"], "source");
    assert_eq!(json["download_from"], serde_json::json!([["10.0.0.1", 8621]]));
    for field in "version max_connections max_peers download_speed upload_speed connected_peers_count \
        connected_peers source_url infohash download_hash content_id port first_piece last_piece latency_ms"
        .split_whitespace()
    {
        assert!(json.get(field).is_some(), "{field}");
    }
}

#[tokio::test]
async fn monitor_tells_other_machines_nothing() {
    for from in ["192.168.1.9:4000", "127.0.0.2:4000", "[2001:db8::1]:4000"] {
        let reply = get(serve_as_if_from(node(), from).await, "/app/monitor").await;
        assert_eq!(reply.status, 403);
        let body = reply.text().await;
        assert!(!body.contains("secret") && body.lines().count() == 1, "{body}");
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
    let early = serve(router(Arc::new(Node(None)))).await;
    assert_eq!(get(early, "/app/get_transport_file?format=raw").await.status, 503);
}

#[tokio::test]
async fn other_methods_are_not_found_in_json() {
    let server = serve(node()).await;
    for path in ["/app", "/app/nothing", "/app/token/monitor"] {
        let reply = get(server, path).await;
        assert_eq!(reply.status, 404, "{path}");
        let json: serde_json::Value = serde_json::from_str(&reply.text().await).unwrap();
        assert!(json["error"].is_string());
    }
}
