//! The state of a node in the text form that Prometheus reads.
//!
//! Every figure of [`NodeStatus`] is here under a name of its own; nothing is counted here.

use std::fmt;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::status::NodeStatus;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The answer to a scrape.
pub fn reply(status: NodeStatus, is_healthy: bool) -> Response {
    let mut registry = Registry::with_prefix("start_engine");
    registry.register_collector(Box::new(Snapshot { status, is_healthy }));
    let mut body = String::new();
    match text::encode(&mut body, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE))], body).into_response(),
        // only a writer fails, and a string does not
        Err(fmt::Error) => axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Debug)]
struct Snapshot {
    status: NodeStatus,
    is_healthy: bool,
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (status, encoder) = (&self.status, &mut encoder);
        let labels = vec![
            ("version", status.version.clone()),
            ("type", status.kind.clone()),
            ("infohash", status.infohash.clone()),
        ];
        put(encoder, "node", "What the node is", None, &Info::new(labels))?;
        let seen_at = [status.external_ip, status.external_ip6].into_iter().flatten();
        for ip in seen_at.map(|ip| ip.to_string()) {
            put(
                encoder,
                "external_address",
                "Where most peers see the node",
                None,
                &Info::new(vec![("ip", ip)]),
            )?;
        }
        gauge(encoder, "healthy", "Whether pieces advance: 1 or 0", None, i64::from(self.is_healthy))?;
        self.encode_gauges(encoder)?;
        self.encode_mapping(encoder)?;
        self.encode_dht(encoder)?;
        self.encode_counters(encoder)
    }
}

impl Snapshot {
    fn encode_gauges(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let status = &self.status;
        let rate = "Media bytes a second";
        gauge(encoder, "peers", "Connected peers", None, status.connected_peers_count as i64)?;
        gauge(encoder, "max_peers", "Peers allowed", None, status.max_peers as i64)?;
        gauge(
            encoder,
            "upload_limit_kilobytes",
            "KB a second allowed, 0 without limit",
            None,
            status.upload_limit as i64,
        )?;
        gauge(
            encoder,
            "download_limit_kilobytes",
            "KB a second allowed, 0 without limit",
            None,
            status.download_limit as i64,
        )?;
        gauge(encoder, "max_connections", "Connections allowed", None, status.max_connections as i64)?;
        gauge(encoder, "connections", "Connections of all kinds", None, status.connections as i64)?;
        gauge(
            encoder,
            "known_addresses",
            "Addresses of peers remembered",
            None,
            status.known_addresses as i64,
        )?;
        gauge(encoder, "download_speed_bytes", rate, None, status.download_speed as i64)?;
        gauge(encoder, "upload_speed_bytes", rate, None, status.upload_speed as i64)?;
        for (name, piece) in [("first_piece", status.first_piece), ("last_piece", status.last_piece)] {
            if let Some(number) = piece {
                gauge(encoder, name, "Number of a piece held", None, number as i64)?;
            }
        }
        if let Some(input) = status.source_input {
            gauge(encoder, "source_input", "The input that a source reads, from 1", None, input as i64)?;
        }
        gauge(encoder, "cache_pieces", "Pieces on disk", None, status.cache_pieces as i64)?;
        gauge(encoder, "cache_bytes", "Bytes of the files they are in", None, status.cache_bytes as i64)?;
        if let Some(latency_ms) = status.latency_ms {
            let help = "From the making of the newest piece to its arrival";
            put(
                encoder,
                "latency",
                help,
                Some(&Unit::Seconds),
                &ConstGauge::new(latency_ms as f64 / 1000.0),
            )?;
        }
        if let Some(age_s) = status.last_piece_age_s {
            let help = "Since the newest piece was made or became whole";
            put(encoder, "last_piece_age", help, Some(&Unit::Seconds), &ConstGauge::new(age_s))?;
        }
        Ok(())
    }

    fn encode_mapping(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Whether the router has the node's port open: 1 or 0";
        let Some(mapping) = &self.status.port_mapping else {
            return gauge(encoder, "port_mapped", help, None, 0);
        };
        gauge(encoder, "port_mapped", help, None, 1)?;
        let labels = vec![
            ("way", mapping.way.clone()),
            ("external_ip", mapping.external_ip.map_or(String::new(), |ip| ip.to_string())),
            ("tcp_port", mapping.tcp_port.to_string()),
            ("udp_port", mapping.udp_port.map_or(String::new(), |port| port.to_string())),
        ];
        put(encoder, "port_mapping", "What the router does for the node", None, &Info::new(labels))
    }

    fn encode_dht(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(dht) = &self.status.dht else { return Ok(()) };
        for (name, help, value) in dht.levels() {
            gauge(encoder, &format!("dht_{name}"), help, None, value as i64)?;
        }
        for (name, help, value) in dht.counts() {
            put(encoder, &format!("dht_{name}"), help, None, &ConstCounter::new(value))?;
        }
        Ok(())
    }

    fn encode_counters(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, value) in self.status.counters.all() {
            put(encoder, name, help, None, &ConstCounter::new(value))?;
        }
        Ok(())
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: i64,
) -> fmt::Result {
    put(encoder, name, help, unit, &ConstGauge::new(value))
}

fn put(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    let encoder = encoder.encode_descriptor(name, help, unit, metric.metric_type())?;
    metric.encode(encoder)
}
