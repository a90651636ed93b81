//! The key `startup_nodes`: addresses to dial first, in any of the four forms that engines read.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use crate::base::limits::STARTUP_NODES_MAX;
use crate::wire::bencode::{List, Value};
use crate::wire::transport_file::TransportFileError;

/// Reads a list of `ip:port` strings, `[host, port]` pairs, `{host, port}` dicts or compact 6-byte
/// strings, or one string of compact addresses. What is no address is skipped: host names too, since
/// resolving one for a stranger is a way to be led elsewhere.
pub(in crate::wire) fn read(value: Option<&Value<'_>>) -> Result<Vec<SocketAddr>, TransportFileError> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let nodes: Vec<SocketAddr> = match (value.as_list(), value.as_bytes()) {
        (Some(items), _) => items.iter().filter_map(node).collect(),
        (_, Some(compact)) => compact.chunks_exact(6).filter_map(compact_node).collect(),
        _ => return Err(TransportFileError::WrongType("startup_nodes")),
    };
    if nodes.len() > STARTUP_NODES_MAX {
        let (count, max) = (nodes.len(), STARTUP_NODES_MAX);
        return Err(TransportFileError::TooMany { key: "startup_nodes", count, max });
    }
    Ok(nodes)
}

pub(in crate::wire) fn write(nodes: &[SocketAddr]) -> List {
    nodes.iter().map(SocketAddr::to_string).collect()
}

fn node(value: &Value<'_>) -> Option<SocketAddr> {
    if let Some(bytes) = value.as_bytes() {
        // the shortest text, `[::]:1`, has six bytes too
        return value.as_str().and_then(|text| text.parse().ok()).or_else(|| compact_node(bytes));
    }
    if let Some(pair) = value.as_list() {
        return address(pair.first()?, pair.get(1)?);
    }
    let host = ["host", "ip"].iter().find_map(|key| value.get(key))?;
    address(host, value.get("port")?)
}

fn address(host: &Value<'_>, port: &Value<'_>) -> Option<SocketAddr> {
    let ip: IpAddr = host.as_str()?.parse().ok()?;
    Some(SocketAddr::new(ip, port.as_int()?.try_into().ok()?))
}

fn compact_node(bytes: &[u8]) -> Option<SocketAddr> {
    let [a, b, c, d, high, low] = *<&[u8; 6]>::try_from(bytes).ok()?;
    Some(SocketAddrV4::new([a, b, c, d].into(), u16::from_be_bytes([high, low])).into())
}
